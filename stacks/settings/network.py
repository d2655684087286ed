"""Who reaches an app's pods, and whom they reach."""

from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from components.branch.spec.port import Port
from components.strict import Strict, broken
from stacks.settings.fields import Name


def _addresses(value: object) -> object:
    if isinstance(value, str):
        try:
            ip_network(value)
        except ValueError as e:
            raise broken(f"these are no addresses: {e}", "write them as 10.0.0.0/8, or one as 10.1.2.3/32") from e
    return value


def _pattern(value: str) -> str:
    namespace, slash, host = value.partition("/")
    if not (namespace and slash and host) or namespace in {".", "*", "~"}:
        raise broken("a host in the mesh is named with its namespace", "write <namespace>/<host>, e.g. payments/*")
    return value


Addresses = Annotated[str, BeforeValidator(_addresses), Field(examples=["10.0.0.0/8"])]
MeshHost = Annotated[str, StringConstraints(pattern=r"^\S+$"), AfterValidator(_pattern)]


class PeerSettings(Strict):
    """Somebody on the other side: pods of a namespace, or addresses."""

    namespace: Name | None = Field(None, examples=["monitoring"])
    """Namespace of the pods that are meant."""
    pods: dict[str, str] = Field({}, examples=[{"app.kubernetes.io/name": "prometheus"}])
    """Labels of these pods. Default: all of the namespace."""
    cidr: Addresses | None = Field(None, examples=["10.0.0.0/8"])
    """Addresses that are meant, instead of a namespace. Not of pods or Services: some CNIs know these by name only."""
    except_: tuple[Addresses, ...] = Field((), alias="except", examples=[["169.254.169.254/32"]])
    """Addresses among these that are not meant."""
    ports: tuple[Port, ...] = Field((), examples=[[5432]])
    """TCP ports. Default: all ports."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.namespace is None) == (self.cidr is None):
            raise broken("a peer is either a namespace or addresses", "give `namespace` or `cidr`")
        if self.pods and self.namespace is None:
            raise broken("labels choose among the pods of a namespace", "give `namespace` as well", at="pods")
        whole = ip_network(self.cidr) if self.cidr else None
        for each in self.except_:
            part = ip_network(each)
            if whole is None or part.version != whole.version or not part.subnet_of(whole):  # type: ignore[arg-type]
                raise broken(f"{each} is no part of `cidr`", "leave it out, or name what contains it", at="except")
        return self


_CLUSTER_DNS = PeerSettings(namespace="kube-system")
# NodeLocal DNSCache, which GKE may run on every node.
_NODE_DNS = PeerSettings(cidr="169.254.20.10/32")


class NetworkSettings(Strict):
    """NetworkPolicies of an app's namespace. That they are kept is for the cluster's CNI (docs/security.md)."""

    policies: bool = True
    """Whether they are made: a branch's pods are then reached by the gateway and by each other, and by nobody else."""
    ingress: tuple[PeerSettings, ...] = Field((), examples=[[{"namespace": "monitoring"}]])
    """Who else may reach the pods of branches and main."""
    reach_main: bool = False
    """Whether branches' pods may reach main's pods."""
    egress: tuple[PeerSettings, ...] | None = Field(None, examples=[[{"cidr": "10.0.0.0/8", "ports": [5432]}]])
    """Whom branches' pods may reach beside their own branch, names (`dns`), Istio and their cloud identity.
    Default: anybody."""
    dns: tuple[PeerSettings, ...] = (_CLUSTER_DNS, _NODE_DNS)
    """Whom they ask for names, on port 53, where `egress` is given. Default: kube-system and 169.254.20.10; on GKE
    169.254.169.254, too."""


class MeshSettings(Strict):
    """An app's part of the mesh, where pods get Istio's sidecar."""

    mtls: Literal["strict", "permissive"] = "strict"
    """`strict`: pods answer only those that prove by certificate who they are, as the gateway does."""
    hosts: tuple[MeshHost, ...] = Field((), examples=[["payments/*"]])
    """Services elsewhere that pods call, as <namespace>/<host>: without it their proxies know their own branch's."""
