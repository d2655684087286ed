"""Mistakes of an identity per branch, which would be met only when a branch is deployed, or never."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.identity.aws_branch_iam import SESSION_TAG, boundary
from components.identity.aws_iam import POLICY_VERSION, account_id_of, oidc_provider_arn
from components.identity.names import branch_path
from components.identity.placeholder import PLACEHOLDER, render
from core.names import MAX_SLUG
from stacks.settings.base import AppSettings, BaseSettings
from stacks.settings.errors import Problem, shown
from stacks.settings.identity import IdentitySettings

# IAM counts characters without white space.
_MOST_INLINE, _MOST_MANAGED = 10240, 6144
_ONLY_PER_BRANCH = ("ci", "grants", "permissions_boundary_policy")
_MEMBER = re.compile(r"(serviceAccount|user|group|principal|principalSet):.+")
_DELIMITER = f"put a delimiter behind {PLACEHOLDER}, e.g. {PLACEHOLDER}/*"
# What may stand around the placeholder in a condition of Google's: a beginning that ends in a delimiter, or the whole.
_SAFE_IN_CEL = re.compile(
    r"""startsWith\(\s*(["'])[^"']*\$\{branch\}[A-Za-z0-9-]*[^A-Za-z0-9"'-][^"']*\1\s*\)"""
    r"""|==\s*(["'])[^"']*\$\{branch\}[^"']*\2"""
)


def branch_identity_mistakes(settings: BaseSettings, app: AppSettings, at: str) -> Iterator[Problem]:
    """Find every mistake of one app.

    Args:
        settings: of the base stack.
        app: whose identity is looked at.
        at: the place of the identity in the config.
    """
    identity = app.identity
    if not identity.per_branch:
        yield from _without(identity, at)
        return
    for name, document in identity.inline_policies.items():
        yield from _loose_policy(document, f"{at}.inlinePolicies.{name}")
    match identity.kind:
        case "irsa":
            yield from _aws(settings, app, at)
            yield from _irsa(settings, app, at)
        case "pod-identity":
            yield from _aws(settings, app, at)
            if identity.permissions_boundary_policy is not None:
                yield Problem(
                    field=f"{at}.permissionsBoundaryPolicy",
                    value=shown(identity.permissions_boundary_policy),
                    rule="with pod-identity the branches share one role, which CI does not write",
                    fix="take it out; permissionsBoundary limits that role",
                )
        case "workload-identity":
            yield from _google(identity, at)
        case _:
            pass


def policy_mistakes(at: str, document: Mapping[str, Any]) -> Iterator[Problem]:
    """Refuse what is no IAM policy document."""
    if not {"Version", "Statement"} <= document.keys():
        yield Problem(
            field=at,
            value=shown(document),
            rule="a policy document has Version and Statement",
            fix='write it as IAM does: {"Version": "2012-10-17", "Statement": [...]}',
        )


def _without(identity: IdentitySettings, at: str) -> Iterator[Problem]:
    for name in sorted(identity.model_fields_set & set(_ONLY_PER_BRANCH)):
        yield Problem(
            field=f"{at}.{_alias(name)}",
            value=shown(getattr(identity, name)),
            rule="this is for identities of each branch's own",
            fix="set perBranch to true, or take it out",
        )
    for name, document in identity.inline_policies.items():
        if PLACEHOLDER in json.dumps(document):
            yield Problem(
                field=f"{at}.inlinePolicies.{name}",
                value=shown(document),
                rule=f"the branches share one role, so {PLACEHOLDER} stands for nothing",
                fix="set perBranch to true, or write what is meant",
            )


def _aws(settings: BaseSettings, app: AppSettings, at: str) -> Iterator[Problem]:
    """Look at what both kinds of AWS have."""
    identity, eks = app.identity, settings.eks
    if identity.role_arn:
        yield Problem(
            field=f"{at}.roleArn",
            value=shown(identity.role_arn),
            rule="what a role that is there already lets a branch do is not known here, nor whether it tells branches "
            "apart",
            fix="take it out, and write inlinePolicies; or set perBranch to false",
        )
    for name, document in identity.inline_policies.items():
        if (
            identity.kind == "pod-identity"
            and _tells_apart(document, identity.kind)
            and document.get("Version") != POLICY_VERSION
        ):
            yield Problem(
                field=f"{at}.inlinePolicies.{name}",
                value=shown(document),
                rule=f"only policies of version {POLICY_VERSION} have variables, which {PLACEHOLDER} becomes one of",
                fix=f'write Version: "{POLICY_VERSION}"',
            )
    if not any(_tells_apart(document, identity.kind) for document in identity.inline_policies.values()):
        yield Problem(
            field=f"{at}.inlinePolicies",
            value=shown(identity.inline_policies),
            rule=f"no policy has {PLACEHOLDER} in it, so every branch could do the same, with the same things",
            fix=f"write it where the branches' things differ, e.g. Resource: arn:aws:s3:::<bucket>/{PLACEHOLDER}/*",
        )
    longest = SESSION_TAG if identity.kind == "pod-identity" else "x" * MAX_SLUG
    if (size := _size(render(list(identity.inline_policies.values()), longest))) > _MOST_INLINE:
        yield Problem(
            field=f"{at}.inlinePolicies",
            value=f"{size} characters",
            rule=f"the inline policies of a role have at most {_MOST_INLINE} characters together",
            fix="shorten them, or move what all branches may do to a policy in managedPolicies",
        )
    if identity.ci and eks and account_id_of(identity.ci) != eks.account_id:
        yield Problem(
            field=f"{at}.ci",
            value=shown(identity.ci),
            rule=f"CI is an IAM role of the cluster's account, {eks.account_id}, as far as policies can be given to it",
            fix="write the role's ARN; leave it out for a role that is elsewhere",
        )


def _irsa(settings: BaseSettings, app: AppSettings, at: str) -> Iterator[Problem]:
    identity, eks = app.identity, settings.eks
    for name, document in identity.inline_policies.items():
        if SESSION_TAG in json.dumps(document):
            yield Problem(
                field=f"{at}.inlinePolicies.{name}",
                value=shown(document),
                rule="sessions by IRSA have no such tag, so this would allow nothing",
                fix=f"write {PLACEHOLDER} instead of {SESSION_TAG}",
            )
    if identity.permissions_boundary_policy is None:
        yield Problem(
            field=f"{at}.permissionsBoundaryPolicy",
            value="(none)",
            rule="CI makes the branches' roles, so there is a limit to what these can be allowed",
            fix="write the policy document of the most that any branch may do, with * for the branch",
        )
        return
    if no_policy := [*policy_mistakes(f"{at}.permissionsBoundaryPolicy", identity.permissions_boundary_policy)]:
        yield from no_policy
        return
    if PLACEHOLDER in json.dumps(identity.permissions_boundary_policy):
        yield Problem(
            field=f"{at}.permissionsBoundaryPolicy",
            value=shown(identity.permissions_boundary_policy),
            rule=f"the limit is the same for all branches, so {PLACEHOLDER} stands for nothing",
            fix="write * for the branch",
        )
    if eks is None:
        return
    provider = oidc_provider_arn(eks.oidc_provider or "", region=eks.region, account_id=eks.account_id)
    if (size := _size(boundary(identity.permissions_boundary_policy, provider_arn=provider))) > _MOST_MANAGED:
        yield Problem(
            field=f"{at}.permissionsBoundaryPolicy",
            value=f"{size} characters",
            rule=f"a managed policy has at most {_MOST_MANAGED} characters, a statement of this program's included",
            fix="shorten it, e.g. with * in actions and resources: it is a limit, and allows nothing by itself",
        )
    branches = branch_path(eks.cluster_name, app.name)
    if identity.role_path.startswith(branches):
        yield Problem(
            field=f"{at}.rolePath",
            value=shown(identity.role_path),
            rule=f"roles below {branches} are CI's to change, and this one is main's",
            fix="choose another path",
        )


def _google(identity: IdentitySettings, at: str) -> Iterator[Problem]:
    if not identity.direct:
        yield Problem(
            field=f"{at}.direct",
            value=shown(identity.direct),
            rule="a branch's identity is its ServiceAccount itself: there is no Google service account per branch",
            fix="set it to true, and take account out",
        )
    if identity.ci and not _MEMBER.fullmatch(identity.ci):
        yield Problem(
            field=f"{at}.ci",
            value=shown(identity.ci),
            rule="this is no principal of Google's",
            fix="write it as IAM does, e.g. serviceAccount:branches-shop@my-project.iam.gserviceaccount.com",
        )
    seen: set[tuple[str, str]] = set()
    for index, grant in enumerate(identity.grants):
        if (grant.bucket, grant.role) in seen:
            yield Problem(
                field=f"{at}.grants[{index}]",
                value=shown(grant.model_dump()),
                rule=f"{grant.role} in {grant.bucket} is given in another grant already",
                fix="join the two conditions by ||",
            )
        seen.add((grant.bucket, grant.role))
        if PLACEHOLDER not in grant.condition:
            yield Problem(
                field=f"{at}.grants[{index}].condition",
                value=shown(grant.condition),
                rule=f"there is no {PLACEHOLDER} in it, so every branch could do the same, with the same things",
                fix=f'write e.g. resource.name.startsWith("projects/_/buckets/{grant.bucket}/objects/{PLACEHOLDER}/")',
            )
        elif PLACEHOLDER in _SAFE_IN_CEL.sub("", grant.condition):
            yield Problem(
                field=f"{at}.grants[{index}].condition",
                value=shown(grant.condition),
                rule=f"{PLACEHOLDER} stands in startsWith() with a delimiter behind it, or in a text compared with ==: "
                "elsewhere the branch a could reach what belongs to a-b",
                fix=f"put a delimiter behind it, e.g. {PLACEHOLDER}/",
            )


def _tells_apart(document: Mapping[str, Any], kind: str) -> bool:
    text = json.dumps(document)
    return PLACEHOLDER in text or (kind == "pod-identity" and SESSION_TAG in text)


def _loose_policy(document: Mapping[str, Any], at: str) -> Iterator[Problem]:
    """Find names of branches that could be the beginning or the end of another's."""
    for text in sorted(set(_texts(document))):
        one = text.replace(SESSION_TAG, PLACEHOLDER)
        # Of an ARN, what comes before its fifth colon is not the branches' to choose.
        within = one.split(":", 5)[5] if one.startswith("arn:") and one.count(":") > 4 else one
        if re.search(r"\$\{branch\}[A-Za-z0-9-]*[*?]", within):
            yield Problem(
                field=at,
                value=shown(text),
                rule=f"* right behind {PLACEHOLDER}: the branch a could reach what belongs to a-b",
                fix=_DELIMITER,
            )
        if re.search(r"[*?].*\$\{branch\}", within):
            yield Problem(
                field=at,
                value=shown(text),
                rule=f"* before {PLACEHOLDER} stands for any text, slashes too: one branch could reach another's part",
                fix=f"name what comes before {PLACEHOLDER}, in several statements or resources if need be",
            )


def _texts(document: object) -> Iterator[str]:
    if isinstance(document, Mapping):
        for value in document.values():
            yield from _texts(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _texts(value)
    elif isinstance(document, str):
        yield document


def _size(document: object) -> int:
    return len(re.sub(r"\s", "", json.dumps(document)))


def _alias(name: str) -> str:
    return str(IdentitySettings.model_fields[name].alias)
