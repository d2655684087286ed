"""What a branch stack costs before the cluster is asked: what is imported, and what waits for what.

Counts, as they do not depend on the machine's speed. A limit that no longer holds is no mistake by itself: whoever
raises it says here what it is raised for.
"""

import json
import subprocess
import sys
from functools import cache

import pytest

from tests.unit.inventory import examples
from tests.unit.recording import ROOT, Made, run_program

# 524 of pulumi and pydantic on Python 3.11; a later Python splits its own in others. The program's own are not counted:
# twenty more of them, each small, took no time that could be measured.
MOST_MODULES = 535
_OWN = ("components", "core", "stacks")
NOT_FOR_BRANCHES = {
    "core.registry": "what brings a chart from a registry",
    "kubernetes": "a client of its own",
    "pulumi_aws": "a cloud's SDK",
    "pulumi_gcp": "a cloud's SDK",
    "pulumi_kubernetes": "the SDK of all kinds of objects, of which core alone took half of all the time of imports",
    "stacks.base.stack": "the other kind of stack",
    "stacks.settings.base": "the settings of the other kind, whose models take as long to build as a branch's",
    "typer": "branchenv's command line",
}

_IMPORT = """
import json, sys
sys.path.insert(0, "")
import pulumi
import stacks.branch.stack
import components.branch.workloads
print(json.dumps(sorted(sys.modules)))
"""


@cache
def _modules() -> list[str]:
    done = subprocess.run([sys.executable, "-c", _IMPORT], cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_branch_stack_imports_no_more_modules_than_it_must() -> None:
    of_others = [name for name in _modules() if name.partition(".")[0] not in _OWN]
    assert len(of_others) <= MOST_MODULES, "every deploy waits for its imports"


@pytest.mark.parametrize("name", sorted(NOT_FOR_BRANCHES))
def test_a_branch_stack_does_without(name: str) -> None:
    assert name not in _modules(), f"every deploy would wait for it: {NOT_FOR_BRANCHES[name]}"


def _longest_chain(made: list[Made]) -> list[str]:
    """Return the longest row of custom resources of which each waits for the one before."""
    by_name = {each.name: each for each in made if each.custom}
    chains: dict[str, list[str]] = {}

    def chain(name: str) -> list[str]:
        if name not in chains:
            before = [dependency.rpartition("::")[2] for dependency in by_name[name].depends_on]
            longest = max((chain(each) for each in before if each in by_name), key=len, default=[])
            chains[name] = [*longest, name]
        return chains[name]

    return max((chain(name) for name in by_name), key=len)


@pytest.mark.parametrize("example", ["environment", "several-workloads", "weights"])
def test_nothing_waits_for_what_it_does_not_need(example: str) -> None:
    """The anchor's uid is in every object, and the route comes once the pods are ready: three in a row."""
    given = examples()[example]
    chain = _longest_chain(run_program(given.stack, given.config).made)
    assert len(chain) == 3, f"resources in a row are seconds in a row: {' -> '.join(chain)}"
    assert chain[0].endswith("-anchor"), "the owner of all others is made first"
    assert chain[-1].endswith("-virtual-service"), "and the route last"
