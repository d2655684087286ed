"""What a command works on: from its options, else from variables, else from the git checkout."""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from branchenv import git
from branchenv.model.errors import BranchenvError, bad_input
from branchenv.model.records import StackRecord
from core.defaults import DEFAULT_BASE
from core.names import BASE_STACK, BranchNameError, slug, stack_name

PULUMI_PROJECT = "branch-environments"
PIPELINE_VARIABLE = "BRANCHENV_PIPELINE"
"""A pipeline in an app's repository hands its own id to the one that it starts here: images are ordered by it."""

_APP = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What GitLab tells a job of itself."""

    project: str
    """<group>/<name>."""
    branch: str
    """The branch that was pushed, or a merge request's source; empty in a tag's pipeline."""
    default_branch: str = ""
    merge_request: int | None = None
    """The merge request of this pipeline, or the first one that is open for its branch."""
    commit: str = ""
    url: str = ""
    number: str = ""
    """The pipeline's id, or that of the one that started it in another project (BRANCHENV_PIPELINE)."""
    job: str = ""
    """The job's id."""
    user: str = ""
    remote: str = ""
    """URL of the repository, with the job's own token in it: never print it."""
    environment: str = ""
    """Name of the GitLab environment that the job belongs to."""
    from_fork: bool = False


@dataclass(frozen=True, kw_only=True)
class Target:
    """One branch of one app."""

    app: str
    branch: str
    base: str = DEFAULT_BASE
    project: str = ""
    """GitLab project; empty where nothing tells."""
    reserved: frozenset[str] = frozenset()
    """Slugs that the base stack reserves for this app."""

    @cached_property
    def slug(self) -> str:
        """The branch's name made safe."""
        return slug(self.branch, self.reserved)

    @property
    def stack(self) -> str:
        """Name of the branch stack."""
        return stack_name(self.app, self.slug)

    def command(self, name: str, *, branch: bool = True) -> str:
        """Write a command of `branchenv` so that it works when it is pasted into any shell.

        Args:
            name: of the command, and options of its own.
            branch: whether it is about this branch; else about all of the app.
        """
        words = ["branchenv", *name.split(), *([self.branch] if branch else []), "--app", self.app]
        return shlex.join(words if self.base == DEFAULT_BASE else [*words, "--base", self.base])

    def reserving(self, reserved: Iterable[str]) -> "Target":
        """Return the same target, with the slugs that the base stack reserves."""
        return Target(
            app=self.app, branch=self.branch, base=self.base, project=self.project, reserved=frozenset(reserved)
        )


def pipeline(environ: Mapping[str, str] = os.environ) -> Pipeline | None:
    """Read GitLab's predefined variables; None outside of GitLab."""
    if not environ.get("GITLAB_CI"):
        return None
    project = environ.get("CI_PROJECT_PATH", "")
    source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "")
    return Pipeline(
        project=project,
        branch=environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or environ.get("CI_COMMIT_BRANCH", ""),
        default_branch=environ.get("CI_DEFAULT_BRANCH", ""),
        merge_request=_merge_request(environ),
        commit=environ.get("CI_COMMIT_SHA", ""),
        url=environ.get("CI_PIPELINE_URL", ""),
        number=environ.get(PIPELINE_VARIABLE) or environ.get("CI_PIPELINE_ID", ""),
        job=environ.get("CI_JOB_ID", ""),
        user=environ.get("GITLAB_USER_LOGIN", ""),
        remote=environ.get("CI_REPOSITORY_URL", ""),
        environment=environ.get("CI_ENVIRONMENT_NAME", ""),
        from_fork=bool(source) and source != project,
    )


