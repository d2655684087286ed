"""The port that a workload listens on, and what it speaks there."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.strict import broken

NO_PORT = "none"
"""What a file says for `port` of a workload that listens on none."""


def _port(value: object) -> object:
    if value is None:
        raise broken("there is no value", f"write port: {NO_PORT} for a workload that listens on no port")
    return None if value == NO_PORT else value


Port = Annotated[int, Field(ge=1, le=65535, examples=[8080])]


PortOrNone = Annotated[
    Port | None,
    BeforeValidator(_port),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"const": NO_PORT}]}),
]


Protocol = Literal["http", "http2", "grpc", "tcp"]
