"""How kinds are addressed. Those of Kubernetes itself are known here; of others the API server is asked."""

from dataclasses import dataclass
from urllib.parse import quote

_GROUPS_OF_KUBERNETES = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
_CLUSTER_WIDE = frozenset(
    {
        "APIService",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CSINode",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "IPAddress",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "ServiceCIDR",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeAttributesClass",
    }
)


@dataclass(frozen=True)
class Kind:
    """How a kind is addressed."""

    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """The path of one object, or without a name of all objects of this kind (in the namespace, if there is one)."""
        root = "/api/" if "/" not in self.api_version else "/apis/"
        where = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        return f"{root}{self.api_version}{where}/{self.plural}" + (f"/{quote(name)}" if name else "")


def builtin_kind(api_version: str, kind: str) -> Kind | None:
    """How a kind of Kubernetes itself is addressed, without asking the server; none for other kinds."""
    group = api_version.rpartition("/")[0]
    if group not in _GROUPS_OF_KUBERNETES:
        return None
    return Kind(api_version, _plural(kind), kind not in _CLUSTER_WIDE)


def _plural(kind: str) -> str:
    name = kind.lower()
    if name == "endpoints":
        return name
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"
