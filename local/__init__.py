"""The local cluster, its toolchain and the stand-in plugins; imported by nobody."""
