"""How the engine's values become plain ones and go back, and what is hidden on the way."""

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from local.plugins.kubernetes.values import (
    UNKNOWN,
    Secret,
    from_struct,
    has_unknown,
    plain,
    spelled_for_sdk,
    to_struct,
    with_secrets_of,
)

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "geheim"}
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _struct(value: dict[str, object]) -> Struct:
    struct = Struct()
    json_format.ParseDict(value, struct)
    return struct


def test_whole_numbers_become_integers_and_others_stay() -> None:
    read = from_struct(_struct({"port": 8080, "share": 0.5, "on": True, "no": None, "list": [1, "a"]}))
    assert read == {"port": 8080, "share": 0.5, "on": True, "no": None, "list": [1, "a"]}, "values stay equal"
    assert isinstance(read["port"], int), "the API server refuses 8080.0 as a port"
    assert read["on"] is True, "a truth value is no number"


def test_secrets_and_unknowns_survive_the_way_there_and_back() -> None:
    sent = _struct({"a": SECRET, "b": [UNKNOWN_TEXT], "c": {"d": 1}})
    read = from_struct(sent)
    assert read["a"] == Secret("geheim"), "a wrapper becomes a marked value"
    assert read["b"] == [UNKNOWN], "a fixed text becomes the unknown"
    assert to_struct(read) == sent, "and both go back as they came"


def test_a_secret_does_not_show_its_value() -> None:
    assert "geheim" not in repr(Secret("geheim")), "a value in a log or traceback would be a leak"


def test_output_values_are_taken_apart() -> None:
    output = {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    read = from_struct(_struct({"a": {**output, "value": 1, "secret": True}, "b": output}))
    assert read["a"] == Secret(1), "a secret output is a secret"
    assert read["b"] is UNKNOWN, "an output without a value is not known yet"


def test_plain_values_have_no_marks_and_no_nulls() -> None:
    marked = {"a": Secret({"b": None, "c": [None]}), "x_kubernetes_list_type": "map"}
    assert plain(marked) == {"a": {"c": [None]}, "x-kubernetes-list-type": "map"}, "what Kubernetes is sent"
    assert spelled_for_sdk({"x-kubernetes-list-type": "map"}) == {"x_kubernetes_list_type": "map"}, "what SDKs are sent"


def test_an_unknown_is_found_wherever_it_hides() -> None:
    assert has_unknown({"a": [Secret({"b": UNKNOWN})]}), "inside maps, lists and secrets"
    assert not has_unknown({"a": [Secret({"b": 1})]}), "and only if it is there"


def test_outputs_are_secret_where_the_inputs_were() -> None:
    inputs = {"spec": {"token": Secret("t"), "plain": 1}, "list": [{"a": Secret(1)}, 2]}
    outputs = {"spec": {"token": "t", "plain": 1, "more": 2}, "list": [{"a": 1}, 2], "status": {}}
    marked = with_secrets_of(outputs, inputs)
    assert marked["spec"] == {"token": Secret("t"), "plain": 1, "more": 2}, "one secret does not hide its neighbours"
    assert marked["list"] == Secret([{"a": 1}, 2]), "a list with a secret is secret whole, for its order may change"


def test_the_data_of_a_secret_is_always_secret() -> None:
    marked = with_secrets_of({"kind": "Secret", "data": {"a": "YQ=="}, "type": "Opaque"}, {})
    assert marked["data"] == Secret({"a": "YQ=="}), "even if the program did not say so"
    assert marked["type"] == "Opaque", "the rest is not"
