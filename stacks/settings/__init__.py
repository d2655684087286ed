"""What config and the environment file may say: one model per file."""
