"""What a deploy costs, counted in what does not depend on the machine's speed: requests to the API server, processes.

A limit that no longer holds is no mistake by itself: whoever raises it says here what the request is needed for.
"""

from collections import Counter
from pathlib import Path

from tests.cluster.support.exposure import CommandLines
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.requests import proxy
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branches

# The pods are followed to tell how they are doing, the Deployment to see that it is rolled out.
AWAITING = {"list deployments": 1, "watch deployments": 1, "list pods": 1, "watch pods": 1}
# A kind that is not built in is looked up: which resource is it, and is it in namespaces?
LOOKED_UP = {"get /apis/networking.istio.io/v1": 1}

OBJECTS = ("configmaps", "deployments", "networkpolicies", "services", "virtualservices")
FIRST_WRITES = {f"patch {what}": 1 for what in OBJECTS}
SECOND_WRITES = {"patch deployments": 1}
DESTROY_WRITES = {f"delete {what}": 1 for what in OBJECTS}
FIRST_READS = AWAITING | LOOKED_UP
# What the Deployment is at this moment: a change is refused if somebody else changed it.
SECOND_READS = AWAITING | {"get deployments": 1}
# Whether each is gone, where the deletion itself did not say so.
DESTROY_READS = LOOKED_UP | {f"{verb} {what}": 1 for verb in ("list", "watch") for what in OBJECTS}

PROGRAMS = {
    "pulumi",
    "pulumi-language-python",
    "pulumi-resource-kubernetes",
    "pip --version",
    "python --version",
    "python -c",  # where Python is, and which packages say that they have a plugin
    "pip list",
    "pulumi-language-python-exec",
}


def _programs(lines: CommandLines) -> set[str]:
    """Give what was run, without the proxy that looks on."""
    found = set()
    for line in lines.seen:
        words = line.split()
        if words[:2] == ["kubectl", "proxy"]:
            continue
        name = Path(words[0]).name
        if name == "python":
            name = " ".join(words[2:4]) if words[1] == "-m" else words[1]
            name = f"python {name}" if name.startswith("-") else Path(name).name
        found.add(name)
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
        assert not seen.counts(), "what did not change is known from the state: the API server is not asked"
        pulumi.run(*up, *branch.arguments(image=SECOND)).ok()
        _check(seen.counts(), SECOND_WRITES, SECOND_READS, "a second push")
        pulumi.run("destroy", "--yes", "--skip-preview", "--stack", branch.full_stack).ok()
        _check(seen.counts(), DESTROY_WRITES, DESTROY_READS, "the end")


def test_a_push_starts_the_engine_its_two_plugins_and_nothing_else(branches: Branches) -> None:
    branch = branches("feature/processes").select()
    with CommandLines() as lines:
        branch.up(image=FIRST)
    found = _programs(lines)
    assert found <= PROGRAMS, "an interpreter takes a tenth of a second"
    # Others end within milliseconds, and may be missed.
    assert found >= {"pip list", "pulumi-language-python-exec", "pulumi-resource-kubernetes"}, "they were looked at"
    with CommandLines() as lines:
        branch.destroy().ok()
    assert _programs(lines) <= PROGRAMS, "nor does the end"
