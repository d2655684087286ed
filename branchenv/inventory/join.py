"""Brings together what the sources have of each environment."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from branchenv.inventory.world import World
from branchenv.model.records import ClusterRecord, GitLabEnvironment, StackRecord
from core.names import BranchNameError, slug


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the sources have of one environment."""

    app: str
    slug: str
    branch: str
    """Full name of the branch, as far as it is known."""
    stack: StackRecord | None = None
    cluster: ClusterRecord | None = None
    gitlab: GitLabEnvironment | None = None


def join(world: World) -> list[Known]:
    """Return every environment that any source knows, by app and slug.

    A stopped entry in GitLab of which nothing else is left is history, and no environment.
    """
    stacks = {(each.app, each.slug): each for each in world.stacks or () if each.slug}
    objects = {(each.app, each.slug): each for each in world.objects or ()}
    entries = _by_slug(world.entries or (), world)
    live = stacks.keys() | objects.keys()
    # An app that nobody knows is another tool's environment.
    apps = {app for app, _ in live} | (world.base.apps.keys() if world.base else set()) | {world.app}
    keys = live | {key for key, (_, entry) in entries.items() if entry.state != "stopped" and key[0] in apps}
    found = []
    for app, own in sorted(keys):
        if world.app in ("", app):
            branch, entry = entries.get((app, own), ("", None))
            stack, cluster = stacks.get((app, own)), objects.get((app, own))
            name = _branch(stack, cluster, branch, own)
            found.append(Known(app=app, slug=own, branch=name, stack=stack, cluster=cluster, gitlab=entry))
    return found


def _branch(stack: StackRecord | None, cluster: ClusterRecord | None, branch: str, own: str) -> str:
    names = [stack.tags.branch, str(stack.outputs.get("branch", ""))] if stack else []
    names += [cluster.branch if cluster else "", branch]
    return next((each for each in names if each), own)


def _by_slug(
    entries: Iterable[GitLabEnvironment], world: World
) -> dict[tuple[str, str], tuple[str, GitLabEnvironment]]:
    """Find out which branch each entry is of; entries that are none of ours are left out."""
    reserved = {name: each.reserved_slugs for name, each in world.base.apps.items()} if world.base else {}
    found: dict[tuple[str, str], tuple[str, GitLabEnvironment]] = {}
    for entry in sorted(entries, key=lambda each: each.id):
        app, _, branch = entry.name.partition("/")
        with suppress(BranchNameError):
            found[app, slug(branch, reserved.get(app, ()))] = (branch, entry)
    return found
