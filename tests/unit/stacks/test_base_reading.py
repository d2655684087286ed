"""branchenv reads a base stack's outputs without Pulumi, and must come to the same as the program does."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from branchenv.model.base import CONTRACT, App, Base, read_base
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import Policy, Prices
from stacks.contract import VERSION, AppContract, BaseContract, LifecycleContract, PriceContract, read_contract
from tests.unit.inventory import BASES, base_config
from tests.unit.recording import BASE_OUTPUTS, run_program

FULL: dict[str, Any] = {
    "lifecycle": {
        "lifetime": "2d",
        "longest": "10d",
        "warnBefore": "12h",
        "idleAfter": "1d12h",
        "most": 20,
        "atCap": "sleep",
        "protected": ["release/*"],
    },
    "prices": {"cpuHour": 0.034, "memoryGibHour": 0.0038, "currency": "EUR"},
    "gateway": {"metrics": ["http://192.0.2.1:15090/stats/prometheus"]},
}
# Of a record and of what the contract calls the same.
OTHERWISE_NAMED = {"policy": "lifecycle", "own_accounts": "branch_identity", "own_namespaces": "own_namespace"}
# What branch stacks read, and nobody around them needs.
FOR_THE_PROGRAM = frozenset({"isolation"})


def exported(**config: Any) -> dict[str, Any]:
    apps = [{"name": "shop", "domain": "shop.localhost"}, {"name": "web", "domain": "web.localhost"}]
    return run_program("base-x", {"platform": "local", "apps": apps, **config}).exports


@pytest.mark.parametrize("path", BASES, ids=lambda path: path.stem)
def test_both_readers_find_the_same_in_every_example(path: Any) -> None:
    outputs = run_program(f"base-{path.stem}", base_config(path)).exports
    agree(outputs)


@pytest.mark.parametrize("config", [{}, FULL], ids=["without limits of its own", "with every limit"])
def test_both_readers_find_the_same_limits(config: dict[str, Any]) -> None:
    agree(exported(**config))


def agree(outputs: dict[str, Any]) -> None:
    contract = read_contract(outputs, base="base-x", app="shop" if "shop" in outputs["apps"] else "web", stack="x")
    base = read_base(outputs, "base-x")
    compare(base, contract, {"name"})
    assert base.apps.keys() == contract.apps.keys(), "no app is missed"
    for name, app in base.apps.items():
        assert base.url(name, "x") == contract.url(name, "x"), "people are sent to the URL that was made"
        promised = contract.apps[name]
        compare(app, promised, {"own_accounts", "own_namespaces"})
        own = (promised.branch_identity is not None, promised.own_namespace is not None)
        assert (app.own_accounts, app.own_namespaces) == own, "what they are made with is the program's to know"


def compare(record: Base | App | Policy | Prices, promise: BaseModel, without: set[str]) -> None:
    promised = {**promise.__dict__}
    for field in fields(record):
        if field.name in without or field.name == "apps":
            continue
        name = OTHERWISE_NAMED.get(field.name, field.name)
        value, there = getattr(record, field.name), promised.get(name, promised.get(f"{name}_seconds"))
        if isinstance(there, BaseModel):
            compare(value, there, set())
        else:
            seconds = value.total_seconds() if isinstance(value, timedelta) else value
            assert seconds == there, f"{type(record).__name__}.{field.name} is not what the contract says"


def test_no_promise_is_left_unread() -> None:
    pairs = ((Base, BaseContract), (App, AppContract), (Policy, LifecycleContract), (Prices, PriceContract))
    for record, promise in pairs:
        read = {OTHERWISE_NAMED.get(field.name, field.name) for field in fields(record)}
        promised = {name.removesuffix("_seconds") for name in promise.model_fields} - {"contract", *FOR_THE_PROGRAM}
        assert promised <= read, f"{record.__name__} does not know {promised - read}"


def test_both_readers_know_one_version() -> None:
    assert CONTRACT == VERSION, "a base stack that the program takes must be one that branchenv takes"


def test_an_apps_own_limits_come_before_the_clusters() -> None:
    apps = [
        {"name": "shop", "domain": "shop.localhost", "lifecycle": {"lifetime": "never", "most": 0}},
        {"name": "web", "domain": "web.localhost", "lifecycle": {"lifetime": "1d", "atCap": "refuse"}},
    ]
    base = read_base(exported(**{**FULL, "apps": apps}), "base-x")
    shop, web = base.apps["shop"].policy, base.apps["web"].policy
    assert shop.lifetime is None, "an app may lift a limit of the cluster"
    assert shop.most is None, "any limit"
    assert (web.lifetime, web.at_cap) == (timedelta(days=1), "refuse"), "or set another"
    assert web.most == 20, "what it does not name is the cluster's"


def test_a_base_stack_of_before_has_no_limits() -> None:
    base = read_base(BASE_OUTPUTS, "base-local")
    assert base.app("shop").policy == Policy(warn_before=timedelta()), "new outputs are optional"
    assert base.prices is None, "and no price is made up"


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({}, "never brought up"),
        ({"url": "http://x"}, "no outputs of a base stack"),
        ({**BASE_OUTPUTS, "contract": 0}, "contract 0"),
        ({**BASE_OUTPUTS, "contract": 2}, "use the branchenv that the base was made with"),
        ({**BASE_OUTPUTS, "apps": {"shop": {"namespace": "shop"}}}, "missing or damaged"),
        ({**BASE_OUTPUTS, "port": "all"}, "missing or damaged"),
        ({**BASE_OUTPUTS, "apps": ["shop"]}, "missing or damaged"),
    ],
)
def test_what_is_no_base_stack_is_refused(outputs: dict[str, Any], says: str) -> None:
    with pytest.raises(BranchenvError) as caught:
        read_base(outputs, "base-x")
    assert caught.value.code == ExitCode.BASE, "scripts tell a wrong base stack from other faults"
    assert says in str(caught.value), "a person must learn what to do"
    assert "base-x" in str(caught.value), "and which stack it is"


def test_an_unknown_app_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BranchenvError, match="it has shop") as caught:
        read_base(BASE_OUTPUTS, "base-local").app("shap")
    assert caught.value.code == ExitCode.BASE, "it is the base stack that does not know it"
