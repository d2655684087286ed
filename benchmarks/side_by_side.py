"""Section `times`: pushes and ends of one branch, in each way, in turn.

A round does the same in every way, one way after the other, so that a slow moment of the machine hits all of them; the
next round begins with another way. What is compared is compared within a round.
"""

import time
from collections.abc import Callable
from http import HTTPStatus

from benchmarks.lab import BASE, DEAF, FIRST, SECOND, Lab
from benchmarks.measure import Command, GatewayAnswer, Requests, peak_memory, run
from benchmarks.records import Recorder
from benchmarks.ways import Way, all_ways
from local.progress import Detail

SECTION = "times"


def measure(lab: Lab, *, rounds: int, detail: Detail) -> Recorder:
    """Measure everything.

    Args:
        lab: where.
        rounds: how often; the slowest step, an app that the plain way waits half a minute for, is done less often.
        detail: where to say how far it is.
    """
    recorder = Recorder(SECTION)
    ways = all_ways(lab)
    steps: list[tuple[str, int, Callable[[Way], None]]] = [
        ("pushes", rounds, lambda way: _life(lab, way, recorder)),
        ("memory", 1 if rounds < 3 else 3, lambda way: _memory(lab, way, recorder)),
        ("an app that ignores SIGTERM", 1 if rounds < 3 else 3, lambda way: _deaf(lab, way, recorder)),
    ]
    for what, times, step in steps:
        for number in range(times):
            for way in _in_turn(ways, number):
                detail.text = f"{what}, round {number + 1} of {times}, {way.name}"
                step(way)
    for number in range(rounds):
        detail.text = f"base stack, round {number + 1} of {rounds}"
        command = ["pulumi", "up", "--yes", "--skip-preview", "--stack", BASE, "--non-interactive", "--color=never"]
        ended = run(Command(arguments=command, env=lab.admin, folder=lab.program))
        recorder.add("repeat/base", ended.seconds)
    return recorder


def _in_turn(ways: list[Way], number: int) -> list[Way]:
    first = number % len(ways)
    return ways[first:] + ways[:first]


def _life(lab: Lab, way: Way, recorder: Recorder) -> None:
    """One branch from its first push to its end."""
    way.prepare()
    with Requests(lab.port, way.host) as requests:
        ended = run(way.deploy(FIRST))
        first = requests.first(_version("1.0"), what="answers")
    recorder.add(f"first-200/{way.name}", first.at - ended.began)
    recorder.add(f"deploy/{way.name}", ended.seconds)
    recorder.add(f"cpu/{way.name}", ended.cpu)

    repeated = run(way.deploy(FIRST))
    recorder.add(f"repeat/{way.name}", repeated.seconds)

    with Requests(lab.port, way.host) as requests:
        requests.first(_version("1.0"), what="still answers")
        ended = run(way.deploy(SECOND))
        new = requests.first(_version("2.0"), what="answers with the new version")
        # The old pod leaves after the command's end: a request that fails then was lost all the same.
        lab.kubectl("rollout", "status", "deployment", f"--selector={way.selector}", "--namespace=shop")
        _until_one_pod(lab, way)
        answers = list(requests.answers)
    failed = sum(answer.status != HTTPStatus.OK for answer in answers)
    recorder.add(f"new-version/{way.name}", new.at - ended.began)
    recorder.add(f"change/{way.name}", ended.seconds, failed=failed, requests=len(answers))
    _end(lab, way, recorder, "")


def _deaf(lab: Lab, way: Way, recorder: Recorder) -> None:
    way.prepare()
    run(way.deploy(DEAF))
    with Requests(lab.port, way.host) as requests:
        requests.first(_version("1.0"), what="answers")
    _end(lab, way, recorder, "-deaf")


def _end(lab: Lab, way: Way, recorder: Recorder, suffix: str) -> None:
    with Requests(lab.port, way.host) as requests:
        ended = run(way.remove())
        no_route = requests.first(
            lambda answer: answer.at > ended.began and answer.status == HTTPStatus.NOT_FOUND,
            what="is not routed any more",
        )
    lab.await_deletion(way.selector)
    recorder.add(f"gone{suffix}/{way.name}", time.perf_counter() - ended.began)
    recorder.add(f"remove{suffix}/{way.name}", ended.seconds)
    recorder.add(f"404{suffix}/{way.name}", no_route.at - ended.began)


def _memory(lab: Lab, way: Way, recorder: Recorder) -> None:
    way.prepare()
    recorder.add(f"memory/{way.name}", peak_memory(way.deploy(FIRST)), unit="byte")
    run(way.remove())
    lab.await_deletion(way.selector)


def _until_one_pod(lab: Lab, way: Way) -> None:
    pods = lab.get("pods", "--namespace=shop", f"--selector={way.selector}")["items"]
    leaving = [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" in pod["metadata"]]
    if leaving:
        lab.kubectl("wait", "--for=delete", "pod", *leaving, "--namespace=shop", "--timeout=120s")


def _version(version: str) -> Callable[[GatewayAnswer], bool]:
    return lambda answer: answer.status == HTTPStatus.OK and answer.version == version
