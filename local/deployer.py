"""The credentials by which CI deploys an app's branches: a short-lived token, in a kubeconfig of its own."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError

DURATION = "1h"


def write_kubeconfig(file: Path, *, namespace: str, deployer: str, environment: Mapping[str, str]) -> Path:
    """Ask the API server for a token of the deployer, and write a kubeconfig with it that only this user can read.

    Args:
        file: where to.
        namespace: of the app.
        deployer: name of the ServiceAccount, as the base stack's output says.
        environment: in which kubectl reaches the cluster as somebody who may ask.

    Raises:
        LocalError: kubectl failed; carries what it said.
    """
    token = _kubectl(environment, "create", "token", deployer, f"--namespace={namespace}", f"--duration={DURATION}")
    shown = json.loads(_kubectl(environment, "config", "view", "--raw", "--minify", "--flatten", "--output=json"))
    cluster = shown["clusters"][0]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": deployer, "user": {"token": token.strip()}}],
        "contexts": [
            {"name": deployer, "context": {"cluster": cluster["name"], "user": deployer, "namespace": namespace}}
        ],
        "current-context": deployer,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(config, opened)
    return file


def _kubectl(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(["kubectl", *arguments], env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(
            f"`kubectl {' '.join(arguments)}` failed:\n{done.stderr}",
            "bring the base stack up, which makes the deployer, then run the command again",
        )
    return done.stdout
