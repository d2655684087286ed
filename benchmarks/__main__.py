"""The command behind `make bench`: `python -m benchmarks --help`."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report, rush, sandbox, scale, side_by_side, trace, where
from benchmarks.lab import Lab, prepare
from benchmarks.records import RESULTS, Recorder, merge
from branchenv.console import seconds
from local.errors import exit_code
from local.paths import CACHE
from local.progress import Detail, Progress, console

_KEPT = CACHE / "benchmarks"
_GOOD_FOR = 24 * 3600.0

ABOUT = """\
Measures this project beside its peers, side by side on one machine, and many environments at once.

sections:
  times  pushes and ends of a branch: this project's deploy job, its bare `pulumi up`, Helm with the article's
         chart, and a Pulumi program of the plainest kind, in turn                                        ({times})
  where  what a `pulumi up` spends its time on                                                            ({where})
  scale  1, 10, 100 and 500 environments: one more up, destroy, list, sweep, what istiod sends to whom    ({scale})
  rush   fifty pushes at once                                                                             ({rush})

It makes a cluster of its own in namespaces of its own, beside the local cluster that you may have up, and removes it.
It needs what the local cluster needs, and 16 GB of memory for the rush. Other work on the machine spoils the figures.

An interrupted run resumes with the sections that it had not finished; their results are kept for a day.
"""
EPILOG = """\
writes: benchmarks/results.json (a pyperf suite), benchmarks/results.md, docs/*.svg, and the README's table.

examples:
  python -m benchmarks --quick             all of it, with few rounds: only to see that it works; writes no results
  python -m benchmarks times --rounds 20   one section, more rounds
  python -m benchmarks --report            write tables and pictures again from benchmarks/results.json
  pulumi up --otel-traces=file:///tmp/trace && python -m benchmarks --explain /tmp/trace
"""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the measurements."""

    takes: str
    """How long on 2 cores, for people."""
    measure: Callable[[Lab, int, Detail], Recorder]
    rounds: int
    quick: int
    repeats: bool = True
    """Whether rounds are repetitions, of which a person may want more or fewer."""


SECTIONS = {
    side_by_side.SECTION: Section(
        takes="10 min",
        measure=lambda lab, rounds, detail: side_by_side.measure(lab, rounds=rounds, detail=detail),
        rounds=10,
        quick=1,
    ),
    where.SECTION: Section(
        takes="1 min",
        measure=lambda lab, rounds, detail: where.measure(lab, rounds=rounds, detail=detail),
        rounds=5,
        quick=1,
    ),
    scale.SECTION: Section(
        takes="8 min",
        measure=lambda lab, rounds, detail: scale.measure(lab, rounds=rounds, detail=detail),
        rounds=3,
        quick=1,
    ),
    rush.SECTION: Section(
        takes="3 min",
        measure=lambda lab, rounds, detail: rush.measure(lab, pushes=rounds, detail=detail),
        rounds=50,
        quick=5,
        repeats=False,
    ),
}


def main() -> int:
    """Run the command; the exit code."""
    times = {name: section.takes for name, section in SECTIONS.items()}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=ABOUT.format(**times),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds, and no results are written")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each thing is measured")
    parser.add_argument("--fresh", action="store_true", help="do not resume an interrupted run")
    parser.add_argument("--report", action="store_true", help="measure nothing, write tables and pictures again")
    parser.add_argument("--explain", type=Path, metavar="TRACE", help="show what one `pulumi up` spent its time on")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.sections) - set(SECTIONS)):
        parser.error(f"there is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds {arguments.rounds}: must be 1 or more")
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    if arguments.explain:
        print(trace.table(trace.shares(trace.spans(arguments.explain))))
        return 0
    if not arguments.report:
        if sandbox.INSIDE not in os.environ:
            sandbox.build()
            sandbox.enter(sys.argv[1:])
        wanted = [name for name in SECTIONS if name in (arguments.sections or SECTIONS)]
        _measure(wanted, arguments)
        if arguments.quick:
            return 0
    report.write()
    return 0


def _measure(wanted: Sequence[str], arguments: argparse.Namespace) -> None:
    files = {name: _KEPT / f"{name}{'-quick' if arguments.quick else ''}.json" for name in wanted}
    if arguments.fresh or arguments.quick:
        for file in files.values():
            file.unlink(missing_ok=True)
    missing = [name for name in wanted if not _fresh(files[name])]
    for name in wanted:
        if name not in missing:
            console.print(
                f"{name}: kept from {seconds(time.time() - files[name].stat().st_mtime)} ago (--fresh measures again)"
            )
    if missing:
        with sandbox.cluster(["kwok"] if scale.SECTION in missing else []):
            progress = Progress(len(missing) + 1)
            with progress.step("base stack and images"):
                lab = prepare()
            for name in missing:
                section = SECTIONS[name]
                asked = arguments.rounds if section.repeats else None
                rounds = asked or (section.quick if arguments.quick else section.rounds)
                with progress.step(name) as detail:
                    section.measure(lab, rounds, detail).write(files[name])
    if arguments.quick:
        for file in files.values():
            report.show(file)
    else:
        merge(list(files.values()), RESULTS)
    for file in files.values():
        file.unlink()


def _fresh(file: Path) -> bool:
    return file.exists() and time.time() - file.stat().st_mtime < _GOOD_FOR


if __name__ == "__main__":
    sys.exit(main())
