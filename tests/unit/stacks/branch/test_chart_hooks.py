"""Which hooks of a chart run with a push, and in what order."""

from pathlib import Path
from typing import Any

from components.branch.hooks import Hook
from core.labels import INPUTS_ANNOTATION
from stacks.branch.chart_hooks import Ran, inputs_of, plan_hooks, running
from tests.unit.recording import BASE_CONTRACT, Recorder, run_program
from tests.unit.stacks.branch.test_chart_checks import CONFIG, RIGHT, STACK

ALWAYS, INSTALL, UPGRADE = "pre-install, pre-upgrade", "pre-install", "post-upgrade"


def hook(name: str, events: str, weight: object = 0, kind: str = "Job", **more: Any) -> dict[str, Any]:
    """Return a hook as it is rendered."""
    annotations = {"helm.sh/hook": events, "helm.sh/hook-weight": str(weight)}
    metadata = {"name": f"feature-x-{name}", "namespace": "shop", "annotations": annotations}
    return {"apiVersion": "batch/v1" if kind == "Job" else "v1", "kind": kind, "metadata": metadata, **more}


def job(name: str, events: str, weight: object = 0) -> dict[str, Any]:
    """Return a Job that an environment takes."""
    spec = {"ttlSecondsAfterFinished": 5, "template": {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}}
    return hook(name, events, weight, spec=spec)


def names(hooks: list[Hook]) -> list[str]:
    return [each.name.removeprefix("feature-x-") for each in hooks]


def planned(ran: Ran, inputs: str = "now", *hooks: dict[str, Any]) -> list[Hook]:
    given = hooks or (hook("always", ALWAYS), hook("install", INSTALL), hook("upgrade", UPGRADE))
    return plan_hooks(given, inputs, ran)


def ran(inputs: str, *hooks: str) -> Ran:
    """Return what a stack notes."""
    return Ran.read({"inputs": inputs, "hooks": [f"Job/feature-x-{each}" for each in hooks]})


def test_hooks_run_by_weight_and_what_others_refer_to_comes_first() -> None:
    hooks = [
        hook("job", ALWAYS),
        hook("late", ALWAYS, 10),
        hook("early", ALWAYS, -5),
        hook("settings", ALWAYS, kind="ConfigMap"),
        hook("no-number", ALWAYS, "a"),
        hook("goodbye", "pre-delete"),
        hook("back", "post-rollback"),
    ]
    found = [each["metadata"]["name"].removeprefix("feature-x-") for each in running(hooks)]
    assert found == ["early", "settings", "job", "no-number", "late"], "and none whose moment a branch has not"


def test_the_first_push_is_an_install() -> None:
    first = planned(ran(""))
    assert names(first) == ["always", "install"], "no upgrade"
    assert not any(each.settled for each in first), "all of them may change until they have run"


def test_a_push_of_something_else_is_an_upgrade() -> None:
    second = planned(ran("before", "always", "install"))
    assert names(second) == ["always", "install", "upgrade"], "what ran for the install is still there"
    assert [each.settled for each in second] == [False, True, False], "but does not run again"
    assert [each.when for each in second] == ["pre", "pre", "post"], "each at its moment"


def test_a_push_without_a_change_runs_nothing_new() -> None:
    assert names(planned(ran("now", "always", "install"))) == ["always", "install"], "no upgrade yet"
    assert names(planned(ran("now", "always", "install", "upgrade"))) == ["always", "install", "upgrade"], (
        "what an upgrade ran is not deleted"
    )


def test_a_hook_for_installs_that_a_chart_gets_later_has_missed_its_moment() -> None:
    assert names(planned(ran("before", "always"))) == ["always", "upgrade"], "as with Helm"


def test_another_file_or_value_is_another_deployment(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: a")
    first = inputs_of(tmp_path, {"image": "a:1"}, {})
    assert inputs_of(tmp_path, {"image": "a:1"}, {}) == first, "the same is the same"
    assert inputs_of(tmp_path, {"image": "a:2"}, {}) != first, "another image is not"
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/job.yaml").write_text("kind: Job")
    assert inputs_of(tmp_path, {"image": "a:1"}, {}) != first, "nor is another template"


def test_hooks_are_resources_around_the_chart() -> None:
    secret = hook("password", ALWAYS, -1, kind="Secret", stringData={"password": "x"})
    hooks = [job("migrate", ALWAYS), job("warm", "post-install"), secret]
    app = {**BASE_CONTRACT["apps"]["shop"], "kinds": ["Job", "Secret"]}
    contract = {**BASE_CONTRACT, "apps": {"shop": app}}
    recorder = Recorder(contracts={"base-local": contract}, chart=[*RIGHT, *hooks])
    run_program(STACK, CONFIG, recorder)
    made = {each.name: each for each in recorder.made}
    migrate, warm = made["feature-x-hook-migrate"], made["feature-x-hook-warm"]
    chart = made["feature-x-chart"]
    assert any(urn.endswith(f"::{migrate.name}") for urn in chart.depends_on), "the chart waits for it"
    assert any(urn.endswith("::feature-x-hook-password") for urn in migrate.depends_on), "by weight"
    assert any(urn.endswith("::feature-x-chart") for urn in warm.depends_on), "and this one for the chart"
    assert migrate.metadata["labels"]["branch-environments/slug"] == "feature-x", "it says whose it is"
    assert migrate.metadata["ownerReferences"][0]["kind"] == "ConfigMap", "and goes with the anchor"
    template = migrate.inputs["spec"]["template"]
    assert template["metadata"]["annotations"][INPUTS_ANNOTATION], "it runs again when something is deployed"
    assert "ttlSecondsAfterFinished" not in migrate.inputs["spec"], "one that deletes itself would run again"
    assert recorder.exports["ran"]["hooks"] == [
        "Job/feature-x-migrate",
        "Job/feature-x-warm",
        "Secret/feature-x-password",
    ], "the stack notes what has run"
