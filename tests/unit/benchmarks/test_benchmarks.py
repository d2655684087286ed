"""Documents agree with the results, and results are read and told as they are. Nothing is timed here."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import fill, report, trace
from benchmarks.measure import Command, run
from benchmarks.records import RESULTS, Series, difference, ratio, read
from benchmarks.trace import Span
from local.errors import LocalError
from tests.unit.recording import ROOT

DOCUMENTS = (report.DOCUMENT, report.README, report.SCALE)


def _series(*values: float, unit: str = "second") -> Series:
    return Series(name="times/x/y", unit=unit, values=values)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_says_what_was_measured(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert report.with_made_parts(text, read()) == text, f"{document.name} is stale; run: {report.COMMAND}"


def test_every_table_stands_in_a_document() -> None:
    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    missing = [name for name in report.PARTS if f"<!-- begin {name} -->" not in text]
    assert not missing, "a table that nobody can read"


def test_every_picture_is_there() -> None:
    for document in DOCUMENTS:
        for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / picture).is_file(), f"{document.name} shows {picture}"


def test_every_way_of_a_row_was_measured_as_often_as_the_others() -> None:
    results = read()
    for row in report.ROWS:
        rounds = {way: len(results[f"times/{row.name}/{way}"].values) for way in report.WAYS}
        assert len(set(rounds.values())) == 1, f"{row.name} is compared within rounds: {rounds}"


def test_no_request_failed_during_a_second_push_of_this_project() -> None:
    for way in ("job", "up"):
        assert read()[f"times/change/{way}"].metadata["failed"] == 0, "the README says so"


def test_ratios_are_those_within_a_round() -> None:
    slow_machine_in_the_second_round = _series(2.0, 20.0, 2.0), _series(1.0, 10.0, 1.0)
    assert ratio(*slow_machine_in_the_second_round) == 2.0, "a slow moment hits both"
    assert difference(_series(3.0, 5.0, 4.0), _series(1.0, 1.0, 1.0)) == 3.0, "the same for differences"
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratio(_series(1.0, 2.0), _series(1.0))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0463, "second", "46 ms"),
        (3.456, "second", "3.46 s"),
        (34.56, "second", "34.6 s"),
        (345.6, "second", "346 s"),
        (12, "byte", "12 B"),
        (13_800, "byte", "13.8 kB"),
        (233_411_584, "byte", "233 MB"),
    ],
)
def test_amounts_have_two_or_three_digits(value: float, unit: str, text: str) -> None:
    assert report.amount(value, unit) == text, "no more is known"


def test_a_file_of_pyperf_is_read_without_pyperf(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    runs = [{"values": [1.5]}, {"values": [2.5]}]
    first = {"metadata": {"name": "times/x/up", "unit": "second", "failed": 0}, "runs": runs}
    file.write_text(json.dumps({"version": "1.0", "metadata": {"cpu_count": 2}, "benchmarks": [first]}))
    found = read(file)["times/x/up"]
    assert found.values == (1.5, 2.5), "a value a round, in order"
    assert (found.metadata["cpu_count"], found.metadata["failed"]) == (2, 0), "what all share, and what it has alone"


def _span(name: str, begin: float, end: float, **attributes: str) -> Span:
    return Span(name=name, begin=begin, end=end, attributes=attributes)


TRACE = [
    _span("pulumi", 1.0, 9.0),
    _span("newPlugin", 1.0, 1.25, prefix="python"),
    _span("pulumirpc.LanguageRuntime/About", 1.25, 1.5),
    _span("newPlugin", 2.0, 2.125, prefix="python"),
    _span("pulumirpc.LanguageRuntime/GetRequiredPackages", 2.125, 2.5),
    _span("pulumirpc.LanguageRuntime/Run", 2.5, 8.5),
    _span("pulumirpc.ResourceMonitor/Invoke", 3.5, 4.0),
    _span("builtinProvider.readStackReference", 3.5, 4.0),
    _span("gocloud.dev/blob.NewRangeReader", 3.5, 3.75),
    _span("pulumirpc.ResourceMonitor/RegisterResource", 3.75, 3.8),
    _span("pulumirpc.ResourceMonitor/RegisterResource", 4.125, 8.0),
    _span("newPlugin", 4.25, 4.5, prefix="kubernetes (resource)"),
    _span("pulumirpc.ResourceProvider/Create", 4.5, 4.75),
    _span("pulumirpc.ResourceProvider/Create", 5.0, 7.0),
    _span("pulumirpc.ResourceProvider/Create", 5.0, 5.25),
    _span("gocloud.dev/blob.NewWriter", 8.5, 8.75),
]


def test_each_moment_of_a_trace_counts_once() -> None:
    found = trace.shares(TRACE, began=0.5, ended=9.5)
    assert sum(found.values()) == pytest.approx(9.0), "from the start of the process to its end"
    assert found == pytest.approx(
        {
            trace.CLI: 1.0,  # before the first span and after the last
            trace.ASKED: 0.5,
            trace.PACKAGES: 0.5,
            trace.IMPORTS: 1.125,  # from the program's start to its first resource, less what it waited for
            trace.BASE: 0.5,  # the state is read in it
            trace.PROVIDER: 0.25,
            trace.OPERATIONS: 0.25,  # the one beside the awaited one is not in addition
            trace.AWAITING: 2.0,
            trace.BACKEND: 0.25,
            trace.ENGINE: 2.625,
        }
    ), "for the innermost thing that went on"


def test_a_trace_of_the_cli_is_read(tmp_path: Path) -> None:
    span = {
        "name": "pulumi",
        "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": "3000000000",
        "attributes": [{"key": "prefix", "value": {"stringValue": "python"}}],
    }
    file = tmp_path / "trace"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}) + "\n")
    assert trace.spans(file) == [_span("pulumi", 1.0, 3.0, prefix="python")], "seconds since the epoch"
    assert "in all                      2000 ms" in trace.table(trace.shares(trace.spans(file))), "for a person"


def test_copies_of_an_environment_are_objects_that_can_be_made_anew() -> None:
    live = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "bench-model",
            "namespace": "shop",
            "uid": "1",
            "resourceVersion": "2",
            "labels": {"a": "b"},
        },
        "spec": {"clusterIP": "198.19.0.7", "clusterIPs": ["198.19.0.7"], "selector": {"a": "b"}},
        "status": {"loadBalancer": {}},
    }
    made = fill._bare(live)
    assert made["metadata"] == {
        "name": "bench-model",
        "namespace": "shop",
        "labels": {"a": "b", "benchmarks/fill": "true"},
    }, "what the API server gave it, it gives again; the label finds it at the end"
    assert made["spec"] == {"selector": {"a": "b"}}, "an address belongs to one Service"
    assert "status" not in made, "nor has it a state yet"


def test_objects_are_read_as_kubectl_prints_them_one_after_the_other() -> None:
    printed = '{\n "kind": "Node"\n}\n{\n "kind": "Node", "x": "{}"\n}\n'
    assert list(fill._documents(printed)) == [{"kind": "Node"}, {"kind": "Node", "x": "{}"}], "no list holds them"


def test_a_command_that_fails_is_told_with_what_it_printed(tmp_path: Path) -> None:
    failing = Command(arguments=["sh", "-c", "echo the reason; exit 3"], env={"PATH": "/bin:/usr/bin"}, folder=tmp_path)
    with pytest.raises(LocalError, match="ended with 3") as failure:
        run(failing)
    assert "the reason" in str(failure.value), "a measurement of a failure is none"


def test_the_measurements_need_nothing_that_make_test_installs() -> None:
    named = (ROOT / "requirements-dev.in").read_text() + (ROOT / "requirements.in").read_text()
    assert not {"pyperf", "matplotlib", "xds-protos"} & set(re.findall(r"^([\w-]+)", named, re.MULTILINE)), (
        "nor it them"
    )
    assert RESULTS.is_file(), "the results are part of the repository"
