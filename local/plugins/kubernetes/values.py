"""The engine's values as plain Python ones, and back.

Numbers arrive as floating point ones, secrets as marked wrappers and unknowns (values that exist only after another
resource was made) as fixed texts. Here they become `int` where whole, `Secret` and `UNKNOWN`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_TEXTS = frozenset(
    {
        _UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
# Keys of CRD schemas that the SDKs cannot spell, under the names they use instead.
_SPELLED = {
    f"x_kubernetes_{name}": f"x-kubernetes-{name.replace('_', '-')}"
    for name in (
        "embedded_resource",
        "int_or_string",
        "list_map_keys",
        "list_type",
        "map_type",
        "preserve_unknown_fields",
        "validations",
    )
}
_UNSPELLED = {real: spelled for spelled, real in _SPELLED.items()}


class _Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "<unknown until it is made>"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must be encrypted wherever it is kept and hidden wherever it is shown."""

    value: Any

    def __repr__(self) -> str:
        return "<secret>"


def from_struct(struct: Struct | None) -> dict[str, Any]:
    """The properties of a request."""
    if struct is None:
        return {}
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text in _UNKNOWN_TEXTS else text
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _from_fields(from_struct(value.struct_value))
    return None


def _from_fields(fields: dict[str, Any]) -> Any:
    mark = fields.get(_SIGNATURE)
    if mark == _SECRET:
        return Secret(fields.get("value"))
    if mark == _OUTPUT:
        known = fields.get("value", UNKNOWN)
        return Secret(known) if fields.get("secret") else known
    return fields


def to_struct(properties: Mapping[str, Any]) -> Struct:
    """Properties for a response."""
    struct = Struct()
    for key, value in properties.items():
        struct.fields[key].CopyFrom(_to_value(value))
    return struct


def _to_value(value: Any) -> Value:
    if value is None:
        return Value(null_value=0)
    if value is UNKNOWN:
        return Value(string_value=_UNKNOWN_TEXT)
    if isinstance(value, Secret):
        return Value(struct_value=to_struct({_SIGNATURE: _SECRET, "value": value.value}))
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    if isinstance(value, Mapping):
        return Value(struct_value=to_struct(value))
    if isinstance(value, list | tuple):
        return Value(list_value=ListValue(values=[_to_value(item) for item in value]))
    return Value(string_value=str(value))


def plain(value: Any) -> Any:
    """A copy without secret marks and without nulls in maps, spelled as Kubernetes spells it. Unknowns stay."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {_SPELLED.get(k, k): plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def spelled_for_sdk(value: Any) -> Any:
    """The opposite of `plain` as to spelling."""
    if isinstance(value, dict):
        return {_UNSPELLED.get(k, k): spelled_for_sdk(v) for k, v in value.items()}
    if isinstance(value, list):
        return [spelled_for_sdk(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether any part of a value is not known yet."""
    if value is UNKNOWN:
        return True
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(v) for v in value.values())
    if isinstance(value, list):
        return any(has_unknown(v) for v in value)
    return False


def has_secret(value: Any) -> bool:
    """Whether any part of a value is secret."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, dict):
        return any(has_secret(v) for v in value.values())
    if isinstance(value, list):
        return any(has_secret(v) for v in value)
    return False


def with_secrets_of(outputs: Any, inputs: Any) -> Any:
    """Outputs in which everything that was secret in the inputs is secret again.

    Maps are marked key by key, so that one secret does not hide a whole Deployment; a list with a secret in it is
    marked whole, because the API server may have put it in another order. The data of a Secret is always secret.
    """
    if isinstance(inputs, Secret):
        return outputs if isinstance(outputs, Secret) else Secret(outputs)
    if not isinstance(outputs, dict):
        return Secret(outputs) if has_secret(inputs) and not isinstance(outputs, Secret) else outputs
    if outputs.get("kind") == "Secret":
        return {
            k: Secret(v) if k in ("data", "stringData") and not isinstance(v, Secret) else v for k, v in outputs.items()
        }
    if not isinstance(inputs, dict):
        return outputs
    return {k: with_secrets_of(v, inputs[k]) if k in inputs else v for k, v in outputs.items()}
