"""What the API server says of a pod becomes a reason and a fix, in words for whoever waits."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from branchenv.why import pods
from branchenv.why.pods import LogReference
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.seen import Seen

_LONG_AGO, _BEFORE, _NOW = "2026-11-25T09:00:00Z", "2026-11-25T09:00:04Z", "2026-11-25T09:01:00Z"


def container(**more: Any) -> dict[str, Any]:
    """Return what an environment file makes of a workload."""
    return {
        "name": "app",
        "image": "registry.example.com/shop:1.0",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": "http"}, "timeoutSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        **more,
    }


def pod(state: dict[str, Any], spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """Return a pod whose only container is in a state."""
    return {
        "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"containers": [spec or container()]},
        "status": {"containerStatuses": [{"name": "app", "ready": False, "restartCount": 0, **state}], **status},
    }


def event(reason: str, message: str, kind: str = "Warning", at: str = _NOW) -> dict[str, Any]:
    """Return an event about the pod."""
    about = {"kind": "Pod", "name": "web-1", "fieldPath": "spec.containers{app}"}
    return {"type": kind, "reason": reason, "message": message, "lastTimestamp": at, "involvedObject": about}


def unhealthy(message: str, at: str = _NOW) -> dict[str, Any]:
    """Return the kubelet's words of a probe."""
    return event("Unhealthy", message, at=at)


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def running(at: str = _LONG_AGO) -> dict[str, Any]:
    return {"state": {"running": {"startedAt": at}}, "started": True}


def ended(code: int, reason: str = "Error", **more: Any) -> dict[str, Any]:
    """Return a container that waits to be started again."""
    return {
        **waiting("CrashLoopBackOff", "back-off 10s restarting failed container"),
        "lastState": {"terminated": {"exitCode": code, "reason": reason, **more}},
        "restartCount": 3,
    }


_IF_ROOT = (
    "if it must begin as root, set `runAs: root` for web, "
    "which isolation.runAsRoot of the app in the base stack must allow"
)


def read(
    seen: dict[str, Any], *events: dict[str, Any], log: str = "", declared: bool = True, workload: str = "web"
) -> Reason:
    """Return the only reason that a pod shows."""
    (found,) = pods.reasons(
        Seen(pod=seen, workload=workload, declared=declared, events=events, logs={"app": log} if log else {})
    )
    return found


def check(found: Reason, kind: ReasonKind, what: str, fix: str) -> None:
    """Insist on a reason, word for word."""
    assert (found.kind, found.what) == (kind, what), "what it is"
    assert found.fix == fix, "and how it is done right"


_PULL = 'Failed to pull image "registry.example.com/shop:1.0": rpc error: code = NotFound desc = failed to pull and '
_PULL += 'unpack image "registry.example.com/shop:1.0": failed to resolve reference "registry.example.com/shop:1.0": '


def test_a_pull_that_has_failed_is_told_before_the_status_says_so() -> None:
    events = [event("Failed", _PULL + "not found"), event("Failed", "Error: ErrImagePull")]
    found = read(pod(waiting("ContainerCreating")), *events)
    assert found.kind == ReasonKind.IMAGE, "the kubelet writes its events first"
    again = read(
        pod(waiting("ContainerCreating")),
        *events,
        event("Pulling", 'Pulling image "registry.example.com/shop:1.0"', "Normal"),
    )
    assert again.kind == ReasonKind.STARTING, "it is tried once more"


@pytest.mark.parametrize(
    ("reported", "cause", "fix"),
    [
        (
            "registry.example.com/shop:1.0: not found",
            "registry.example.com/shop:1.0: not found",
            "push the image, or correct its name or tag",
        ),
        (
            "pull access denied, repository does not exist or may require authorization",
            "pull access denied, repository does not exist or may require authorization",
            "correct its name, or give the pods a pull secret (identity.imagePullSecrets of the app in the base stack)",
        ),
        (
            'failed to do request: Head "https://registry.example.com/v2/": dial tcp 10.0.0.1:443: connection refused',
            'Head "https://registry.example.com/v2/": dial tcp 10.0.0.1:443: connection refused',
            "correct the registry's name, or let the nodes reach it",
        ),
    ],
)
def test_an_image_that_cannot_be_pulled_is_named_with_the_registrys_words(reported: str, cause: str, fix: str) -> None:
    events = (event("Failed", _PULL + reported), event("Failed", "Error: ImagePullBackOff"))
    found = read(pod(waiting("ImagePullBackOff", "Back-off pulling image")), *events)
    check(found, ReasonKind.IMAGE, f"the image registry.example.com/shop:1.0 cannot be pulled: {cause}", fix)


