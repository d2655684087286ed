"""Secrets that lie in the repository, looked for by gitleaks: in the files as they are, and in every commit."""

import subprocess
from pathlib import Path

from local.progress import Progress
from local.toolchain import go

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / ".gitleaks.toml"

_FIX = """\
  fix: take it out, and revoke it if it was ever pushed;
  what is no secret is allowed in .gitleaks.toml, with its reason"""


def check(root: Path = ROOT) -> int:
    """Print what looks like a secret, without the secret; 1 if anything does.

    Args:
        root: a checkout. Files that are not committed yet are read as well.

    Raises:
        LocalError: the scanner could not be built.
    """
    if not go.ready(go.GITLEAKS):
        with Progress(1).step("gitleaks from its Go module") as detail:
            go.get([go.GITLEAKS], detail)
    scanner = [str(go.binaries(go.GITLEAKS) / "gitleaks")]
    options = [f"--config={CONFIG}", "--no-banner", "--no-color", "--redact", "--verbose", "--log-level=warn"]
    both = [
        subprocess.Popen(
            [*scanner, kind, *options, "."], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for kind in ("dir", "git")
    ]
    reports = [process.communicate()[0] for process in both]
    if any(process.returncode for process in both):
        print("secrets: this looks like one, in the files or in a commit:\n", *dict.fromkeys(reports), _FIX, sep="\n")
        return 1
    print("secrets: none in the files, none in the commits")
    return 0
