"""What answered until now stays for as long as gateways may lead to it."""

from typing import Any

import pytest

from components.branch import handover
from tests.unit.recording import ROOT, Recorder, run_program

WEIGHTS = {"environment": str(ROOT / "examples/shop/weights.yaml")}
BEFORE = {"config": {"image": "shop:1"}, "services": ["x"]}


class Waits:
    """Notes what was made by the time of each wait, instead of waiting."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.made: list[set[str]] = []

    async def sleep(self, seconds: float) -> None:
        """Take the place of `asyncio.sleep`."""
        assert seconds > 0, "it is a wait"
        self.made.append({each.name for each in self.recorder.made})


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a push of `x` on top of an earlier one."""

    def run(before: dict[str, Any], *, preview: bool = False, **config: Any) -> Waits:
        waits = Waits(Recorder(outputs=before))
        monkeypatch.setattr(handover, "asyncio", waits)
        run_program("shop.x", {"image": "shop:1", **config}, waits.recorder, preview=preview)
        return waits

    return run


def test_a_service_goes_once_gateways_have_left_it(up: Any) -> None:
    waits = up({**BEFORE, "services": ["x", "x--web"]})
    (made,) = waits.made
    assert "x-virtual-service" in made, "the route leads elsewhere first"
    assert waits.recorder.exports["url"], "the program ends after that, and then the engine deletes"
    assert waits.recorder.exports["services"] == ["x"], "and the next push knows what this one has made"


def test_pods_go_to_sleep_once_gateways_show_the_page(up: Any) -> None:
    (made,) = up(BEFORE, asleep="true").made
    assert "x-virtual-service" in made, "the page is there"
    assert "x-deployment" not in made, "and the pods still answer those who do not see it yet"


def test_a_second_image_goes_once_gateways_have_left_it(up: Any) -> None:
    both = up({}, **WEIGHTS).recorder.exports["services"]
    assert both == ["x", "x--canary"], "its share of the requests is a Service's"
    assert len(up({**BEFORE, "services": both}).made) == 1, "which goes as any other"


@pytest.mark.parametrize(
    ("before", "config", "why"),
    [
        ({}, {}, "a first push takes nothing away"),
        (BEFORE, {}, "nor does a second one, whose pods leave by themselves"),
        (BEFORE, WEIGHTS, "nor one that adds a Service"),
        ({**BEFORE, "config": {"asleep": True}}, {"asleep": "true"}, "who sleeps has the page already"),
        ({"config": {"image": "shop:1"}}, {}, "an older program has not noted its Services"),
    ],
)
def test_a_push_that_takes_nothing_away_waits_for_nothing(
    up: Any, before: dict[str, Any], config: dict[str, Any], why: str
) -> None:
    assert not up(before, **config).made, why


def test_a_preview_waits_for_nothing(up: Any) -> None:
    assert not up({**BEFORE, "services": ["x", "x--web"]}, preview=True).made, "it changes no route"
