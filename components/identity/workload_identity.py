"""The cloud identity of pods that run as one ServiceAccount."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.identity.aws_iam import ROLE_ANNOTATION, account_id_of, irsa_trust, pod_identity_trust
from components.identity.google_iam import (
    GOOGLE_SERVICE_ACCOUNT_ANNOTATION,
    MAY_BE_USED,
    google_service_account_member,
    namespace_principals,
    pod_member,
    principal,
    project_of,
)
from core.contract import BucketGrant


@dataclass(frozen=True, kw_only=True)
class AwsRole:
    """An IAM role to make."""

    name: str
    path: str = "/"
    permissions_boundary: str | None = None
    managed_policies: Sequence[str] = ()
    """ARNs."""
    inline_policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Policy documents by name."""


@dataclass(frozen=True, kw_only=True)
class Irsa:
    """IAM Roles for Service Accounts: the cluster's OIDC provider signs the pods' tokens."""

    provider_arn: str
    """The cluster's IAM OIDC provider, normalised (`aws_identity.oidc_provider_arn`)."""
    role: AwsRole | str
    """A role to make, or the ARN of one that is there."""


@dataclass(frozen=True, kw_only=True)
class PodIdentity:
    """EKS Pod Identity: an association in EKS names role and ServiceAccount."""

    cluster: str
    cluster_arn: str
    account_id: str
    """AWS account of the cluster."""
    role: AwsRole | str
    """A role to make, or the ARN of one that is there."""
    namespaces: Sequence[str] = ()
    """Whose ServiceAccounts a role to make is for; `*` stands for any text. None: all."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the association."""


@dataclass(frozen=True, kw_only=True)
class GoogleServiceAccount:
    """GKE Workload Identity by way of a Google service account."""

    project: str
    service_account: str
    """Id of one to make, or the e-mail address of an existing one."""
    project_roles: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class GooglePrincipal:
    """GKE Workload Identity, direct: roles go to the Kubernetes ServiceAccount itself."""

    project: str
    project_number: str
    project_roles: Sequence[str] = ()
    namespace_roles: Sequence[str] = ()
    """Roles in the project for every ServiceAccount of the namespace."""
    bucket_grants: Sequence[BucketGrant] = ()
    zone_roles: Mapping[str, str] = field(default_factory=dict)
    """Role by Cloud DNS zone, where a whole project would be too much."""


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityArgs:
    """What the identity needs to know. All of it is known before anything is made."""

    namespace: str
    service_account: str
    grant: Irsa | PodIdentity | GoogleServiceAccount | GooglePrincipal

    def __post_init__(self) -> None:
        """Refuse what the cloud would refuse late."""
        if not self.namespace or not self.service_account:
            raise ValueError("service_account: an identity belongs to one ServiceAccount; give it and its namespace")
        if isinstance(self.grant, Irsa | PodIdentity):
            role = self.grant.role
            if isinstance(role, str) and not account_id_of(role):
                raise ValueError(f"role: {role!r} is no role's ARN; give arn:aws:iam::<account>:role/<name>")
        elif isinstance(self.grant, GooglePrincipal) and not self.grant.project_number.isdigit():
            raise ValueError(f"project_number: {self.grant.project_number!r} is no number; see `gcloud projects list`")


