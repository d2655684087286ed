"""The Deployment and Service of one workload, as typed manifests: pure functions of a workload and its names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pulumi_kubernetes.apps.v1 as apps
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from components.labels import BRANCH_ANNOTATION, INSTANCE_LABEL, NAME_LABEL, TRACK_LABEL
from components.quantity import parse_quantity
from components.workload import Amounts, EnvSource, KeyRef, Probe, Probes, Resources, Security, Workload

HTTP = "http"
SERVICE_PORT = 80
STABLE = "stable"
_TMP = "tmp"
_FIRST_UNPRIVILEGED_PORT = 1024
_DEFAULT_REQUESTS = {"cpu": "50m", "memory": "64Mi"}
_DEFAULT_LIMITS = {"cpu": "1", "memory": "512Mi"}


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One workload with everything that its place in the environment decides."""

    name: str
    """Of its Deployment and of its Service."""
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    image: str
    replicas: int
    service_account: str
    env: Mapping[str, str]
    """Variables that the environment gives; the workload's own win."""
    ready_timeout_seconds: int
    owner: meta.OwnerReferenceArgs
    """The environment's anchor."""
    track: str = STABLE

    @property
    def selector(self) -> dict[str, str]:
        """Labels that select its pods and no others. A Deployment's selector can never change: few, and stable."""
        return {key: self.labels[key] for key in (NAME_LABEL, INSTANCE_LABEL)} | {TRACK_LABEL: self.track}


class _Rhythm(NamedTuple):
    """When a probe asks, and when it has heard enough; in seconds."""

    period: int
    timeout: int
    failures: int


def deployment(workload: Workload, placed: Placed) -> apps.DeploymentInitArgs:
    """Make the Deployment: no request fails during a rollout, and nothing waits longer than it must."""
    return apps.DeploymentInitArgs(
        metadata=_metadata(
            placed,
            # `pulumi up` waits until the pods are ready, and says why if they are not.
            {"pulumi.com/timeoutSeconds": str(placed.ready_timeout_seconds)},
        ),
        spec=apps.DeploymentSpecArgs(
            replicas=placed.replicas,
            revision_history_limit=1,
            progress_deadline_seconds=placed.ready_timeout_seconds,
            selector=meta.LabelSelectorArgs(match_labels=placed.selector),
            strategy=apps.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=apps.RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1),
            ),
            template=core.PodTemplateSpecArgs(
                metadata=meta.ObjectMetaArgs(
                    labels=dict(placed.labels) | placed.selector,
                    annotations={BRANCH_ANNOTATION: placed.annotations[BRANCH_ANNOTATION]},
                ),
                spec=_pod(workload, placed),
            ),
        ),
    )


def service(placed: Placed) -> core.ServiceInitArgs:
    """Make the Service: port 80, named so that Istio knows it for HTTP."""
    return core.ServiceInitArgs(
        # The Service awaiter sleeps a fixed 10 s; the Deployment's is the one that tells whether the pods are up.
        metadata=_metadata(placed, {"pulumi.com/skipAwait": "true"}),
        spec=core.ServiceSpecArgs(
            type="ClusterIP",
            selector=placed.selector,
            ports=[core.ServicePortArgs(name=HTTP, port=SERVICE_PORT, target_port=HTTP, protocol="TCP")],
        ),
    )


def _metadata(placed: Placed, annotations: Mapping[str, str]) -> meta.ObjectMetaArgs:
    return meta.ObjectMetaArgs(
        name=placed.name,
        namespace=placed.namespace,
        labels=dict(placed.labels) | {TRACK_LABEL: placed.track},
        annotations=dict(placed.annotations) | dict(annotations),
        owner_references=[placed.owner],
    )


def _pod(workload: Workload, placed: Placed) -> core.PodSpecArgs:
    read_only = workload.security.read_only_root_filesystem
    return core.PodSpecArgs(
        service_account_name=placed.service_account,
        automount_service_account_token=workload.automount_service_account_token,
        # One variable per Service of the namespace, which hundreds of branches share, would fill the environment.
        enable_service_links=False,
        termination_grace_period_seconds=workload.termination_grace_period_seconds,
        security_context=_pod_security(workload),
        containers=[_container(workload, placed)],
        volumes=[core.VolumeArgs(name=_TMP, empty_dir=core.EmptyDirVolumeSourceArgs())] if read_only else None,
    )


def _container(workload: Workload, placed: Placed) -> core.ContainerArgs:
    own = {name: _env_var(name, value) for name, value in workload.env.items()}
    # The environment's variables come first, so that the workload's own may refer to them as $(BRANCH_URL).
    given = [core.EnvVarArgs(name=name, value=value) for name, value in placed.env.items() if name not in own]
    probes = workload.probes
    return core.ContainerArgs(
        name="app",
        image=placed.image,
        image_pull_policy=workload.image_pull_policy,
        command=_listed(workload.command),
        args=_listed(workload.args),
        env=[*given, *own.values()],
        ports=[core.ContainerPortArgs(name=HTTP, container_port=workload.port, protocol="TCP")],
        resources=_resources(workload.resources),
        security_context=_container_security(workload.security),
        startup_probe=_probe(
            _startup(probes),
            path=probes.path,
            # A container that needs long is not killed before `pulumi up` itself gives up.
            defaults=_Rhythm(period=1, timeout=1, failures=placed.ready_timeout_seconds),
        ),
        readiness_probe=_probe(
            probes.readiness or None,
            path=probes.path,
            defaults=_Rhythm(period=1, timeout=2, failures=3),
        ),
        liveness_probe=_probe(
            probes.liveness,
            path=probes.path,
            defaults=_Rhythm(period=10, timeout=5, failures=3),
        ),
        lifecycle=_drain(workload.drain_seconds),
        volume_mounts=(
            [core.VolumeMountArgs(name=_TMP, mount_path="/tmp")]  # noqa: S108 - in the container
            if workload.security.read_only_root_filesystem
            else None
        ),
    )


