"""What Pulumi's engine says of a failure is read from its events, whatever else was printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from branchenv.clients import event_log, pulumi_cli
from branchenv.clients.event_log import Diagnostic, EventLog
from branchenv.clients.kubernetes import Cluster
from branchenv.model.errors import BranchenvError, ExitCode

_PRELUDE = {"sequence": 0, "preludeEvent": {"config": {}}}
_CANCEL = {"sequence": 9, "cancelEvent": {}}
_PARENT = "branch-environments:branch:BranchEnvironment"
_URN = f"urn:pulumi:shop.a::branch-environments::{_PARENT}$kubernetes:apps/v1:Deployment::a-web-deployment"
_TEXT = "'a--web' timed out waiting to be Ready: dial tcp 10.1.0.7:8080: connect: connection refused"


def diagnostic(message: str, severity: str = "error", urn: str = "") -> dict[str, Any]:
    """Return an event, as the engine writes it."""
    logged = {"prefix": f"{severity}: ", "message": f"{message}\n", "color": "never", "severity": severity}
    return {"sequence": 1, "diagnosticEvent": {**logged, "urn": urn} if urn else logged}


def written(folder: Path, *events: dict[str, Any]) -> Path:
    """Write a log."""
    file = folder / "events"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in events))
    return file


def test_an_error_is_told_with_its_resource(tmp_path: Path) -> None:
    logged = (diagnostic("registering", "debug"), diagnostic(_TEXT, urn=_URN), diagnostic("update failed"))
    log = event_log.read(written(tmp_path, _PRELUDE, *logged, _CANCEL))
    (error,) = log.errors
    assert (error.type, error.name) == ("kubernetes:apps/v1:Deployment", "a-web-deployment"), "which resource failed"
    assert str(error) == f"kubernetes:apps/v1:Deployment a-web-deployment: {_TEXT}", "and with which words"
    assert log.begun, "the engine was at work"


def test_an_error_of_the_program_is_of_no_resource() -> None:
    stack = "urn:pulumi:shop.a::branch-environments::pulumi:pulumi:Stack::branch-environments-shop.a"
    error = Diagnostic(urn=stack, message="1 mistake in the settings of stack shop.a")
    assert (str(error), error.of_kubernetes) == (error.message, False), "the cluster has nothing to do with it"


@pytest.mark.parametrize("text", ["", '{"sequence":9,"cancelEvent":{}}\n'])
def test_a_cli_that_fails_before_its_engine_begins_has_no_log(text: str, tmp_path: Path) -> None:
    file = tmp_path / "events"
    assert not event_log.read(file).begun, "there is no file"
    file.write_text(text)
    assert not event_log.read(file).begun, "or one without events"


def test_a_log_that_ends_in_the_middle_of_a_line_is_read_up_to_there(tmp_path: Path) -> None:
    file = written(tmp_path, _PRELUDE, diagnostic(_TEXT, urn=_URN))
    file.write_text(file.read_text() + '{"sequence":3,"diagno')
    assert len(event_log.read(file).errors) == 1, "the engine was killed while it wrote"


def test_a_message_is_shown_once_however_many_resources_have_it() -> None:
    errors = [Diagnostic(urn=f"{_URN}{number}", message="no rights") for number in range(3)]
    shown = event_log.summary(errors)
    assert shown == "kubernetes:apps/v1:Deployment a-web-deployment0: no rights (and of 2 more)", (
        "nobody reads it thrice"
    )


_LOG = EventLog(begun=True, errors=(Diagnostic(urn=_URN, message=_TEXT),))
_OUTPUT = "Updating (shop.a):\n" + "    output: x\n" * 40 + "Duration: 8s\n"


def test_the_diagnostics_are_shown_and_not_the_last_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "connect", lambda: _Answers(""))
    error = pulumi_cli.PulumiError(["up"], 255, _OUTPUT, shown=False, log=_LOG)
    assert _TEXT in str(error), "what failed"
    assert "output: x" not in str(error), "and not what comes after it"


def test_what_a_probe_says_does_not_decide_what_a_failure_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "connect", lambda: _Answers(""))
    error = pulumi_cli.PulumiError(["up"], 255, f"{_OUTPUT}\nerror: {_TEXT}\nno stack named x", shown=True, log=_LOG)
    assert error.code == ExitCode.FAILED, "the cluster answers"
    assert [error.is_missing, error.is_locked, error.is_empty] == [False] * 3, "an app may print anything"


def test_a_cluster_that_does_not_answer_is_found_by_asking_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "connect", lambda: _Answers("the cluster does not answer: timed out"))
    error = pulumi_cli.PulumiError(["destroy"], 255, "", shown=True, log=_LOG)
    assert (error.code, error.rule) == (ExitCode.CLUSTER, "the cluster does not answer: timed out"), "not by any text"


class _Answers:
    """A cluster that answers, or does not."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def check(self) -> None:
        if self._problem:
            raise BranchenvError(self._problem, fix="look at it", code=ExitCode.CLUSTER)
