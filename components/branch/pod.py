"""The Deployment and Service of one workload, as manifests: pure functions of a workload and its names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from components.branch.spec.container import Container
from components.branch.spec.probes import Probe, Probes
from components.branch.spec.resources import Amounts, Resources
from components.branch.spec.security import Security
from components.branch.spec.variables import EnvSource, KeyRef
from components.branch.spec.volume import Volume
from components.branch.spec.workload import Workload
from components.kubernetes_object import present
from core.api_versions import APPS
from core.labels import BRANCH_ANNOTATION, INSTANCE_LABEL, NAME_LABEL, TRACK_LABEL
from core.quantity import parse_quantity

_HTTP_PORT = 80
# What Istio (and whoever else reads it) takes a Service's port for. `http` is said by its name alone.
_APP_PROTOCOL = {"http2": "kubernetes.io/h2c", "grpc": "grpc", "tcp": "tcp"}
STABLE = "stable"
_TMP, _TMP_PATH = "tmp", "/tmp"  # noqa: S108 - in the container
_FIRST_UNPRIVILEGED_PORT = 1024
_VOLUME_GROUP = 65532
"""Which the container is in beside its own: any number that is not root's."""
_LEARNT_SECONDS = 2
"""After which every node knows of a pod that is ready: kube-proxy asks for a second between two of its updates
(`--iptables-min-sync-period`), and a Service's address refuses connections until then."""
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
    owner: Mapping[str, Any]
    """Reference to the environment's anchor."""
    data: str = ""
    """Name of the branch's data."""
    track: str = STABLE
    needed: bool = False
    """Whether a job needs it, and runs once it is up."""

    @property
    def selector(self) -> dict[str, str]:
        """Labels that select its pods and no others. A Deployment's selector can never change: few, and stable."""
        return {key: self.labels[key] for key in (NAME_LABEL, INSTANCE_LABEL)} | {TRACK_LABEL: self.track}


class _Rhythm(NamedTuple):
    """When a probe asks, and when it has heard enough; in seconds."""

    period: int
    timeout: int
    failures: int