def _listed(words: tuple[str, ...] | None) -> list[str] | None:
    return list(words) if words is not None else None


def _drain(seconds: int) -> core.LifecycleArgs | None:
    """Keep a pod answering until the gateway has taken it out of its endpoints.

    The kubelet tells the container to stop in the same moment in which istiod hears of it. The `sleep` action needs no
    shell in the image.
    """
    if not seconds:
        return None
    return core.LifecycleArgs(pre_stop=core.LifecycleHandlerArgs(sleep=core.SleepActionArgs(seconds=seconds)))


def _env_var(name: str, value: str | EnvSource) -> core.EnvVarArgs:
    if isinstance(value, str):
        return core.EnvVarArgs(name=name, value=value)
    secret, config_map = value.secret_key_ref, value.config_map_key_ref
    return core.EnvVarArgs(
        name=name,
        value_from=core.EnvVarSourceArgs(
            secret_key_ref=(
                core.SecretKeySelectorArgs(name=secret.name, key=secret.key, optional=_optional(secret))
                if secret
                else None
            ),
            config_map_key_ref=(
                core.ConfigMapKeySelectorArgs(name=config_map.name, key=config_map.key, optional=_optional(config_map))
                if config_map
                else None
            ),
        ),
    )


def _optional(ref: KeyRef) -> bool | None:
    return True if ref.optional else None


def _resources(resources: Resources) -> core.ResourceRequirementsArgs:
    requests = _DEFAULT_REQUESTS | _amounts(resources.requests)
    limits = _DEFAULT_LIMITS | _amounts(resources.limits)
    # Whoever sets one side above (or below) the other side's default means that side alone.
    for what in sorted(requests.keys() & limits.keys()):
        if parse_quantity(requests[what]) > parse_quantity(limits[what]):
            if what in _amounts(resources.requests):
                limits[what] = requests[what]
            else:
                requests[what] = limits[what]
    return core.ResourceRequirementsArgs(requests=requests, limits=limits)


def _amounts(amounts: Amounts) -> dict[str, str]:
    named = {
        "cpu": amounts.cpu,
        "memory": amounts.memory,
        "ephemeral-storage": amounts.ephemeral_storage,
    }
    return {what: amount for what, amount in named.items() if amount is not None}


def _startup(probes: Probes) -> Probe | None:
    """Give the probe that keeps a liveness probe from killing, and requests from reaching, what still starts.

    A readiness probe alone keeps the requests, and sooner: the kubelet asks it at once when a container has begun to
    run, but a startup probe only when its next second comes, and readiness not before that.
    """
    if probes.startup is None:
        return Probe() if probes.liveness or not probes.readiness else None
    return probes.startup or None


def _probe(probe: Probe | None, *, path: str | None, defaults: _Rhythm) -> core.ProbeArgs | None:
    if probe is None:
        return None
    port = probe.port if probe.port is not None else HTTP
    path = probe.path or (path if probe.command is None else None)
    tcp = probe.command is None and path is None
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port=port, scheme="HTTP") if path else None,
        exec_=core.ExecActionArgs(command=list(probe.command)) if probe.command else None,
        tcp_socket=core.TCPSocketActionArgs(port=port) if tcp else None,
        initial_delay_seconds=probe.initial_delay_seconds,
        period_seconds=probe.period_seconds or defaults.period,
        timeout_seconds=probe.timeout_seconds or defaults.timeout,
        failure_threshold=probe.failure_threshold or defaults.failures,
    )


def _pod_security(workload: Workload) -> core.PodSecurityContextArgs:
    security = workload.security
    # A non-root process may bind a port below 1024 only where the kernel is told so; this sysctl is a safe one.
    sysctls = [core.SysctlArgs(name="net.ipv4.ip_unprivileged_port_start", value="0")]
    return core.PodSecurityContextArgs(
        run_as_non_root=security.run_as_non_root,
        run_as_user=security.run_as_user,
        run_as_group=security.run_as_group,
        seccomp_profile=core.SeccompProfileArgs(type=security.seccomp_profile),
        sysctls=sysctls if workload.port < _FIRST_UNPRIVILEGED_PORT else None,
    )


def _container_security(security: Security) -> core.SecurityContextArgs:
    return core.SecurityContextArgs(
        allow_privilege_escalation=security.allow_privilege_escalation,
        read_only_root_filesystem=security.read_only_root_filesystem,
        capabilities=core.CapabilitiesArgs(
            drop=list(security.drop_capabilities) or None,
            add=list(security.add_capabilities) or None,
        ),
    )
