"""The objects of one branch environment."""
