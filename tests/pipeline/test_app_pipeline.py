"""From an app's commit to its URL: the pipelines in examples/gitlab, with real builds, a registry and the cluster."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.images import sample
from local.toolchain import containers
from tests.cluster.support.cluster import Cluster, local
from tests.pipeline.support.agreement import lives
from tests.pipeline.support.image_registry import Registry, registry
from tests.pipeline.support.jobs import Result, Runner
from tests.pipeline.support.manifests import Checkout, Manifests
from tests.pipeline.support.pipelines import DEPLOY, ROLLBACK, Pipelines

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/gitlab"
ENVIRONMENT = (EXAMPLES / "environment.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that holds the base image of the app's own, beside a cluster that runs."""
    assert cluster.gateway_port, "it runs: its node pulls from here"
    local("registry")
    containers.get()
    with registry(tmp_path_factory.mktemp("registry")) as found:
        found.hold(sample.image_archives()[0], "base/shop:latest")
        yield found


def _text(name: str) -> str:
    return (EXAMPLES / f"{name}.gitlab-ci.yml").read_text(encoding="utf-8")


def _code(images: Registry, version: str) -> dict[str, str]:
    """The app's code, as far as it matters here."""
    return {"Dockerfile": f"FROM {images.host}/base/shop\nENV VERSION={version}\n"}


def _variables(images: Registry) -> dict[str, str]:
    """What GitLab tells jobs of its registry."""
    return {
        "CI_REGISTRY": images.host,
        "CI_REGISTRY_IMAGE": f"{images.host}/apps/shop",
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": "of-the-job",
    }


def _build(pipelines: Pipelines, images: Registry, checkout: Checkout) -> Result:
    by = replace(pipelines, runner=images.builder(pipelines.runner))
    return by.end(by.start("build", checkout, **_variables(images))).ok()


def test_the_example_for_one_repository_builds_before_it_deploys(runner: Runner, tmp_path: Path) -> None:
    repository = Manifests.create(tmp_path, _text("one-repository"))
    found = runner.listed(repository.push("feature/x", {}), {"CI_REGISTRY_IMAGE": "registry.example.com/shop"})
    assert (found["build"]["stage"], found["build"]["when"]) == ("build", "on_success"), "the image comes first"
    assert (found[DEPLOY]["stage"], found[DEPLOY]["when"]) == ("deploy", "on_success"), "the stage after it"


def test_every_commit_is_built_and_deployed_and_a_rollback_builds_nothing(
    make_pipelines: Callable[..., Pipelines], images: Registry
) -> None:
    pipelines = make_pipelines(_text("one-repository"))
    for number, version in enumerate(("3.0", "4.0"), 101):
        checkout = pipelines.manifests.push("feature/code", {**_code(images, version), "environment.yaml": ENVIRONMENT})
        pipelines.seen.add("feature/code")
        _build(pipelines, images, checkout)
        variables = {**_variables(images), "CI_PIPELINE_ID": str(number)}
        pipelines.deploy(pipelines.manifests.checkout("feature/code"), **variables).ok()
        lives(pipelines, "feature/code", version=version)
    pipelines.end(pipelines.start(ROLLBACK, pipelines.manifests.checkout("feature/code"))).ok()
    lives(pipelines, "feature/code", version="3.0")


def test_two_repositories_deploy_the_commit_that_was_built_and_see_that_a_tag_was_moved(
    make_pipelines: Callable[..., Pipelines], images: Registry, tmp_path: Path
) -> None:
    pipelines = make_pipelines(_text("manifests").replace("      app: shop\n", ""))
    app = Manifests.create(tmp_path / "app", _text("app"))
    branch = "feature/pair"
    handed: dict[str, Any] = yaml.safe_load(_text("app"))["environment"]["variables"]
    assert handed["BRANCHENV_PIPELINE"] == "$CI_PIPELINE_ID", "the older build is the older deploy"

    def start(version: str, number: int) -> Result:
        """Build the app, and start the manifests repository's pipeline as `trigger` does."""
        code = app.push(branch, _code(images, version))
        _build(pipelines, images, code)
        image = handed["BRANCHENV_IMAGE"].replace("$CI_REGISTRY_IMAGE", f"{images.host}/apps/shop")
        given = {
            "BRANCHENV_IMAGE": image.replace("$CI_COMMIT_SHA", code.commit),
            "BRANCHENV_PIPELINE": str(number),
            "CI_PIPELINE_SOURCE": "pipeline",
            **_variables(images),
        }
        return pipelines.deploy(pipelines.manifests.checkout(branch), **given)

    def push(text: str) -> None:
        """Push to the manifests repository: the image is the one that the branch's tag names."""
        changed = pipelines.manifests.push(branch, {"environment.yaml": ENVIRONMENT, "README.md": text})
        pipelines.deploy(changed, CI_PIPELINE_ID="900", **_variables(images)).ok()

    pipelines.push(branch, ENVIRONMENT)
    start("5.0", 102).ok()
    lives(pipelines, branch, version="5.0")
    start("5.1", 101).failed("pipeline 101 is outdated: pipeline 102")
    lives(pipelines, branch, version="5.0")
    push("one")
    lives(pipelines, branch, version="5.1")
    (pod,) = pipelines.branch(branch).pods()
    push("two")
    assert [each["metadata"]["name"] for each in pipelines.branch(branch).pods()] == [pod["metadata"]["name"]], (
        "the tag names the same image, so nothing rolls, though the commit is another"
    )
    _build(pipelines, images, app.push(branch, _code(images, "6.0")))
    push("three")
    lives(pipelines, branch, version="6.0")