def test_an_image_whose_name_cannot_be_one_says_so() -> None:
    message = 'Failed to apply default image tag "Shop": couldn\'t parse image name "Shop"'
    found = read(pod(waiting("InvalidImageName", message), container(image="Shop")))
    assert found.what.startswith("the image Shop cannot be pulled: "), "the name that was given"
    assert found.fix == "write it as <registry>/<repository>:<tag>", "and its form"


def test_a_crash_has_its_exit_code_and_the_last_lines_of_its_log() -> None:
    log = "".join(f"line {number}\n" for number in range(20)) + "\x1b[31mKeyError: 'DATABASE_URL'\x1b[0m\n\n"
    found = read(pod(ended(1)), log=log)
    check(found, ReasonKind.CRASH, "its container crashes with exit code 1, 3 restarts so far", "")
    assert len(found.log) == 10, "not a whole log"
    assert found.log[-1] == "KeyError: 'DATABASE_URL'", "the last line, without what would colour the job's log"


def test_a_container_that_ends_well_is_told_to_go_on() -> None:
    found = read(pod(ended(0, "Completed")))
    fix = "a workload runs until it is told to stop: let its command do so"
    check(
        found,
        ReasonKind.CRASH,
        "its container ends by itself with exit code 0, and is started again, 3 restarts so far",
        fix,
    )


def test_a_container_that_takes_too_much_memory_is_told_its_limit() -> None:
    found = read(pod(ended(137, "OOMKilled")))
    what = "its container was killed, as it used more memory than its limit 512Mi, 3 restarts so far"
    check(found, ReasonKind.MEMORY, what, "raise resources.limits.memory of web")


def test_a_liveness_probe_that_kills_is_named_and_not_the_signal() -> None:
    events = (
        unhealthy("Liveness probe failed: HTTP probe failed with statuscode: 500"),
        event("Killing", "Container app failed liveness probe, will be restarted", kind="Normal"),
    )
    found = read(pod(ended(137)), *events)
    what = "its container is restarted, as its liveness probe fails, 3 restarts so far: "
    what += "HTTP probe failed with statuscode: 500"
    check(found, ReasonKind.PROBE, what, "correct probes of web, or what it asks for")


@pytest.mark.parametrize(
    ("state", "what", "fix"),
    [
        (
            waiting("CreateContainerConfigError", 'secret "shop-settings" not found'),
            'its container cannot be started: secret "shop-settings" not found',
            "have the Secret shop-settings made in the namespace shop, or mark its reference `optional: true`",
        ),
        (
            waiting("CreateContainerConfigError", "couldn't find key url in Secret shop/shop-settings"),
            "its container cannot be started: couldn't find key url in Secret shop/shop-settings",
            "correct the key, or have url added to the Secret shop/shop-settings",
        ),
        (
            waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
            "its container cannot be started: container has runAsNonRoot and image will run as root",
            f"let the image run as another user than root, or set security.runAsUser of web to one; {_IF_ROOT}",
        ),
        (
            ended(
                128,
                "StartError",
                message="failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
                'create failed: unable to start container process: exec: "/no-such": stat /no-such: no such file or '
                "directory: unknown",
            ),
            'its container cannot be started: "/no-such": stat /no-such: no such file or directory',
            "correct command of web, or the image's entrypoint",
        ),
    ],
)
def test_a_container_that_cannot_be_started_says_what_it_lacks(state: dict[str, Any], what: str, fix: str) -> None:
    check(read(pod(state)), ReasonKind.CONTAINER, what, fix)


_REFUSED = "Startup probe failed: dial tcp 10.1.0.7:8080: connect: connection refused"
_OFF = "if it listens on none, set `port: none`"
_EVERYWHERE = "let it listen on all addresses (0.0.0.0), not on 127.0.0.1 alone"


