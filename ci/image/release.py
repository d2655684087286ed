"""Downloads one archive of a Pulumi release, checks it, and prints its sum. Run while the jobs' image is built.

What is downloaded is compared with the checksums that the release publishes beside it. That finds what was cut short
or damaged on its way, and a mirror or cache that serves another file; not a release that was replaced together with
its checksums. A sum that is given (--sha256) counts instead, and finds that too: the printed one is for the next build.
"""

import argparse
import hashlib
import platform
import sys
import urllib.error
import urllib.request
from pathlib import Path

_ARCHITECTURES = {"x86_64": ("x64", "amd64"), "aarch64": ("arm64", "arm64")}
"""By what the kernel says: as the CLI's archives and the plugins' have it."""
_ALGORITHMS = {40: "sha1", 64: "sha256", 128: "sha512"}
"""By the number of hexadecimal digits: what a release has was made with one or another."""
_MAX_WAIT = 120.0


def main() -> int:
    """Read the options, download, check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="pulumi, or a plugin: kubernetes, aws, gcp")
    parser.add_argument("version", help="without v")
    parser.add_argument("file", type=Path, help="where to write the archive; its sum goes beside it, as FILE.sha256")
    parser.add_argument("--releases", required=True, help="where the repositories are, as https://github.com/pulumi")
    parser.add_argument("--sha256", default="", help="what the archive's sum must be")
    given = parser.parse_args()
    repository, archive, checksums = names(given.name, given.version, platform.machine())
    folder = f"{given.releases}/{repository}/releases/download/v{given.version}"
    data = _get(f"{folder}/{archive}")
    found = hashlib.sha256(data).hexdigest()
    if given.sha256:
        wanted, algorithm, source = given.sha256, "sha256", "--build-arg"
    else:
        wanted = published(_get(f"{folder}/{checksums}").decode(), archive)
        algorithm, source = _ALGORITHMS.get(len(wanted), ""), checksums
        if not algorithm:
            sys.exit(f"{folder}/{checksums} has no sum of {archive}: give the right one by --build-arg")
    if hashlib.new(algorithm, data).hexdigest() != wanted.lower():
        sys.exit(
            f"{folder}/{archive} is not what {source} says: its {algorithm} should be {wanted}; its sha256 is {found}"
        )
    given.file.write_bytes(data)
    given.file.with_name(f"{given.file.name}.sha256").write_text(found)
    print(f"{archive}: sha256 {found}, as {source} says")
    return 0


def names(name: str, version: str, machine: str) -> tuple[str, str, str]:
    """Return what a release is called: its repository, its archive and its file of checksums.

    Args:
        name: pulumi, or a plugin.
        version: without v.
        machine: the processor's architecture, as the kernel names it.
    """
    if machine not in _ARCHITECTURES:
        sys.exit(f"Pulumi has no release for {machine}: build for one of {', '.join(_ARCHITECTURES)}")
    of_cli, of_plugins = _ARCHITECTURES[machine]
    if name == "pulumi":
        return "pulumi", f"pulumi-v{version}-linux-{of_cli}.tar.gz", f"pulumi-{version}-checksums.txt"
    archive = f"pulumi-resource-{name}-v{version}-linux-{of_plugins}.tar.gz"
    return f"pulumi-{name}", archive, f"pulumi-{name}_{version}_checksums.txt"


def published(checksums: str, archive: str) -> str:
    """Return the sum of an archive from a file with a line for each; empty if it has none."""
    pairs = (line.split() for line in checksums.splitlines())
    return next((pair[0] for pair in pairs if len(pair) == 2 and pair[1].lstrip("*").removeprefix("./") == archive), "")


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_MAX_WAIT) as response:
            found: bytes = response.read()
            return found
    except (urllib.error.URLError, OSError) as e:
        sys.exit(f"{url}: {e}")


if __name__ == "__main__":
    sys.exit(main())
