"""Who gets in at the gateway, by asking: real istiod and Envoy, tokens of the tests' own making."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.gateway import Answer
from tests.cluster.support.no_environment import is_nobodys
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, IMAGES, Base, Branch, Branches, copy_program
from tests.cluster.support.tokens import ANOTHER_KEY, CI, CI_KEY, KEY, PEOPLE, job_token, public, token
from tests.cluster.support.waiting import until

HEADER = "x-branch-token"
DENIED, UNAUTHORIZED, NO_ROUTE = 403, 401, 404
# As the gateway sees this machine, and addresses that nobody has.
HERE, ELSEWHERE = "198.18.255.1/32", "203.0.113.0/24"


@dataclass(frozen=True, kw_only=True)
class Tokens(Base):
    """A base stack with two apps: one that is closed to whoever has no token, and an open one beside it."""

    @property
    def neighbour(self) -> str:
        """Name of the open app."""
        return f"{self.app}-open"

    def fenced(self, *ranges: str) -> dict[str, Any]:
        """Return an app that is open to some addresses alone."""
        name = f"{self.app}-{'here' if HERE in ranges else 'elsewhere'}"
        return {"name": name, "domain": f"{name}.localhost", "access": {"sourceRanges": ranges}}

    def config(self, **more: Any) -> dict[str, Any]:
        """Close the app."""
        people = {
            "issuer": PEOPLE,
            "audiences": ["branches"],
            "claims": {"groups": ["developers"]},
            "jwks": public(KEY),
            "headers": {"x-user-email": "email"},
        }
        ci = {
            "issuer": CI,
            "audiences": ["branches"],
            "claims": {"project_path": ["acme/shop"]},
            "jwks": public(CI_KEY),
        }
        access = {"kind": "jwt", "jwt": people, "ci": ci, "openPaths": ["/healthz", "/headers/open"]}
        isolation = {"images": IMAGES}
        apps = [
            {"name": self.app, "domain": self.domain, "access": access, "isolation": isolation},
            {"name": self.neighbour, "domain": f"{self.neighbour}.localhost", "isolation": isolation},
            self.fenced(HERE, ELSEWHERE),
            self.fenced(ELSEWHERE),
        ]
        return super().config(apps=apps, **more)


@pytest.fixture(scope="module")
def closed_app(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    """A base stack of this file's own."""
    with slot(cluster) as app:
        program = copy_program(tmp_path_factory.mktemp("access") / "program")
        made = Tokens(cluster=cluster, app=app, folder=program, env=cluster.env)
        made.up()
        yield made
        made.destroy().ok()


@pytest.fixture(scope="module")
def branch(closed_app: Base) -> Iterator[Branch]:
    """A branch of the closed app, which answers whoever is let in."""
    branches = Branches(closed_app)
    made = branches("feature/closed")
    made.up(image=FIRST)
    until(lambda: ask(made, token()).status == 200, what="the branch answers somebody with a token")
    yield made
    branches.remove()


