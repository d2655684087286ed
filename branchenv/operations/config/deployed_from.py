"""What an environment was deployed from: its config, and the files that this names, on whatever machine this is."""

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from branchenv import git
from branchenv.clients import scratch
from branchenv.model.context import pipeline, target_of
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.config.stack_config import FILES, SLEEP, SOURCE

_CHECKOUT = "branchenv-checkout-"
"""How a checkout made here is called: a stack that was put to sleep from one tells its paths by it."""


@contextmanager
def config_of(record: StackRecord) -> Iterator[dict[str, Any]]:
    """Return a stack's config as it was last deployed, awake, with paths of files that exist for as long as the block.

    Files are used where they lie if that checkout is still at the deployed commit, or if no commit is known; else they
    come from git, at that commit.

    Raises:
        BranchenvError: the stack does not tell its config, or a file of it is nowhere to be had.
    """
    deployed = record.outputs.get("config")
    if not isinstance(deployed, Mapping):
        raise BranchenvError(
            f"{record.name} does not tell what it was deployed from: its `pulumi up` never came to an end",
            fix=f"push the branch again, or: {target_of(record).command('up')}",
            field="branch",
            value=record.branch,
        )
    # The tags tell of the last attempt, which may have failed.
    if source := deployed.get(SOURCE):
        commit, root = str(source.get("commit", "")), str(source.get("root", ""))
        record = replace(record, tags=replace(record.tags, commit=commit, root=root))
    config = {key: value for key, value in deployed.items() if key not in SLEEP}
    config["branch"] = record.branch
    paths = {key: Path(str(config[key])) for key in FILES if key in config}
    if all(_in_place(path, record.tags) for path in paths.values()):
        yield config
        return
    places = {key: _within(path, record) for key, path in paths.items()}
    with scratch.folder() as folder:
        checkout = folder / f"{_CHECKOUT}{record.tags.commit[:12]}"
        checkout.mkdir()
        _check_out(record, checkout)
        yield {**config, **{key: str(checkout / path) for key, path in places.items()}}


def _in_place(path: Path, tags: Tags) -> bool:
    """Whether a file can be used where it lies: it is of no commit, or its checkout is at the deployed one still."""
    if not path.exists():
        return False
    outside = bool(tags.root) and not path.is_relative_to(tags.root) and not _made_here(path)
    return outside or not tags.commit or git.output(path.parent, "rev-parse", "HEAD") == tags.commit


def _made_here(path: Path) -> Path | None:
    """Return the checkout of ours that a file lies in."""
    return next((each for each in path.parents if each.name.startswith(_CHECKOUT)), None)


def within(path: Path, root: str) -> Path:
    """Return a file's path as its commit has it.

    Args:
        path: where it lay when it was deployed.
        root: top folder of the checkout then; one that was made here tells its own.

    Raises:
        ValueError: it lies outside.
    """
    return path.relative_to(_made_here(path) or root)


def _within(path: Path, record: StackRecord) -> Path:
    try:
        return within(path, record.tags.root)
    except ValueError as e:
        raise _nowhere(
            record, f"{path} is outside of the checkout it was deployed from, and not on this machine"
        ) from e


def _check_out(record: StackRecord, folder: Path) -> None:
    """Get the deployed commit: from the checkout that this runs in, or else from the project."""
    commit = record.tags.commit
    if not commit or not record.tags.root:
        raise _nowhere(record, "nothing tells which commit of which repository it was deployed from")
    git.run(folder, "init", "--quiet")
    here = git.output(None, "rev-parse", "--path-format=absolute", "--git-common-dir")
    if here and git.run(None, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0:
        tried = git.run(folder, "fetch", "--quiet", "--depth=1", here, commit)
        if tried.returncode != 0:
            # An older git hands out branch heads alone, but reads another repository's objects.
            (folder / ".git/objects/info/alternates").write_text(f"{here}/objects\n")
            tried = git.run(folder, "cat-file", "-e", commit)
    else:
        remote, environment = _remote(record)
        tried = git.run(folder, "fetch", "--quiet", "--depth=1", remote, commit, environment=environment)
    if tried.returncode == 0:
        tried = git.run(folder, "-c", "advice.detachedHead=false", "checkout", "--quiet", commit)
    if tried.returncode != 0:
        raise _nowhere(record, f"git does not give commit {commit[:12]}")


def _remote(record: StackRecord) -> tuple[str, Mapping[str, str]]:
    """Return the project's repository, and what git needs to be let in; never in arguments, which others can see."""
    job = pipeline()
    if job and job.remote and job.project == record.tags.project:
        return job.remote, {}
    server = os.environ.get("CI_SERVER_URL", "")
    if not server or not record.tags.project:
        raise _nowhere(record, "nothing tells where its repository is")
    token = os.environ.get("BRANCHENV_GITLAB_TOKEN") or os.environ.get("GITLAB_TOKEN", "")
    login = base64.b64encode(f"oauth2:{token}".encode()).decode()
    environment = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{server}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
    }
    return f"{server}/{record.tags.project}.git", environment if token else {}


def _nowhere(record: StackRecord, why: str) -> BranchenvError:
    return BranchenvError(
        f"the files that {record.name} was deployed from are not to be had: {why}",
        fix="run this in a checkout of the branch, set CI_SERVER_URL and BRANCHENV_GITLAB_TOKEN, or deploy it again: "
        f"{target_of(record).command('up')}",
        code=ExitCode.FAILED,
        field="branch",
        value=record.branch,
    )
