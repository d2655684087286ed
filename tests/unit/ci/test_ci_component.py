"""The GitLab CI/CD component, as it is written. What its jobs do is shown by tests/pipeline."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from branchenv.model.errors import ExitCode
from tests import ci_readme

INPUTS, JOBS = ci_readme.template()
PREFIX = "$[[ inputs.job-prefix ]]"
DEPLOY, STOP = JOBS[f"{PREFIX}deploy"], JOBS[f"{PREFIX}stop"]
SHARED = JOBS[f".{PREFIX}job"]
USED = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", ci_readme.TEMPLATE.read_text(encoding="utf-8")))
INCLUDES = [
    pytest.param(include, id=f"{mark}-{number}")
    for mark in ("usage", "two apps")
    for number, include in enumerate(yaml.safe_load(ci_readme.pipeline(mark))["include"])
]


def test_the_readme_lists_the_inputs_as_the_template_has_them() -> None:
    text = ci_readme.README.read_text(encoding="utf-8")
    assert text == ci_readme.with_table(text), f"ci/README.md is stale; run: {ci_readme.COMMAND}"


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_an_input_says_what_it_is(name: str) -> None:
    given = INPUTS[name]
    assert given["type"] in {"string", "boolean"}, "GitLab refuses a value of another type"
    assert given["description"].endswith("."), "GitLab shows it to whoever includes the component"
    assert set(given) <= {"description", "default", "regex", "options", "type"}, "GitLab knows no other keys"
    if "default" in given and "regex" in given:
        assert re.search(given["regex"], given["default"]), "GitLab refuses a default that does not fit"
    if "options" in given:
        assert given["default"] in given["options"], "GitLab refuses a default that is no option"


def test_inputs_are_used_and_what_is_used_is_an_input() -> None:
    assert set(INPUTS) == USED, "an unknown input ends every pipeline, an unused one does nothing"


def test_the_component_touches_nothing_but_its_own_jobs() -> None:
    unprefixed = [name for name in JOBS if not name.removeprefix(".").startswith(PREFIX)]
    assert not unprefixed, f"global keywords would change the including pipeline: {unprefixed}"


@pytest.mark.parametrize("key", ["stage", "rules", "resource_group", "interruptible"])
@pytest.mark.parametrize("name", ["stop", "rollback", "wake", "extend"])
def test_stop_and_the_other_manual_jobs_are_wherever_deploy_is(name: str, key: str) -> None:
    assert JOBS[f"{PREFIX}{name}"][key] == DEPLOY[key], "or GitLab cannot start the stop job in every case"


@pytest.mark.parametrize("name", ["redeploy", "rollback", "stop", "wake", "extend"])
def test_a_manual_job_blocks_no_pipeline(name: str) -> None:
    job = JOBS[f"{PREFIX}{name}"]
    assert job["when"] == "manual", "somebody starts it"
    assert job["allow_failure"] is True, "a manual job that may not fail blocks the merge"


def test_a_redeploy_is_the_deploy_job_started_by_hand() -> None:
    redeploy = JOBS[f"{PREFIX}redeploy"]
    assert redeploy == {"extends": f"{PREFIX}deploy", "when": "manual", "allow_failure": True}, "and nothing else"


def test_a_pipeline_that_comes_too_late_is_no_failure() -> None:
    allowed = DEPLOY["allow_failure"]["exit_codes"]
    assert allowed == [ExitCode.OUTDATED], "nothing is wrong, and no other failure is hidden"


@pytest.mark.parametrize("name", ["rollback", "wake", "extend"])
def test_a_job_that_deploys_nothing_sees_the_environments_variables(name: str) -> None:
    environment = JOBS[f"{PREFIX}{name}"]["environment"]
    assert environment["name"] == DEPLOY["environment"]["name"], "they are scoped to it"
    assert environment["action"] == "access", "GitLab does not take it for a deployment of its commit"


def test_gitlab_shows_pods_and_logs_only_where_that_is_asked_for() -> None:
    assert f".{PREFIX}dashboard-$[[ inputs.dashboard ]]" in DEPLOY["extends"], "the input chooses"
    shown = {option: JOBS[f".{PREFIX}dashboard-{option}"] for option in INPUTS["dashboard"]["options"]}
    assert "environment" not in shown["off"], "an older GitLab refuses the keys"
    for option in ("all", "namespace"):
        kubernetes = shown[option]["environment"]["kubernetes"]
        assert kubernetes["agent"] == "$[[ inputs.agent ]]", "the agent that the jobs use"
        assert kubernetes["managed_resources"] == {"enabled": False}, "GitLab makes no namespaces of its own"
    assert shown["namespace"]["environment"]["kubernetes"]["dashboard"] == {
        "namespace": "$[[ inputs.dashboard-namespace ]]"
    }, "one namespace"


def test_stop_belongs_to_the_environment_of_deploy() -> None:
    assert STOP["environment"]["name"] == DEPLOY["environment"]["name"], "it stops what deploy made"
    assert DEPLOY["environment"]["on_stop"] == f"{PREFIX}stop", "GitLab starts it"
    assert STOP["environment"]["action"] == "stop", "it deploys nothing"
    assert DEPLOY["resource_group"] == DEPLOY["environment"]["name"], "one job at a time for one environment"


def test_stop_needs_nothing_of_the_branch() -> None:
    assert STOP["variables"]["GIT_STRATEGY"] == "none", "the branch may be gone"
    assert STOP["needs"] == [], "neither jobs nor artifacts of an earlier stage"
    assert STOP["when"] == "manual", "a pipeline does not stop what it deploys"
    assert STOP["allow_failure"] is True, "a manual job that may not fail blocks the merge"
    assert "artifacts" not in STOP, "it leaves nothing behind"


def test_the_environment_has_the_full_name_of_the_branch() -> None:
    assert "$CI_COMMIT_REF_NAME" in DEPLOY["environment"]["name"], "CI_COMMIT_REF_SLUG is the same for a/b and a-b"


def test_deploy_is_pulumi_up() -> None:
    assert [line.partition(" ")[0] for line in DEPLOY["script"]] == ['stack="$(branchenv', "pulumi", "branchenv"]
    assert DEPLOY["script"][1].startswith("pulumi up --yes --skip-preview "), "the interface is Pulumi's own command"


@pytest.mark.parametrize(("code", "then"), [(0, "announce"), (255, "why")])
def test_a_deploy_that_fails_asks_why_and_keeps_pulumis_exit_code(code: int, then: str, tmp_path: Path) -> None:
    for name in ("pulumi", "branchenv"):
        ends = code if name == "pulumi" else "$([ $1 = why ] && echo 20 || echo 0)"
        stub = tmp_path / name
        stub.write_text(f'#!/bin/sh\necho "{name} $*" >&2\nexit {ends}\n')
        stub.chmod(0o755)
    (setup,) = SHARED["before_script"]
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join([setup, *DEPLOY["script"]])],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), "BRANCHENV_PROGRAM": "/program"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, "whatever `why` finds, GitLab is told what Pulumi said"
    select, up, last = done.stderr.splitlines()
    assert (select, last.split()[:2]) == ("branchenv select", ["branchenv", then]), "a deploy that works asks nothing"
    assert (log := re.search(r"--event-log (\S+)", up)), "the engine's events are kept"
    assert then == "announce" or last.endswith(log[0]), "and `why` is told where"
    assert not Path(log[1]).parent.exists(), "until the job ends"
    assert SHARED["variables"]["PULUMI_DEBUG_COMMANDS"] == "true", "or the CLI refuses the option"


@pytest.mark.parametrize(("status", "calls"), [("success", ""), ("failed", ""), ("canceled", "announce --cancelled\n")])
def test_a_deploy_that_is_cancelled_is_told_and_no_other_waits_for_that(
    status: str, calls: str, tmp_path: Path
) -> None:
    stub = tmp_path / "branchenv"
    stub.write_text('#!/bin/sh\necho "$*"\n')
    stub.chmod(0o755)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(DEPLOY["after_script"])],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CI_JOB_STATUS": status},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, calls), "no program is started for a deploy that ends by itself"


def test_a_deploy_that_has_begun_is_not_cancelled_by_a_push() -> None:
    assert DEPLOY["interruptible"] is False, "GitLab cancels interruptible jobs of older pipelines"


@pytest.mark.parametrize("name", [name for name in JOBS if not name.startswith(".")])
def test_a_job_asks_whose_pipeline_it_is_in(name: str) -> None:
    job = JOBS[name] if "rules" in JOBS[name] else JOBS[JOBS[name]["extends"]]
    conditions = " ".join(rule["if"] for rule in job["rules"])
    assert '"$[[ inputs.project ]]" != $CI_PROJECT_PATH' in conditions, "not in a fork"
    if "merge_request_event" in conditions:
        assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_PROJECT_ID" in conditions, "no fork's code in this project"


@pytest.mark.parametrize("name", [name for name in JOBS if not name.startswith(".")])
def test_a_job_has_what_all_share(name: str) -> None:
    extends = JOBS[name]["extends"]
    direct = [extends] if isinstance(extends, str) else extends
    assert f".{PREFIX}job" in direct or f"{PREFIX}deploy" in direct, "image, credentials, timeout"


@pytest.mark.parametrize("include", INCLUDES)
def test_an_example_gives_inputs_that_the_component_takes(include: dict[str, Any]) -> None:
    given = include["inputs"]
    needed = {name for name, each in INPUTS.items() if "default" not in each}
    assert needed <= set(given), "without them GitLab makes no pipeline"
    assert set(given) <= set(INPUTS), "GitLab refuses an input that it does not know"
    for name, value in given.items():
        assert re.search(INPUTS[name].get("regex", ""), value), f"{name}: GitLab refuses {value!r}"


def _credentials(tmp_path: Path, **variables: str) -> dict[str, str]:
    """Run what comes before every job, and give the environment that the job has then, and the files in it."""
    (setup,) = SHARED["before_script"]
    show = """
