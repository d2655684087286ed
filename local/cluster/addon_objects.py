"""The cluster objects that an add-on's processes need, as pure functions: namespace, identity, settings."""

import base64

from local.cluster.addon_processes import NAMES

Manifest = dict[str, object]


def of(name: str, *, server_key: str) -> list[Manifest]:
    """What one add-on needs beside the files that come with it.

    Args:
        name: the add-on.
        server_key: any secret text; Argo CD reads its settings only if there is one.
    """
    assert name in NAMES, name
    return [_namespace(name), *_identity(name), *(_argocd(server_key) if name == "argocd" else [])]


def service_account(name: str) -> str:
    """The ServiceAccount, in the namespace of the add-on's name, that it acts as."""
    return {"cert-manager": "cert-manager", "argocd": "argocd-application-controller", "kwok": "kwok"}[name]


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
