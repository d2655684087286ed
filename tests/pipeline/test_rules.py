"""Which jobs which pipeline has: the component's rules, evaluated by gitlab-ci-local."""

from pathlib import Path

import pytest

from tests.ci_readme import pipeline
from tests.pipeline.support.jobs import Runner
from tests.pipeline.support.manifests import DEFAULT_BRANCH, Checkout, Manifests

BY_HAND = ("redeploy", "rollback", "stop", "wake", "extend")
DEPLOYED = {"branch-deploy": "on_success", **{f"branch-{name}": "manual" for name in BY_HAND}}
BY_HAND_ALONE = dict.fromkeys(DEPLOYED, "manual")
OWN = "1217"  # the project's id, as gitlab-ci-local has it
MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": OWN,
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": DEFAULT_BRANCH,
    "CI_OPEN_MERGE_REQUESTS": "apps/shop!7",
}
OPEN = {"CI_OPEN_MERGE_REQUESTS": "apps/shop!7"}
SCHEDULE = {"CI_PIPELINE_SOURCE": "schedule"}


def _labels(labels: str) -> dict[str, str]:
    return {**MERGE_REQUEST, "CI_MERGE_REQUEST_LABELS": labels}


def _title(title: str) -> dict[str, str]:
    return {**MERGE_REQUEST, "CI_MERGE_REQUEST_TITLE": title}


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checkout]:
    """A repository as the README shows it, at its default branch and at another."""
    repository = Manifests.create(tmp_path_factory.mktemp("rules"), pipeline("usage"))
    return {
        DEFAULT_BRANCH: repository.checkout(DEFAULT_BRANCH),
        "feature/x": repository.push("feature/x", {"environment.yaml": "image: shop.local/shop:1.0\n"}),
    }


def _with_inputs(checkout: Checkout, inputs: dict[str, str]) -> None:
    lines = "".join(f"      {name}: {value}\n" for name, value in inputs.items())
    (checkout.folder / ".gitlab-ci.yml").write_text(pipeline("usage") + lines)


