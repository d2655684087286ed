"""Environments behind Gateway API's Gateway and HTTPRoutes, which istiod serves, over HTTPS."""

import json
import os
import ssl
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.support import cluster as clusters
from tests.cluster.support.bases import base_up, branches_on
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.gateway import Gateway, HttpsGateway, Requests, one_connection
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, IMAGES, SECOND, SECRETS, Base, Branches, write_config
from tests.cluster.support.waiting import until
from tests.cluster.test_attacks import MINE, Manifest, create, denied, metadata, route

HTTPS_PORT = int(os.environ.get("GATEWAY_HTTPS_PORT", "8443"))


@dataclass(frozen=True, kw_only=True)
class GatewayApi(Base):
    """A base stack that has chosen it, and ends TLS at the gateway."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Switch it on."""
        usual = super().config()["branch-environments:gateway"]
        values = {
            "apps": [{"name": self.app, "domain": self.domain, "isolation": {"images": IMAGES, "secrets": SECRETS}}],
            "gateway": usual | {"httpsPort": int(os.environ.get("ISTIO_HTTPS_PORT", "8443"))},
            "gatewayApi": True,
            "ingress": {"tls": True},
            "publicPort": str(HTTPS_PORT),
        }
        return super().config(**{**values, **more})

    @cached_property
    def authority(self) -> str:
        """The CA of its certificate."""
        secret = self.cluster.get("secret", f"{self.app}-tls", "--namespace=istio-system")
        return b64decode(secret["data"]["ca.crt"]).decode()

    @cached_property
    def gateway(self) -> Gateway:
        """The way in, by HTTPS."""
        return HttpsGateway(HTTPS_PORT, trusting=ssl.create_default_context(cadata=self.authority))


@pytest.fixture(scope="module")
def base(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayApi]:
    """Bring it up."""
    clusters.local("addons", "cert-manager", "gateway-api")
    yield from base_up(GatewayApi, cluster, tmp_path_factory.mktemp("gateway-api"))


@pytest.fixture
def branches(base: GatewayApi) -> Iterator[Branches]:
    """Makes branches on it; destroys them after the test."""
    yield from branches_on(base)


def write(folder: Path, content: dict[str, Any]) -> str:
    """Write an environment file, and return its path."""
    file = folder / "environment.yaml"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def test_a_branch_answers_is_pushed_again_sleeps_wakes_and_goes(base: GatewayApi, branches: Branches) -> None:
    branch = branches("feature/one")
    branch.up(image=FIRST)
    assert base.gateway.until_status(branch.host).json["branch"] == branch.name, "the URL leads to the branch"
    with Requests(base.gateway, branch.host) as requests:
        branch.up(image=SECOND)
        until(lambda: "2.0" in requests.values("version"), what="the new version answers")
        branch.up(image=SECOND, asleep="true", asleepLink="https://gitlab.test/shop/-/merge_requests/7")
        until(lambda: requests.answers[-1].status == 302, what="it sleeps")
        branch.up(image=SECOND, asleep="false")
        until(lambda: requests.answers[-1].status == 200, what="it is awake")
    asleep = [each for each in requests.answers if each.status == 302]
    assert {each.headers["location"] for each in asleep} == {"https://gitlab.test/shop/-/merge_requests/7"}, (
        "to wake it"
    )
    assert {each.headers["x-branch-environment"] for each in asleep} == {"asleep"}, "programs know"
    others = [each for each in requests.answers if each.status not in (200, 302)]
    assert not others, f"no request meets neither, of {len(requests.answers)}: {others[:3]}"
    branch.destroy("--remove").ok()
    branch.until_nothing_is_left()
    branches.forget(branch)
    base.gateway.until_status(branch.host, 404)


def test_a_push_without_a_change_changes_nothing(branches: Branches) -> None:
    branch = branches("feature/same")
    branch.up(image=FIRST)
    again = branch.up(image=FIRST).output
    assert "unchanged" in again, "all is as it was"
    assert "updated" not in again, "what the API server fills in is no change"


def test_paths_hosts_shares_and_origins_are_those_of_the_file(
    base: GatewayApi, branches: Branches, workdir: Path
) -> None:
    branch = branches("feature/several")
    cors = {"allowOrigins": ["https://*.example.com"], "allowMethods": ["GET"], "maxAge": "10m"}
    web = {
        "image": FIRST,
        "canary": {"image": SECOND, "weight": 50},
        "routes": [{"path": "/", "timeout": "90s"}],
    }
    api = {"image": FIRST, "routes": [{"path": "/api", "rewrite": "/", "cors": cors}, {"host": "admin"}]}
    branch.up(environment=write(workdir, {"workloads": {"web": web, "api": api}}))
    gateway = base.gateway
    gateway.until_status(branch.host)
    # The gateway hears of the two Services' pods one after the other.
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the second image answers")
    seen = {gateway.get(branch.host).json["version"] for _ in range(40)}
    assert seen == {"1.0", "2.0"}, "both images answer"
    deep = gateway.until_status(branch.host, path="/api/deep")
    assert deep.json["path"] == "/deep", "the prefix is taken off"
    admin = branch.host.replace(".", "--admin.", 1)
    assert gateway.until_status(admin).json["version"] == "1.0", "its other host leads to the other workload"
    asked = {"origin": "https://app.example.com", "access-control-request-method": "GET"}
    preflight = gateway.get(branch.host, "/api", method="OPTIONS", headers=asked)
    assert preflight.headers["access-control-allow-origin"] == "https://app.example.com", (
        "an origin that the file names"
    )
    stranger = gateway.get(branch.host, "/api", method="OPTIONS", headers={**asked, "origin": "https://evil.test"})
    assert "access-control-allow-origin" not in stranger.headers, "and no other"