for variable in AWS_WEB_IDENTITY_TOKEN_FILE GOOGLE_APPLICATION_CREDENTIALS KUBECONFIG; do
  [ -z "${!variable:-}" ] || { printf '%s\\0' "$variable"; cat "${!variable}"; printf '\\0'; }
done
printf 'folder\\0%s\\0files\\0%s\\0' "$credentials" "$(ls "$credentials")"
"""
    given = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "BRANCHENV_ID_TOKEN": "the-token", **variables}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", setup + show], env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"no job would start: {done.stderr}"
    assert "the-token" not in done.stderr, "a job's log is read by many"
    parts = done.stdout.split("\0")
    found = dict(zip(parts[::2], parts[1::2], strict=False))
    assert not Path(found["folder"]).exists(), "nothing stays on the runner"
    return found


def test_without_a_cloud_no_credentials_are_made(tmp_path: Path) -> None:
    found = _credentials(tmp_path)
    assert found["files"] == "", "the ID token is not written for nobody"


def test_a_role_gets_the_token_in_a_file(tmp_path: Path) -> None:
    found = _credentials(tmp_path, AWS_ROLE_ARN="arn:aws:iam::111122223333:role/branches")
    assert found["AWS_WEB_IDENTITY_TOKEN_FILE"] == "the-token", "the AWS SDK exchanges it by itself"


def test_a_google_provider_gets_a_credential_configuration(tmp_path: Path) -> None:
    provider = "projects/1/locations/global/workloadIdentityPools/gitlab/providers/gitlab"
    found = _credentials(tmp_path, GOOGLE_WORKLOAD_IDENTITY_PROVIDER=provider, GOOGLE_SERVICE_ACCOUNT="a@b.example.com")
    made = json.loads(found["GOOGLE_APPLICATION_CREDENTIALS"])
    assert made["audience"] == f"//iam.googleapis.com/{provider}", "Google's own form"
    assert made["service_account_impersonation_url"].endswith("/serviceAccounts/a@b.example.com:generateAccessToken")
    assert Path(made["credential_source"]["file"]).name in found["files"].split(), "the token lies where it says"


def test_the_agents_context_becomes_the_current_one(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "agent.yaml"
    kubeconfig.write_text('apiVersion: v1\nkind: Config\ncurrent-context: ""\ncontexts:\n- name: platform/agents:dev\n')
    found = _credentials(tmp_path, KUBECONFIG=str(kubeconfig), KUBE_CONTEXT="platform/agents:dev")
    made = yaml.safe_load(found["KUBECONFIG"])
    assert made["current-context"] == "platform/agents:dev", "GitLab's kubeconfig names none"
    assert made["contexts"] == [{"name": "platform/agents:dev"}], "the rest is as GitLab wrote it"


def test_a_kubeconfig_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "own.yaml"
    kubeconfig.write_text("current-context: mine\n")
    assert _credentials(tmp_path, KUBECONFIG=str(kubeconfig))["KUBECONFIG"] == "current-context: mine\n", "as given"
