"""The version of the whole project: program, `branchenv`, component and image are released together."""

VERSION = "0.1.0"
"""By Semantic Versioning. The package's own metadata is made from it (pyproject.toml)."""
