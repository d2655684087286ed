"""Requests per environment, as the gateway counts them.

Istio's own gateways count `istio_requests_total`; a plain Envoy counts by its cluster, whose name holds the Service.
What matters is the sum per environment, and whether it changed since it was last looked at: a counter that starts again
from zero has changed too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from branchenv.clients import kubeconfig
from branchenv.model.errors import BranchenvError, ExitCode
from core.api_versions import METADATA_ALONE
from core.contract import App, Base
from core.labels import APP_LABEL, SLUG_LABEL

if TYPE_CHECKING:
    import httpx2

PORT = 15090
"""Where every Istio proxy tells its own metrics."""
PATH = "stats/prometheus"
_SECONDS = 10.0
_AT_ONCE = 8

_ISTIO, _ENVOY, _TOTAL = "istio_requests", "envoy_cluster_upstream_rq", "_total"
# outbound|80||web.shop.svc.cluster.local: a subset's name may stand between the bars, a semicolon at the end.
_CLUSTER = re.compile(r"outbound\|\d+\|[^|]*\|(?P<service>[^.|;]+)\.(?P<namespace>[^.|;]+)\.svc\b.*")
_HOST = re.compile(r"(?P<service>[^.]+)\.(?P<namespace>[^.]+)\.svc\b.*")


class Service(NamedTuple):
    """A Service of the cluster."""

    namespace: str
    name: str


class Slug(NamedTuple):
    """An environment, as its objects' labels name it."""

    app: str
    slug: str


def read(base: Base, app: str = "") -> dict[Slug, int]:
    """Ask the gateway for the requests that it has counted, per environment.

    Args:
        base: says where the gateway tells its counts; where it says nothing, every gateway pod is asked through the
            API server.
        app: this app's environments only; empty for all.

    Returns:
        A count for every environment that has a Service; 0 if the gateway knows of no request.

    Raises:
        BranchenvError: the cluster or the gateway does not answer, or one of several gateway pods does not: half a sum
            would look like a change.
    """
    with kubeconfig.connect() as api:
        # By namespace: a job's rights hold in its app's namespace, or its branches', alone.
        apps = {name: each for name, each in base.apps.items() if app in ("", name)}
        namespaces = sorted(place for name, each in apps.items() for place in _places(api, name, each))
        lists = [_items(api, f"/api/v1/namespaces/{namespace}/services", SLUG_LABEL) for namespace in namespaces]
        services = [each for found in lists for each in found]
        owners = {Service(each["namespace"], each["name"]): _owner(each["labels"]) for each in services}
        texts = _from_urls(base.gateway_metrics) if base.gateway_metrics else _from_pods(api, base)
    return by_environment(sum((by_service(text) for text in texts), Counter()), owners)


def _places(api: "httpx2.Client", name: str, app: App) -> list[str]:
    """Return the namespaces that an app's branches are in."""
    if not app.branch_namespace:
        return [app.namespace]
    return [each["name"] for each in _items(api, "/api/v1/namespaces", f"{APP_LABEL}={name},{SLUG_LABEL}")]


def by_environment(counts: Mapping[Service, int], owners: Mapping[Service, Slug]) -> dict[Slug, int]:
    """Sum counts per environment; requests to Services that belong to none are left out."""
    sums = dict.fromkeys(owners.values(), 0)
    for service, owner in owners.items():
        sums[owner] += counts.get(service, 0)
    return sums


def by_service(text: str) -> Counter[Service]:
    """Read requests per Service from a proxy's metrics.

    Args:
        text: in Prometheus' text format.

    Raises:
        BranchenvError: it is not.
    """
    # Imported here: most commands read no metric.
    from prometheus_client.parser import text_string_to_metric_families

    istio: Counter[Service] = Counter()
    envoy: Counter[Service] = Counter()
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _ISTIO + _TOTAL:
                    _add(istio, _HOST.fullmatch(sample.labels.get("destination_service", "")), sample.value)
                elif sample.name == _ENVOY + _TOTAL:
                    _add(envoy, _CLUSTER.fullmatch(sample.labels.get("cluster_name", "")), sample.value)
    except (ValueError, KeyError, IndexError) as e:
        raise _silent(f"its answer is not in Prometheus' text format: {e}") from e
    # Both at once count the same requests twice.
    return istio or envoy


def _add(counts: Counter[Service], found: re.Match[str] | None, value: float) -> None:
    if found:
        counts[Service(found["namespace"], found["service"])] += int(value)


def _from_urls(urls: Iterable[str]) -> list[str]:
    import httpx2

    # Not through a proxy: these addresses are the cluster's own.
    with httpx2.Client(timeout=_SECONDS, trust_env=False) as client:
        return _all(client, list(urls))


def _from_pods(api: "httpx2.Client", base: Base) -> list[str]:
    namespace = base.gateway.partition("/")[0]
    pods = _items(
        api, f"/api/v1/namespaces/{namespace}/pods", base.gateway_selector, fieldSelector="status.phase=Running"
    )
    if not pods:
        raise _silent(f"no pod in {namespace} is labelled {base.gateway_selector}")
    return _all(api, [f"/api/v1/namespaces/{namespace}/pods/{pod['name']}:{PORT}/proxy/{PATH}" for pod in pods])


def _all(client: "httpx2.Client", urls: list[str]) -> list[str]:
    def text(url: str) -> str:
        return _get(client, url, {}, {}).text

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(text, urls))


def _items(api: "httpx2.Client", path: str, selector: str, **more: str) -> list[dict[str, Any]]:
    """List the metadata of objects, which is all that is needed of them."""
    wanted = {"Accept": METADATA_ALONE}
    answer = _get(api, path, wanted, {"labelSelector": selector, **more}).json()
    return [item["metadata"] for item in answer["items"] or []]


def _get(client: "httpx2.Client", url: str, headers: dict[str, str], query: dict[str, str]) -> "httpx2.Response":
    import httpx2

    try:
        return client.get(url, headers=headers, params=query).raise_for_status()
    except httpx2.HTTPError as e:
        raise _silent(f"{url}: {e or type(e).__name__}") from e


def _owner(labels: Mapping[str, str]) -> Slug:
    return Slug(labels.get(APP_LABEL, ""), labels[SLUG_LABEL])


def _silent(rule: str) -> BranchenvError:
    return BranchenvError(
        f"the gateway does not tell its request counts: {rule}",
        fix="set `gateway.metrics` of the base stack to the URL that the gateway's Prometheus metrics are read from",
        code=ExitCode.CLUSTER,
    )