def test_one_connection_finds_a_branch_that_comes_and_another_one(base: GatewayApi, branches: Branches) -> None:
    first, second = branches("feature/first"), branches("feature/second")
    first.up(image=FIRST)
    base.gateway.until_status(first.host)
    with one_connection(base.authority, HTTPS_PORT, first.host) as ask:
        assert (ask(first.host), ask(second.host)) == (200, 404), "the second one is not there yet"
        second.up(image=FIRST)
        until(lambda: ask(second.host) == 200, what="it answers on the connection that was opened for the first")
        statuses = [ask(each.host) for _ in range(20) for each in (first, second)]
    assert set(statuses) == {200}, "and so do both from now on"


def test_http_leads_to_https(base: GatewayApi, branches: Branches) -> None:
    branch = branches("feature/clear")
    branch.up(image=FIRST)
    clear = Gateway(base.cluster.gateway_port)
    until(lambda: clear.get(branch.host).status == 307, what="HTTP is answered")
    answer = clear.get(branch.host, "/deep?a=1", method="POST")
    assert answer.headers["location"] == f"https://{branch.host}:{HTTPS_PORT}/deep?a=1", "to the same place"


def http_route(base: Base, **spec: Any) -> Manifest:
    """Return an HTTPRoute that breaks no rule, but for what is given."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(base, MINE),
        "spec": {
            "parentRefs": [{"namespace": "istio-system", "name": base.app}],
            "hostnames": [f"{MINE}.{base.domain}"],
            "rules": [{"backendRefs": [{"name": MINE, "port": 80}]}],
            **spec,
        },
    }


_MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web", "namespace": "other", "port": 80}}}
_EXTENSION = {"type": "ExtensionRef", "extensionRef": {"group": "example.com", "kind": "Filter", "name": "mine"}}


def test_an_http_route_that_breaks_no_rule_is_let_through(base: GatewayApi) -> None:
    done = create(base, http_route(base))
    assert done.returncode == 0, f"the attacks below differ from this in one thing each: {done.stderr}"
    side = create(base, http_route(base, hostnames=[f"{MINE}--admin.{base.domain}"]))
    assert side.returncode == 0, f"its other hosts are its own, too: {side.stderr}"


@pytest.mark.parametrize(
    ("rule", "spec"),
    [
        ("host", {"hostnames": ["victim.{domain}"]}),
        ("host", {"hostnames": ["attacker.{domain}", "main.{domain}"]}),
        ("host", {"hostnames": ["*.{domain}"]}),
        ("host", {"hostnames": None}),
        ("gateway", {"parentRefs": [{"namespace": "istio-system", "name": "other"}]}),
        ("gateway", {"parentRefs": [{"name": "{app}"}]}),
        ("gateway", {"parentRefs": [{"group": "", "kind": "Service", "name": "victim"}]}),
        ("gateway", {"parentRefs": None}),
        ("destination", {"rules": [{"backendRefs": [{"name": "web", "namespace": "other", "port": 80}]}]}),
        (
            "destination",
            {"rules": [{"backendRefs": [{"group": "x.io", "kind": "Hostname", "name": "a.b", "port": 80}]}]},
        ),
        ("destination", {"rules": [{"filters": [_MIRROR]}]}),
        ("destination", {"rules": [{"filters": [_EXTENSION]}]}),
        ("destination", {"rules": [{"backendRefs": [{"name": MINE, "port": 80, "filters": [_MIRROR]}]}]}),
    ],
)
def test_an_http_route_that_reaches_for_more(base: GatewayApi, rule: str, spec: dict[str, Any]) -> None:
    filled = json.loads(json.dumps(spec).replace("{domain}", base.domain).replace("{app}", base.app))
    attack = http_route(base, **filled)
    # The API server takes a moment to compile a policy that is new.
    until(lambda: create(base, attack).returncode != 0, what="it is refused")
    denied(create(base, attack), f"rule {rule}", "fix:")


def test_a_virtual_service_is_not_a_branchs_to_make(base: GatewayApi) -> None:
    denied(create(base, route(base)), "forbidden")


def test_a_base_stack_changes_over_and_back_and_branches_follow_with_their_next_deploy(
    base: GatewayApi, branches: Branches
) -> None:
    branch = branches("feature/over")
    branch.up(image=FIRST)
    base.gateway.until_status(branch.host)
    kinds = "virtualservices,httproutes.gateway.networking.k8s.io"

    def routes() -> list[str]:
        found = base.cluster.get(kinds, f"--namespace={base.namespace}", f"--selector={branch.selector}")["items"]
        return [each["kind"] for each in found]

    try:
        for gateway_api, kind in ((False, "VirtualService"), (True, "HTTPRoute")):
            write_config(base.folder, base.stack, base.config(gatewayApi=gateway_api))
            changed = Pulumi(base.folder, base.env).run("up", "--yes", "--skip-preview", "--stack", base.stack).ok()
            assert f"its routes become {kind}s" in changed.output, "it says whom that concerns"
            branch.up(image=FIRST)
            assert routes() == [kind], "and no other is left"
            base.gateway.until_status(branch.host)
    finally:
        base.up()