def target(
    *,
    app: str = "",
    branch: str = "",
    base: str = "",
    project: str = "",
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Target:
    """Find out which branch of which app is meant.

    Args:
        app: as given by an option or its variable; empty if not, as the others.
        branch: full name.
        base: base stack.
        project: GitLab project.
        environ: GitLab's predefined variables are read from it.
        folder: git checkout to look into; None for the current folder.

    Raises:
        BranchenvError: what is missing, and where GitLab sets it; or a name that cannot be.
    """
    job = pipeline(environ)
    found_app = app_name(app=app, environ=environ, folder=folder)
    found_branch = (
        branch or (job.branch if job else "") or ("" if job else git.output(folder, "branch", "--show-current"))
    )
    if not found_branch:
        raise _missing(
            "branch",
            "--branch (or the BRANCH argument), BRANCHENV_BRANCH",
            "GitLab sets CI_COMMIT_BRANCH in branch pipelines and CI_MERGE_REQUEST_SOURCE_BRANCH_NAME in merge "
            "request pipelines, and neither in a tag's; outside of GitLab a checked-out branch will do",
        )
    found_base = base or DEFAULT_BASE
    if not BASE_STACK.fullmatch(found_base):
        raise bad_input(
            "base",
            found_base,
            "a base stack is called base-<cluster>, in lower case",
            "name the one that the platform team made: --base base-<cluster> or BRANCHENV_BASE",
        )
    made = Target(
        app=found_app,
        branch=found_branch,
        base=found_base,
        project=project_path(project=project, environ=environ, folder=folder),
    )
    try:
        _ = made.slug
    except BranchNameError as e:
        raise bad_input(
            "branch", found_branch, e.rule, "give the branch's name as `git branch --show-current` prints it"
        ) from e
    return made


def target_of(record: StackRecord) -> Target:
    """Return the branch that a stack is of, as far as it is known, for the commands that a message names."""
    return Target(app=record.app, branch=record.branch, base=record.base or DEFAULT_BASE)


def app_name(*, app: str = "", environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> str:
    """Find out which app is meant; for commands that are about all of its branches.

    Raises:
        BranchenvError: nothing tells, or no app can be called so.
    """
    found = app or environ.get("CI_PROJECT_NAME", "") or _remote_path(folder).rpartition("/")[2]
    if not found:
        raise _missing(
            "app",
            "--app, BRANCHENV_APP, or app in .branchenv.toml",
            "GitLab sets CI_PROJECT_NAME in every job; where the app has another name than its project, set "
            "BRANCHENV_APP in Settings > CI/CD > Variables; outside of GitLab a git remote `origin` will do",
        )
    if not _APP.fullmatch(found):
        raise bad_input(
            "app",
            found,
            "an app is called by lower case letters, digits and dashes, a letter first",
            "give the name that the base stack's `apps` has: --app or BRANCHENV_APP",
        )
    return found


def project_path(*, project: str = "", environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> str:
    """Return the GitLab project as <group>/<name>; empty where nothing tells."""
    return project or environ.get("CI_PROJECT_PATH", "") or _remote_path(folder)


def _merge_request(environ: Mapping[str, str]) -> int | None:
    own = environ.get("CI_MERGE_REQUEST_IID", "")
    # "group/shop!4,group/shop!9", in branch pipelines.
    first = environ.get("CI_OPEN_MERGE_REQUESTS", "").partition(",")[0].rpartition("!")[2]
    number = own or first
    return int(number) if number.isdigit() else None


def _missing(what: str, given_by: str, where: str) -> BranchenvError:
    return bad_input(what, "(missing)", f"it is not given: {given_by}", where)


def _remote_path(folder: Path | None) -> str:
    """Return group/name of the remote `origin`, from any of git's URL forms."""
    url = git.output(folder, "remote", "get-url", "origin").removesuffix("/").removesuffix(".git")
    if "://" in url:
        rest = url.partition("://")[2].partition("/")[2] if not url.startswith("file://") else ""
    else:
        # git@host:group/name; a path on this machine has no colon, and is no GitLab project.
        rest = url.partition(":")[2]
    return rest.strip("/")
