"""Puts Pulumi's two plugins where the engine looks for them."""

import importlib.metadata
import os
import shlex
from pathlib import Path

from local.toolchain import go

_REPOSITORY = Path(__file__).resolve().parents[2]
LANGUAGE_HOST = "local/plugins/language_host.py"
"""Part of every launcher of our language host, by which it is told from the official one."""


def install(bin_dir: Path, python: Path, pulumi_home: Path) -> None:
    """Write a launcher for the language host, and link the Kubernetes provider.

    The engine takes a language host without a word if it lies beside the `pulumi` binary, and a resource plugin if it
    lies in the plugin cache of its home under the version that the SDK asks for; anywhere else it prints a warning, or
    tries to download.

    Args:
        bin_dir: the folder of the `pulumi` binary itself (not of a symbolic link to it).
        python: the interpreter whose packages programs and plugins use.
        pulumi_home: what `PULUMI_HOME` will be when `pulumi` is run.

    Raises:
        OSError: a folder cannot be made or written to.
        importlib.metadata.PackageNotFoundError: this interpreter has no `pulumi-kubernetes`, whose version is needed.
    """
    interpreter = shlex.quote(str(python))
    # -P keeps the script's folder and the working folder off the import path: a program must find its own modules only.
    _write(bin_dir / "pulumi-language-python", f"exec {interpreter} -P {_quoted(_REPOSITORY / LANGUAGE_HOST)}")
    version = importlib.metadata.version("pulumi-kubernetes")
    plugin = pulumi_home / "plugins" / f"resource-kubernetes-v{version}" / "pulumi-resource-kubernetes"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    # A link of another name first: the engine may be starting it right now.
    draft = plugin.with_name(f".{plugin.name}.{os.getpid()}")
    draft.symlink_to(go.binaries(go.PULUMI_KUBERNETES) / plugin.name)
    draft.replace(plugin)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _write(launcher: Path, command: str) -> None:
    """Write an executable script, whole or not at all: the engine may be starting it right now."""
    launcher.parent.mkdir(parents=True, exist_ok=True)
    draft = launcher.with_name(f".{launcher.name}.{os.getpid()}")
    draft.write_text(f'#!/bin/sh\n{command} "$@"\n')
    draft.chmod(0o755)
    draft.replace(launcher)
