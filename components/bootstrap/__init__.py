"""What a cloud account needs before its first base stack: backend, keys, and rights of the jobs."""
