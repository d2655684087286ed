"""Which controllers a base stack installs."""

from typing import Any, Literal

from pydantic import Field

from components.strict import Strict

AddonName = Literal["istio", "cert-manager", "aws-load-balancer-controller", "argo-cd", "external-dns"]


class AddonSettings(Strict):
    """One controller; an empty mapping installs it as it is."""

    version: str | None = Field(None, pattern=r"^v?\d+\.\d+\.\d+", examples=["1.31.0"])
    """Version of its chart (of istio: of all its charts). Default: the one that this program pins."""
    repository: str | None = Field(
        None, pattern=r"^(https?://|oci://|/)\S+$", examples=["oci://registry.example.com/charts"]
    )
    """Where its charts come from: a Helm repository (https://), a registry (oci://), or a folder that has them by their
    names, on the machine that runs `pulumi up` (an absolute path; `version` has no effect). Default: its makers'."""
    values: dict[str, Any] = Field({}, examples=[{"replicaCount": 2}])
    """Values of its chart (of istio: of istiod; `global` among them is its CNI plugin's as well), set over this
    program's own."""
    release_values: dict[str, dict[str, Any]] = Field({}, examples=[{"istio-ingressgateway": {"replicaCount": 2}}])
    """Values of its other charts, by release. Istio alone has any: istio-base, istio-cni, istio-ingressgateway."""
