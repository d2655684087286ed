"""The Gateway of a base stack that has chosen Gateway API, and what hangs on it."""

import re
from pathlib import Path
from typing import Any

import pytest

from core.labels import MANAGED_BY, MANAGED_BY_LABEL
from core.route_kinds import HTTP_ROUTE
from stacks.base import gateway_api
from stacks.settings.errors import SettingsError
from tests.unit.recording import Made, Recorder, cluster, run_program


def base(**more: Any) -> dict[str, Any]:
    """Return the config of one with HTTPS and a login."""
    access = {"kind": "external", "login": {"issuer": "https://a.example.com", "clientId": "branches"}}
    return {
        "platform": "local",
        "gatewayApi": True,
        "gateway": {"port": 8080, "httpsPort": 8443},
        "ingress": {"tls": True},
        "apps": [{"name": "shop", "domain": "shop.localhost", "access": access}],
        "loginCredentials": {"shop": {"clientSecret": "hunter2"}},
        **more,
    }


def gateways(recorder: Recorder) -> dict[str, Made]:
    return {each.metadata["name"]: each for each in recorder.of_type("gateway.networking.k8s.io/v1:Gateway")}


def test_it_stands_before_the_pods_that_are_there_and_takes_routes_of_this_project() -> None:
    made = run_program("base-x", base())
    spec = gateways(made)["gateway"].inputs["spec"]
    address = {"type": "Hostname", "value": "istio-ingressgateway.istio-system.svc.cluster.local"}
    assert spec["addresses"] == [address], "without it istiod would make a gateway of its own"
    (listener,) = spec["listeners"]
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 8443), "none is served in clear text"
    assert "hostname" not in listener, "one connection may ask for hosts of all apps"
    wanted = listener["allowedRoutes"]["namespaces"]
    assert wanted == {"from": "Selector", "selector": {"matchLabels": {MANAGED_BY_LABEL: MANAGED_BY}}}, "not anybody's"
    homes = [each for each in made.of_type("v1:Namespace") if each.metadata["name"] != "branch-environments-base-x"]
    assert {each.metadata["labels"][MANAGED_BY_LABEL] for each in homes} == {MANAGED_BY}, "those of apps and logins are"


def test_http_is_another_gateways_which_no_branch_can_use() -> None:
    made = run_program("base-x", base())
    (listener,) = gateways(made)["gateway-redirect"].inputs["spec"]["listeners"]
    assert listener["protocol"] == "HTTP", "for those who come without"
    assert listener["allowedRoutes"] == {"namespaces": {"from": "Same"}}, "its own route alone"
    routes = {each.metadata["name"]: each.inputs["spec"] for each in made.of_type(":HTTPRoute")}
    redirect = routes["gateway-redirect"]["rules"][0]["filters"][0]["requestRedirect"]
    assert (redirect["scheme"], redirect["statusCode"]) == ("https", 307), "with the method that was used"


def test_a_login_has_an_http_route_and_nothing_is_a_virtual_service() -> None:
    made = run_program("base-x", base())
    (login,) = [each for each in made.of_type(":HTTPRoute") if each.metadata["name"] == "shop"]
    assert login.inputs["spec"]["hostnames"] == ["login.shop.localhost"], "for its host"
    assert login.inputs["spec"]["rules"][0]["backendRefs"][0]["name"] == "shop", "to oauth2-proxy"
    assert not made.of_type(":VirtualService"), "the Gateway takes none"


def test_a_cluster_without_the_kinds_is_refused_with_how_to_install_them() -> None:
    nothing = cluster(objects={f"/apis/{HTTP_ROUTE.api_version}": {"resources": []}})
    with pytest.raises(SettingsError, match="kubectl apply --server-side") as caught:
        run_program("base-x", base(), Recorder(cluster=nothing))
    assert caught.value.problems[0].field == "gatewayApi", "what asks for them"
    assert run_program("base-x", base(gatewayApi=False), Recorder(cluster=nothing)).made, (
        "without it they are not needed"
    )


def test_the_kinds_that_are_named_are_those_that_are_tested() -> None:
    modules = (Path(__file__).parents[4] / "local/toolchain/go/go.mod").read_text(encoding="utf-8")
    (version,) = re.findall(r"sigs\.k8s\.io/gateway-api (v\S+)", modules)
    assert f"/download/{version}/" in gateway_api.INSTALLATION, "the local cluster has this version's"
