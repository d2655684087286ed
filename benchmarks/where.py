"""Section `where`: what a `pulumi up` spends its time on."""

import time

from benchmarks.lab import FIRST, SECOND, Lab
from benchmarks.measure import run
from benchmarks.records import Recorder
from benchmarks.trace import shares, spans
from benchmarks.ways import Up
from local.progress import Detail

SECTION = "where"


def measure(lab: Lab, *, rounds: int, detail: Detail) -> Recorder:
    """Measure a first push, a second one and one without a change.

    Args:
        lab: where.
        rounds: how often.
        detail: where to say how far it is.
    """
    recorder = Recorder(SECTION)
    way = Up(lab=lab, name="where")
    for number in range(rounds):
        detail.text = f"round {number + 1} of {rounds}"
        way.prepare()
        for push, image in (("first", FIRST), ("same", FIRST), ("second", SECOND)):
            trace = lab.folder / "trace.json"
            trace.unlink(missing_ok=True)
            offset = time.time() - time.perf_counter()
            ended = run(way.deploy(image, f"--otel-traces=file://{trace}"))
            began = ended.began + offset
            for share, seconds in shares(spans(trace), began=began, ended=began + ended.seconds).items():
                # A share that has no part in this push still has its place in the round.
                recorder.add(f"{push}/{share}", max(seconds, 1e-6))
        run(way.remove())
        lab.await_deletion(way.selector)
    return recorder
