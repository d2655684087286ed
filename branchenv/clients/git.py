"""A git repository that is elsewhere: which branches it has."""

import re

from branchenv import git
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
    done = git.run(None, "ls-remote", "--heads", "--", remote, timeout=timeout)
    if done.returncode != 0:
        raise _silent(remote, done.stderr.encode(errors="surrogateescape").decode(errors="replace").strip())
    refs = [line.partition("\t")[2] for line in done.stdout.splitlines()]
    return {ref.removeprefix(_HEADS) for ref in refs if ref.startswith(_HEADS)}


def _silent(remote: str, why: str) -> BranchenvError:
    shown = _CREDENTIALS.sub("", remote)
    return BranchenvError(
        f"git does not tell the branches of {shown}: {_CREDENTIALS.sub('', why)}",
        fix=f"try it by hand: git ls-remote --heads {shown}",
        code=ExitCode.GITLAB,
    )
