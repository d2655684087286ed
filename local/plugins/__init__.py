"""Pulumi's two plugins for the local cluster: the official Kubernetes provider, and a language host of our own.

No package registry carries the official language host. Ours is never used where the official one can be had.
"""