def deployment(workload: Workload, placed: Placed) -> dict[str, Any]:
    """Make the Deployment: no request fails during a rollout, and nothing waits longer than it must."""
    spec = {
        "replicas": placed.replicas,
        "revisionHistoryLimit": 1,
        "progressDeadlineSeconds": placed.ready_timeout_seconds,
        "minReadySeconds": _LEARNT_SECONDS if placed.needed else None,
        "selector": {"matchLabels": placed.selector},
        # A volume is for one pod: a second one on another node would wait for it for good.
        "strategy": {"type": "Recreate"}
        if workload.volumes
        else {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {
            "metadata": {
                "labels": dict(placed.labels) | placed.selector,
                "annotations": {BRANCH_ANNOTATION: placed.annotations[BRANCH_ANNOTATION]},
            },
            "spec": _pod(workload, placed),
        },
    }
    return {
        "apiVersion": APPS,
        "kind": "Deployment",
        "metadata": metadata_of(
            placed,
            # `pulumi up` waits until the pods are ready, and says why if they are not.
            {"pulumi.com/timeoutSeconds": str(placed.ready_timeout_seconds)},
        ),
        "spec": present(spec),
    }


def service_port(workload: Workload) -> int:
    """Return the Service's port: HTTP is where a URL without a port leads, anything else where its clients expect it.

    Raises:
        ValueError: if the workload listens on none, and so has no Service.
    """
    if workload.port is None:
        raise ValueError("port: a workload without a port has no Service; give it one")
    return _HTTP_PORT if workload.protocol == "http" else workload.port


def service(workload: Workload, placed: Placed) -> dict[str, Any]:
    """Make the Service: one port, named so that Istio knows what is spoken there."""
    protocol = workload.protocol
    port = {
        "name": protocol,
        "port": service_port(workload),
        "targetPort": protocol,
        "protocol": "TCP",
        "appProtocol": _APP_PROTOCOL.get(protocol),
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        # The Service awaiter sleeps a fixed 10 s; the Deployment's is the one that tells whether the pods are up.
        "metadata": metadata_of(placed, {"pulumi.com/skipAwait": "true"}),
        "spec": {
            "type": "ClusterIP",
            "selector": placed.selector,
            "ports": [present(port)],
        },
    }


def metadata_of(placed: Placed, annotations: Mapping[str, str]) -> dict[str, Any]:
    """Make the metadata of an object that runs its pods, or leads to them.

    Args:
        placed: where it goes.
        annotations: beside those of every object.
    """
    return {
        "name": placed.name,
        "namespace": placed.namespace,
        "labels": dict(placed.labels) | {TRACK_LABEL: placed.track},
        "annotations": dict(placed.annotations) | dict(annotations),
        "ownerReferences": [placed.owner],
    }


def _pod(workload: Workload, placed: Placed) -> dict[str, Any]:
    return {
        **pod_of(workload, placed, _container(workload, placed), port=workload.port),
        "terminationGracePeriodSeconds": workload.termination_grace_period_seconds,
    }


def pod_of(of: Container, placed: Placed, container: dict[str, Any], *, port: int | None = None) -> dict[str, Any]:
    """Make the part of a pod's spec that all have in common.

    Args:
        of: what the file says of the container.
        placed: where it goes.
        container: as the pod has it.
        port: that it listens on.
    """
    spec = {
        "serviceAccountName": placed.service_account,
        "automountServiceAccountToken": of.automount_service_account_token,
        # One variable per Service of the namespace, which hundreds of branches share, would fill the environment.
        "enableServiceLinks": False,
        "securityContext": _pod_security(of.secured, port) | _group_of_volumes(of),
        "containers": [container],
        "volumes": [{"name": name, **source} for name, _, source in _folders(of, placed)] or None,
    }
    return present(spec)


def _container(workload: Workload, placed: Placed) -> dict[str, Any]:
    probes = workload.probes
    container = {
        **container_of(workload, placed),
        "ports": (
            [{"name": workload.protocol, "containerPort": workload.port, "protocol": "TCP"}] if workload.port else None
        ),
        "startupProbe": _probe(
            _startup(probes),
            workload,
            # A container that needs long is not killed before `pulumi up` itself gives up.
            defaults=_Rhythm(period=1, timeout=1, failures=placed.ready_timeout_seconds),
        ),
        "readinessProbe": _probe(
            probes.readiness or None,
            workload,
            defaults=_Rhythm(period=1, timeout=2, failures=3),
        ),
        "livenessProbe": _probe(
            probes.liveness,
            workload,
            defaults=_Rhythm(period=10, timeout=5, failures=3),
        ),
        "lifecycle": _drain(workload.drain_seconds),
    }
    return present(container)


def container_of(of: Container, placed: Placed) -> dict[str, Any]:
    """Make the part of a container that all have in common.

    Args:
        of: what the file says of it.
        placed: where it goes.
    """
    own = {name: _env_var(name, value) for name, value in of.env.items()}
    # The environment's variables come first, so that the container's own may refer to them as $(BRANCH_URL).
    given = [{"name": name, "value": value} for name, value in placed.env.items() if name not in own]
    container = {
        "name": "app",
        "image": placed.image,
        "imagePullPolicy": of.image_pull_policy,
        "command": _listed(of.command),
        "args": _listed(of.args),
        "env": [*given, *own.values()],
        "resources": _resources(of.resources),
        "securityContext": _container_security(of.secured),
        "volumeMounts": [{"name": name, "mountPath": path} for name, path, _ in _folders(of, placed)] or None,
    }
    return present(container)


def claim_name(placed: Placed, volume: str) -> str:
    """Return the name of a volume's claim: `<name of the workload's objects>--<volume>--<data>`."""
    return "--".join(part for part in (placed.name, volume, placed.data) if part)


def _folders(of: Container, placed: Placed) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the writable folders: the name of each one's volume, its path, and what is mounted there."""
    found: list[tuple[str, str, dict[str, Any]]] = [
        (f"scratch-{number}", path, {"emptyDir": {"sizeLimit": size}})
        for number, (path, size) in enumerate(sorted(of.scratch.items()))
    ]
    volumes = _volumes(of)
    for name, volume in sorted(volumes.items()):
        claim = {"persistentVolumeClaim": {"claimName": claim_name(placed, name)}}
        found.append((f"volume-{name}", volume.path, claim))
    if of.security.read_only_root_filesystem and _TMP_PATH not in [path for _, path, _ in found]:
        found.append((_TMP, _TMP_PATH, {"emptyDir": {}}))
    return found


def _volumes(of: Container) -> Mapping[str, Volume]:
    return of.volumes if isinstance(of, Workload) else {}


def _group_of_volumes(of: Container) -> dict[str, Any]:
    """Let the container write to its volumes, whose folders are root's on most storage."""
    if not _volumes(of):
        return {}
    return {"fsGroup": of.secured.run_as_group or _VOLUME_GROUP, "fsGroupChangePolicy": "OnRootMismatch"}


def _listed(words: tuple[str, ...] | None) -> list[str] | None:
    return list(words) if words is not None else None


def _drain(seconds: int) -> dict[str, Any] | None:
    """Keep a pod answering until the gateway has taken it out of its endpoints.

    The kubelet tells the container to stop in the same moment in which istiod hears of it. The `sleep` action needs no
    shell in the image.
    """
    return {"preStop": {"sleep": {"seconds": seconds}}} if seconds else None


def _env_var(name: str, value: str | EnvSource) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": name, "value": value}
    source = {"secretKeyRef": _key(value.secret_key_ref), "configMapKeyRef": _key(value.config_map_key_ref)}
    return {"name": name, "valueFrom": present(source)}


def _key(ref: KeyRef | None) -> dict[str, Any] | None:
    return present({"name": ref.name, "key": ref.key, "optional": ref.optional or None}) if ref else None


def _resources(resources: Resources) -> dict[str, Any]:
    requests = _DEFAULT_REQUESTS | _amounts(resources.requests)
    limits = _DEFAULT_LIMITS | _amounts(resources.limits)
    # Whoever sets one side above (or below) the other side's default means that side alone.
    for what in sorted(requests.keys() & limits.keys()):
        if parse_quantity(requests[what]) > parse_quantity(limits[what]):
            if what in _amounts(resources.requests):
                limits[what] = requests[what]
            else:
                requests[what] = limits[what]
    return {"requests": requests, "limits": limits}


def _amounts(amounts: Amounts) -> dict[str, str]:
    named = {
        "cpu": amounts.cpu,
        "memory": amounts.memory,
        "ephemeral-storage": amounts.ephemeral_storage,
    }
    return {what: amount for what, amount in named.items() if amount is not None}


def _startup(probes: Probes) -> Probe | None:
    """Return the probe that keeps a liveness probe from killing, and requests from reaching, what still starts.

    A readiness probe alone keeps the requests, and sooner: the kubelet asks it at once when a container has begun to
    run, but a startup probe only when its next second comes, and readiness not before that.
    """
    if probes.startup is None:
        return Probe() if probes.liveness or not probes.readiness else None
    return probes.startup or None


def _probe(probe: Probe | None, workload: Workload, *, defaults: _Rhythm) -> dict[str, Any] | None:
    if probe is None:
        return None
    own = probe.command is None and probe.grpc is None and probe.path is None
    path = workload.probes.path if own else probe.path
    grpc = workload.probes.grpc if own else probe.grpc
    number = probe.port if probe.port is not None else workload.port
    if number is None and probe.command is None:
        return None
    port = probe.port if probe.port is not None else workload.protocol
    tcp = probe.command is None and path is None and grpc is None
    asked = {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"} if path else None,
        # The kubelet takes no name of a port here.
        "grpc": {"port": number, "service": grpc} if grpc is not None else None,
        "exec": {"command": list(probe.command)} if probe.command else None,
        "tcpSocket": {"port": port} if tcp else None,
        "initialDelaySeconds": probe.initial_delay_seconds,
        "periodSeconds": probe.period_seconds or defaults.period,
        "timeoutSeconds": probe.timeout_seconds or defaults.timeout,
        "failureThreshold": probe.failure_threshold or defaults.failures,
    }
    return present(asked)


def _pod_security(security: Security, port: int | None) -> dict[str, Any]:
    # A non-root process may bind a port below 1024 only where the kernel is told so; this sysctl is a safe one.
    sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    context = {
        "runAsNonRoot": security.run_as_non_root,
        "runAsUser": security.run_as_user,
        "runAsGroup": security.run_as_group,
        "seccompProfile": {"type": security.seccomp_profile},
        "sysctls": sysctls if port and port < _FIRST_UNPRIVILEGED_PORT else None,
    }
    return present(context)


def _container_security(security: Security) -> dict[str, Any]:
    capabilities = {"drop": list(security.drop_capabilities) or None, "add": list(security.add_capabilities) or None}
    return {
        "allowPrivilegeEscalation": security.allow_privilege_escalation,
        "readOnlyRootFilesystem": security.read_only_root_filesystem,
        "capabilities": present(capabilities),
    }
