"""Which controllers a base stack installs."""

from typing import Any, Literal

from pydantic import Field

from components.strict import Strict

AddonName = Literal["istio", "cert-manager", "aws-load-balancer-controller", "argo-cd", "external-dns"]


class AddonSettings(Strict):
    """One controller; an empty mapping installs it as it is."""

    version: str | None = Field(None, pattern=r"^v?\d+\.\d+\.\d+", examples=["1.31.0"])
    """Version of its chart (of istio: of all its charts). Default: the one that this program pins."""
    values: dict[str, Any] = Field({}, examples=[{"replicaCount": 2}])
    """Values of its chart (of istio: of istiod), set over this program's own."""
