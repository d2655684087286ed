"""What a deploy costs, counted in what does not depend on the machine's speed: requests to the API server, processes.

A limit that no longer holds is no mistake by itself: whoever raises it says here what the request is needed for.
"""

from collections import Counter
from pathlib import Path

from tests.cluster.support.exposure import CommandLines
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.requests import proxy
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branches

# What the provider asks first, whatever it is to do: which kinds there are, and what they look like.
DISCOVERY = {"get /version": 1, "get /api": 1, "get /apis": 1, "get /openapi/v2": 1}
# The Deployment is followed until it is rolled out, the rest to tell how it is doing.
FOLLOWED = ("deployments", "replicasets", "pods", "events", "persistentvolumeclaims")
AWAITING = {f"{verb} {what}": 1 for verb in ("list", "watch") for what in FOLLOWED}

CONTRACT = {"get configmaps": 1}
"""What the base stack has published."""

OBJECTS = ("configmaps", "deployments", "networkpolicies", "services", "virtualservices")
FIRST_WRITES = {f"patch {what}": 1 for what in OBJECTS}
# Tried before it is done, to see what would change.
SECOND_WRITES = {"patch deployments": 2}
DESTROY_WRITES = {f"delete {what}": 1 for what in OBJECTS}
FIRST_READS = DISCOVERY | CONTRACT | AWAITING
# What the Deployment is at this moment: a change is refused if somebody else changed it.
SECOND_READS = DISCOVERY | CONTRACT | AWAITING | {"get deployments": 1}
# What each is, and whether it is gone.
DESTROY_READS = (
    DISCOVERY
    | {f"{verb} {what}": 1 for verb in ("list", "watch") for what in (*OBJECTS, "events")}
    | {f"get {what}": 2 for what in OBJECTS}
)

PYTHON = {
    "--version",  # which one it is
    "pip",  # what is installed for it
    "-c",  # which of that needs a plugin
    "pulumi-language-python-exec",  # the program
}
PROGRAMS = {"pulumi", "pulumi-language-python", "pulumi-resource-kubernetes"} | PYTHON
"""`destroy` runs no program of Python's."""
BRIEF = {"--version"}
"""Gone within milliseconds, so that looking at processes may miss it."""


def _programs(lines: CommandLines) -> set[str]:
    """Return what was run, without the shells that start it and the proxy that looks on."""
    found = set()
    for line in lines.seen:
        words = line.split()
        if words[0] == "/bin/sh" or words[:2] == ["kubectl", "proxy"]:
            continue
        if Path(words[0]).name.startswith("python"):
            found.add(next(Path(word).name for word in words[1:] if word not in ("-P", "-m", "-u")))
        else:
            found.add(Path(words[0]).name)
    return found


def _check(seen: Counter[str], writes: dict[str, int], reads: dict[str, int], what: str) -> None:
    changing = ("create ", "delete ", "patch ", "update ")
    written = {name: count for name, count in seen.items() if name.startswith(changing)}
    assert written == writes, f"{what} changes each object once, and no other"
    read = {name: count for name, count in seen.items() if not name.startswith(changing)}
    beyond = {name: count for name, count in read.items() if count > reads.get(name, 0)}
    assert not beyond, f"{what} asks for no more than it must"


def test_a_push_asks_the_api_server_for_no_more_than_it_must(base: Base, branches: Branches, tmp_path: Path) -> None:
    branch = branches("feature/costs").select()
    up = ("up", "--yes", "--skip-preview")
    with proxy(base.deployer_env, tmp_path) as seen:
        pulumi = Pulumi(branch.folder, {**base.env, "KUBECONFIG": str(seen.kubeconfig(tmp_path))})
        pulumi.run(*up, *branch.arguments(image=FIRST)).ok()
        _check(seen.counts(), FIRST_WRITES, FIRST_READS, "a first push")
        pulumi.run(*up, *branch.arguments(image=FIRST)).ok()
        _check(seen.counts(), {}, DISCOVERY | CONTRACT, "a push without a change")
        pulumi.run(*up, *branch.arguments(image=SECOND)).ok()
        _check(seen.counts(), SECOND_WRITES, SECOND_READS, "a second push")
        pulumi.run("destroy", "--yes", "--skip-preview", "--stack", branch.full_stack).ok()
        _check(seen.counts(), DESTROY_WRITES, DESTROY_READS, "the end")


def test_a_push_starts_the_engine_its_two_plugins_and_nothing_else(branches: Branches) -> None:
    branch = branches("feature/processes").select()
    with CommandLines() as lines:
        branch.up(image=FIRST)
    assert _programs(lines) | BRIEF == PROGRAMS, "each process takes a tenth of a second at least"
    with CommandLines() as lines:
        branch.destroy().ok()
    assert _programs(lines) <= PROGRAMS, "nor does the end"
