"""A git repository that is elsewhere: which branches it has."""

import os
import re
import subprocess

from branchenv.model.errors import BranchenvError, ExitCode

_LONGEST = 30.0
_HEADS = "refs/heads/"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def branches(remote: str, *, timeout: float = _LONGEST) -> set[str]:
    """Return the names of all branches, asked of the remote itself.

    Args:
        remote: URL, with credentials perhaps: they are never printed.
        timeout: seconds.

    Raises:
        BranchenvError: it cannot be asked.
    """
    # What it might ask for, nobody would see.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "ls-remote", "--heads", "--", remote],  # noqa: S607 - as PATH has it
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise _silent(remote, f"not within {timeout:g} s") from e
    except OSError as e:
        raise _silent(remote, str(e)) from e
    if done.returncode != 0:
        raise _silent(remote, done.stderr.decode(errors="replace").strip())
    refs = [line.partition("\t")[2] for line in done.stdout.decode("utf-8", "surrogateescape").splitlines()]
    return {ref.removeprefix(_HEADS) for ref in refs if ref.startswith(_HEADS)}


def _silent(remote: str, why: str) -> BranchenvError:
    shown = _CREDENTIALS.sub("", remote)
    return BranchenvError(
        f"git does not tell the branches of {shown}: {_CREDENTIALS.sub('', why)}",
        fix=f"try it by hand: git ls-remote --heads {shown}",
        code=ExitCode.GITLAB,
    )
