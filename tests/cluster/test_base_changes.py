"""What a change of a base stack's config replaces and deletes: previews by the official provider of a stack that is up.

The table in docs/base-stack.md says the same to people.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.support.addons import remove_leftovers
from tests.cluster.support.cluster import REPOSITORY, Cluster, local
from tests.cluster.support.login import SECRET, WithLogin, provider
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import PROJECT, copy_program, write_config
from tests.cluster.support.tokens import KEY, PEOPLE, public

DOCUMENT = REPOSITORY / "docs/base-stack.md"


@dataclass(frozen=True, kw_only=True)
class Changing(WithLogin):
    """A base stack with an app behind a login, one behind a token, and an open one, all of it on."""

    def other(self, name: str, **more: Any) -> dict[str, Any]:
        """Return another app."""
        return {"name": f"{self.app}-{name}", "domain": f"{self.app}-{name}.localhost", **more}

    def config(self, **more: Any) -> dict[str, Any]:
        """Return all that a local base stack can have."""
        (first,) = super().config()[f"{PROJECT}:apps"]
        jwt = {"issuer": PEOPLE, "audiences": ["branches"], "jwks": public(KEY)}
        argocd = {"repository": "https://git.example.com/shop.git"}
        apps = [
            {**first, "argocd": argocd, "lifecycle": {"maxEnvironments": 5}},
            self.other("token", access={"kind": "jwt", "jwt": jwt}),
            self.other("open"),
        ]
        own = {"apps": apps, "dataPlane": "sidecar", "repositoryCredentials": {self.app: {"password": "first"}}}
        return super().config(**{**own, **more})


@pytest.fixture(scope="module")
def base(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changing]:
    """Such a base stack, up."""
    local("login")
    local("addons")
    with slot(cluster) as app, provider() as issuer:
        remove_leftovers(cluster, app)
        program = copy_program(tmp_path_factory.mktemp("changes") / "program")
        made = Changing(cluster=cluster, app=app, folder=program, env=cluster.env, issuer=issuer)
        made.up()
        yield made
        made.destroy().ok()


Config = dict[str, Any]
Change = Callable[[Changing, Config], None]


def app(config: Config, index: int = 0) -> Config:
    found: Config = config[f"{PROJECT}:apps"][index]
    return found


def a_new_app(base: Changing, config: Config) -> None:
    config[f"{PROJECT}:apps"].append(base.other("new"))


def a_new_app_with_a_login(base: Changing, config: Config) -> None:
    access = {"kind": "external", "login": base.login}
    config[f"{PROJECT}:apps"].append(base.other("closed", access=access))
    config[f"{PROJECT}:loginCredentials"][f"{base.app}-closed"] = {"clientSecret": SECRET}


def a_login_for_an_app(base: Changing, config: Config) -> None:
    app(config, 2)["access"] = {"kind": "external", "login": base.login}
    config[f"{PROJECT}:loginCredentials"][f"{base.app}-open"] = {"clientSecret": SECRET}


def another_login_secret(base: Changing, config: Config) -> None:
    config[f"{PROJECT}:loginCredentials"][base.app]["clientSecret"] = "another"


def another_repository_password(base: Changing, config: Config) -> None:
    config[f"{PROJECT}:repositoryCredentials"][base.app]["password"] = "another"


def another_domain(base: Changing, config: Config) -> None:
    app(config)["domain"] = f"{base.app}.elsewhere.localhost"


def another_token(_base: Changing, config: Config) -> None:
    app(config, 1)["access"]["jwt"]["audiences"] = ["others"]


def an_app_is_opened(_base: Changing, config: Config) -> None:
    del app(config, 1)["access"]


def other_limits(_base: Changing, config: Config) -> None:
    app(config)["lifecycle"] = {"maxEnvironments": 9, "lifetime": "3d"}
    app(config)["isolation"] |= {"maxReplicas": 3, "network": {"egress": [{"cidr": "10.0.0.0/8"}]}}


def an_identity_for_each_branch(_base: Changing, config: Config) -> None:
    app(config)["identity"] = {"perBranch": True}


def a_namespace_for_each_branch(base: Changing, config: Config) -> None:
    an_identity_for_each_branch(base, config)
    app(config)["isolation"]["namespacePerBranch"] = True


def the_sweep(_base: Changing, config: Config) -> None:
    config[f"{PROJECT}:sweep"] = {"image": "registry.example.com/branchenv:1"}


def an_app_is_removed(_base: Changing, config: Config) -> None:
    del config[f"{PROJECT}:apps"][2]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a preview of a change shows. Nothing is ever replaced."""

    change: Change
    shown: str
    """Name of a resource that is made or updated for this change alone; `{app}` is the app's name."""
    deleted: frozenset[str] = frozenset()
    """What is deleted, by the last part of each resource's type."""


