"""The rules of the one Ingress: everything goes to the Istio gateway. Branches never touch it."""

from collections.abc import Sequence

import pulumi_kubernetes.networking.v1 as networking

HEALTH_PATH = "/healthz/ready"
STATUS_PORT = 15021
"""Where Istio's gateway says how it is; its HTTP port answers 404 for a host that it does not know."""


def backend(service: str, port: int) -> networking.IngressBackendArgs:
    """Return the name of the gateway's Service."""
    return networking.IngressBackendArgs(
        service=networking.IngressServiceBackendArgs(name=service, port=networking.ServiceBackendPortArgs(number=port))
    )


def everything(service: str, port: int, hosts: Sequence[str | None] = ()) -> list[networking.IngressRuleArgs]:
    """Make the rules.

    Args:
        service: of the gateway.
        port: of the Service.
        hosts: that requests are for. None: any. One rule then does, to which a new app adds nothing.
    """
    return [
        networking.IngressRuleArgs(
            host=host,
            http=networking.HTTPIngressRuleValueArgs(
                paths=[
                    networking.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend(service, port)),
                ]
            ),
        )
        for host in (hosts or (None,))
    ]
