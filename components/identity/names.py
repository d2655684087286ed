"""Names of cloud identities: pure functions that never cut a name silently."""

import hashlib
import re

from core.names import MAX_SLUG

MAX_ROLE = 64
"""IAM's limit for role names."""
MAX_POLICY = 128
"""IAM's limit for policy names."""
MIN_GOOGLE_SERVICE_ACCOUNT, MAX_GOOGLE_SERVICE_ACCOUNT = 6, 30
"""Google's limits for service account ids."""
MAX_CUSTOM_ROLE = 64
"""Google's limit for the ids of custom roles."""

_HASH_LENGTH = 8
_HASHED = re.compile(rf".*-[0-9a-f]{{{_HASH_LENGTH}}}")


def role_name(cluster: str, purpose: str) -> str:
    """Return the name of the IAM role of one app (or add-on) of a cluster.

    The two dashes keep ("a-b", "c") and ("a", "b-c") apart: `purpose` has none.
    """
    return truncate_with_hash(f"{cluster}--{purpose}", longest=MAX_ROLE)


def branch_role_prefix(cluster: str, app: str) -> str:
    """Return what the names of all branches' roles of an app begin with.

    The branch's name comes whole behind it, never cut, so that an admission rule can tell whose role a name is.
    """
    return f"{truncate_with_hash(f'{cluster}--{app}', longest=MAX_ROLE - MAX_SLUG - 2)}--"


def branch_path(cluster: str, app: str) -> str:
    """Return the path of all branches' roles of an app, which no other role has."""
    return f"/branch-environments/{cluster}/{app}/"


def policy_name(cluster: str, app: str, purpose: str) -> str:
    """Name a managed policy of one app of a cluster."""
    return truncate_with_hash(f"{cluster}--{app}--{purpose}", longest=MAX_POLICY)


def custom_role_id(cluster: str, app: str) -> str:
    """Name Google's custom role of one app of a cluster: letters, digits, dots and underscores."""
    # None of the two holds an underscore or a dot, so no two ids become the same.
    return truncate_with_hash(f"branchEnvironments.{cluster}.{app}", longest=MAX_CUSTOM_ROLE).replace("-", "_")


def google_service_account_id(cluster: str, purpose: str) -> str:
    """Return the id of an app's Google service account: 6 to 30 of a-z, 0-9 and dashes, a letter first."""
    wanted = f"{cluster}--{purpose}"
    readable = re.sub(r"[^a-z0-9-]", "-", wanted.lower()).lstrip("-0123456789") or "app"
    if readable == wanted:
        return truncate_with_hash(wanted, shortest=MIN_GOOGLE_SERVICE_ACCOUNT, longest=MAX_GOOGLE_SERVICE_ACCOUNT)
    return _with_hash(readable, wanted, MAX_GOOGLE_SERVICE_ACCOUNT)


def truncate_with_hash(name: str, *, longest: int, shortest: int = 1) -> str:
    """Make a name fit its place.

    Args:
        name: what it would best be called.
        longest: most characters that the place allows.
        shortest: fewest.

    Returns:
        The name itself, or its start and a hash of the whole. A name that looks as if it carried a hash counts as one
        that does not fit, so that no two names ever become the same.
    """
    if shortest <= len(name) <= longest and not _HASHED.fullmatch(name):
        return name
    return _with_hash(name, name, longest)


def _with_hash(stem: str, whole: str, longest: int) -> str:
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{stem[: longest - _HASH_LENGTH - 1].rstrip('-')}-{digest}"
