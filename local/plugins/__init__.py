"""Stand-ins for the two Pulumi plugins that no package registry carries, for the local cluster only.

`language_host.py` runs the Python program, `kubernetes/` manages Kubernetes objects, and `install.py` puts
launchers for both where the Pulumi engine looks. Neither is ever used where the official ones can be had.
"""
