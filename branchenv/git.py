"""Run git."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_LONGEST = 120.0


def run(
    folder: Path | None,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout: float = _LONGEST,
) -> "subprocess.CompletedProcess[str]":
    """Run git, which asks nobody anything, and return what came of it.

    Args:
        folder: to run it in; None for the current one.
        arguments: of git.
        environment: variables beside this process' own. What is secret goes here: arguments can be seen by others.
        timeout: seconds.

    Returns:
        Its end, with bytes that are not UTF-8 as surrogates. Where there is no git, or it takes too long, the exit
        code is 1 and stderr says so.
    """
    try:
        return subprocess.run(
            ["git", *arguments],  # noqa: S607 - as PATH has it
            cwd=folder,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(["git"], 1, "", f"not within {timeout:g} s")
    except OSError as e:
        return subprocess.CompletedProcess(["git"], 1, "", str(e))


def output(folder: Path | None, *arguments: str) -> str:
    """Run git and return what it prints, without white space around it; nothing if it fails."""
    done = run(folder, *arguments)
    return done.stdout.strip() if done.returncode == 0 else ""
