"""Places what each branch of an app makes its own identity with, where `identity.perBranch` is on."""

from collections.abc import Sequence
from typing import Any

from branchenv.names import is_slug
from components.account_rules import account_policy
from components.admission import Policy
from components.deployer import deployer_name
from stacks.base_settings import AppSettings, reserved_slugs

# In every namespace, for pods that name no other.
_DEFAULT_ACCOUNT = "default"


def taken_slugs(app: AppSettings) -> list[str]:
    """Give every slug that no branch may take, sorted: a branch's ServiceAccount is called so, and some are there."""
    if not app.identity.per_branch:
        return reserved_slugs(app)
    accounts = {app.service_account, deployer_name(app.name), _DEFAULT_ACCOUNT, *app.isolation.service_accounts}
    return sorted({*reserved_slugs(app), *filter(is_slug, accounts)})


def accounts_for_all(app: AppSettings) -> list[str]:
    """Give the ServiceAccounts that pods of every branch may use: not the app's own where each has its own."""
    shared = set() if app.identity.per_branch else {app.service_account}
    return sorted({*shared, *app.isolation.service_accounts})


def account_policies(app: AppSettings) -> Sequence[Policy]:
    """Write the rules for the branches' ServiceAccounts."""
    if not app.identity.per_branch:
        return ()
    return (account_policy(role_prefix="", image_pull_secrets=app.identity.image_pull_secrets),)


def branch_identity_outputs(app: AppSettings) -> dict[str, Any]:
    """Give what the contract promises of it: nothing where it is off."""
    if not app.identity.per_branch:
        return {}
    return {"branchIdentity": {"imagePullSecrets": list(app.identity.image_pull_secrets)}}
