"""Branch name -> slug -> the names of stacks and Kubernetes objects: pure functions, nothing else.

A slug is safe as a DNS label, in a Kubernetes name and in a Pulumi stack name, whatever the branch is called. Two
branches never share one: a name that is already a slug stays as it is, every other name carries a hash of itself, and
a name that merely looks as if it carried one counts as "every other name".
"""

import hashlib
import re
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

MAX_SLUG = 40
MAX_WORKLOAD = 20
# A Service is a DNS label of at most 63 characters: <slug>--<workload>--canary.
MAX_OBJECT = 63
# A namespace's name is one, too.
MAX_APP_NAMESPACE = MAX_OBJECT - MAX_SLUG - len("--")
CANARY = "canary"
# In use in every app's namespace: Argo CD syncs the main branch as release `main`.
RESERVED_SLUGS = frozenset({"main"})
# Service names must start with a letter, yet GitLab names an issue's branch "123-title". Such a slug stays as it is in
# the URL, and its objects get this prefix. No other object can be called so: slugs have no `--`, workload names start
# with a letter.
DIGIT_PREFIX = "b--"
BASE_STACK = re.compile(r"base-[a-z0-9][a-z0-9-]*")
"""Name of a base stack, whole."""

HASH_LENGTH = 8
"""Of the hash at the end of a slug, in hexadecimal digits."""
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HASHED = re.compile(rf".*-[0-9a-f]{{{HASH_LENGTH}}}")


class BranchNameError(ValueError):
    """A name that git itself refuses: no branch can be called so."""

    def __init__(self, branch: str, rule: str) -> None:
        super().__init__(f"branch {branch!r}: {rule}")
        self.branch = branch
        self.rule = rule


class _Rule(NamedTuple):
    broken_by: re.Pattern[str]
    text: str


# git check-ref-format(1), in the order in which a person would want to hear of them.
_GIT_RULES = (
    _Rule(re.compile(r"\A\Z"), "a branch name is not empty"),
    _Rule(re.compile(r"\A-"), "git refuses branch names that start with a dash"),
    _Rule(re.compile(r"\.\."), "git refuses branch names that contain `..`"),
    _Rule(re.compile(r"[\x00-\x1f\x7f]"), "git refuses control characters in branch names"),
    _Rule(re.compile(r"[ ~^:?*\[\\]"), "git refuses spaces and any of ~ ^ : ? * [ \\ in branch names"),
    _Rule(
        re.compile(r"\A/|/\Z|//"),
        "git refuses a slash at either end of a branch name, and two together",
    ),
    _Rule(re.compile(r"(\A|/)\."), "git refuses branch names with a part that starts with a dot"),
    _Rule(re.compile(r"\.\Z"), "git refuses branch names that end with a dot"),
    _Rule(re.compile(r"\.lock(/|\Z)"), "git refuses branch names with a part that ends with `.lock`"),
    _Rule(re.compile(r"@\{"), "git refuses branch names that contain `@{`"),
    _Rule(re.compile(r"\A@\Z|\AHEAD\Z"), "git keeps this name for itself"),
)


def check_branch(branch: str) -> None:
    """Refuse what git refuses.

    Raises:
        BranchNameError: with git's rule.
    """
    for rule in _GIT_RULES:
        if rule.broken_by.search(branch):
            raise BranchNameError(branch, rule.text)


def slug(branch: str, reserved: Iterable[str] = ()) -> str:
    """Make a branch name safe for DNS, Kubernetes and Pulumi.

    Args:
        branch: the full branch name, of any length and in any script.
        reserved: slugs in use in the app's namespace, beside `main`.

    Returns:
        At most 40 characters of `[a-z0-9-]`, with a letter or digit at both ends and no two dashes together.

    Raises:
        BranchNameError: git would not have the name either.
    """
    check_branch(branch)
    taken = RESERVED_SLUGS | frozenset(reserved)
    limit = MAX_SLUG - len(_object_prefix(branch))
    if _SLUG.fullmatch(branch) and len(branch) <= limit and branch not in taken and not _HASHED.fullmatch(branch):
        return branch
    readable = re.sub(r"[^a-z0-9]+", "-", branch.lower()).strip("-") or "branch"
    limit = MAX_SLUG - len(_object_prefix(readable))
    stem = readable[: limit - HASH_LENGTH - 1].rstrip("-")
    # The first round is the rule; a second happens only if somebody reserved exactly this slug.
    return next(made for attempt in count() if (made := f"{stem}-{_digest(branch + chr(0) * attempt)}") not in taken)


def is_slug(text: str) -> bool:
    """Whether `slug` could have made this."""
    return bool(_SLUG.fullmatch(text)) and len(text) <= MAX_SLUG - len(_object_prefix(text))


def object_name(slug: str, workload: str = "", *, canary: bool = False) -> str:
    """Return the name of one workload's Kubernetes objects.

    Args:
        slug: the branch's slug.
        workload: empty for the only, unnamed workload of an environment.
        canary: for the second image that takes a share of the traffic.

    Returns:
        `<slug>`, `<slug>--<workload>`, or either with `--canary`. No two of them collide, as slugs and workload names
        have no `--` and no workload may be called `canary`.
    """
    parts = [f"{_object_prefix(slug)}{slug}", workload, CANARY if canary else ""]
    return "--".join(part for part in parts if part)


def stack_name(app: str, slug: str) -> str:
    """Name a branch's stack: `<app>.<slug>`, which both can be read back from."""
    return f"{app}.{slug}"


def side_host(host: str, name: str) -> str:
    """Name another host of a branch, beside its own and below the same domain.

    No branch has it as its own, as slugs have no `--`.

    Args:
        host: of the branch.
        name: of the other one, as a workload is called.
    """
    slugged, _, domain = host.partition(".")
    return f"{slugged}--{name}.{domain}"


def namespace_name(app_namespace: str, slug: str) -> str:
    """Return the name of a branch's own namespace, where branches have one each.

    Args:
        app_namespace: the app's own, of at most `MAX_APP_NAMESPACE` characters.
        slug: the branch's slug.

    Returns:
        `<app's namespace>--<slug>`, which both can be read back from: slugs have no `--`.
    """
    return f"{app_namespace}--{slug}"


def _object_prefix(slug: str) -> str:
    return DIGIT_PREFIX if slug[:1].isdigit() else ""


def _digest(text: str) -> str:
    # surrogatepass: a name with a stray surrogate is still a name, and must not end in a traceback.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]
