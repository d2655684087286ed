"""Mistakes of an identity per branch, which would be met only when a branch is deployed, or never."""

from collections.abc import Iterator

from stacks.base_settings import AppSettings
from stacks.problems import Problem, shown

_ONLY_PER_BRANCH = {"image_pull_secrets": "imagePullSecrets"}


def branch_identity_mistakes(app: AppSettings, at: str) -> Iterator[Problem]:
    """Find every mistake of one app.

    Args:
        app: whose identity is looked at.
        at: the place of the identity in the config.
    """
    if not app.identity.per_branch:
        for name in sorted(app.identity.model_fields_set & _ONLY_PER_BRANCH.keys()):
            yield Problem(
                field=f"{at}.{_ONLY_PER_BRANCH[name]}",
                value=shown(getattr(app.identity, name)),
                rule="this is for identities of each branch's own",
                fix="set perBranch to true, or take it out",
            )
