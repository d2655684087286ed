"""Bring what a branch runs up to date, and say when it answers."""
