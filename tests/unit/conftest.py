"""The whole SDK comes first: the stand-in plugins, imported by some tests, otherwise load only a part of it."""

import pulumi

__all__ = ["pulumi"]
