"""What base stacks publish is one model, which the program and branchenv read alike."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from branchenv.clients.base_contract import read_base
from branchenv.clients.kubernetes import Cluster
from branchenv.model.base import app_of
from branchenv.model.errors import BranchenvError, ExitCode
from core import publication
from core.contract import Base, Lifecycle
from core.json_fields import MismatchError, dump, load
from stacks.cluster_api import ClusterApi, asked
from stacks.settings.errors import SettingsError
from tests.unit.inventory import BASES, base_config
from tests.unit.recording import BASE_CONTRACT, CLUSTER, Recorder, run_program

FULL: dict[str, Any] = {
    "lifecycle": {
        "lifetime": "2d",
        "maxLifetime": "10d",
        "warnBefore": "12h",
        "idleAfter": "1d12h",
        "maxEnvironments": 20,
        "onLimit": "sleep",
        "protected": ["release/*"],
    },
    "prices": {"cpuHour": 0.034, "memoryGibHour": 0.0038, "currency": "EUR"},
    "gateway": {"metrics": ["http://192.0.2.1:15090/stats/prometheus"]},
}
APPS = [{"name": "shop", "domain": "shop.localhost"}, {"name": "web", "domain": "web.localhost"}]


def published(recorder: Recorder) -> Any:
    """Return the contract as the cluster has it."""
    (made,) = [each for each in recorder.made if each.name == "contract-config-map"]
    return json.loads(made.inputs["data"][publication.KEY])


def contract(**config: Any) -> Base:
    """Read what a base stack with this config publishes."""
    return load(Base, published(run_program("base-x", {"platform": "local", "apps": APPS, **config})))


def cluster(status: int, answer: Any = None) -> Cluster:
    """Return a cluster that has one answer."""

    def respond(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, json=answer)

    return Cluster(httpx2.Client(base_url="https://cluster", transport=httpx2.MockTransport(respond)))


@pytest.mark.parametrize("path", BASES, ids=lambda path: path.stem)
def test_every_example_publishes_what_the_model_reads(path: Any) -> None:
    made = run_program(f"base-{path.stem}", base_config(path))
    found = published(made)
    assert dump(load(Base, found)) == found, "nothing is written that is not read, and the other way round"
    outputs = {key: made.exports[key] for key in found}
    assert outputs == found, "people are shown the same as outputs"


def test_an_app_may_be_called_as_anything_else_is() -> None:
    base = load(Base, published(run_program("base-x", {"platform": "local", "apps": [{**APPS[0], "name": "gateway"}]})))
    assert base.gateway == "istio-system/gateway", "names of apps are the platform team's to choose"
    assert base.apps.keys() == {"gateway"}, "and its contract is there"


def test_limits_are_published_as_config_has_them() -> None:
    base = contract(**FULL)
    assert base.apps["shop"].lifecycle == Lifecycle(
        lifetime=timedelta(days=2),
        max_lifetime=timedelta(days=10),
        warn_before=timedelta(hours=12),
        idle_after=timedelta(days=1.5),
        max_environments=20,
        on_limit="sleep",
        protected=("release/*",),
    ), "every key of `lifecycle` reaches branchenv"
    assert base.prices, "so do prices"
    assert base.prices.currency == "EUR", "in their currency"


def test_an_apps_own_limits_come_before_the_clusters() -> None:
    apps = [
        {**APPS[0], "lifecycle": {"lifetime": "never", "maxEnvironments": 0}},
        {**APPS[1], "lifecycle": {"lifetime": "1d", "onLimit": "refuse"}},
    ]
    base = contract(**{**FULL, "apps": apps})
    shop, web = base.apps["shop"].lifecycle, base.apps["web"].lifecycle
    assert shop.lifetime is None, "an app may lift a limit of the cluster"
    assert shop.max_environments is None, "any limit"
    assert (web.lifetime, web.on_limit) == (timedelta(days=1), "refuse"), "or set another"
    assert web.max_environments == 20, "what it does not name is the cluster's"


def test_secrets_of_the_base_stack_are_not_in_what_branches_read() -> None:
    credentials = {"shop": {"username": "bot", "password": "hunter2"}}
    source = {"repository": "https://git.example.com/shop.git", "path": "chart"}
    made = run_program(
        "base-x",
        {"platform": "local", "apps": [{**APPS[0], "argocd": source}], "repositoryCredentials": credentials},
    )
    assert "hunter2" not in json.dumps(published(made)), "every branch's pipeline reads it"


def test_branches_may_read_the_contract_and_that_alone() -> None:
    made = run_program("base-x", {"platform": "local", "apps": APPS, "sweep": {"image": "a:1"}})
    home = publication.namespace("base-x")
    (role,) = [each for each in made.of_type("v1:Role") if each.metadata["namespace"] == home]
    assert role.inputs["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["contract"], "verbs": ["get"]}
    ], "who could write it could send another branch anywhere"
    (binding,) = [each for each in made.of_type("v1:RoleBinding") if each.metadata["namespace"] == home]
    readers = {(each["namespace"], each["name"]) for each in binding.inputs["subjects"]}
    everybody = {("shop", "shop-deployer"), ("web", "web-deployer"), ("branch-environments", "branchenv-sweep")}
    assert readers == everybody, "each app's deployer, and the sweep"


@pytest.mark.parametrize(
    ("status", "contract", "says"),
    [
        (404, None, "this cluster has no base stack base-x"),
        (403, None, "kubectl config use-context"),
        (200, {"url": "http://x"}, "damaged"),
        (200, {**BASE_CONTRACT, "contract": 1}, "pulumi up -s base-x"),
        (200, {**BASE_CONTRACT, "contract": 3}, "use the program that base-x was brought up with"),
        (200, {**BASE_CONTRACT, "apps": {"shop": {"namespace": "shop"}}}, "apps.shop.domain is missing"),
        (200, {**BASE_CONTRACT, "port": "all"}, "port cannot be 'all'"),
        (200, {**BASE_CONTRACT, "apps": ["shop"]}, "apps cannot be"),
    ],
)
def test_what_is_no_contract_is_refused(status: int, contract: Any, says: str) -> None:
    with pytest.raises(BranchenvError) as caught:
        read_base(cluster(status, {"data": {publication.KEY: json.dumps(contract)}}), "base-x")
    assert caught.value.code == ExitCode.BASE, "scripts tell a wrong base stack from other faults"
    assert says in str(caught.value), "a person must learn what to do"
    assert "base-x" in str(caught.value), "and which stack it is"


def test_a_cluster_in_trouble_is_not_taken_for_a_missing_base_stack() -> None:
    with pytest.raises(BranchenvError, match="the cluster refuses GET") as caught:
        read_base(cluster(500), "base-x")
    assert caught.value.code == ExitCode.CLUSTER, "the next try may go through"


@pytest.mark.parametrize("status", [401, 500])
def test_a_branch_stack_does_not_take_a_cluster_that_refuses_it_for_a_damaged_base_stack(status: int) -> None:
    api = ClusterApi(
        httpx2.Client(base_url="https://cluster", transport=httpx2.MockTransport(lambda _: httpx2.Response(status)))
    )
    with pytest.raises(SettingsError, match=f"cannot be asked.*{status}") as caught:
        asked("shop.x", api, lambda: api.contract("base-x"))
    assert "KUBECONFIG" in str(caught.value), "a token that has expired is got anew; the base stack is as it was"


def test_an_unknown_app_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BranchenvError, match="it has shop") as caught:
        app_of(load(Base, BASE_CONTRACT), "shap")
    assert caught.value.code == ExitCode.BASE, "it is the base stack that does not know it"


def test_a_newer_base_may_promise_more() -> None:
    assert load(Base, {**BASE_CONTRACT, "more": 1}).cluster == CLUSTER, "a key that is new is no reason to stop"


@pytest.mark.parametrize("value", [True, "5", None, [5]])
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(MismatchError, match="port cannot be"):
        load(Base, {**BASE_CONTRACT, "port": value})


def test_a_name_that_no_namespace_could_have_is_refused_before_anything_is_made() -> None:
    recorder = Recorder()
    name = f"base-{'x' * publication.MAX_BASE}"
    with pytest.raises(Exception, match=f"at most {publication.MAX_BASE} characters"):
        run_program(name, {"platform": "local", "apps": APPS}, recorder)
    assert not recorder.made, "nothing may be made"