@pytest.mark.parametrize(
    ("log", "more", "where", "fix"),
    [
        ("shop 1.0 listens on :3000", {}, "; by its log it listens on 3000", "set `port: 3000` for web"),
        (
            "12:00:07 Server running at http://0.0.0.0:5000/",
            {},
            "; by its log it listens on 5000",
            "set `port: 5000` for web",
        ),
        ("Listening on port 4000", {}, "; by its log it listens on 4000", "set `port: 4000` for web"),
        (
            "",
            {"env": [{"name": "PORT", "value": "3000"}]},
            "; by its variable PORT it listens on 3000",
            "set `port: 3000` for web",
        ),
        (
            "",
            {"args": ["--port=3000"]},
            "; by its argument `--port=3000` it listens on 3000",
            "set `port: 3000` for web",
        ),
        (
            "Uvicorn running on http://127.0.0.1:8080",
            {},
            "; by its log it listens on 8080, at an address that only the pod itself reaches",
            _EVERYWHERE,
        ),
        (
            "Uvicorn running on http://127.0.0.1:8000",
            {},
            "; by its log it listens on 8000, at an address that only the pod itself reaches",
            f"set `port: 8000` for web, and {_EVERYWHERE}",
        ),
        (
            "",
            {"env": [{"name": "DB_HOST", "value": "x--db"}, {"name": "DB_PORT", "value": "5432"}]},
            "",
            f"set port of web to the one that it listens on; and {_EVERYWHERE}; {_OFF}",
        ),
        (
            "09:10:11 connected to postgres:5432, port 5432",
            {"env": [{"name": "DB_PORT", "valueFrom": {"secretKeyRef": {"name": "db", "key": "port"}}}]},
            "",
            f"set port of web to the one that it listens on; and {_EVERYWHERE}; {_OFF}",
        ),
    ],
)
def test_where_nothing_listens_the_port_is_named_that_seems_to_be_meant(
    log: str, more: dict[str, Any], where: str, fix: str
) -> None:
    probe = {"startupProbe": {"tcpSocket": {"port": "http"}}}
    found = read(pod(running(), container(**probe, **more)), unhealthy(_REFUSED), log=log)
    check(found, ReasonKind.PORT, f"nothing listens on port 8080{where}", fix)


@pytest.mark.parametrize(
    ("probe", "reported", "what", "fix"),
    [
        (
            {"httpGet": {"path": "/healthz", "port": "http"}},
            "HTTP probe failed with statuscode: 404",
            "its readiness probe, GET /healthz on port 8080, is answered 404",
            "let it answer 200 once it can take requests, or correct probes.path of web",
        ),
        (
            {"httpGet": {"path": "/", "port": 9000}, "timeoutSeconds": 2},
            'Get "http://10.1.0.7:9000/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
            "its readiness probe, GET / on port 9000, is not answered within 2 s",
            "let it answer sooner, or raise probes.readiness.timeoutSeconds of web",
        ),
        (
            # Whatever a command prints decides nothing.
            {"exec": {"command": ["/check", "-v"]}},
            "dial tcp 10.1.0.9:5432: connect: connection refused",
            "its readiness probe, `/check -v`, fails: dial tcp 10.1.0.9:5432: connect: connection refused",
            "correct probes of web, or what it asks for",
        ),
    ],
)
def test_a_probe_is_shown_with_what_it_was_answered(probe: dict[str, Any], reported: str, what: str, fix: str) -> None:
    spec = container(readinessProbe=probe)
    check(read(pod(running(), spec), unhealthy(f"Readiness probe failed: {reported}")), ReasonKind.PROBE, what, fix)


@pytest.mark.parametrize(
    ("written", "code", "kind", "what"),
    [
        (
            {"tcpSocket": {"port": 8080}},
            500,
            ReasonKind.PORT,
            "nothing listens on port 8080; by its log it listens on 3000",
        ),
        (
            {"httpGet": {"path": "/healthz", "port": 8080}},
            500,
            ReasonKind.PROBE,
            "its readiness probe, GET /healthz on port 8080, is answered 500, or nothing listens on port 8080",
        ),
        (
            {"httpGet": {"path": "/healthz", "port": 8080}},
            404,
            ReasonKind.PROBE,
            "its readiness probe, GET /healthz on port 8080, is answered 404",
        ),
    ],
)
def test_a_probe_that_a_sidecar_sends_is_shown_as_it_was_written(
    written: dict[str, Any], code: int, kind: ReasonKind, what: str
) -> None:
    path = "/app-health/app/readyz"
    seen = pod(running(), container(readinessProbe={"httpGet": {"path": path, "port": 15020}}))
    variable = {"name": "ISTIO_KUBE_APP_PROBERS", "value": json.dumps({path: written})}
    seen["spec"]["initContainers"] = [{"name": "istio-proxy", "restartPolicy": "Always", "env": [variable]}]
    reported = unhealthy(f"Readiness probe failed: HTTP probe failed with statuscode: {code}")
    found = read(seen, reported, log="listens on :3000")
    assert (found.kind, found.what) == (kind, what), "nobody wrote a probe of port 15020"


def test_a_restart_of_long_ago_is_not_taken_for_the_reason_that_a_probe_gives() -> None:
    before = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": _LONG_AGO, "finishedAt": _BEFORE}}
    again = {**running(_BEFORE), "lastState": before, "restartCount": 1}
    spec = container(startupProbe={"tcpSocket": {"port": "http"}})
    assert read(pod(again, spec), unhealthy(_REFUSED)).kind == ReasonKind.PORT, "it has run for a minute since"
    assert read(pod(again, spec), unhealthy(_REFUSED, at=_BEFORE)).kind == ReasonKind.CRASH, (
        "it may crash again any moment"
    )


