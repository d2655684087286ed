"""What tests of the GitLab jobs share: a runner, a GitLab, a manifests repository."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.toolchain import node
from tests.cluster.support.cluster import local
from tests.cluster.support.endings import endings
from tests.cluster.support.fixtures import base, branches, cluster, gateway, workdir
from tests.cluster.support.stacks import Base
from tests.pipeline.support.gitlab_server import GitLabServer
from tests.pipeline.support.jobs import Runner
from tests.pipeline.support.pipelines import Pipelines

__all__ = ["base", "branches", "cluster", "endings", "gateway", "workdir"]


@pytest.fixture(scope="session")
def gitlab_ci_local() -> Path:
    """The program that runs a pipeline's jobs."""
    local("node")
    return node.gitlab_ci_local()


@pytest.fixture(scope="session")
def jobs_command(gitlab_ci_local: Path) -> tuple[str, ...]:
    """The same program, where the jobs' image is built."""
    local("image")
    return (str(gitlab_ci_local),)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    local("node")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=node.chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def jobs_base(base: Base) -> Base:
    """This worker's base stack, as a job sees it: with the deployer's rights in the cluster, and no others."""
    return replace(base, env=base.deployer_env)


@pytest.fixture
def gitlab() -> Iterator[GitLabServer]:
    """A GitLab of this test's own."""
    with GitLabServer() as server:
        yield server


@pytest.fixture
def make_pipelines(
    jobs_base: Base, gitlab: GitLabServer, jobs_command: tuple[str, ...], tmp_path: Path
) -> Iterator[Callable[..., Pipelines]]:
    """Makes projects that include the component with some inputs; what their jobs left is removed after the test."""
    made: list[Pipelines] = []

    def make(text: str = "", **inputs: str) -> Pipelines:
        folder = tmp_path / f"project-{len(made)}"
        folder.mkdir()
        made.append(Pipelines.create(jobs_base, gitlab, jobs_command, folder, text, **inputs))
        return made[-1]

    yield make
    for pipelines in made:
        pipelines.remove()


@pytest.fixture
def pipelines(make_pipelines: Callable[..., Pipelines]) -> Pipelines:
    """A project that includes the component as the README shows it."""
    return make_pipelines()


@pytest.fixture(scope="session")
def runner(gitlab_ci_local: Path) -> Runner:
    """Lists the jobs of a project that needs no cluster."""
    return Runner(
        command=(str(gitlab_ci_local),), env=os.environ, server_url="https://gitlab.example.com", project="apps/shop"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have measured: they judge no times, but docs/gitlab.md tells them."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value:.1f}")
