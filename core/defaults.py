"""What is meant where nothing else is given."""

DEFAULT_BASE = "base-local"
"""The base stack of a branch stack that names none."""
