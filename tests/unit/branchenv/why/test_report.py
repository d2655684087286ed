"""What Pulumi said and what the cluster shows become one report, and nothing is said twice."""

from collections.abc import Sequence

import httpx2
import pytest

from branchenv.clients.event_log import Diagnostic
from branchenv.clients.kubernetes import Cluster
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.why import report
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.report import Report

_TARGET = Target(app="shop", branch="feature/a", base="base-dev")
_STACK = "urn:pulumi:shop.a::branch-environments::"
_WAITED = Diagnostic(urn=f"{_STACK}kubernetes:apps/v1:Deployment::a-web-deployment", message="timed out")
_REFUSED = Diagnostic(
    urn=f"{_STACK}kubernetes:apps/v1:Deployment::a-web-deployment",
    message='resource "urn:..." was not successfully created by the Kubernetes API server: deployments.apps '
    f"\"{_TARGET.slug}--web\" is forbidden: ValidatingAdmissionPolicy 'pods' with binding 'pods' denied request: rule "
    "image: images come from here; fix: push the image there",
)
_SETTINGS = Diagnostic(urn="", message="1 mistake in the settings of stack shop.a\n  port: 0")
_CRASH = Reason(
    kind=ReasonKind.CRASH,
    workload="web",
    what="its container crashes with exit code 1",
    log=("starting", "KeyError: 'X'"),
)


def reasons(*errors: Diagnostic, cluster: Sequence[Reason] = ()) -> Report:
    """Put a report together."""
    return report.after(errors, cluster, _TARGET)


def test_a_wait_for_pods_is_explained_by_the_pods() -> None:
    assert reasons(_WAITED, cluster=[_CRASH]).reasons == (_CRASH,), "that time was up says nothing more"
    (alone,) = reasons(_WAITED).reasons
    assert (alone.kind, alone.told) == (ReasonKind.DEPLOY, True), "unless nothing else is known"


def test_what_pulumi_says_well_is_not_said_again_where_its_output_was_seen() -> None:
    whole = reasons(_SETTINGS)
    assert "1 mistake" not in str(report.error(whole, shown=True)), "it stands above"
    assert "1 mistake" in str(report.error(whole, shown=False)), "with --quiet nothing stands there"


def test_what_pulumi_says_at_the_end_of_a_long_line_is_said_again_in_short() -> None:
    (found,) = reasons(_REFUSED).reasons
    what = "the rule `image` of the cluster refuses its Deployment: images come from here"
    assert found.workload == "web", "by the object that the API server names"
    assert (found.what, found.fix, found.told) == (what, "push the image there", False), "what is refused, and the fix"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (reasons(_REFUSED, cluster=[_CRASH]), ExitCode.NOT_READY),
        (reasons(_REFUSED), ExitCode.REFUSED),
        (reasons(_SETTINGS), ExitCode.FAILED),
        (Report(target=_TARGET, reasons=(Reason(kind=ReasonKind.URL, workload="", what="x"),)), ExitCode.NO_ANSWER),
        (Report(target=_TARGET), ExitCode.DONE),
    ],
)
def test_an_exit_code_tells_a_script_what_kind_of_failure_it_is(found: Report, code: ExitCode) -> None:
    assert found.code == code, "of pods first: all else follows from them"


def test_a_reason_is_shown_with_its_log_and_its_fix() -> None:
    shown = report.full(
        [_CRASH, Reason(kind=ReasonKind.PORT, workload="api", what="nothing listens", fix="set `port: 3000`")]
    )
    assert shown.splitlines() == [
        "    web: its container crashes with exit code 1",
        "      its log ends with:",
        "        | starting",
        "        | KeyError: 'X'",
        "    api: nothing listens",
        "      fix: set `port: 3000`",
    ], "each with its workload"


def test_a_note_gets_one_short_line_each_and_not_all_of_them() -> None:
    many = [Reason(kind=ReasonKind.IMAGE, workload=f"w{number}", what="x" * 400) for number in range(5)]
    lines = report.brief(Report(target=_TARGET, reasons=(_CRASH, *many)))
    assert lines[0] == "web: its container crashes with exit code 1; it said last: \"KeyError: 'X'\"", "the last word"
    assert [len(line) for line in lines[1:3]] == [200, 200], "what is too long is cut"
    assert lines[3:] == ["and 3 more"], "a note is no log"


def test_an_error_of_settings_is_put_on_one_line_for_a_note() -> None:
    assert report.brief(reasons(_SETTINGS)) == ["1 mistake in the settings of stack shop.a port: 0"], (
        "as Pulumi says it"
    )


def test_the_cluster_is_asked_one_list_per_kind_and_then_of_pods_in_trouble_alone() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"{request.url.path.removeprefix('/api').removeprefix('s/apps')}?{request.url.params}")
        if request.url.path.endswith("/log"):
            return httpx2.Response(200, text="starting\nKeyError: 'X'\n")
        items = _OBJECTS.get(request.url.path.rpartition("/")[2], [])
        return httpx2.Response(200, json={"metadata": {}, "items": items})

    cluster = Cluster(httpx2.Client(transport=httpx2.MockTransport(answer), base_url="http://api"))
    (found,) = report.of_pods(cluster, _TARGET, "shop")
    assert (found.workload, found.kind, found.log[-1]) == ("web", ReasonKind.CRASH, "KeyError: 'X'"), "why it is not up"
    lists, events, logs = asked[:4], asked[4:-1], asked[-1:]
    assert all("labelSelector=branch-environments%2Fapp%3Dshop" in each for each in lists), "of this branch alone"
    assert len(events) == 1, f"of the pod that is not ready, not of the one that is: {events}"
    assert "previous=true" in logs[0], "the run that crashed"


def test_a_log_that_may_not_be_read_is_left_out() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/log"):
            return httpx2.Response(403)
        items = _OBJECTS.get(request.url.path.rpartition("/")[2], [])
        return httpx2.Response(200, json={"metadata": {}, "items": items})

    cluster = Cluster(httpx2.Client(transport=httpx2.MockTransport(answer), base_url="http://api"))
    (found,) = report.of_pods(cluster, _TARGET, "shop")
    assert found.log == (), "the reason is told all the same"


def test_a_cluster_that_refuses_is_no_environment_that_is_up() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(401))
    with pytest.raises(BranchenvError, match="refuses") as refused:
        report.of_pods(Cluster(httpx2.Client(transport=transport, base_url="http://api")), _TARGET, "shop")
    assert refused.value.code == ExitCode.CLUSTER, "nothing is known then"


def _owned(name: str, kind: str, owner: str, **more: object) -> dict[str, object]:
    reference = {"kind": kind, "name": owner, "uid": owner}
    return {"metadata": {"name": name, "uid": name, "ownerReferences": [reference], **more}}


_REVISION = {"deployment.kubernetes.io/revision": "1"}
_CRASHED = {
    "name": "app",
    "ready": False,
    "restartCount": 1,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}
_OBJECTS: dict[str, list[dict[str, object]]] = {
    "deployments": [
        {"metadata": {"name": f"{_TARGET.slug}--web", "uid": "web", "annotations": _REVISION}, "spec": {"replicas": 2}}
    ],
    "replicasets": [_owned("web-1", "Deployment", "web", annotations=_REVISION)],
    "pods": [
        _owned("good", "ReplicaSet", "web-1") | {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        _owned("bad", "ReplicaSet", "web-1")
        | {"status": {"containerStatuses": [_CRASHED]}, "spec": {"containers": [{"name": "app"}]}},
    ],
}
