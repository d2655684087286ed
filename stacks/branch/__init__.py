"""The branch stack: one branch environment."""
