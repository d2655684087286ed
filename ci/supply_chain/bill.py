"""The software bill of materials of the jobs' image, made as the image's own build makes it.

The packages of Debian are only known once the image is built: here they are named without a version, there with one.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "ci" / "image"
SCRIPT = IMAGE / "sbom.py"


def arguments() -> dict[str, str]:
    """Return the Dockerfile's arguments that have a value."""
    text = (IMAGE / "Dockerfile").read_text(encoding="utf-8")
    return {name: value.strip('"') for name, value in re.findall(r'^ARG (\w+)=(".*"|\S+)$', text, re.MULTILINE)}


def write(file: Path) -> int:
    """Write the bill to a file. The same checkout gives the same bytes."""
    given = arguments()
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(Path(folder))
        made = subprocess.run(
            [
                *(sys.executable, str(SCRIPT), f"--python={python}", f"--base={given['BASE']}"),
                *(f"--pulumi={given['PULUMI_VERSION']}", f"--kubernetes-plugin={given['KUBERNETES_PLUGIN_VERSION']}"),
                *(f"--debian={name}" for name in given["PACKAGES"].split()),
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
    file.write_text(made, encoding="utf-8")
    print(f"{file}: {len(json.loads(made)['components'])} parts of the jobs' image")
    return 0


def _environment(folder: Path) -> Path:
    """Install what the image installs, and give its interpreter."""
    uv, python = str(Path(sys.executable).with_name("uv")), folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder), "--clear"], check=True)
    requirements = str(IMAGE / "requirements.txt")
    subprocess.run(
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), requirements], check=True
    )
    return python
