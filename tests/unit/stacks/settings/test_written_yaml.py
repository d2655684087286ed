"""Values are what a person wrote, and no reader of YAML changes them without a word."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.branch.spec.written import Ambiguous
from components.branch.virtual_service import RoutedTo, virtual_service_spec
from stacks.settings import written_yaml
from stacks.settings.environment_file import load

TEXTS = {
    "NO": "NO",
    "on": "on",
    "yes": "yes",
    "0022": "0022",
    "01067": "01067",
    "22:22": "22:22",
    "12:30:45": "12:30:45",
    "12_345": "12_345",
    "0x1F": "0x1F",
    "0o17": "0o17",
    "8080": "8080",
    "-1": "-1",
    "1.10": "1.10",
    "1e3": "1e3",
    ".5": ".5",
    "2024-01-01": "2024-01-01",
    "2024-01-01T10:00:00Z": "2024-01-01T10:00:00Z",
    "true": "true",
    "'quoted'": "quoted",
    '""': "",
    "Grüße 日本": "Grüße 日本",
}


@pytest.mark.parametrize(("written", "text"), TEXTS.items())
def test_a_variable_is_the_text_that_was_written(tmp_path: Path, written: str, text: str) -> None:
    found = environment(tmp_path, f"image: a:1\nenv: {{A: {written}}}\nargs: [{written}]\ncommand: [{written}]\n")
    assert found.env == {"A": text}, "a container is given what the file says"
    assert (found.args, found.command) == ((text,), (text,)), "so are its arguments"


def test_numbers_are_numbers_where_numbers_are_meant(tmp_path: Path) -> None:
    found = environment(tmp_path, "image: a:1\nport: 8080\nresources: {requests: {cpu: 0.5}}\n")
    assert (found.port, found.resources.requests.cpu) == (8080, "0.5"), "numbers keep their meaning"


@pytest.mark.parametrize("word", ["off", "no", "false"])
def test_what_used_to_turn_a_probe_off_still_does(tmp_path: Path, word: str) -> None:
    found = environment(tmp_path, f"image: a:1\nprobes: {{readiness: {word}}}\n")
    assert found.probes.readiness is False, "YAML 1.1 reads these words as false"


def test_a_truth_value_may_be_written_as_people_do(tmp_path: Path) -> None:
    found = environment(tmp_path, "image: a:1\nautomountServiceAccountToken: yes\n")
    assert found.automount_service_account_token is True, "it can mean nothing else"


def environment(tmp_path: Path, text: str) -> Any:
    """Read an environment file."""
    path = tmp_path / "environment.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, "shop.x")


def test_all_that_the_old_version_changes_is_known_as_such() -> None:
    """PyYAML is such a reader: whatever it takes for no text must be known as ambiguous, or be the same in both."""
    for text in [*TEXTS, "y", "1_0.5", "0b11", "09", "1:2", "-0_1", "Off", "NULL", "~", "1.2.3", "0", "+7"]:
        old, new = yaml.safe_load(text), written_yaml.load(text)
        assert old == new or isinstance(new, Ambiguous) or isinstance(old, str), f"{text}: {old!r} became {new!r}"


def test_a_charts_values_are_plain(tmp_path: Path) -> None:
    found = environment(tmp_path, "chart: {path: c, values: {a: [1, 0.5, x, true], b: {c: 0x1F}}}\n").chart.values
    assert found == {"a": [1, 0.5, "x", True], "b": {"c": 31}}, "they go to Helm as they are"
    assert {type(each) for each in (*found["a"], found["b"]["c"])} == {int, float, str, bool}, (
        "and are copied on the way"
    )


def test_merged_keys_may_be_set_again() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, x: 2}\nc: {<<: *b, x: 3}\n"
    assert written_yaml.load(text)["c"] == {"x": 3, "y": 1}, "that is what merging is for"


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "b: {c: [{a: 1, a: 2}]}", "a: &x {k: 1, k: 2}"])
def test_a_key_that_stands_twice_is_a_mistake_wherever_it_is(text: str) -> None:
    with pytest.raises(written_yaml.RepeatedKeysError) as caught:
        written_yaml.load(text)
    assert len(caught.value.repeated) == 1, "with its name and both lines"


ORIGINS = {
    "https://*.example.com": (["https://a.example.com", "https://a.b.example.com"], ["https://example.com.evil.org"]),
    "https://*.web.example.com": (
        [],
        ["https://web.example.com", "https://evilweb.example.com", "https://x/.web.example.com"],
    ),
    "http://localhost:*": (
        ["http://localhost:3000", "http://localhost"],
        ["http://localhost.evil.org", "http://localhost:3000x"],
    ),
    "*": (["https://anything"], []),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_an_origin_with_a_wildcard_matches_what_it_says_and_nothing_else(tmp_path: Path, origin: str) -> None:
    found = environment(tmp_path, f"image: a:1\nroutes: [{{cors: {{allowOrigins: ['{origin}']}}}}]\n")
    routed = [RoutedTo(route=found.routes[0], destinations=[])]
    rule = virtual_service_spec(host="x", gateway="a/b", routed=routed)["http"][0]
    (match,) = rule["corsPolicy"]["allowOrigins"]
    matching, others = ORIGINS[origin]
    for each in matching:
        assert re.fullmatch(match["regex"], each), f"{each} is meant"
    for each in others:
        assert not re.fullmatch(match["regex"], each), f"{each} is somebody else's"
