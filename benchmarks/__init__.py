"""Measurements of this project beside its peers, and of many environments at once: `make bench`."""