def test_a_pod_without_a_node_says_what_it_asks_for() -> None:
    message = (
        "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims"
    )
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    seen = pod({}, container(resources={"requests": {"cpu": "2500m", "memory": "1536Mi"}}), conditions=[condition])
    seen["spec"]["initContainers"] = [
        {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
        {"name": "migrate", "resources": {"requests": {"cpu": "9"}}},
    ]
    what = "no node has room for its pod, which asks for cpu 3, memory 1536Mi; "
    what += "the scheduler says: 0/3 nodes are available: 3 Insufficient cpu"
    fix = "lower resources.requests of web, remove an environment that nobody needs, or add a node"
    check(read(seen), ReasonKind.ROOM, what, fix)


@pytest.mark.parametrize(
    ("status", "events", "what"),
    [
        (
            waiting("ContainerCreating"),
            [event("FailedMount", 'MountVolume.SetUp failed for volume "x": configmap "shop" not found')],
            'its pod does not start: FailedMount: MountVolume.SetUp failed for volume "x": configmap "shop" not found',
        ),
        (
            waiting("ContainerCreating"),
            [event("Pulling", 'Pulling image "shop:1.0"', kind="Normal")],
            'it is not ready yet: Pulling image "shop:1.0"',
        ),
        (running(), [], "its pod is not ready yet"),
    ],
)
def test_a_pod_that_still_starts_says_what_it_waits_for(
    status: dict[str, Any], events: Sequence[dict[str, Any]], what: str
) -> None:
    found = read(pod(status), *events)
    assert (found.kind, found.what) == (ReasonKind.STARTING, what), "nothing is known to have failed"


def test_an_evicted_pod_says_why() -> None:
    seen = pod({}, phase="Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage.")
    seen["status"]["containerStatuses"] = []
    assert read(seen).what == "its pod failed: Evicted: The node was low on resource: ephemeral-storage.", "in full"


def test_a_job_that_takes_too_long_is_not_told_of_a_signal() -> None:
    seen = pod({"state": {"terminated": {"exitCode": 137}}}, phase="Failed", reason="DeadlineExceeded")
    seen["spec"]["activeDeadlineSeconds"] = 60
    found = read(seen, log="at row 7", workload="migrate")
    check(found, ReasonKind.CRASH, "it was stopped, as it had not ended in 60 s", "raise timeoutSeconds of migrate")
    assert found.log == ("at row 7",), "how far it came"


def test_a_container_is_named_where_there_are_several() -> None:
    seen = pod(ended(1))
    seen["spec"]["containers"].append({"name": "istio-proxy"})
    assert read(seen).what.startswith("its container app crashes"), "which of them"


def test_a_chart_has_names_of_its_own_for_settings() -> None:
    assert read(pod(ended(137, "OOMKilled")), declared=False).fix == "raise memory in the chart", "no environment file"


def test_a_ready_pod_and_one_that_is_done_have_no_reasons() -> None:
    ready = pod({**running(), "ready": True}, conditions=[{"type": "Ready", "status": "True"}])
    done = pod({}, phase="Succeeded")
    assert [pods.reasons(Seen(pod=each, workload="web")) for each in (ready, done)] == [[], []], "all is well"


def test_logs_are_asked_for_of_the_run_that_came_to_the_point() -> None:
    assert list(pods.logs_wanted(pod(ended(1)))) == [LogReference("app", previous=True)], "the run before"
    assert list(pods.logs_wanted(pod({"state": {"terminated": {"exitCode": 1}}}))) == [
        LogReference("app", previous=False)
    ], "this"
    assert list(pods.logs_wanted(pod(running()))) == [LogReference("app", previous=False)], (
        "what it says where it listens"
    )
    assert list(pods.logs_wanted(pod(waiting("ImagePullBackOff")))) == [], "it has said nothing"


@pytest.mark.parametrize(
    ("log", "user", "fix"),
    [
        (
            "bind() to 0.0.0.0:80 failed (13: Permission denied)",
            65532,
            f"let the image run as a user that is not root; {_IF_ROOT}",
        ),
        (
            "chown(/var/cache/nginx, 101) failed (1: Operation not permitted)",
            65532,
            f"let the image run as a user that is not root; {_IF_ROOT}",
        ),
        ("bind() to 0.0.0.0:80 failed (13: Permission denied)", 0, ""),
        ("no such table: orders", 65532, ""),
    ],
)
def test_an_image_that_must_begin_as_root_is_told_its_line(log: str, user: int, fix: str) -> None:
    seen = pod(ended(1), container())
    seen["spec"]["securityContext"] = {"runAsUser": user}
    found = read(seen, log=log)
    check(found, ReasonKind.CRASH, "its container crashes with exit code 1, 3 restarts so far", fix)
