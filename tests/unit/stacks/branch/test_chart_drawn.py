"""What a chart generates again each time is kept, if it is a Secret's, and told otherwise."""

from pathlib import Path
from typing import Any

import pytest

from stacks.branch.chart_drawn import compare, looks_up, makes_up, moving_words


def rendered(password: str, checksum: str = "1") -> list[dict[str, Any]]:
    """Return a chart's objects."""
    return [
        {"kind": "Secret", "metadata": {"name": "x-db"}, "data": {"user": "c2hvcA==", "a.b": password}},
        {"kind": "Secret", "metadata": {"name": "x-more"}, "stringData": {"key": password}},
        {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"checksum": checksum}},
    ]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("password: {{ randAlphaNum 24 | b64enc }}", True),
        ("{{- $ca := genCA 'x' 365 }}", True),
        ("date: {{ now | date }}", True),
        ("# Made now, of random parts: {{ .Values.now }}s", False),
        ("generated: {{ .Values.name }}", False),
    ],
)
def test_only_charts_that_make_something_up_are_rendered_twice(tmp_path: Path, template: str, expected: bool) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "x.yaml").write_text(template)
    assert makes_up(tmp_path) is expected, "the others pay nothing for it"


def test_a_chart_that_asks_the_cluster_for_its_last_values_is_known(tmp_path: Path) -> None:
    (tmp_path / "x.tpl").write_text('{{- $last := lookup "v1" "Secret" .Release.Namespace "x" }}')
    assert looks_up(tmp_path), "of what differs without a cluster, nobody knows whether it does with one"
    (tmp_path / "x.tpl").write_text("# lookup: {{ .Values.lookup }}")
    assert not looks_up(tmp_path), "a word is no call"


def test_what_a_secret_makes_up_is_kept_and_nothing_else_of_it() -> None:
    drawn = compare(rendered("b25l"), rendered("dHdv"))
    assert drawn.kept == {"x-db": ['data["a.b"]'], "x-more": ['stringData["key"]']}, (
        "a user that is changed in the chart is changed"
    )
    assert not drawn.moving, "what is the same twice is no matter"


def test_what_else_changes_with_every_push_is_told() -> None:
    drawn = compare(rendered("b25l", "1"), rendered("b25l", "2"))
    assert (drawn.kept, drawn.moving) == ({}, ["Deployment x"]), "which object"
    assert "Deployment x. Every push changes it and rolls its pods" in moving_words(drawn.moving), "and what it costs"