def ask(branch: Branch, bearer: str = "", path: str = "/", *, host: str = "", **headers: str) -> Answer:
    """Ask a branch's URL, with or without a token."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return branch.base.gateway.get(host or branch.host, path, headers={**sent, **({HEADER: bearer} if bearer else {})})


def test_the_right_token_lets_in_and_goes_no_further(branch: Branch) -> None:
    echoed = ask(branch, token(), "/headers").json
    assert echoed["X-User-Email"] == ["carol@example.com"], "the app learns who it is"
    assert "X-Branch-Token" not in echoed, "no code of a branch gets hold of the token"
    assert ask(branch, job_token()).status == 200, "a job's token lets in as well"


BAD: dict[str, tuple[int, str]] = {
    "no token": (DENIED, ""),
    "another key": (UNAUTHORIZED, token(ANOTHER_KEY)),
    "an expired token": (UNAUTHORIZED, token(exp=int(time.time()) - 120)),
    "another audience": (DENIED, token(aud="others")),
    "another issuer": (UNAUTHORIZED, token(iss="https://elsewhere.example.com")),
    "another group": (DENIED, token(groups=["visitors"])),
    "no group": (DENIED, token(groups=[])),
    "a damaged token": (UNAUTHORIZED, token()[:-4] + "AAAA"),
    "no token at all": (UNAUTHORIZED, "carol"),
    "a job of another project": (DENIED, job_token(project_path="acme/other")),
    "a job that claims a group": (DENIED, job_token(project_path="acme/other", groups=["developers"])),
    "people with a project": (DENIED, token(groups=["visitors"], project_path="acme/shop")),
    "a job's issuer with people's key": (UNAUTHORIZED, token(iss=CI, project_path="acme/shop")),
}


@pytest.mark.parametrize(("status", "bearer"), BAD.values(), ids=BAD.keys())
def test_what_is_not_the_right_token_does_not(branch: Branch, status: int, bearer: str) -> None:
    answer = ask(branch, bearer)
    assert answer.status == status, f"the gateway refuses, and the app is not asked: {answer.body[:200]}"
    assert "x-envoy-upstream-service-time" not in answer.headers, "it never got there"


def test_a_cookie_will_do_and_is_taken_out(branch: Branch) -> None:
    echoed = ask(branch, path="/headers", cookie=f"theme=dark; branch-token={token()}; lang=en").json
    assert echoed["Cookie"] == ["theme=dark; lang=en"], "the app's own cookies stay, and this one is nobody's to see"
    echoed = ask(branch, path="/headers", cookie=f"branch-token={token()}").json
    assert "Cookie" not in echoed, "nor is an empty header left"
    assert ask(branch, cookie="branch-token=carol").status == UNAUTHORIZED, "and it must be right"


@pytest.mark.parametrize(
    "form",
    [
        "{host}:1",
        "{host}:443",
        "{host}:08080",
        "{host}.",
        "{host}.:8080",
        "{upper}:9999",
        "{host}:8080:8080",
        "x.{host}",
    ],
)
def test_a_host_that_is_written_otherwise_is_no_way_around(branch: Branch, form: str) -> None:
    host = form.format(host=branch.host, upper=branch.host.upper())
    answer = raw(branch, host)
    assert answer in {b"400", b"403", b"404"}, f"the routes take {host} for the branch's host; policies must, too"


def raw(branch: Branch, host: str, path: str = "/") -> bytes:
    """Ask with a Host header that a client would not write, and give the status."""
    with socket.create_connection(("127.0.0.1", branch.base.cluster.gateway_port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile("rb").readline().split()[1]


def test_a_url_in_the_request_line_is_no_way_around(branch: Branch) -> None:
    neighbour = f"any.{branch.base.app}-open.localhost:{branch.base.cluster.gateway_port}"
    assert raw(branch, neighbour, f"http://{branch.host}:{branch.base.cluster.gateway_port}/") == b"403", (
        "one host counts"
    )


def test_a_forged_header_reaches_nobody(branch: Branch) -> None:
    echoed = ask(branch, job_token(), "/headers", X_User_Email="boss@example.com").json
    assert "X-User-Email" not in echoed, "a token without the claim says nothing, and the client has no say in it"
    echoed = ask(branch, token(), "/headers", X_User_Email="boss@example.com").json
    assert echoed["X-User-Email"] == ["carol@example.com"], "the token's claim, and nothing beside it"
    echoed = ask(branch, path="/headers/open", X_User_Email="boss@example.com").json
    assert "X-User-Email" not in echoed, "not even where nobody is asked for a token"


def test_open_paths_are_open_exactly(branch: Branch) -> None:
    assert ask(branch, path="/healthz").status == 200, "what looks after the branch has no token"
    for path in ("/healthz/", "/healthz/x", "/healthz/../", "/healthz%2f..%2f", "//healthz", "/Healthz", "/healthz;x"):
        assert ask(branch, path=path).status == DENIED, f"{path} is another path"
    assert ask(branch, path="/healthz?x=/../").status == 200, "what is behind the question mark is no path"


def test_another_app_and_its_own_tokens_are_left_alone(closed_app: Tokens, branch: Branch) -> None:
    host = f"none.{closed_app.neighbour}.localhost"
    own = {"Authorization": "Bearer its-own", "Cookie": "session=its-own"}
    assert closed_app.gateway.get(host, headers=own).status == NO_ROUTE, "its requests get as far as the routes"
    assert branch.base.gateway.get(branch.host, headers=own).status == DENIED, "these say nothing at the closed one"


def test_an_app_for_some_addresses_is_for_no_others(closed_app: Tokens) -> None:
    gateway, app = closed_app.gateway, closed_app.app
    for name, status in (("here", NO_ROUTE), ("elsewhere", DENIED)):
        answer = gateway.get(f"none.{app}-{name}.localhost")
        assert answer.status == status, f"{name}: who is let in gets as far as the routes, where there is none"
    forged = {"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7", "X-Envoy-External-Address": "203.0.113.7"}
    answer = gateway.get(f"none.{app}-elsewhere.localhost", headers=forged)
    assert answer.status == DENIED, "nobody is from where they say"


def test_a_host_without_a_branch_shows_its_page_to_whoever_is_let_in(closed_app: Tokens, branch: Branch) -> None:
    host = f"none.{closed_app.domain}"
    page = ask(branch, token(), host=host)
    assert is_nobodys(page), "who is let in learns that there is no such branch"
    refused = ask(branch, host=host)
    assert (refused.status, is_nobodys(refused)) == (DENIED, False), "who is not learns nothing, not even that"
    open_path = ask(branch, path="/healthz", host=host)
    assert (open_path.status, open_path.body) == (NO_ROUTE, ""), "a path that is open to all does not tell either"
    assert "x-branch-environment" not in open_path.headers, "nor by a header"
    assert is_nobodys(ask(branch, token(), "/healthz/", host=host)), "the path alone is left out"


def test_a_sleeping_branch_shows_its_page_to_whoever_is_let_in(branch: Branch) -> None:
    branch.up(image=FIRST, asleep="true")
    asleep = until(lambda: answer if (answer := ask(branch, token())).status == 503 else None, what="the page answers")
    assert asleep, "until gives nothing else"
    assert asleep.headers["x-branch-environment"] == "asleep", "the page, from the gateway itself"
    assert ask(branch).status == DENIED, "who is not let in learns nothing, not even that it sleeps"
    branch.up(image=FIRST, asleep="false")
    until(lambda: ask(branch, token()).status == 200, what="the branch is awake again")
