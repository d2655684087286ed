"""What people write out of habit, from Compose files and Kubernetes manifests, and how it is written here."""

import re
from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from components.branch.spec.variables import EnvName
from stacks.settings.errors import inline

_TOGETHER = (
    "take it out: workloads start together, and an app that asks again until its database answers needs no order"
)


def translation(key: str, value: object) -> tuple[str, str] | None:
    """Return rule and fix for a key that means something elsewhere; None for a key that does not.

    Args:
        key: as it was written.
        value: what stands there.
    """
    if key.startswith("x-"):
        return (
            "keys of one's own are not kept here",
            "set the anchor where the value is first used, e.g. probes: &probes {path: /healthz}, and take this out",
        )
    if key in _COMPOSE:
        return f"`{key}` is Compose's", _written(_COMPOSE[key], value)
    if key in _KUBERNETES:
        return f"`{key}` is a manifest's", _written(_KUBERNETES[key], value)
    return None


def _written(fix: str | Callable[[object], str], value: object) -> str:
    return fix if isinstance(fix, str) else fix(value)


def _port(value: object) -> str:
    """Return the port inside of the container: the last number of `8080:80/tcp`."""
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict):
        first = first.get("target") or first.get("containerPort") or ""
    found = re.search(r"([0-9]+)(?:/[a-z]+)?$", str(first))
    return f"write port: {found[1] if found else 8080}, the one that the container listens on; the URL needs no other"


def _variables(value: object) -> str:
    names = value if isinstance(value, dict) else [str(each).partition("=")[0] for each in _list(value)]
    example = ", ".join(f"{name}: <value>" for name in names if _is_variable(name))
    return f"write env: {{{example or 'LOG_LEVEL: debug'}}}"


def _is_variable(name: object) -> bool:
    try:
        TypeAdapter(EnvName).validate_python(name)
    except ValidationError:
        return False
    return True


def _user(name: str) -> str:
    return "write runAs: root" if name in ("root", "0") else f"write security: {{runAsUser: {name}}}, a number"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _renamed(to: str) -> Callable[[object], str]:
    return lambda value: f"write {to}: {inline(value)}"


_COMPOSE: dict[str, str | Callable[[object], str]] = {
    "build": "let CI build the image, and write image: <registry>/<name>:<tag>",
    "container_name": "take it out: the key below `workloads` is the name",
    "depends_on": _TOGETHER,
    "deploy": "write replicas and resources beside the image",
    "entrypoint": _renamed("command"),
    "env_file": "write its lines below env: {<NAME>: <value>}; secrets by secretKeyRef",
    "environment": _variables,
    "expose": _port,
    "healthcheck": "write probes: {path: /healthz}, or probes: {readiness: {command: [...]}}",
    "hostname": "take it out: siblings reach each other at http://<slug>--<workload>, which <WORKLOAD>_URL holds",
    "links": _TOGETHER,
    "networks": "take it out: workloads of one environment reach each other, and others do not",
    "ports": _port,
    "restart": "take it out: Kubernetes restarts what ends",
    "services": "call it workloads: and below it, give the one that browsers talk to routes: [{path: /}]",
    "user": lambda value: _user(str(value).partition(":")[0]),
    "version": "take it out: the schema has no versions",
    "volumes": "write scratch: {/var/cache/app: 1Gi} for what may be lost with the pod; a chart can have volume claims",
}
_KUBERNETES: dict[str, str | Callable[[object], str]] = {
    "containerPort": _port,
    "containers": "write the container's image, port and env here; each further container is a workload of its own",
    "imagePullSecrets": "take it out: the base stack names them (identity.imagePullSecrets)",
    "livenessProbe": "write probes: {liveness: {path: /healthz}}",
    "readinessProbe": "write probes: {path: /healthz}",
    "appProtocol": _renamed("protocol"),
    "replicaCount": _renamed("replicas"),
    "securityContext": "write security: {runAsUser: 1000}",
    "serviceAccountName": _renamed("serviceAccount"),
    "startupProbe": "write probes: {startup: {path: /healthz}}",
}
