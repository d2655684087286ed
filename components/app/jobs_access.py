"""How an app's jobs get into the cluster: by whom they are in its cloud, for one right."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.rbac.v1 as rbac

from components.app.deployer import RBAC
from core.labels import MANAGED_BY, app_labels

_SEES_THE_CLUSTER = "roles/container.clusterViewer"


@dataclass(frozen=True, kw_only=True)
class EksJobs:
    """An IAM role, which an EKS cluster knows by an access entry."""

    cluster: str
    role_arn: str


@dataclass(frozen=True, kw_only=True)
class GkeJobs:
    """A Google service account, which a GKE cluster knows by its address."""

    project: str
    account: str


@dataclass(frozen=True, kw_only=True)
class AppDeployer:
    """Whose tokens the jobs may ask for."""

    app: str
    namespace: pulumi.Input[str]
    deployer: pulumi.Input[str]
    """Name of the ServiceAccount."""


@dataclass(frozen=True, kw_only=True)
class JobsAccessArgs:
    """What it needs to know."""

    jobs: EksJobs | GkeJobs
    apps: Sequence[AppDeployer]
    """One; or several, where the jobs of one project deploy several apps."""

    def __post_init__(self) -> None:
        """Refuse an entry for nothing."""
        if not self.apps:
            raise ValueError("apps: who may enter has something to do there; give at least one app")


class JobsAccess(pulumi.ComponentResource):
    """Lets the jobs ask for tokens of their apps' deployers, and do nothing else in the cluster.

    Type `branch-environments:base:JobsAccess`. Left out on purpose: the role or account itself, which is there before,
    and the deployer's rights. A token that the jobs are given ends by itself.
    """

    group: pulumi.Output[str]
    """Who has the right: name of a group (EKS) or user (GKE) as RBAC knows it, once it is given."""

    def __init__(self, name: str, args: JobsAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:JobsAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bound = [self._may_ask(name, args.jobs, each) for each in args.apps]
        match args.jobs:
            case EksJobs():
                from pulumi_aws import eks

                entry: pulumi.Resource = eks.AccessEntry(
                    f"{name}-access-entry",
                    eks.AccessEntryArgs(
                        cluster_name=args.jobs.cluster,
                        principal_arn=args.jobs.role_arn,
                        kubernetes_groups=sorted(jobs_group(each.app) for each in args.apps),
                        type="STANDARD",
                    ),
                    child,
                )
                known = jobs_group(args.apps[0].app)
            case GkeJobs():
                from pulumi_gcp import projects

                # Google asks for container.clusters.get before RBAC is asked at all. It allows nothing inside.
                entry = projects.IAMMember(
                    f"{name}-sees-the-cluster",
                    projects.IAMMemberArgs(
                        project=args.jobs.project,
                        role=_SEES_THE_CLUSTER,
                        member=f"serviceAccount:{args.jobs.account}",
                    ),
                    child,
                )
                known = args.jobs.account
        self.group = pulumi.Output.all(entry.urn, *(each.urn for each in bound)).apply(lambda _: known)
        self.register_outputs({"group": self.group})

    def _may_ask(self, name: str, jobs: EksJobs | GkeJobs, app: AppDeployer) -> rbac.RoleBinding:
        child = pulumi.ResourceOptions(parent=self)
        metadata = meta.ObjectMetaArgs(name=f"{app.app}-jobs", namespace=app.namespace, labels=app_labels(app.app))
        role = rbac.Role(
            f"{name}-{app.app}-role",
            metadata=metadata,
            rules=[
                rbac.PolicyRuleArgs(
                    api_groups=[""],
                    resources=["serviceaccounts/token"],
                    resource_names=[app.deployer],
                    verbs=["create"],
                )
            ],
            opts=child,
        )
        subject = (
            rbac.SubjectArgs(kind="Group", name=jobs_group(app.app), api_group=RBAC)
            if isinstance(jobs, EksJobs)
            else rbac.SubjectArgs(kind="User", name=jobs.account, api_group=RBAC)
        )
        return rbac.RoleBinding(
            f"{name}-{app.app}-binding",
            metadata=metadata,
            role_ref=rbac.RoleRefArgs(api_group=RBAC, kind="Role", name=role.metadata.name),
            subjects=[subject],
            opts=child,
        )


def jobs_group(app: str) -> str:
    """Name the group that an EKS access entry puts an app's jobs into. EKS keeps `system:` and `eks:` for itself."""
    return f"{MANAGED_BY}:{app}:jobs"
