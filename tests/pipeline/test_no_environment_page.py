"""The page of a host that no branch has, in a real browser, at the width of a phone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from components.ingress.no_environment_page import NoEnvironmentPageArgs, no_environment_page
from core.names import slug

DOMAIN = "shop.dev.example.com"
PROJECT = "https://gitlab.com/acme/shop"
ARGS = NoEnvironmentPageArgs(
    app="shop",
    namespace="istio-system",
    gateway="gateway",
    domain=DOMAIN,
    project_url=PROJECT,
    environments_url=f"{PROJECT}/-/environments",
)
PHONE = {"width": 320, "height": 640}
Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open the page of a host; nothing may go wrong in it, and nothing else may be asked for."""
    contexts, errors, asked = [], list[str](), list[str]()

    def open_page(host: str, *, scripts: bool = True) -> Page:
        context = browser.new_context(viewport=PHONE, java_script_enabled=scripts)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        html = no_environment_page(ARGS, DOMAIN)
        page.route("**/*", lambda route: route.fulfill(status=404, body=html, content_type="text/html; charset=utf-8"))
        page.goto(f"https://{host}/deep/down")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == [], "no error"
    assert {url for url in asked if not url.endswith("/favicon.ico")} <= {
        f"https://{each}/deep/down" for each in HOSTS
    }, "the page itself, and nothing else"


LONGEST = slug("a-name-without-end" * 9)
HOSTS = [f"{each}.{DOMAIN}" for each in ("fix-typo", slug("feature/login"), LONGEST)]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (HOSTS[0], "This would be the branch fix-typo."),
        (HOSTS[1], "This would be a branch with a name like feature-login."),
        (HOSTS[2], f"This would be a branch with a name like {LONGEST[:-9]}."),
    ],
    ids=["as it is", "changed", "cut"],
)
def test_it_names_the_branch_as_far_as_a_host_can(opened: Open, host: str, expected: str) -> None:
    page = opened(host)
    expect(page.locator("#branch")).to_have_text(expected)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], "a phone shows it without scrolling sideways"


def test_without_scripts_it_says_where_the_name_is(opened: Open) -> None:
    page = opened(HOSTS[0], scripts=False)
    expect(page.locator("#branch")).to_contain_text("The first part of this address is the branch's name")
    expect(page.get_by_role("link", name="Environments of shop")).to_have_attribute("href", f"{PROJECT}/-/environments")
