"""A container image's name, as registries take it."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from components.strict import broken

# distribution/reference, without its corner cases: [host[:port]/]path[:tag][@digest]
_IMAGE = (
    r"^(?:(?:[A-Za-z0-9][A-Za-z0-9.-]*)(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)


def _image(image: str) -> str:
    """Refuse what no registry takes, and say what was probably meant."""
    if re.fullmatch(_IMAGE, image):
        return image
    name, at, digest = re.sub(r"^\s*(?:[a-z]+://)?|\s+$|:$", "", image).partition("@")
    repository, colon, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    meant = f"{repository.lower()}{colon}{tag}{at}{digest}"
    rule = (
        "an image is [registry/]repository[:tag][@sha256:<64 digits>], the repository in lower case, without a scheme"
    )
    if "$" in image:
        raise broken(
            f"{rule}; this one holds a variable that nothing has filled in", "set the variable, or write its value"
        )
    fits = re.fullmatch(_IMAGE, meant)
    raise broken(
        rule, f"write {meant}" if fits else "write it as `docker pull` takes it, e.g. registry.example.com/shop:1.0"
    )


Image = Annotated[
    str,
    Field(max_length=512, examples=["registry.example.com/shop:1.0"]),
    AfterValidator(_image),
    WithJsonSchema(
        {"type": "string", "maxLength": 512, "pattern": _IMAGE, "examples": ["registry.example.com/shop:1.0"]}
    ),
]
