"""The bootstrap stack: what a cloud account has before its first base stack."""
