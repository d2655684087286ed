"""Reads ci/README.md, and writes its table of inputs from the template: `python -m tests.ci_readme`."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "ci/README.md"
TEMPLATE = ROOT / "ci/templates/branch-environment.yml"
COMMAND = "python -m tests.ci_readme"

_TABLE = re.compile(r"(?<=<!-- begin inputs -->\n).*?(?=<!-- end inputs -->)", re.DOTALL)


def template() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the template's two documents: its inputs by name, and its jobs as they are written."""
    header, jobs = yaml.safe_load_all(TEMPLATE.read_text(encoding="utf-8"))
    return header["spec"]["inputs"], jobs


def pipeline(mark: str) -> str:
    """Return one of the README's pipelines, by the comment before it."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"ci/README.md has a block marked {mark}"
    return found[1]


def with_table(text: str) -> str:
    """Return the README with the table that the template asks for."""
    inputs, _ = template()
    rows = [f"| `{name}` | {_default(each)} | {_about(each)} |\n" for name, each in inputs.items()]
    return _TABLE.sub(lambda _: "".join(["| input | default | what it is |\n|---|---|---|\n", *rows]), text)


def _default(given: dict[str, Any]) -> str:
    if "default" not in given:
        return "needed"
    value = given["default"]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "empty"


def _about(given: dict[str, Any]) -> str:
    options = given.get("options")
    one_of = f" One of {', '.join(f'`{option}`' for option in options)}." if options else ""
    return f"{given['description']}{one_of}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
