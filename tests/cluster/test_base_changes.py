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
    config[f"{PROJECT}:apps"].append(base.other("new", access=access))
    config[f"{PROJECT}:loginCredentials"][f"{base.app}-new"] = {"clientSecret": SECRET}


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


# What is deleted, by the last part of each resource's type. Nothing is ever replaced.
CHANGES: dict[str, tuple[Change, set[str]]] = {
    "a new app": (a_new_app, set()),
    "a new app with a login": (a_new_app_with_a_login, set()),
    "a login for an app that is there": (a_login_for_an_app, set()),
    "another secret of a login's client": (another_login_secret, set()),
    "another password of a repository": (another_repository_password, set()),
    "another domain of an app": (another_domain, set()),
    "other tokens": (another_token, set()),
    "an app is opened": (an_app_is_opened, {"Access", "AuthorizationPolicy", "RequestAuthentication"}),
    "limits, lifecycle, network": (other_limits, set()),
    "an identity for each branch": (an_identity_for_each_branch, set()),
    "a namespace for each branch": (
        a_namespace_for_each_branch,
        {"Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
    ),
    "the sweep": (the_sweep, set()),
    "an app is removed": (an_app_is_removed, {"Namespace"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_replaces_nothing_and_deletes_what_the_table_says(base: Changing, name: str) -> None:
    change, deleted = CHANGES[name]
    config = base.config()
    change(base, config)
    assert config != base.config(), "it is a change"
    write_config(base.folder, base.stack, config)
    steps = Pulumi(base.folder, base.env).json("preview", "--json", "--stack", base.stack)["steps"]
    done: dict[str, set[str]] = {}
    for step in steps:
        done.setdefault(step["op"], set()).add(step["urn"].split("::")[2].rpartition("$")[2].rpartition(":")[2])
    assert done.keys() <= {"same", "create", "update", "delete"}, f"nothing is replaced, and no door is open: {done}"
    assert done.keys() & {"create", "update", "delete"}, "the preview saw the change"
    found = done.get("delete", set())
    assert found == deleted or (deleted == {"Namespace"} and "Namespace" in found), f"it deletes {sorted(found)}"


def test_the_documents_table_has_every_change() -> None:
    document = Path(DOCUMENT).read_text(encoding="utf-8")
    table = document.partition("## Changes of the config")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z][^|]*?) \|", table, re.MULTILINE)
    assert set(CHANGES) == set(rows) - {"change"}, "what is tested is what people read, and the other way round"
