"""Puts the Kubernetes provider where the Pulumi engine looks for it. The language host lies beside `pulumi`."""

import importlib.metadata
import os
from pathlib import Path

from local.toolchain import go


def home() -> Path:
    """What `PULUMI_HOME` has to be. It goes with the provider, so that another release of it has another one."""
    return go.folder(go.PULUMI_KUBERNETES) / "home"


def install(pulumi_home: Path) -> None:
    """Link the provider under the version that the SDK asks for; elsewhere the engine finds it only with a warning.

    Raises:
        OSError: a folder cannot be made or written to.
        importlib.metadata.PackageNotFoundError: this interpreter has no `pulumi-kubernetes`, whose version is needed.
    """
    version = importlib.metadata.version("pulumi-kubernetes")
    plugin = pulumi_home / "plugins" / f"resource-kubernetes-v{version}" / "pulumi-resource-kubernetes"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    # A link of another name first: the engine may be starting it right now.
    draft = plugin.with_name(f".{plugin.name}.{os.getpid()}")
    draft.symlink_to(go.binaries(go.PULUMI_KUBERNETES) / plugin.name)
    draft.replace(plugin)
