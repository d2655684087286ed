"""What lets CI make the identities of an app's branches, and no others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

_BUCKET_PERMISSIONS = ("storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy")


@dataclass(frozen=True, kw_only=True)
class AwsPolicy:
    """A managed policy to make."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AwsAccess:
    """Policies in AWS."""

    path: str
    """Of the policies."""
    policy: AwsPolicy
    """What CI may do."""
    boundary: AwsPolicy | None = None
    """What the roles that CI makes may do at most."""
    ci_role: str = ""
    """Name of the IAM role that CI deploys as, which gets the policy. Empty: somebody else attaches it."""


@dataclass(frozen=True, kw_only=True)
class GoogleAccess:
    """The right to change who may do what in some buckets."""

    project: str
    role_id: str
    """Of the custom role to make."""
    buckets: Sequence[str]
    member: str
    """Who CI deploys as."""


@dataclass(frozen=True, kw_only=True)
class CiAccessArgs:
    """What it needs to know."""

    access: AwsAccess | GoogleAccess

    def __post_init__(self) -> None:
        """Refuse rights on nothing, and for nobody."""
        if isinstance(self.access, GoogleAccess) and not (self.access.buckets and self.access.member):
            raise ValueError("buckets: the right to share a bucket is for somebody and some bucket; give both")


class CiAccess(pulumi.ComponentResource):
    """CI's rights in the cloud, as far as a branch's identity takes them: policies (AWS), a custom role (Google Cloud).

    Type `branch-environments:base:CiAccess`. Left out on purpose: CI's own identity, which is there before it can
    deploy, and its rights to Pulumi's backend.
    """

    policy: pulumi.Output[str]
    """ARN of the policy, or name of the custom role; known once CI has it, if CI is named."""
    boundary: pulumi.Output[str]
    """ARN of the permissions boundary. Empty where CI makes no roles."""

    def __init__(self, name: str, args: CiAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:CiAccess", name, None, opts)
        self.boundary = pulumi.Output.from_input("")
        match args.access:
            case AwsAccess():
                self._policies(name, args.access)
            case GoogleAccess():
                self._custom_role(name, args.access)
        self.register_outputs({"policy": self.policy, "boundary": self.boundary})

    def _policies(self, name: str, access: AwsAccess) -> None:
        from pulumi_aws import iam

        child = pulumi.ResourceOptions(parent=self)

        def made(suffix: str, policy: AwsPolicy) -> iam.Policy:
            document = json.dumps(policy.document)
            return iam.Policy(
                f"{name}-{suffix}", iam.PolicyArgs(name=policy.name, path=access.path, policy=document), child
            )

        if access.boundary:
            self.boundary = made("boundary", access.boundary).arn
        policy = made("ci-policy", access.policy)
        self.policy = policy.arn
        if access.ci_role:
            attached = iam.RolePolicyAttachment(
                f"{name}-ci-policy-attachment",
                iam.RolePolicyAttachmentArgs(role=access.ci_role, policy_arn=policy.arn),
                child,
            )
            self.policy = attached.policy_arn

    def _custom_role(self, name: str, access: GoogleAccess) -> None:
        from pulumi_gcp import projects, storage

        child = pulumi.ResourceOptions(parent=self)
        role = projects.IAMCustomRole(
            f"{name}-ci-role",
            projects.IAMCustomRoleArgs(
                project=access.project,
                role_id=access.role_id,
                title="Identities of branch environments",
                permissions=list(_BUCKET_PERMISSIONS),
            ),
            child,
        )
        members = [
            storage.BucketIAMMember(
                f"{name}-ci-{bucket}",
                storage.BucketIAMMemberArgs(bucket=bucket, role=role.name, member=access.member),
                child,
            )
            for bucket in sorted(set(access.buckets))
        ]
        self.policy = pulumi.Output.all(role.name, *(each.urn for each in members)).apply(lambda known: str(known[0]))
