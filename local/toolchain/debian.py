"""Programs from Debian packages, unpacked into the cache: nothing is installed on the machine."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError
from local.paths import CACHE
from local.progress import console
from local.toolchain.pins import DEBIAN_PACKAGES
from local.toolchain.run import run

_DISTRIBUTIONS = ("Debian", "Ubuntu")
_TARGET = "$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
_FIX = (
    "check that the machine's apt sources answer (apt-get update), then run the command again: what was fetched is kept"
)


def folder(packages: Mapping[str, str] = DEBIAN_PACKAGES) -> Path:
    """Where the unpacked packages stand, by their pins."""
    key = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()[:12]
    return CACHE / f"debian-{key}"


def ready(packages: Mapping[str, str] = DEBIAN_PACKAGES) -> bool:
    """Whether they are all there."""
    return (folder(packages) / "complete").exists()


def get(packages: Mapping[str, str] = DEBIAN_PACKAGES) -> None:
    """Fetch and unpack the packages.

    apt works on lists and a cache of its own, so that the machine's are left as they are.
    """
    target = folder(packages)
    work = target.with_suffix(".apt")
    options = _updated(work)
    (work / "debs").mkdir(exist_ok=True)
    wanted = []
    for name, version in sorted(packages.items()):
        if _serves(options, name, version):
            wanted.append(f"{name}={version}")
        else:
            console.print(f"  {name} {version} is not served here: taking this release's own version")
            wanted.append(name)
    run(
        ["apt-get", *options, "-qq", "download", *wanted],
        what="apt-get download",
        fix=_FIX,
        folder=work / "debs",
    )
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for package in sorted((work / "debs").glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(partial)], what=f"unpack {package.name}", fix=_FIX)
    shutil.rmtree(target, ignore_errors=True)
    (partial / "complete").touch()
    partial.rename(target)
    shutil.rmtree(work)


def sources() -> list[str]:
    """Where the machine gets its release from, a line of apt's for each; without what else it has."""
    work = CACHE / "debian-sources.apt"
    listed = subprocess.run(
        ["apt-get", *_updated(work), "indextargets", f"--format={_TARGET}", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    shutil.rmtree(work)
    found = [line.partition(" ")[2] for line in listed.splitlines() if line.partition(" ")[0] in _DISTRIBUTIONS]
    if not found:
        raise LocalError("the machine's apt sources have no release of Debian or Ubuntu", _FIX)
    return list(dict.fromkeys(found))


def _updated(work: Path) -> list[str]:
    """Fetch fresh package lists, and return the options by which apt uses them."""
    for part in ("lists/partial", "archives/partial"):
        (work / part).mkdir(parents=True, exist_ok=True)
    options = [
        f"-oDir::State::lists={work}/lists",
        f"-oDir::Cache={work}",
        "-oAPT::Sandbox::User=root",
        "-oDebug::NoLocking=true",
    ]
    run(["apt-get", *options, "-qq", "update"], what="apt-get update", fix=_FIX)
    return options


def _serves(options: list[str], name: str, version: str) -> bool:
    shown = subprocess.run(["apt-cache", *options, "madison", name], capture_output=True, text=True, check=False).stdout
    return any(line.split("|")[1].strip() == version for line in shown.splitlines() if "|" in line)
