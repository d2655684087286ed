"""What istiod tells a proxy: asked for over its own protocol (xDS, state of the world), as the proxy would.

Source: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol. Left out: all that a proxy does with it.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.protobuf import struct_pb2

from benchmarks.lab import APP
from local.cluster.network import NODE_ADDRESS

_TYPE = "type.googleapis.com/envoy.config"
CLUSTERS, ENDPOINTS = f"{_TYPE}.cluster.v3.Cluster", f"{_TYPE}.endpoint.v3.ClusterLoadAssignment"
LISTENERS, ROUTES = f"{_TYPE}.listener.v3.Listener", f"{_TYPE}.route.v3.RouteConfiguration"
_TIMEOUT = 30.0
_QUIET = 1.0
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """Who asks."""

    id: str
    metadata: Mapping[str, Any]


def gateway() -> Proxy:
    """Return the cluster's ingress gateway, by another name."""
    return Proxy(
        id=f"router~{NODE_ADDRESS}~bench.istio-system~istio-system.svc.cluster.local",
        metadata={
            "NAMESPACE": "istio-system",
            "CLUSTER_ID": "Kubernetes",
            "LABELS": {"istio": "ingressgateway", "app": "istio-ingressgateway"},
            "SERVICE_ACCOUNT": "istio-ingressgateway",
            "UNPRIVILEGED_POD": "true",
        },
    )


def sidecar(pod: Mapping[str, Any]) -> Proxy:
    """Return the sidecar that a pod of an app would have."""
    name, address = pod["metadata"]["name"], pod["status"]["podIP"]
    return Proxy(
        id=f"sidecar~{address}~{name}.{APP}~{APP}.svc.cluster.local",
        metadata={
            "NAMESPACE": APP,
            "CLUSTER_ID": "Kubernetes",
            "LABELS": dict(pod["metadata"]["labels"]),
            "SERVICE_ACCOUNT": APP,
            "INTERCEPTION_MODE": "REDIRECT",
        },
    )


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All that a proxy needs to begin."""

    size: int
    """Bytes of the resources."""
    resources: int
    seconds: float
    """From the first question to the last answer."""


class Xds:
    """One proxy's stream."""

    def __init__(self, address: str, proxy: Proxy) -> None:
        self._address, self._proxy = address, proxy
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.Queue[Any] = queue.Queue()
        self._asked: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> Self:
        self._channel = grpc.insecure_channel(self._address, options=[("grpc.max_receive_message_length", _LARGEST)])
        grpc.channel_ready_future(self._channel).result(timeout=_TIMEOUT)
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(self._channel)
        stream = stub.StreamAggregatedResources(iter(self._requests.get, None))
        threading.Thread(target=self._receive, args=(stream,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._requests.put(None)
        self._channel.close()

    def everything(self) -> Configuration:
        """Ask for clusters, endpoints, listeners and routes, as a proxy does when it starts.

        Raises:
            queue.Empty: istiod did not answer in time.
        """
        began = time.perf_counter()
        awaited = {CLUSTERS, LISTENERS}
        self._ask(CLUSTERS)
        self._ask(LISTENERS)
        size = resources = 0
        while awaited:
            answer = self._next(_TIMEOUT)
            size += _size(answer)
            resources += len(answer.resources)
            awaited.discard(answer.type_url)
            follow, names = _follow(answer)
            if names:
                self._ask(follow, names)
                awaited.add(follow)
        return Configuration(size=size, resources=resources, seconds=time.perf_counter() - began)

    def pushed_while(self, step: Callable[[], None]) -> int:
        """Return the bytes that istiod sends by itself while a step is taken, and until it is quiet after it."""
        size = 0
        done = threading.Event()

        def take() -> None:
            step()
            done.set()

        worker = threading.Thread(target=take)
        worker.start()
        quiet_since = time.perf_counter()
        while not done.is_set() or time.perf_counter() - quiet_since < _QUIET:
            try:
                size += _size(self._next(0.1))
                quiet_since = time.perf_counter()
            except queue.Empty:
                continue
        worker.join()
        return size

    def _next(self, seconds: float) -> Any:
        answer = self._answers.get(timeout=seconds)
        if isinstance(answer, Exception):
            raise answer
        # The proxy has taken it.
        names = self._asked.get(answer.type_url, ())
        self._send(answer.type_url, names, version=answer.version_info, nonce=answer.nonce)
        return answer

    def _ask(self, kind: str, names: tuple[str, ...] = ()) -> None:
        self._send(kind, names)

    def _send(self, kind: str, names: tuple[str, ...], *, version: str = "", nonce: str = "") -> None:
        self._asked[kind] = names
        metadata = struct_pb2.Struct()
        metadata.update(dict(self._proxy.metadata))
        self._requests.put(
            discovery_pb2.DiscoveryRequest(
                node=base_pb2.Node(id=self._proxy.id, metadata=metadata),
                type_url=kind,
                resource_names=list(names),
                version_info=version,
                response_nonce=nonce,
            )
        )

    def _receive(self, stream: Iterator[Any]) -> None:
        try:
            for answer in stream:
                self._answers.put(answer)
        except grpc.RpcError as e:
            self._answers.put(e)


def _size(answer: Any) -> int:
    return sum(len(resource.value) for resource in answer.resources)


def _follow(answer: Any) -> tuple[str, tuple[str, ...]]:
    """What a proxy asks for once it has this: endpoints of the clusters, routes of the listeners."""
    if answer.type_url == CLUSTERS:
        clusters = [cluster_pb2.Cluster.FromString(each.value) for each in answer.resources]
        return ENDPOINTS, tuple(
            sorted(_endpoints_of(each) for each in clusters if each.type == cluster_pb2.Cluster.EDS)
        )
    if answer.type_url == LISTENERS:
        listeners = [listener_pb2.Listener.FromString(each.value) for each in answer.resources]
        return ROUTES, tuple(sorted({name for each in listeners for name in _routes_of(each)}))
    return "", ()


def _endpoints_of(cluster: Any) -> str:
    return str(cluster.eds_cluster_config.service_name or cluster.name)


def _routes_of(listener: Any) -> Iterator[str]:
    for chain in [*listener.filter_chains, listener.default_filter_chain]:
        for each in chain.filters:
            manager = http_connection_manager_pb2.HttpConnectionManager()
            if each.typed_config.Is(manager.DESCRIPTOR):
                each.typed_config.Unpack(manager)
                if manager.rds.route_config_name:
                    yield manager.rds.route_config_name
