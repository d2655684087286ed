"""The cluster objects that an add-on's processes need, as pure functions: namespace, identity, settings."""

import base64
import json
from pathlib import Path

from local.cluster.addon_processes import HELPER_IMAGE, METRICS_PORT, NAMES
from local.cluster.network import GATEWAY_HTTPS_PORT, GATEWAY_PORT, NODE_ADDRESS
from local.cluster.pki import METRICS_SERVER

Manifest = dict[str, object]

LABEL = "branch-environments/addon"
"""On what must go if its add-on does not run."""


def of(name: str, *, server_key: str, volumes: Path, authority: bytes) -> list[Manifest]:
    """What one add-on needs beside the files that come with it.

    Args:
        name: the add-on.
        server_key: any secret text; Argo CD reads its settings only if there is one.
        volumes: folder of the node in which local-path makes volumes.
        authority: certificate that signed metrics-server's, as PEM.
    """
    assert name in NAMES, name
    if name == "gateway-api":
        return _gateway_service()
    own = {
        "argocd": lambda: _argocd(server_key),
        "local-path": lambda: _local_path(volumes),
        METRICS_SERVER: lambda: _metrics_api(authority),
    }
    return [_namespace(name), *_identity(name), *(own[name]() if name in own else [])]


def _gateway_service() -> list[Manifest]:
    """What a Gateway of Gateway API names as its address: istiod takes its ports for the gateway's.

    The selector is for istiod, which knows the gateway's labels; the gateway is no pod, so its address is said.
    """
    ports = {"http": GATEWAY_PORT, "https": GATEWAY_HTTPS_PORT}
    name, namespace = "istio-ingressgateway", "istio-system"
    return _service_of_node(name, namespace, ports, selector={"istio": "ingressgateway"})


def _metrics_api(authority: bytes) -> list[Manifest]:
    """What leads the API server's requests for metrics to the process."""
    service: Manifest = {"name": METRICS_SERVER, "namespace": METRICS_SERVER, "port": METRICS_PORT}
    registration: Manifest = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io", "labels": {LABEL: METRICS_SERVER}},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "service": service,
            "caBundle": base64.b64encode(authority).decode(),
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    return [*_service_of_node(METRICS_SERVER, METRICS_SERVER, {"https": METRICS_PORT}), registration]


def _service_of_node(
    name: str, namespace: str, ports: dict[str, int], *, selector: dict[str, str] | None = None
) -> list[Manifest]:
    """A Service that leads to a process on the node."""
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            **({"selector": selector} if selector else {}),
            "ports": [{"name": each, "port": port, "targetPort": port} for each, port in ports.items()],
        },
    }
    endpoints: Manifest = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [NODE_ADDRESS]}],
        "ports": [{"name": each, "port": port} for each, port in ports.items()],
    }
    return [service, endpoints]


def service_account(name: str) -> str:
    """The ServiceAccount, in the namespace of the add-on's name, that it acts as."""
    return {"argocd": "argocd-application-controller"}.get(name, name)


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _identity(name: str) -> list[Manifest]:
    account = service_account(name)
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": name}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": account},
            # Argo CD's own role allows everything too; cert-manager's are a dozen, of no use to a cluster for one.
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": name}],
        },
    ]


def _local_path(volumes: Path) -> list[Manifest]:
    script = '#!/bin/sh\nset -eu\nbusybox {} "$VOL_DIR"\n'
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            # The folders are root's.
            "securityContext": {"runAsUser": 0},
            "containers": [{"name": "helper-pod", "image": HELPER_IMAGE, "imagePullPolicy": "IfNotPresent"}],
        },
    }
    nodes = [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(volumes)]}]
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "local-path-config", "namespace": "local-path"},
            "data": {
                "config.json": json.dumps({"nodePathMap": nodes}),
                "helperPod.yaml": json.dumps(helper),
                # Whoever a pod runs as can write there.
                "setup": script.format("mkdir -m 0777 -p"),
                "teardown": script.format("rm -rf"),
            },
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "local-path",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
    ]


def _argocd(server_key: str) -> list[Manifest]:
    # Argo CD's API server, which does not run here, would make both of these.
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "argocd-secret",
                "namespace": "argocd",
                "labels": {"app.kubernetes.io/name": "argocd-secret", "app.kubernetes.io/part-of": "argocd"},
            },
            "data": {"server.secretkey": base64.b64encode(server_key.encode()).decode()},
        },
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default", "namespace": "argocd"},
            "spec": {
                "sourceRepos": ["*"],
                "destinations": [{"namespace": "*", "server": "*"}],
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            },
        },
    ]
