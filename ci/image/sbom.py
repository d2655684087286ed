"""Prints what the jobs' image contains, as CycloneDX 1.6 JSON: https://cyclonedx.org/docs/1.6/json/.

Run while the image is built, where `cyclonedx-bom` is installed; `make sbom` runs it as well. cyclonedx-bom lists the
Python packages; the CLI, its plugins, the base image and Debian's packages, which it cannot see, are added.
The same input gives the same bytes: no time and no random number is in it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]
_NAME = "branch-environments-ci"


def main() -> int:
    """Read the options, print the bill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="interpreter of the program's virtual environment")
    parser.add_argument("--base", required=True, help="base image, as name:tag or name:tag@sha256:digest")
    parser.add_argument("--pulumi", required=True, help="version of the CLI")
    parser.add_argument("--pulumi-sha256", default="", help="of its archive")
    parser.add_argument("--kubernetes-plugin", required=True, help="version of the plugin")
    parser.add_argument("--kubernetes-plugin-sha256", default="", help="of its archive")
    parser.add_argument(
        "--cloud-plugin", default="", metavar="NAME=VERSION", help="the plugin of a cloud, if one is there"
    )
    parser.add_argument("--cloud-plugin-sha256", default="", help="of its archive")
    parser.add_argument(
        "--debian", action="append", default=[], metavar="NAME[=VERSION]", help="a package of Debian; repeatable"
    )
    parser.add_argument("--debian-from", type=Path, help="file with a line NAME=VERSION for each package of Debian")
    given = parser.parse_args()
    cloud, _, version = given.cloud_plugin.partition("=")
    debian = [*given.debian, *(given.debian_from.read_text().split() if given.debian_from else [])]
    others = [
        _base(given.base),
        _release("pulumi", given.pulumi, given.pulumi_sha256),
        _release("pulumi-kubernetes", given.kubernetes_plugin, given.kubernetes_plugin_sha256),
        *([_release(f"pulumi-{cloud}", version, given.cloud_plugin_sha256)] if cloud else []),
        *map(_debian, debian),
    ]
    json.dump(_bill(_python_packages(given.python), others), sys.stdout, indent=2, sort_keys=True)
    print()
    return 0


def _python_packages(python: Path) -> dict[str, Any]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"),
            # Its validation takes seconds, and what is printed here is validated by a test.
            *("--spec-version=1.6", "--output-format=JSON", "--no-validate", str(python)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"cyclonedx-bom could not list the packages of {python}:\n{done.stderr}")
    bill: dict[str, Any] = json.loads(done.stdout)
    for component in bill["components"]:
        component.pop(
            "externalReferences", None
        )  # links to chats and the like: half of the file, and no use to a scanner
    return bill


def _bill(bill: dict[str, Any], others: list[Component]) -> dict[str, Any]:
    """Add the parts to the bill of the Python packages, below the image itself."""
    image = {"type": "container", "name": _NAME, "bom-ref": _NAME}
    bill["metadata"]["component"] = image
    known = {component["bom-ref"] for component in bill["components"]}
    # What no package depends on is there for the image's sake.
    below = {ref for dependency in bill["dependencies"] for ref in dependency.get("dependsOn", [])}
    bill["components"] = sorted([*bill["components"], *others], key=lambda component: str(component["bom-ref"]))
    direct = sorted((known - below) | {component["bom-ref"] for component in others})
    kept = [dependency for dependency in bill["dependencies"] if dependency["ref"] in known]
    bill["dependencies"] = sorted([{"ref": _NAME, "dependsOn": direct}, *kept], key=lambda each: str(each["ref"]))
    return bill


def _base(image: str) -> Component:
    named, _, digest = image.partition("@")
    name, _, tag = named.rpartition(":")
    version = digest or tag
    purl = f"pkg:docker/{name}@{quote(version, safe=':')}" + (f"?tag={tag}" if digest else "")
    return {"type": "container", "name": name, "version": tag, "purl": purl, "bom-ref": purl}


def _release(name: str, version: str, sha256: str) -> Component:
    purl = f"pkg:github/pulumi/{name}@v{version}"
    component: Component = {"type": "application", "name": name, "version": version, "purl": purl, "bom-ref": purl}
    if sha256:
        reference = {"type": "distribution", "url": f"https://github.com/pulumi/{name}/releases/tag/v{version}"}
        component["externalReferences"] = [{**reference, "hashes": [{"alg": "SHA-256", "content": sha256}]}]
    return component


def _debian(package: str) -> Component:
    name, _, version = package.partition("=")
    purl = f"pkg:deb/debian/{quote(name, safe='+')}" + (f"@{quote(version, safe='+:~')}" if version else "")
    component: Component = {"type": "library", "name": name, "purl": purl, "bom-ref": purl}
    return component | ({"version": version} if version else {})


if __name__ == "__main__":
    sys.exit(main())
