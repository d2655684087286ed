"""A login page in front of every branch, as a reviewer meets it: oauth2-proxy, OpenID Connect, a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.cluster.support.cluster import Cluster, local
from tests.cluster.support.gateway import Answer
from tests.cluster.support.login import WithLogin, provider
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, Branch, Branches, copy_program
from tests.cluster.support.tokens import job_token
from tests.cluster.support.waiting import until

FOUND, UNAUTHORIZED, DENIED = 302, 401, 403


@pytest.fixture(scope="module")
def base_with_login(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithLogin]:
    """A base stack of this file's own."""
    local("login")
    with slot(cluster) as app, provider() as issuer:
        program = copy_program(tmp_path_factory.mktemp("login") / "program")
        made = WithLogin(cluster=cluster, app=app, folder=program, env=cluster.env, issuer=issuer)
        made.up()
        yield made
        made.destroy().ok()


@pytest.fixture(scope="module")
def branch(base_with_login: WithLogin) -> Iterator[Branch]:
    """A branch behind the login."""
    branches = Branches(base_with_login)
    made = branches("feature/behind")
    made.up(image=FIRST)
    until(lambda: ask(made, token=job_token()).status == 200, what="the branch answers a job", seconds=40)
    yield made
    branches.remove()


def ask(branch: Branch, path: str = "/", *, token: str = "", **headers: str) -> Answer:
    """Ask as a program does."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return branch.base.gateway.get(branch.host, path, headers={**sent, **({"x-branch-token": token} if token else {})})


def test_who_is_not_logged_in_is_sent_to_the_provider(branch: Branch, base_with_login: WithLogin) -> None:
    answer = ask(branch, "/some/page?x=1")
    assert answer.status == FOUND, f"a browser is sent on: {answer.body}"
    assert answer.headers["location"].startswith(base_with_login.issuer), "to where people log in"
    assert f"login.{base_with_login.domain}" in answer.headers["location"], (
        "and from there back to the one address it knows"
    )
    assert ask(branch, accept="application/json").status == UNAUTHORIZED, "a script is not sent to a page"
    assert ask(branch, "/healthz").status == 200, "what is open needs no login"


# What oauth2-proxy itself answers, whoever asks.
OWN_PATHS = ("/ping", "/ready", "/robots.txt", "/oauth2/static/css/bulma.min.css", "/oauth2/auth", "/oauth2/sign_out")


@pytest.mark.parametrize("path", OWN_PATHS)
def test_a_path_that_the_login_page_has_too_is_not_open(branch: Branch, base_with_login: WithLogin, path: str) -> None:
    answer = ask(branch, path)
    assert answer.status == FOUND, f"{path} is the app's, and nobody is logged in: {answer.body[:200]}"
    assert answer.headers["location"].startswith(base_with_login.issuer), "they are sent to where people log in"
    assert "x-envoy-upstream-service-time" not in answer.headers, "the app was not asked"
    assert ask(branch, path, accept="application/json").status == UNAUTHORIZED, "nor for a script"


def test_a_jobs_token_passes_the_login_and_another_does_not(branch: Branch) -> None:
    echoed = ask(branch, "/headers", token=job_token(), X_Auth_Request_Email="boss@example.com").json
    assert "X-Auth-Request-Email" not in echoed, "whoever passes the login is nobody the client says"
    assert "X-Branch-Token" not in echoed, "and the token is nobody's to see"
    assert ask(branch, token=job_token(project_path="acme/other")).status == DENIED, "another project's is none"
    assert ask(branch, token="x").status == UNAUTHORIZED, "nor is a word"


def test_a_reviewer_logs_in_once_for_all_branches(browser: Browser, branch: Branch, base_with_login: WithLogin) -> None:
    branches = Branches(base_with_login)
    try:
        other = branches("feature/other")
        other.up(image=FIRST)
        until(lambda: ask(other, token=job_token()).status == 200, what="the other branch answers a job")
        page = browser.new_context().new_page()
        log_in(page, f"{branch.url}/some/page", "carol")
        assert page.url == f"{branch.url}/some/page", "back where they wanted to go"
        assert branch.name in page.inner_text("h1"), "and it is the branch"

        page.goto(other.url)
        assert other.name in page.inner_text("h1"), "another branch asks nothing"
        page.goto(f"{other.url}/headers")
        seen = page.inner_text("body")
        assert "carol@example.com" in seen, "the app learns who it is"
        assert "_branch_login" not in seen, "and gets hold of no session"
    finally:
        branches.remove()


def test_a_person_from_elsewhere_is_not_let_in(browser: Browser, branch: Branch, base_with_login: WithLogin) -> None:
    page = browser.new_context().new_page()
    log_in(page, branch.url, "dave")
    assert "Forbidden" in page.inner_text("body"), "the provider knows him, and the app is not for him"
    page.goto(branch.url)
    assert page.url.startswith(base_with_login.issuer), "he is where he began"


def log_in(page: Page, url: str, name: str) -> None:
    """Open a URL, and say at the provider who one is."""
    page.goto(url)
    page.fill("input[name=sub]", name)
    page.click("button:has-text('Authorize')")
    page.wait_for_load_state()
