"""Section `rush`: fifty pushes at once, as on a Monday morning, on one machine that is runner and cluster at a time."""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.lab import FIRST, Lab
from benchmarks.measure import Command, Requests, run
from benchmarks.records import Recorder
from benchmarks.ways import DeployJob
from local.progress import Detail

SECTION = "rush"
# What fits fifty times on a node of two processors.
_ENVIRONMENT = f"""\
image: {FIRST}
resources: {{requests: {{cpu: 10m, memory: 16Mi}}}}
"""
_MAX_WAIT = "600"
_LONGEST = 900.0


def measure(lab: Lab, *, pushes: int, detail: Detail) -> Recorder:
    """Measure it; a push that fails, fails the measurement.

    Args:
        lab: where.
        pushes: how many.
        detail: where to say how far it is.
    """
    recorder = Recorder(SECTION)
    file = lab.folder / "rush.yaml"
    file.write_text(_ENVIRONMENT)
    jobs = [DeployJob(lab=lab, name=f"rush-{number:02}") for number in range(pushes)]
    done = 0
    began = time.perf_counter()

    def push(job: DeployJob) -> float:
        nonlocal done
        folder = lab.folder / job.name
        folder.mkdir(exist_ok=True)
        command = job.deploy("")
        asked = {"BRANCHENV_IMAGE": "", "BRANCHENV_ENVIRONMENT": str(file), "BRANCHENV_READY_TIMEOUT": _MAX_WAIT}
        env = {**command.env, **asked}
        run(Command(arguments=command.arguments, env=env, folder=folder), longest=_LONGEST)
        done += 1
        return time.perf_counter() - began

    detail.text = lambda: f"{done} of {pushes} pushed"
    with ThreadPoolExecutor(pushes) as pool:
        ends = list(pool.map(push, jobs))
    for seconds in sorted(ends):
        recorder.add("answered", seconds)
    recorder.add("all", max(ends), pushes=pushes)
    for job in jobs:
        with Requests(lab.port, job.host) as requests:
            requests.first(lambda answer: answer.status == 200, what="answers after the rush")
    # They go with the cluster: this section is the last.
    return recorder
