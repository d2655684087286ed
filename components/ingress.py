"""The one rule of the one Ingress: everything goes to the Istio gateway. Branches never touch it."""

import pulumi_kubernetes.networking.v1 as networking

HEALTH_PATH = "/healthz/ready"
STATUS_PORT = 15021
"""Where Istio's gateway says how it is; its HTTP port answers 404 for a host that it does not know."""


def backend(service: str, port: int) -> networking.IngressBackendArgs:
    """Name the gateway's Service."""
    return networking.IngressBackendArgs(
        service=networking.IngressServiceBackendArgs(name=service, port=networking.ServiceBackendPortArgs(number=port))
    )


def everything(service: str, port: int) -> list[networking.IngressRuleArgs]:
    """Make the rule. It names no host, so a new app adds none, and an ALB's limit of 100 rules is never met."""
    return [
        networking.IngressRuleArgs(
            http=networking.HTTPIngressRuleValueArgs(
                paths=[
                    networking.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend(service, port)),
                ]
            )
        )
    ]
