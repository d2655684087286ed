"""Whether the cluster has what `gatewayApi` needs."""

from core.route_kinds import HTTP_ROUTE
from stacks.cluster_api import ClusterApi, asked
from stacks.settings.errors import Problem, SettingsError

INSTALLATION = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.0/standard-install.yaml"
"""Of its kinds: the newest version with which this was tested."""


def check_gateway_api(stack: str, cluster: ClusterApi) -> None:
    """Refuse a cluster that does not know Gateway API's kinds.

    Args:
        stack: for the message.
        cluster: that is asked.

    Raises:
        SettingsError: it does not.
    """
    if not asked(stack, cluster, lambda: cluster.serves(HTTP_ROUTE.api_version, HTTP_ROUTE.kind)):
        rule = f"the cluster does not know {HTTP_ROUTE.kind} of {HTTP_ROUTE.api_version}"
        install = f"kubectl apply --server-side --filename {INSTALLATION}"
        fix = f"install Gateway API's kinds: {install}; or leave gatewayApi out"
        raise SettingsError(stack, [Problem(field="gatewayApi", value="true", rule=rule, fix=fix)])
