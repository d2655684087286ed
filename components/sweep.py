"""The sweep, on schedule in the cluster: where CI is down or its schedule was switched off, it still runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.batch.v1 as batch
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.rbac.v1 as rbac

from components.app.deployer import DeployerArgs, role_rules
from core.labels import shared_labels

NAME = "branchenv-sweep"
_LONGEST = 3600
# The CI image's own.
_USER = 10001
_OWN = ["get", "list", "watch", "create", "patch", "update", "delete"]


@dataclass(frozen=True, kw_only=True)
class SweepArgs:
    """What the sweep needs to know."""

    base: str
    """Base stack whose environments it looks after."""
    namespace: str
    """Of the CronJob; made here."""
    image: str
    """With branchenv, the Pulumi CLI, its plugins and git: the CI image."""
    schedule: str
    secret: str
    """Name of the Secret with its variables: Pulumi's backend and its credentials, and a GitLab token."""
    gitlab_url: str
    apply: bool
    """Whether it acts; otherwise its log says what it would do."""
    apps: Sequence[DeployerArgs]
    """Whose environments it looks after, as their deployers know them."""
    gateway_namespace: str

    def __post_init__(self) -> None:
        """Refuse a sweep of nothing."""
        if not self.apps:
            raise ValueError("apps: the sweep would look after nothing; give at least one app")


class Sweep(pulumi.ComponentResource):
    """A CronJob with a ServiceAccount that may touch branch environments and nothing else.

    Type `branch-environments:base:Sweep`. Its rights are Roles in the apps' namespaces, for the kinds that an
    environment file makes; where branches have namespaces of their own, the deployer's ClusterRoles are bound to it as
    well. Left out on purpose: the Secret, which Pulumi's state must not know, and rights for what an app's own chart
    makes beyond these kinds.
    """

    namespace: pulumi.Output[str]
    """Namespace in which the Secret is looked for."""

    def __init__(self, name: str, args: SweepArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Sweep", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = shared_labels(NAME)
        made = core.Namespace(
            f"{name}-namespace",
            metadata=meta.ObjectMetaArgs(
                name=args.namespace, labels={**labels, "pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=child,
        )
        self.namespace = made.metadata.name
        here = meta.ObjectMetaArgs(name=NAME, namespace=self.namespace, labels=labels)
        account = core.ServiceAccount(f"{name}-service-account", metadata=here, opts=child)
        for index, app in enumerate(args.apps):
            if not app.branch_namespaces:
                self._allow(f"{name}-app-{index}", app.namespace, environment_rules(app), account, child)
        self._allow(f"{name}-gateway", args.gateway_namespace, gateway_rules(), account, child)
        batch.CronJob(f"{name}-cron-job", metadata=here, spec=cron_job_spec(args), opts=child)
        self.register_outputs({"namespace": self.namespace})

    def _allow(
        self,
        name: str,
        namespace: pulumi.Input[str],
        rules: Sequence[rbac.PolicyRuleArgs],
        account: core.ServiceAccount,
        child: pulumi.ResourceOptions,
    ) -> None:
        metadata = meta.ObjectMetaArgs(name=NAME, namespace=namespace, labels=shared_labels(NAME))
        role = rbac.Role(f"{name}-role", metadata=metadata, rules=rules, opts=child)
        rbac.RoleBinding(
            f"{name}-role-binding",
            metadata=metadata,
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
            subjects=[
                rbac.SubjectArgs(
                    kind="ServiceAccount", name=account.metadata.name, namespace=account.metadata.namespace
                )
            ],
            opts=child,
        )


def environment_rules(app: DeployerArgs) -> list[rbac.PolicyRuleArgs]:
    """Return the rights on what an environment is made of: to remove it, and to put it to sleep by `pulumi up`."""
    return [*role_rules(app), rbac.PolicyRuleArgs(api_groups=["apps"], resources=["statefulsets"], verbs=_OWN)]


def gateway_rules() -> list[rbac.PolicyRuleArgs]:
    """Return the rights to ask the gateway's pods for their request counts."""
    return [
        rbac.PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["list"]),
        rbac.PolicyRuleArgs(api_groups=[""], resources=["pods/proxy"], verbs=["get"]),
    ]


def cron_job_spec(args: SweepArgs) -> batch.CronJobSpecArgs:
    """Make the CronJob's spec: one sweep at a time, none that hangs for ever, none as root."""
    return batch.CronJobSpecArgs(
        schedule=args.schedule,
        concurrency_policy="Forbid",
        starting_deadline_seconds=600,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        job_template=batch.JobTemplateSpecArgs(
            metadata=meta.ObjectMetaArgs(labels=shared_labels(NAME)),
            spec=batch.JobSpecArgs(
                active_deadline_seconds=_LONGEST,
                # The next one on schedule tries again.
                backoff_limit=0,
                template=core.PodTemplateSpecArgs(
                    # The sidecar would go on after the sweep has ended.
                    metadata=meta.ObjectMetaArgs(labels={**shared_labels(NAME), "sidecar.istio.io/inject": "false"}),
                    spec=_pod(args),
                ),
            ),
        ),
    )


def _pod(args: SweepArgs) -> core.PodSpecArgs:
    variables: Mapping[str, str] = {"CI_SERVER_URL": args.gitlab_url, "HOME": "/tmp"}  # noqa: S108 - an emptyDir
    command = ["branchenv", "sweep", "--all-apps", "--base", args.base]
    return core.PodSpecArgs(
        service_account_name=NAME,
        restart_policy="Never",
        enable_service_links=False,
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=_USER,
            run_as_group=0,
            fs_group=_USER,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[
            core.ContainerArgs(
                name="sweep",
                image=args.image,
                command=[*command, "--apply"] if args.apply else command,
                env=[core.EnvVarArgs(name=name, value=value) for name, value in variables.items()],
                env_from=[core.EnvFromSourceArgs(secret_ref=core.SecretEnvSourceArgs(name=args.secret))],
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "100m", "memory": "256Mi"}, limits={"cpu": "2", "memory": "2Gi"}
                ),
                security_context=core.SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=core.CapabilitiesArgs(drop=["ALL"]),
                ),
                volume_mounts=[core.VolumeMountArgs(name="tmp", mount_path="/tmp")],  # noqa: S108 - an emptyDir
            )
        ],
        volumes=[core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs())],
    )
