"""The page of `branchenv list --html`, in a real browser, opened from the disk."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from branchenv.inventory.classify import Cost, Environment
from branchenv.inventory.page import page as written
from branchenv.inventory.states import State
from branchenv.inventory.world import World

NOW = datetime.now(UTC)
HOSTILE = "<script>document.title='taken'</script>"
LONG = "feature/" + "a-name-without-end" * 9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The page, with four environments."""
    rows = [
        ("feature/login", "shop", State.READY, "carol", 3, 5),
        (HOSTILE, "shop", State.FAILING, "dave", 1, 1),
        (LONG, "pay", State.ASLEEP, "dave", 2, 9),
        ("feature/search", "pay", State.READY, "", 4, None),
    ]
    environments = [
        Environment(
            app=app,
            slug=f"s{number}",
            branch=branch,
            state=state,
            owner=owner,
            merge_request=number + 1,
            url=f"http://s{number}.shop.localhost:8080",
            merge_request_url=f"https://gitlab.example.com/{number + 1}",
            created=NOW - timedelta(days=days),
            updated=NOW - timedelta(hours=days),
            expires=NOW + timedelta(days=expires) if expires else None,
            cost=Cost(per_hour=days, per_day=24 * days, currency="EUR"),
        )
        for number, (branch, app, state, owner, days, expires) in enumerate(rows)
    ]
    path = tmp_path / "environments.html"
    path.write_text(written(environments, World(), NOW))
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The page, open; nothing may go wrong in it."""
    context = browser.new_context(offline=True)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    context.close()
    assert errors == [], "no error, and nothing that the page's own policy had to stop"


def branches(page: Page) -> list[str]:
    """Return the branches that are shown, from top to bottom."""
    return page.locator("tbody tr:visible .branch").all_inner_texts()


def test_search_finds_by_any_word_and_counts(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("LOGIN carol")
    assert branches(page) == ["feature/login"], "words of several columns, in any case"
    expect(page.locator("#count")).to_have_text("1 of 4 environments")


def test_filters_by_state_app_and_owner_work_together(page: Page) -> None:
    page.get_by_role("button", name="ready").click()
    page.get_by_label("App").select_option("pay")
    assert branches(page) == ["feature/search"], "ready, and of this app"
    page.get_by_label("Owner").select_option("dave")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    assert len(branches(page)) == 4, "one way back from no result"


def test_columns_sort_both_ways_and_say_so(page: Page) -> None:
    assert branches(page)[0] == HOSTILE, "last updated first"
    head = page.locator("th[data-sort=expires]")
    head.get_by_role("button").click()
    assert branches(page) == [HOSTILE, "feature/login", LONG, "feature/search"], "never expires comes last"
    assert head.get_attribute("aria-sort") == "ascending", "a screen reader hears it"
    head.get_by_role("button").click()
    assert branches(page) == [LONG, "feature/login", HOSTILE, "feature/search"], "and still does, the other way round"


def test_a_state_is_chosen_with_the_keyboard_alone(page: Page) -> None:
    chip = page.get_by_role("button", name="failing")
    chip.focus()
    page.keyboard.press("Enter")
    assert branches(page) == [HOSTILE], "Enter presses it"
    assert chip.get_attribute("aria-pressed") == "true", "a screen reader hears it"


def test_a_hostile_branch_name_is_only_text(page: Page) -> None:
    assert page.title() == "Branch environments", "it did not run"
    assert HOSTILE in branches(page), "it is shown as it is"


def test_links_lead_to_environment_and_merge_request(page: Page) -> None:
    row = page.locator("tr", has_text="feature/login")
    addresses = [link.get_attribute("href") for link in row.get_by_role("link").all()]
    assert addresses == ["http://s0.shop.localhost:8080", "https://gitlab.example.com/1"], "both, in this order"


def test_times_are_relative_and_absolute_on_hover(page: Page) -> None:
    time = page.locator("tr", has_text="feature/login").locator("[data-kind=ago]")
    expect(time).to_have_text("3 hours ago")
    assert str(NOW.year) in (time.get_attribute("title") or ""), "the date, on hover"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "long names break"


def test_dark_is_dark(page: Page) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1], "it follows the system"
