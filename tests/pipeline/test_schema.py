"""The component against GitLab's published schema of pipelines, which gitlab-ci-local carries."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests import ci_readme

_AS_JSON = 'import { schema } from "%s"; console.log(JSON.stringify(schema))'


@pytest.fixture(scope="module")
def schema(gitlab_ci_local: Path) -> dict[str, Any]:
    """GitLab's schema. Its package is written in JavaScript."""
    source = gitlab_ci_local.parents[1] / "node_modules/gitlab-ci-local/src/schema/schema.js"
    assert source.is_file(), f"gitlab-ci-local carries GitLab's schema: {source}"
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", _AS_JSON % source.as_uri()],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _interpolated(node: Any, values: dict[str, Any]) -> Any:
    """Put inputs into a document as GitLab does: whole values keep their type, parts of a text become text."""
    if isinstance(node, dict):
        return {_interpolated(key, values): _interpolated(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolated(each, values) for each in node]
    if not isinstance(node, str):
        return node
    pattern = r"\$\[\[ inputs\.([\w-]+) \]\]"
    if whole := re.fullmatch(pattern, node):
        return values[whole[1]]
    return re.sub(pattern, lambda found: str(values[found[1]]), node)


def test_the_jobs_are_what_gitlab_takes(schema: dict[str, Any]) -> None:
    inputs, jobs = ci_readme.template()
    values = {name: each.get("default", "base-eks-dev") for name, each in inputs.items()}
    jsonschema.Draft7Validator(schema).validate(_interpolated(jobs, values))


def test_the_inputs_are_what_gitlab_takes(schema: dict[str, Any]) -> None:
    inputs, _ = ci_readme.template()
    jsonschema.Draft7Validator(schema).validate({"spec": {"inputs": inputs}})


def test_the_schema_refuses_a_mistake(schema: dict[str, Any]) -> None:
    """Else the two tests above would say nothing."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({"deploy": {"script": ["true"], "when": "sometimes"}})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({"spec": {"inputs": {"x": {"type": "text"}}}})
