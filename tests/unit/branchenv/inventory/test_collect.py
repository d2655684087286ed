"""What the sources are asked, and what is made of those that do not answer, or hardly as the right ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from branchenv.inventory import collect as collecting
from branchenv.inventory.collect import InventoryQuery, collect
from branchenv.inventory.world import Reach, SourceStatus, World
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord, StackRecord
from tests.pipeline.support.gitlab_data import Project, Token
from tests.pipeline.support.gitlab_server import GitLabServer
from tests.unit.published import publish
from tests.unit.states import write_base, write_states

OBJECTS = ClusterRecord(app="shop", slug="feature-0", branch="feature-0", namespace="shop", anchor="feature-0")
_TOKEN = "good"


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backend with a base stack, up in its cluster, and two environments."""
    write_states(tmp_path, 2)
    write_base(tmp_path)
    publish(monkeypatch)
    return tmp_path


@pytest.fixture
def gitlab() -> Iterator[GitLabServer]:
    """A GitLab with the app's project."""
    with GitLabServer() as server:
        server.tokens[_TOKEN] = Token()
        server.job_tokens["job"] = Token(project="team/shop")
        server.add_project("team/shop")
        yield server


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> list[ClusterRecord]:
    """The cluster's objects, which a test may change."""
    found = [OBJECTS]
    monkeypatch.setattr(collecting, "_objects", lambda *_: list(found))
    return found


def asked(backend: Path, gitlab: GitLabServer | None = None, **more: str) -> World:
    """Ask all sources; GitLab only if there is one."""
    named = {"BRANCHENV_GITLAB_URL": gitlab.url, "BRANCHENV_GITLAB_TOKEN": _TOKEN} if gitlab else {}
    wanted = InventoryQuery(app="shop", project="team/shop")
    return collect(wanted, {"PULUMI_BACKEND_URL": f"file://{backend}", **named, **more})


def source(world: World, name: str) -> SourceStatus:
    """Return what became of one source."""
    return next(each for each in world.sources if each.name == name)


def project(gitlab: GitLabServer) -> Project:
    """Return the app's project."""
    return gitlab.projects[0]


@pytest.mark.usefixtures("objects")
def test_what_was_seen_is_there_and_nothing_is_missing(backend: Path, gitlab: GitLabServer) -> None:
    world = asked(backend, gitlab)
    assert [each.reach for each in world.sources] == [Reach.SEEN] * 3, "backend, cluster and GitLab answered"
    assert (world.unreliable, world.errors) == ((), {}), "so that a sweep may act"
    assert world.branches == frozenset({"main"}), "what GitLab has"


@pytest.mark.usefixtures("objects")
def test_a_gitlab_that_is_not_named_is_not_missing(backend: Path) -> None:
    world = asked(backend)
    assert source(world, "gitlab").reach == Reach.NOT_ASKED, "nobody said that there is one"
    assert world.unreliable == (), "a sweep without GitLab still removes what has expired"


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize("token", ["wrong", ""])
def test_a_gitlab_that_refuses_or_does_not_answer_is_missing(backend: Path, gitlab: GitLabServer, token: str) -> None:
    url = gitlab.url if token else "http://127.0.0.1:1"
    named = {"BRANCHENV_GITLAB_URL": url, "BRANCHENV_GITLAB_TOKEN": token or _TOKEN}
    world = asked(backend, None, **named)
    assert [each.name for each in world.unreliable] == ["gitlab"], "it was asked, and did not say"
    assert (world.branches, world.merge_requests, world.entries) == (None, None, None), "and nothing may rest on it"
    assert world.stacks, "the rest was seen"


@pytest.mark.usefixtures("objects")
def test_what_a_job_token_may_not_read_is_not_asked(
    backend: Path, gitlab: GitLabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from branchenv.clients.gitlab import GitLab, GitLabError

    def refused(_: GitLab) -> set[str]:
        raise GitLabError("a job's own token may not do this", fix="", status=401)

    monkeypatch.setattr(GitLab, "branches", refused)
    url = {"BRANCHENV_GITLAB_URL": gitlab.url}
    by_job = asked(backend, None, **url, CI_JOB_TOKEN="job")
    assert by_job.unreliable == (), "a sweep with a job's own token is not blocked for ever"
    assert source(by_job, "gitlab").why == "a job's own token may not read branches", "but a person is told"
    assert by_job.branches is None, "and no branch is taken for gone"
    by_person = asked(backend, None, **url, BRANCHENV_GITLAB_TOKEN=_TOKEN)
    assert [each.name for each in by_person.unreliable] == ["gitlab"], "another token has a fault that can be repaired"


@pytest.mark.usefixtures("objects")
def test_a_project_without_the_default_branch_is_doubted(backend: Path, gitlab: GitLabServer) -> None:
    project(gitlab).branches = {"master"}
    world = asked(backend, gitlab)
    assert source(world, "gitlab").reach == Reach.DOUBTFUL, "it is more likely another project than one without main"
    assert world.branches is None, "so that no branch is taken for gone"


def test_a_cluster_without_a_single_environment_is_doubted(backend: Path, objects: list[ClusterRecord]) -> None:
    objects.clear()
    found = source(asked(backend), "cluster")
    assert found.reach == Reach.DOUBTFUL, "two stacks have resources: it is more likely another cluster"
    assert "is KUBECONFIG that of base-local?" in found.why, "which is what to look at"


def test_a_stack_that_came_into_being_meanwhile_is_looked_for_again(
    backend: Path, objects: list[ClusterRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = collecting._stacks
    times: list[int] = []

    def growing(environ: dict[str, str]) -> list[StackRecord]:
        times.append(1)
        return [each for each in whole(environ) if len(times) > 1 or each.name != "shop.feature-0"]

    monkeypatch.setattr(collecting, "_stacks", growing)
    world = asked(backend)
    assert "shop.feature-0" in {each.name for each in world.stacks or ()}, "its objects are no orphans"
    objects.clear()
    times.clear()
    asked(backend)
    assert len(times) == 1, "without such objects the backend is read once"


@pytest.mark.usefixtures("objects")
def test_a_base_stack_that_is_not_there_is_an_error_that_a_command_may_raise(backend: Path) -> None:
    world = collect(InventoryQuery(base="base-loca"), {"PULUMI_BACKEND_URL": f"file://{backend}"})
    with pytest.raises(BranchenvError, match="this cluster has no base stack base-loca") as refused:
        world.required_base()
    assert (refused.value.code, refused.value.value) == (ExitCode.BASE, "base-loca"), "as in every command"
    assert refused.value.fix.startswith("did you mean base-local?"), "with what was meant"
