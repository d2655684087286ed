"""Addresses of the local cluster.

198.18.0.0/15 is set aside for benchmarks (RFC 2544): no home, office or VPN uses it, so the routes
never hide something real. The whole cluster stands in a network namespace of its own, joined to the
machine by one veth pair; its processes may therefore use their usual ports.
"""

from pathlib import Path

HOST_LINK = "be-cluster"
HOST_ADDRESS = "198.18.255.1"
NODE_ADDRESS = "198.18.255.2"
POD_CIDR = "198.18.0.0/17"
PLAYED_POD_CIDR = "198.18.128.0/18"
"""Addresses of pods on nodes that are only played. Who connects to one is told at once that nobody is there."""
SERVICE_CIDR = "198.19.0.0/16"
KUBERNETES_SERVICE = "198.19.0.1"

API_PORT = 6443
API_SERVER = f"https://{NODE_ADDRESS}:{API_PORT}"
GATEWAY_PORT = 8080
"""The port that the Istio Gateway opens inside the cluster's network namespace."""
GATEWAY_HTTPS_PORT = 8443
"""The same for HTTPS, once a Gateway has a server for it."""


def conflicting_route(routes: str) -> str | None:
    """The first line of `ip -4 route` that already uses our addresses without being ours, or None."""
    for line in routes.splitlines():
        if line.startswith(("198.18.", "198.19.")) and f"dev {HOST_LINK}" not in line:
            return line.strip()
    return None


def listening(port: int, table: Path = Path("/proc/net/tcp")) -> bool:
    """Whether some process listens on this TCP port of the loopback or of every address.

    Read from the kernel's table rather than tried with a bind: a trial bind would itself hold the
    port for a moment.
    """
    for line in table.read_text().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        address, _, number = local.partition(":")
        if state == "0A" and int(number, 16) == port and address in ("0100007F", "00000000"):
            return True
    return False
