"""docs/base-stack.md says what the code does."""

import re

from stacks.settings.errors import nearest
from tests.readme import BASE_STACK, COMMAND, blocks, with_made_parts
from tests.unit.inventory import BASES, examples

TEXT = BASE_STACK.read_text(encoding="utf-8")


def test_tables_and_examples_are_those_of_the_code() -> None:
    assert with_made_parts(TEXT) == TEXT, f"docs/base-stack.md is stale; run: {COMMAND}"


def test_every_config_shown_is_an_example_and_every_example_is_named() -> None:
    shown = [block.mark for block in blocks(TEXT) if block.language == "yaml"]
    assert all(mark.startswith("examples/base/") for mark in shown), (
        f"a config that is no example is not tested: {shown}"
    )
    for path in BASES:
        assert f"examples/base/{path.name}" in TEXT, f"nobody finds {path.name}"


def test_every_kind_of_object_is_explained() -> None:
    # A kind's name, as the table of objects would have it.
    explained = {"AcmCertificate": "certificate", "AcmeIssuer": "certificate", "SelfSignedCa": "CA of its own"}
    kinds = {
        type_.rpartition(":")[2]
        for example in examples().values()
        if example.stack.startswith("base-")
        for type_ in _components(example)
    }
    words = {
        "Addons": "Helm releases",
        "ArgoCdApplication": "Application",
        "CiAccess": "CI's rights",
        "EksTokens": "identity provider",
        "JobsAccess": "access entry",
        "DnsRecords": "wildcard DNS records",
        "EksIngress": "Ingress",
        "GkeIngress": "Ingress",
        "WorkloadIdentity": "cloud identity",
        "Sweep": "CronJob",
        **explained,
    }
    for kind in sorted(kinds):
        assert words.get(kind, kind) in TEXT, f"{kind} is not explained; {nearest(kind, words)}"


def _components(example: object) -> set[str]:
    from tests.unit.inventory import Example
    from tests.unit.recording import run_program

    assert isinstance(example, Example)
    made = run_program(example.stack, example.config).made
    return {each.type for each in made if re.match("branch-environments:", each.type)}