@pytest.mark.parametrize(
    ("branch", "inputs", "variables", "jobs"),
    [
        pytest.param("feature/x", {}, {}, DEPLOYED, id="a push"),
        pytest.param(DEFAULT_BRANCH, {}, {}, {}, id="a push to the default branch"),
        pytest.param("feature/x", {}, {"CI_COMMIT_TAG": "1.0"}, {}, id="a tag"),
        pytest.param("feature/x", {}, OPEN, {}, id="a push with an open merge request, whose pipeline deploys"),
        pytest.param("feature/x", {}, MERGE_REQUEST, DEPLOYED, id="a merge request"),
        pytest.param("feature/x", {"pipelines": "branch"}, OPEN, DEPLOYED, id="branch pipelines: a push"),
        pytest.param("feature/x", {"pipelines": "branch"}, MERGE_REQUEST, {}, id="branch pipelines: a merge request"),
        pytest.param("feature/x", {"pipelines": "merge-request"}, {}, {}, id="merge request pipelines: a push"),
        pytest.param(
            "feature/x",
            {"pipelines": "merge-request"},
            MERGE_REQUEST,
            DEPLOYED,
            id="merge request pipelines: a merge request",
        ),
        pytest.param(
            "feature/x",
            {},
            {**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "99"},
            {},
            id="a fork's merge request, run in this project",
        ),
        pytest.param("feature/x", {"project": "apps/shop"}, {}, DEPLOYED, id="the named project"),
        pytest.param("feature/x", {"project": "apps/other"}, {}, {}, id="a fork, which is not the named project"),
        pytest.param(
            "feature/x", {}, {**MERGE_REQUEST, "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train"}, {}, id="a merge train"
        ),
        pytest.param("feature/x", {}, SCHEDULE, {}, id="a schedule of a branch"),
        pytest.param("feature/x", {"branches": r"^(feature|fix)\/"}, {}, DEPLOYED, id="a branch of the wanted names"),
        pytest.param("feature/x", {"branches": r"^fix\/"}, {}, {}, id="another branch"),
        pytest.param("feature/x", {"branches": r"^fix\/"}, MERGE_REQUEST, {}, id="a merge request of another branch"),
        pytest.param("feature/x", {"label": "env::on"}, {}, {}, id="by label: a push"),
        pytest.param("feature/x", {"label": "env::on"}, MERGE_REQUEST, {}, id="by label: a merge request without"),
        pytest.param("feature/x", {"label": "env::on"}, _labels("a,env::only"), {}, id="by label: with a longer one"),
        pytest.param("feature/x", {"label": "env::on"}, _labels("a,env::on,b"), DEPLOYED, id="by label: with it"),
        pytest.param("feature/x", {}, _title("Draft: x"), DEPLOYED, id="a draft"),
        pytest.param("feature/x", {"drafts": "false"}, _title("Draft: x"), {}, id="no drafts: a draft"),
        pytest.param("feature/x", {"drafts": "false"}, _title("[draft] x"), {}, id="no drafts: an older one's title"),
        pytest.param("feature/x", {"drafts": "false"}, _title("A Draft: x"), DEPLOYED, id="no drafts: what is none"),
        pytest.param("feature/x", {"drafts": "false"}, {}, DEPLOYED, id="no drafts: a push"),
        pytest.param("feature/x", {"start": "manual"}, {}, BY_HAND_ALONE, id="by hand: a push"),
        pytest.param("feature/x", {"start": "manual"}, MERGE_REQUEST, BY_HAND_ALONE, id="by hand: a merge request"),
        pytest.param("feature/x", {"start": "manual"}, OPEN, {}, id="by hand: a push with an open merge request"),
        pytest.param(
            "feature/x",
            {"preview": "true", "label": "env::on"},
            MERGE_REQUEST,
            {},
            id="a merge request with preview, and without the label",
        ),
        pytest.param(
            "feature/x",
            {"preview": "true"},
            MERGE_REQUEST,
            {**DEPLOYED, "branch-preview": "on_success"},
            id="a merge request with preview",
        ),
        pytest.param(
            "feature/x",
            {"preview": "true"},
            {**MERGE_REQUEST, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "release"},
            DEPLOYED,
            id="a merge request to another branch",
        ),
        pytest.param(
            "feature/x",
            {"preview": "true"},
            {**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "99"},
            {},
            id="a fork's merge request with preview",
        ),
        pytest.param("feature/x", {"preview": "true"}, {}, DEPLOYED, id="a push with preview"),
        pytest.param(DEFAULT_BRANCH, {}, SCHEDULE, {"branch-sweep": "on_success"}, id="a schedule"),
        pytest.param(DEFAULT_BRANCH, {"sweep": '"off"'}, SCHEDULE, {}, id="a schedule without the sweep"),
        pytest.param(DEFAULT_BRANCH, {"project": "apps/other"}, SCHEDULE, {}, id="a schedule in a fork"),
        pytest.param(
            "feature/x",
            {"job-prefix": "shop-"},
            {},
            {f"shop-{name}" for name in ("deploy", *BY_HAND)},
            id="another prefix",
        ),
    ],
)
def test_a_pipeline_has_these_jobs(
    branch: str,
    inputs: dict[str, str],
    variables: dict[str, str],
    jobs: dict[str, str] | set[str],
    runner: Runner,
    checkouts: dict[str, Checkout],
) -> None:
    _with_inputs(checkouts[branch], inputs)
    # A merge request's pipeline and a tag's have no branch.
    unset = ("CI_COMMIT_BRANCH",) if variables.keys() & {"CI_MERGE_REQUEST_IID", "CI_COMMIT_TAG"} else ()
    found = runner.listed(checkouts[branch], variables, unset=unset)
    expected = jobs if isinstance(jobs, dict) else dict.fromkeys(jobs)
    assert found.keys() == expected.keys(), "neither a job too many nor one too few"
    for name, when in expected.items():
        assert when in (None, found[name]["when"]), f"{name} starts by itself, or by hand"


def test_two_apps_in_one_repository_have_jobs_of_their_own(runner: Runner, tmp_path: Path) -> None:
    repository = Manifests.create(tmp_path, pipeline("two apps"))
    found = runner.listed(repository.push("feature/x", {}), {})
    expected = {f"{app}-{name}" for app in ("shop", "search") for name in ("deploy", *BY_HAND)}
    assert found.keys() == expected, "one set for each"
