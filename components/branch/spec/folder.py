"""A folder in a container."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from components.strict import broken


def _folder(path: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+/?", path) or ".." in path.split("/"):
        raise broken("a folder is an absolute path in the container, and not its root", "write e.g. /var/cache/app")
    return path.rstrip("/")


FolderPath = Annotated[
    str, BeforeValidator(_folder), WithJsonSchema({"type": "string", "pattern": "^/.", "examples": ["/var/cache/app"]})
]
