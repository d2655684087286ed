"""The local cluster and its toolchain; imported by nobody."""
