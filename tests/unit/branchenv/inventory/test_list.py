"""`branchenv list`: shows what there is, and says what it could not see."""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from branchenv.inventory.classify import Environment
from branchenv.inventory.page import page, web_address
from branchenv.inventory.states import State
from branchenv.inventory.world import World
from tests.pipeline.support.gitlab_data import Token
from tests.pipeline.support.gitlab_server import GitLabServer
from tests.unit.published import serving
from tests.unit.recording import BASE_CONTRACT
from tests.unit.states import write_base, write_states

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FIELDS = {
    *("name", "app", "slug", "branch", "state", "why", "url", "namespace", "owner", "project", "merge_request"),
    *("merge_request_url", "commit", "created", "updated", "expires", "cpu", "memory", "cost", "removal", "url_now"),
}
REPOSITORY = Path(__file__).resolve().parents[4]


def run(backend: Path, *arguments: str, command: str = "list", **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a file backend, and with no cluster; no GitLab either, unless variables name one."""
    env = {"PATH": os.environ["PATH"], "HOME": str(backend), "KUBECONFIG": str(backend / "none")}
    env = {**env, "PULUMI_BACKEND_URL": f"file://{backend}", **more}
    line = [sys.executable, "-m", "branchenv", command, *arguments]
    return subprocess.run(line, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backend with 500 branch stacks."""
    backend = tmp_path_factory.mktemp("backend")
    write_states(backend, 500)
    write_base(backend)
    return backend


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of somebody who may read the contract, and nothing else in the cluster."""
    with serving(tmp_path) as kubeconfig:
        yield {"KUBECONFIG": str(kubeconfig)}


def test_500_environments_take_no_more_than_two_seconds_of_the_processor(many: Path) -> None:
    # Of the processor, not of the clock: other work shares the machine.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(many, "--json")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(json.loads(done.stdout)["environments"]) == 500, done.stderr
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent <= 2, "nobody waits for a list"


def test_a_cluster_that_cannot_be_reached_is_named_and_the_rest_is_shown(many: Path) -> None:
    done = run(many, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0, "there is something to show"
    reach = {each["name"]: each["reach"] for each in document["sources"]}
    assert reach == {"backend": "seen", "cluster": "missing", "gitlab": "not asked"}, "scripts can tell"
    assert "cluster was not seen" in done.stderr, "and so can people"
    assert {each["state"] for each in document["environments"]} == {"unknown"}, "ready would be a guess"


def test_the_documents_fields_are_stable(many: Path) -> None:
    first = json.loads(run(many, "--json").stdout)["environments"][0]
    assert set(first) == FIELDS, "scripts rest on these: add, never rename"
    assert datetime.fromisoformat(first["expires"]).tzinfo, "times are ISO 8601 with a zone"


def test_gitlab_adds_the_merge_request_and_a_gitlab_that_is_down_takes_nothing_away(tmp_path: Path) -> None:
    write_states(tmp_path, 1)
    with GitLabServer() as server:
        server.tokens["good"] = Token()
        server.add_project("team/shop").open_merge_request("feature-0")
        named = {"CI_SERVER_URL": server.url, "GITLAB_TOKEN": "good", "CI_PROJECT_PATH": "team/shop"}
        (found,) = json.loads(run(tmp_path, "--json", **named).stdout)["environments"]
    assert found["merge_request_url"] == "https://gitlab.example.com/team/shop/-/merge_requests/1", "to open it"
    done = run(tmp_path, "--json", **named)
    document = json.loads(done.stdout)
    assert [each["branch"] for each in document["environments"]] == ["feature-0"], "the stack is there all the same"
    assert document["sources"][2]["reach"] == "missing", "and the document says what it lacks"


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_list_and_sweep_both_ask_for_the_merge_request_that_a_stack_names(
    tmp_path: Path, reader: dict[str, str], state: str
) -> None:
    write_states(tmp_path, 1)
    made = {"project": "team/shop", "pipeline": "https://gitlab.example.com/1"}
    file = tmp_path / ".pulumi/stacks/branch-environments/shop.feature-0.pulumi-tags"
    noted = json.loads(file.read_text())
    file.write_text(json.dumps({**noted, "tags": {**noted["tags"], **made}}))
    with GitLabServer() as server:
        server.tokens["good"] = Token()
        project = server.add_project("team/shop")
        project.branches.add("feature-0")
        project.open_merge_request("feature-0")
        named = {"CI_SERVER_URL": server.url, "GITLAB_TOKEN": "good", "CI_PROJECT_PATH": "team/shop", **reader}
        before = json.loads(run(tmp_path, "--json", **named).stdout)["environments"][0]
        assert before["removal"] is None, "somebody works on it"
        project.merge_requests[1]["state"] = state
        (listed,) = json.loads(run(tmp_path, "--json", **named).stdout)["environments"]
        swept = json.loads(run(tmp_path, "--json", "--app=shop", "--grace=0", command="sweep", **named).stdout)
    assert (listed["state"], listed["why"]) == ("orphan", f"its merge request !1 is {state}"), "its branch was kept"
    (left,) = swept["left"]
    assert left["why"].startswith(f"{listed['why']}, but cluster was not seen"), "the same, and nothing is deleted yet"


@pytest.mark.parametrize("command", ["list", "sweep", "doctor"])
def test_an_app_that_is_misspelt_is_an_error_with_what_was_meant(
    many: Path, reader: dict[str, str], command: str
) -> None:
    done = run(many, "--app=shpo", command=command, **reader)
    assert (done.returncode, done.stdout) == (13, ""), done.stderr
    assert "did you mean shop?" in done.stderr, "a typo is no empty list"


@pytest.mark.parametrize("command", ["list --app=shop", "sweep --app=shop", "doctor"])
def test_a_base_stack_that_is_misspelt_is_an_error_with_what_was_meant(
    many: Path, reader: dict[str, str], command: str
) -> None:
    name, *more = command.split()
    done = run(many, "--base=base-loca", *more, command=name, **reader)
    assert (done.returncode, done.stdout) == (13, ""), done.stderr
    assert "did you mean base-local?" in done.stderr, "a typo is no empty list"


def test_an_app_that_was_removed_from_the_base_stack_is_no_typo_as_long_as_it_has_stacks(tmp_path: Path) -> None:
    write_states(tmp_path, 1)
    contract: dict[str, Any] = {**BASE_CONTRACT, "apps": {"pay": BASE_CONTRACT["apps"]["shop"]}}
    with serving(tmp_path, contract) as kubeconfig:
        reader = {"KUBECONFIG": str(kubeconfig)}
        (found,) = json.loads(run(tmp_path, "--json", "--app=shop", **reader).stdout)["environments"]
        swept = run(tmp_path, "--json", "--all-apps", "--grace=0", command="sweep", **reader)
    assert (found["state"], found["removal"]["rule"]) == ("orphan", "the base stack no longer has its app"), "who looks"
    assert [each["environment"] for each in json.loads(swept.stdout)["left"]] == ["shop.feature-0"], "the sweep sees it"


def test_nothing_to_show_is_a_failure_that_says_which(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere", "--json")
    assert (done.returncode, done.stdout) == (10, ""), "neither backend nor cluster"
    assert "Traceback" not in done.stderr, "a person reads this"


def test_the_page_runs_no_script_but_its_own_and_loads_nothing() -> None:
    text = page([environment("<script>alert(1)</script>")], World(), NOW)
    assert "<script>alert" not in text, "a branch's name is text"
    assert not re.findall(r"<link|<img|<iframe|\bsrc=|@import|url\(|fetch\(", text), "it works offline"
    assert "default-src 'none'" in text, "and the browser holds it to that"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil", "http://[bad"])
def test_only_web_addresses_become_links(url: str) -> None:
    assert web_address(url) == "", "an output of a stack may be anything"


def test_an_empty_page_says_how_it_fills() -> None:
    text = page([], World(), NOW)
    assert "No environments yet" in text, "an empty table would look broken"


def environment(branch: str) -> Environment:
    """Return an environment that is ready."""
    return Environment(app="shop", slug="a", branch=branch, state=State.READY, url="http://a.shop.localhost")
