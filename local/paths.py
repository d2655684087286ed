"""Where the local cluster keeps its files: a cache that may be kept, and state that `make down` removes."""

import os
from pathlib import Path

NAME = "branch-environments"
REPOSITORY = Path(__file__).resolve().parent.parent


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / NAME


CACHE = _xdg("XDG_CACHE_HOME", ".cache")
"""Builds and downloads, keyed by their pins. Safe to delete; costs one cold build."""

STATE = _xdg("XDG_STATE_HOME", ".local/state")
"""The running cluster's files and the demo's Pulumi state. `make down` removes it."""

CLUSTER = STATE / "cluster"
LOGS = CLUSTER / "log"
ADMIN_KUBECONFIG = STATE / "kubeconfig"
PULUMI_BACKEND = STATE / "pulumi"
PULUMI_BACKEND_URL = f"file://{PULUMI_BACKEND}?metadata=skip"
"""Without the files' metadata, which are not written atomically: a killed `pulumi` would leave a stack that cannot be
read ("failed to load checkpoint: EOF")."""

RUN = Path("/run") / NAME
"""Unix sockets: their paths may not be longer than 107 bytes, so they cannot stand under a home."""

SUPERVISOR_SOCKET = RUN / "supervisor.sock"
CONTAINERD_SOCKET = RUN / "containerd.sock"
