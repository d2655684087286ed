"""What the real gateway answers while an environment comes and goes, told apart."""

import json
from pathlib import Path

from branchenv.clients import http_probe
from branchenv.clients.http_probe import Expected, ProbeResult, Reachability
from branchenv.model.errors import ExitCode
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, Branch, Branches
from tests.cluster.support.waiting import until


def _ask(branch: Branch, path: str = "/") -> ProbeResult:
    """Ask once."""
    return http_probe.ask(branch.url, Expected(path=path), timeout=0)


def _until(branch: Branch, state: Reachability) -> ProbeResult:
    """Ask until it is so: the gateway learns of changes a moment after the API server."""

    def asked() -> ProbeResult | None:
        found = _ask(branch)
        return found if found.state == state else None

    return until(asked, what=f"{branch.url}: {state}")


def test_no_route_no_pod_the_apps_error_and_up_are_told_apart(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/announced")
    before = _ask(branch)
    assert (before.state, before.status) == (Reachability.NO_ROUTE, 404), "there is no such host yet"

    file = workdir / "environment.yaml"
    file.write_text(f"image: {FIRST}\nprobes: {{path: /healthz}}\n")
    branch.up(environment=str(file))
    up = http_probe.ask(branch.url, timeout=20)
    assert up.state == Reachability.UP, f"the app answers through the gateway: {up}"
    failing = _ask(branch, "/fail")
    assert (failing.state, failing.status) == (Reachability.APP_ERROR, 500), "the app's own error is not the gateway's"
    assert gateway.get(branch.host).status == 200, "for browsers as well"

    cluster = branch.base.cluster
    scale = ("scale", "deployment", branch.object_name(), f"--namespace={branch.base.namespace}")
    cluster.kubectl(*scale, "--replicas=0")
    assert _until(branch, Reachability.NO_POD).status == 503, "the route is there, the pod is not"
    cluster.kubectl(*scale, "--replicas=1")
    assert http_probe.ask(branch.url, timeout=30).state == Reachability.UP, "it waits until the pod is back"


def test_an_answer_of_the_version_before_is_no_answer(branches: Branches, workdir: Path) -> None:
    branch = branches("feature/half-way")
    branch.up(image=FIRST)
    branchenv = Branchenv(branch=branch, folder=workdir)
    branchenv.run("announce").ok()

    # What is left where `pulumi up` ends before the rollout does.
    crash = {"spec": {"template": {"spec": {"containers": [{"name": "app", "command": ["/no-such-program"]}]}}}}
    patch = ("patch", "deployment", branch.object_name(), f"--namespace={branch.base.namespace}")
    branch.base.cluster.kubectl(*patch, f"--patch={json.dumps(crash)}")

    late = branchenv.run("announce", "--timeout", "3s").refused("200 from the version before", "cannot be started")
    assert late.code == ExitCode.NOT_READY, "the old pods answer, the new ones crash"
