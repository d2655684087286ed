"""The configuration files that the cluster's processes read, as pure functions of the folders."""

import json
from pathlib import Path

from local.cluster.network import GATEWAY_HTTPS_PORT, GATEWAY_PORT, NODE_ADDRESS, POD_CIDR
from local.paths import CONTAINERD_SOCKET

PAUSE_IMAGE = "local.branch-environments/pause:1"


def containerd(debian: Path, state: Path) -> str:
    """Containerd's configuration: roots and socket of its own, so that another one is left alone."""
    return f"""\
version = 2
root = "{state}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
                    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE every sandbox fails with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  BinaryName = "{debian}/usr/sbin/runc"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{cni_plugins(state)}"
  conf_dir = "{cni_configuration(state)}"
"""


def cni_plugins(state: Path) -> Path:
    """The folder of the node's CNI plugins."""
    return state / "cni-plugins"


def cni_configuration(state: Path) -> Path:
    """The folder in which the node's CNI plugins are chained."""
    return state / "config" / "cni"


def cni(state: Path) -> str:
    """Pod networking: one veth and one route per pod (`ptp`), so no bridge and no bridge filtering."""
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": "branch-environments",
            "plugins": [
                {
                    "type": "ptp",
                    "ipam": {
                        "type": "host-local",
                        "dataDir": f"{state}/cni",
                        "ranges": [[{"subnet": POD_CIDR}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        },
        indent=2,
    )


def kubelet(state: Path) -> str:
    """The node agent's configuration."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{state}/pki/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "clusterDNS": [NODE_ADDRESS],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            # Machines differ: cgroup v1 or v2, with systemd or without, with swap or without.
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "podLogsDir": f"{state}/pod-logs",
            "maxPods": 250,
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            # Loaded images cannot be pulled again, and a full disk is the person's to clean.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {
                "memory.available": "50Mi",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
                "imagefs.available": "0%",
                "imagefs.inodesFree": "0%",
            },
        },
        indent=2,
    )


def kube_proxy(kubeconfig: Path) -> str:
    """Service addresses by nftables (needs only `nft`, and scales with the number of branches)."""
    return json.dumps(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "mode": "nftables",
            "clusterCIDR": POD_CIDR,
            "hostnameOverride": "local",
            # Conntrack limits belong to the machine and may be read-only: leave them as they are.
            "conntrack": {"maxPerCore": 0, "min": 0},
        },
        indent=2,
    )


def corefile(kubeconfig: Path) -> str:
    """Cluster DNS: cluster.local only. Pods have no way out of the cluster, so nothing is forwarded."""
    return f"""\
cluster.local:53 in-addr.arpa:53 {{
    bind {NODE_ADDRESS}
    errors
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
    }}
    cache 5
}}
"""


def mesh() -> str:
    """Istiod's mesh configuration. Upstream Envoy has no Istio-only filters (stats, metadata exchange)."""
    return json.dumps(
        {
            "trustDomain": "cluster.local",
            "rootNamespace": "istio-system",
            "enablePrometheusMerge": False,
            "defaultProviders": {},
            "defaultConfig": {"discoveryAddress": "localhost:15012"},
        },
        indent=2,
    )


def forwarder(host_port: int, host_https_port: int) -> str:
    """Envoy's bootstrap for the two listeners on the machine's loopback: TCP to the Istio gateway."""
    ports = {"gateway": (host_port, GATEWAY_PORT), "gateway-https": (host_https_port, GATEWAY_HTTPS_PORT)}
    return json.dumps(
        {
            "static_resources": {
                "listeners": [_listener(name, listens) for name, (listens, _) in ports.items()],
                "clusters": [_upstream(name, port) for name, (_, port) in ports.items()],
            },
        },
        indent=2,
    )


def _listener(name: str, port: int) -> dict[str, object]:
    proxy = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": name,
        "cluster": name,
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
    }


def _upstream(name: str, port: int) -> dict[str, object]:
    address = {"socket_address": {"address": NODE_ADDRESS, "port_value": port}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
