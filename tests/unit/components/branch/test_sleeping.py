"""A sleeping environment: no pods, and a page that says how to wake it."""

from html.parser import HTMLParser
from typing import Any

import pytest

from components.branch.chart import ChartEnvironmentArgs, asleep
from components.branch.sleeping_page import Sleep, sleeping_page
from core.gateway_answers import ASLEEP, STATE_HEADER
from tests.unit.inventory import examples
from tests.unit.recording import ROOT, Recorder, run_program

SEVERAL = {"environment": str(ROOT / "examples/shop/several-workloads.yaml")}
NASTY = "feature/<script>alert('x')</script>&\"{0}%s"
# Browsers fetch nothing else of a page: there is nobody to serve it.
FETCHING = {"script", "img", "link", "iframe", "video", "audio", "object", "embed", "form"}


class Page(HTMLParser):
    """What a browser makes of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, and where it leads."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += data


def page(branch: str = "feature/x", **sleep: Any) -> Page:
    return Page(sleeping_page(app="shop", branch=branch, sleep=Sleep(**sleep)))


def run(stack: str = "shop.x", **config: Any) -> Recorder:
    return run_program(stack, {"image": "shop:1", "asleep": "true", **config})


def the_rule(recorder: Recorder) -> dict[str, Any]:
    (route,) = recorder.of_type(":VirtualService")
    (rule,) = route.inputs["spec"]["http"]
    found: dict[str, Any] = rule
    return found


def test_the_page_says_what_sleeps_why_and_how_to_wake_it() -> None:
    shown = page(reason="nobody used it for 2 days", link="https://gitlab.com/acme/shop/-/merge_requests/1")
    text = " ".join(shown.text.split())
    assert "feature/x is asleep" in text, "a person must know what this is"
    assert "switched off: nobody used it for 2 days." in text, "and why"
    assert "branchenv wake feature/x --app shop" in text, "and what to type"
    assert "push to the branch" in text, "or what to do without the command"
    assert "or start the job wake in GitLab" in text, "or what to start"
    assert shown.links == ["https://gitlab.com/acme/shop/-/merge_requests/1"], "and where"


def test_the_page_goes_without_what_is_not_known() -> None:
    assert "switched off." in " ".join(page().text.split()), "no reason, no empty sentence"
    assert page().links == [], "no link to nowhere"


def test_a_branchs_name_is_shown_and_not_obeyed() -> None:
    shown = page(NASTY, reason=NASTY)
    assert "script" not in shown.tags, "whoever may push a branch must not write pages of the app's domain"
    assert NASTY in shown.text, "the name is shown as it is"
    assert "branchenv wake 'feature/<script>" in shown.text, "what is pasted into a shell is one word"


def test_the_page_needs_nothing_but_itself() -> None:
    assert not FETCHING & set(page().tags), "no pod runs that could serve it"


def test_the_page_fits_what_a_gateway_may_answer_at_once() -> None:
    longest = sleeping_page(
        app="a" * 50, branch="ä" * 244, sleep=Sleep(reason="&" * 200, link="https://x/" + "a" * 490)
    )
    assert len(longest.encode()) < 100_000, "Istio asks for less than 100 KB"


def test_a_sleeping_environment_has_no_pods_and_answers_the_page() -> None:
    recorder = run_program("shop.x", {**SEVERAL, "asleep": "true", "asleepReason": "it was idle"})
    assert [each.inputs["spec"]["replicas"] for each in recorder.of_type(":Deployment")] == [0, 0], "no pod of any"
    rule = the_rule(recorder)
    assert rule["directResponse"]["status"] == 503, "no program takes the page for the app"
    assert "it was idle" in rule["directResponse"]["body"]["string"], "the reason reaches the page"
    headers = rule["headers"]["response"]["set"]
    assert headers["content-type"] == "text/html; charset=utf-8", "a browser shows it"
    assert headers["cache-control"] == "no-store", "nobody sees it once the app is up"
    assert headers[STATE_HEADER] == ASLEEP, "programs tell it from a 503 of the app"
    assert len(recorder.of_type(":Service")) == 2, "what costs nothing stays"


def test_the_page_is_there_before_the_pods_go() -> None:
    (pods,) = run().of_type(":Deployment")
    assert any(urn.endswith("x-virtual-service") for urn in pods.depends_on), "nobody meets a gateway without pods"


def test_the_pods_are_up_before_the_page_goes() -> None:
    recorder = run(asleep="false")
    (route,) = recorder.of_type(":VirtualService")
    assert any(urn.endswith("x-deployment") for urn in route.depends_on), "nobody meets a gateway without pods"
    assert "directResponse" not in the_rule(recorder), "then the app answers"


def test_an_environment_that_wakes_has_pods_behind_the_page() -> None:
    recorder = run(waking="true")
    (pods,) = recorder.of_type(":Deployment")
    assert pods.inputs["spec"]["replicas"] == 1, "they start"
    assert "directResponse" in the_rule(recorder), "and nobody is sent to them yet"


def test_a_second_image_sleeps_too() -> None:
    recorder = run_program("shop.feature-login-df7c7aeb", {**examples()["weights"].config, "asleep": "true"})
    assert {each.inputs["spec"]["replicas"] for each in recorder.of_type(":Deployment")} == {0}, "no pod of it either"


def test_the_output_config_is_what_was_given() -> None:
    given = {"base": "base-local", "branch": "x", "image": "shop:1", "asleep": True, "readyTimeoutSeconds": 60}
    outputs = run(branch="x", readyTimeoutSeconds="60").exports
    assert outputs["config"] == given, "`wake` gives it again, without `asleep`"


def chart(sleep: Sleep | None) -> ChartEnvironmentArgs:
    return ChartEnvironmentArgs(
        app="shop",
        branch="feature/x",
        slug="x",
        namespace="shop",
        gateway="istio-system/gateway",
        host="x",
        url="http://x",
        chart="chart",
        ready_timeout_seconds=60,
        sleep=sleep,
    )


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Deployment", {"replicas": 3, "a": 1}, {"replicas": 0, "a": 1}),
        ("Deployment", {"a": 1}, {"replicas": 0, "a": 1}),
        ("StatefulSet", {"replicas": 3}, {"replicas": 0}),
        ("CronJob", {"schedule": "* * * * *"}, {"schedule": "* * * * *", "suspend": True}),
        ("Service", {"replicas": 3}, {"replicas": 3}),
        ("Job", {"parallelism": 1}, {"parallelism": 1}),
    ],
)
def test_a_charts_objects_sleep_as_their_kind_can(kind: str, spec: dict[str, Any], expected: dict[str, Any]) -> None:
    thing = {"kind": kind, "spec": spec}
    assert asleep(thing, chart(Sleep()))["spec"] == expected, "no pods, and nothing on schedule"
    assert asleep(thing, chart(Sleep(waking=True)))["spec"] == spec, "what wakes is as the chart has it"
    assert asleep(thing, chart(None)) is thing, "awake, the chart decides"


def test_a_charts_route_answers_the_page_until_the_pods_are_up() -> None:
    route = {"kind": "VirtualService", "spec": {"hosts": ["x"], "gateways": ["g"], "http": [{"route": []}]}}
    for sleep in (Sleep(reason="it was idle"), Sleep(reason="it was idle", waking=True)):
        spec = asleep(route, chart(sleep))["spec"]
        assert (spec["hosts"], spec["gateways"]) == (["x"], ["g"]), "the host stays the chart's"
        assert "it was idle" in spec["http"][0]["directResponse"]["body"]["string"], "and answers the page"
    assert asleep(route, chart(None)) is route, "awake, the chart's routes hold"