class WorkloadIdentity(pulumi.ComponentResource):
    """A role (AWS) or the right to one (Google Cloud) for the pods of one ServiceAccount.

    Type `branch-environments:base:WorkloadIdentity`. Which cloud SDK is imported depends on the grant. Left out on
    purpose: the ServiceAccount, which gets `annotations`; and every grant is additive, so that roles that others gave
    are left alone.
    """

    annotations: pulumi.Output[dict[str, str]]
    """What binds the ServiceAccount to the identity. Empty where the cloud keeps the binding."""
    identity: pulumi.Output[str]
    """The role's ARN, the Google service account's address or the principal; known once all of it exists."""

    def __init__(self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:WorkloadIdentity", name, None, opts)
        match args.grant:
            case Irsa():
                trust = irsa_trust(
                    provider_arn=args.grant.provider_arn,
                    namespace=args.namespace,
                    service_account=args.service_account,
                )
                self.identity = self._role(name, args.grant.role, trust)
                self.annotations = self.identity.apply(lambda arn: {ROLE_ANNOTATION: arn})
            case PodIdentity():
                self.identity = self._associated(name, args, args.grant)
                self.annotations = pulumi.Output.from_input({})
            case GoogleServiceAccount():
                self.identity = self._google_service_account(name, args, args.grant)
                self.annotations = self.identity.apply(lambda email: {GOOGLE_SERVICE_ACCOUNT_ANNOTATION: email})
            case GooglePrincipal():
                self.identity = self._google_principal(name, args, args.grant)
                self.annotations = pulumi.Output.from_input({})
        self.register_outputs({"annotations": self.annotations, "identity": self.identity})

    def _role(self, name: str, role: AwsRole | str, trust: Mapping[str, Any]) -> pulumi.Output[str]:
        if isinstance(role, str):
            return pulumi.Output.from_input(role)
        from pulumi_aws import iam

        child = pulumi.ResourceOptions(parent=self)
        made = iam.Role(
            f"{name}-role",
            iam.RoleArgs(
                name=role.name,
                path=role.path,
                permissions_boundary=role.permissions_boundary,
                assume_role_policy=json.dumps(trust),
                description="Made by branch-environments",
            ),
            child,
        )
        needed: list[pulumi.Resource] = [
            iam.RolePolicyAttachment(
                # Amazon's own and the account's policies may be called the same.
                f"{name}-{arn.split(':')[4]}-{arn.partition('/')[2].replace('/', '-')}",
                iam.RolePolicyAttachmentArgs(role=made.name, policy_arn=arn),
                child,
            )
            for arn in sorted(set(role.managed_policies))
        ]
        needed += [
            iam.RolePolicy(
                f"{name}-inline-{policy}",
                iam.RolePolicyArgs(name=policy, role=made.name, policy=json.dumps(document)),
                child,
            )
            for policy, document in sorted(role.inline_policies.items())
        ]
        # Pods that start before their role may do anything fail for no reason that a person could see.
        return pulumi.Output.all(made.arn, *(each.urn for each in needed)).apply(lambda values: str(values[0]))

    def _associated(self, name: str, args: WorkloadIdentityArgs, grant: PodIdentity) -> pulumi.Output[str]:
        from pulumi_aws import eks

        trust = pod_identity_trust(
            account_id=grant.account_id,
            cluster_arn=grant.cluster_arn,
            namespaces=grant.namespaces,
        )
        arn = self._role(name, grant.role, trust)
        made = eks.PodIdentityAssociation(
            f"{name}-association",
            eks.PodIdentityAssociationArgs(
                cluster_name=grant.cluster,
                namespace=args.namespace,
                service_account=args.service_account,
                role_arn=arn,
                tags=dict(grant.tags) or None,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return made.role_arn

    def _google_service_account(
        self, name: str, args: WorkloadIdentityArgs, grant: GoogleServiceAccount
    ) -> pulumi.Output[str]:
        from pulumi_gcp import serviceaccount

        child = pulumi.ResourceOptions(parent=self)
        if "@" in grant.service_account:
            email = pulumi.Output.from_input(grant.service_account)
            account = pulumi.Output.from_input(
                f"projects/{project_of(grant.service_account)}/serviceAccounts/{grant.service_account}"
            )
        else:
            made = serviceaccount.Account(
                f"{name}-account",
                serviceaccount.AccountArgs(
                    account_id=grant.service_account,
                    project=grant.project,
                    display_name=f"Pods of {args.namespace}/{args.service_account}",
                ),
                child,
            )
            email, account = made.email, made.name
        may_be_used = serviceaccount.IAMMember(
            f"{name}-may-be-used",
            serviceaccount.IAMMemberArgs(
                service_account_id=account,
                role=MAY_BE_USED,
                member=pod_member(
                    project=grant.project, namespace=args.namespace, service_account=args.service_account
                ),
            ),
            child,
        )
        roles = self._project_roles(
            name, grant.project, grant.project_roles, email.apply(google_service_account_member)
        )
        return pulumi.Output.all(email, may_be_used.urn, *(each.urn for each in roles)).apply(lambda all_: str(all_[0]))

    def _google_principal(self, name: str, args: WorkloadIdentityArgs, grant: GooglePrincipal) -> pulumi.Output[str]:
        member = principal(
            project=grant.project,
            project_number=grant.project_number,
            namespace=args.namespace,
            service_account=args.service_account,
        )
        needed = self._project_roles(name, grant.project, grant.project_roles, member)
        if grant.namespace_roles:
            all_of_them = namespace_principals(
                project=grant.project, project_number=grant.project_number, namespace=args.namespace
            )
            needed += self._project_roles(f"{name}-namespace", grant.project, grant.namespace_roles, all_of_them)
        if grant.bucket_grants:
            from pulumi_gcp import storage

            needed += [
                storage.BucketIAMMember(
                    f"{name}-{each.bucket}-{each.role.rpartition('/')[2]}",
                    storage.BucketIAMMemberArgs(
                        bucket=each.bucket,
                        role=each.role,
                        member=member,
                        condition=storage.BucketIAMMemberConditionArgs(
                            title=args.service_account, expression=each.condition
                        ),
                    ),
                    pulumi.ResourceOptions(parent=self),
                )
                for each in grant.bucket_grants
            ]
        if grant.zone_roles:
            from pulumi_gcp import dns

            needed += [
                dns.DnsManagedZoneIamMember(
                    f"{name}-{zone}",
                    dns.DnsManagedZoneIamMemberArgs(project=grant.project, managed_zone=zone, role=role, member=member),
                    pulumi.ResourceOptions(parent=self),
                )
                for zone, role in sorted(grant.zone_roles.items())
            ]
        return pulumi.Output.all(*(each.urn for each in needed)).apply(lambda _: member)

    def _project_roles(
        self, name: str, project: str, roles: Sequence[str], member: pulumi.Input[str]
    ) -> list[pulumi.Resource]:
        from pulumi_gcp import projects

        return [
            projects.IAMMember(
                f"{name}-{role.rpartition('/')[2]}",
                projects.IAMMemberArgs(project=project, role=role, member=member),
                pulumi.ResourceOptions(parent=self),
            )
            for role in sorted(set(roles))
        ]