CHANGES = {
    "a new app": Expected(change=a_new_app, shown="{app}-new-namespace"),
    "a new app with a login": Expected(change=a_new_app_with_a_login, shown="logins-{app}-closed-secret"),
    "a login for an app that is there": Expected(change=a_login_for_an_app, shown="{app}-open-login"),
    "another secret of a login's client": Expected(change=another_login_secret, shown="logins-{app}-secret"),
    "another password of a repository": Expected(change=another_repository_password, shown="{app}-repository"),
    "another domain of an app": Expected(change=another_domain, shown="{app}-application"),
    "other tokens": Expected(change=another_token, shown="{app}-token-request-authentication"),
    "an app is opened": Expected(
        change=an_app_is_opened,
        shown="gateway-guard",
        deleted=frozenset({"Access", "AuthorizationPolicy", "RequestAuthentication"}),
    ),
    "limits, lifecycle, network": Expected(change=other_limits, shown="{app}-quota"),
    "an identity for each branch": Expected(change=an_identity_for_each_branch, shown="{app}-accounts-policy"),
    "a namespace for each branch": Expected(
        change=a_namespace_for_each_branch,
        shown="{app}-namespaces-policy",
        deleted=frozenset(
            {"Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
        ),
    ),
    "the sweep": Expected(change=the_sweep, shown="sweep-cron-job"),
    "an app is removed": Expected(change=an_app_is_removed, shown="gateway-gateway", deleted=frozenset({"Namespace"})),
}


def previewed(base: Changing, *names: str) -> set[str]:
    """Preview changes, see that each is shown and that nothing is replaced, and return the types that are deleted."""
    config = base.config()
    for name in names:
        CHANGES[name].change(base, config)
    write_config(base.folder, base.stack, config)
    steps = Pulumi(base.folder, base.env).json("preview", "--json", "--stack", base.stack)["steps"]
    done: dict[str, list[str]] = {}
    for step in steps:
        done.setdefault(step["op"], []).append(step["urn"].split("::", 2)[2])
    assert done.keys() <= {"same", "create", "update", "delete"}, f"nothing is replaced, and no door is open: {done}"
    changed = {urn.rpartition("::")[2] for op in ("create", "update") for urn in done.get(op, [])}
    for name in names:
        assert CHANGES[name].shown.format(app=base.app) in changed, f"{name}: the preview saw it: {sorted(changed)}"
    return {urn.partition("::")[0].rpartition("$")[2].rpartition(":")[2] for urn in done.get("delete", [])}


def test_changes_that_replace_and_delete_nothing(base: Changing) -> None:
    names = [name for name, expected in CHANGES.items() if not expected.deleted]
    deleted = previewed(base, *names)
    assert deleted == set(), f"none of {names} deletes anything: {sorted(deleted)}"


@pytest.mark.parametrize("name", [name for name, expected in CHANGES.items() if expected.deleted])
def test_a_change_replaces_nothing_and_deletes_what_the_table_says(base: Changing, name: str) -> None:
    expected, found = CHANGES[name].deleted, previewed(base, name)
    assert found == expected or (expected == {"Namespace"} and "Namespace" in found), f"it deletes {sorted(found)}"


def test_the_documents_table_has_every_change() -> None:
    document = Path(DOCUMENT).read_text(encoding="utf-8")
    table = document.partition("## Changes of the config")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z][^|]*?) \|", table, re.MULTILINE)
    assert set(CHANGES) == set(rows) - {"change"}, "what is tested is what people read, and the other way round"
