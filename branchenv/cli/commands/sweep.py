"""`branchenv sweep`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.clients.backend import open_backend
from branchenv.model import context
from branchenv.model.errors import BranchenvError
from core.defaults import DEFAULT_BASE

if TYPE_CHECKING:
    from branchenv.inventory.classify import Environment
    from branchenv.inventory.world import World
    from branchenv.sweep.apply import Failure, Hands
    from branchenv.sweep.plan import Action, SweepPlan

Apply = Annotated[bool, typer.Option("--apply", help="Do it; without this, nothing is changed.")]
Parallel = Annotated[int, typer.Option("--parallel", min=1, max=32, help="Environments worked on at a time.")]
Grace = Annotated[
    str,
    typer.Option(
        "--grace",
        envvar="BRANCHENV_GRACE",
        metavar="DURATION",
        help="Leave alone what was updated as short a time ago as this.",
    ),
]
Drift = Annotated[
    bool, typer.Option("--drift", help="Look also for what was deleted or edited by hand; that is reported alone.")
]
AllApps = Annotated[bool, typer.Option("--all-apps", help="Sweep every app of the base stack, not one.")]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose environments are swept."""

    app: options.App = ""
    all_apps: AllApps = False
    base: options.Base = ""
    project: options.Project = ""


def command(
    how: options.Output,
    scope: Scope,
    apply: Apply = False,
    parallel: Parallel = 4,
    grace: Grace = "10m",
    drift: Drift = False,
) -> None:
    """Find environments that are orphaned, expired or idle; with --apply, remove them or put them to sleep.

    Git branches and merge requests, Pulumi's stacks, the cluster's objects and GitLab's environments are compared. When
    one of these is unreachable, nothing is deleted. Protected branches, and what somebody is at work on, stay.
    """
    from branchenv.inventory.classify import classify
    from branchenv.inventory.collect import InventoryQuery, collect
    from branchenv.sweep import rules

    # The same name for an app's environments as the pipeline of its project uses.
    name = "" if scope.all_apps else context.app_name(app=scope.app)
    wanted = InventoryQuery(
        app=name,
        project=context.project_path(project=scope.project),
        base=scope.base or DEFAULT_BASE,
        stopped=True,
        requests=True,
        grace=deploy_options.duration(grace, "--grace"),
    )
    world = collect(wanted)
    world.required_base()
    world.check_app()
    now = datetime.now(UTC)
    environments = classify(world, now)
    plan = rules.plan(environments, world, now)
    for source in world.sources:
        if source in world.unreliable:
            console.warn(
                f"{source.name} was not seen, so that nothing is deleted: {source.why}\n    fix:   {source.fix}"
            )
        elif source.why:
            console.warn(f"{source.name}: {source.why}; the rules that rest on it are skipped")
    drifted = _drifted(environments) if drift else []
    done: list[Action] = []
    failures = _apply(plan, world, parallel, done) if apply else []
    if how.json:
        more = {"drift": drifted} if drift else {}
        console.json_data({**_data(plan, world, failures, done, applied=apply), **more})
    else:
        for each in drifted:
            console.data(f"{each['name']} is not as it was deployed: {'; '.join(each['said'])}")
        _show(plan, failures, done, applied=apply)
    if failures:
        raise BranchenvError(
            f"{len(failures)} of {len({action.name for action in plan.actions})} environments could not be swept: "
            + "; ".join(f"{each.action.name}: {each.why}" for each in failures),
            fix="the next sweep tries again; docs/operations.md has what to do if it fails again",
        )


def _drifted(environments: "Sequence[Environment]") -> list[dict[str, Any]]:
    """Compare every environment with what was deployed; one that sleeps or is being worked on, too."""
    from branchenv.cli.commands.diff import data
    from branchenv.clients.kubernetes import Cluster
    from branchenv.operations.repair.drift import find

    try:
        cluster = Cluster.connect()
        # Another cluster's environments are no business of this one.
        stacks = [each.stack for each in environments if each.stack and each.cluster]
        found = [(each, find(each, cluster)) for each in stacks]
    except BranchenvError as e:
        console.warn(f"the cluster does not tell what was changed by hand: {e.rule}")
        return []
    return [{**data(each, drift), "said": [str(one) for one in drift]} for each, drift in found if drift]


def _apply(plan: "SweepPlan", world: "World", parallel: int, done: "list[Action]") -> "list[Failure]":
    from branchenv.sweep.apply import apply

    if not plan.actions:
        return []
    with console.step(f"sweeping {len({action.name for action in plan.actions})} environments"):
        return apply(plan, _hands(world), parallel=parallel, done=done.append)


def _hands(world: "World") -> "Hands":
    from branchenv.clients.gitlab import GitLab
    from branchenv.clients.kubernetes import Cluster
    from branchenv.sweep.apply import Hands

    try:
        cluster = Cluster.connect()
    except BranchenvError:
        cluster = None
    gitlab = GitLab.from_environment(os.environ, world.project or None)
    return Hands(open_backend(), world, cluster=cluster, gitlab=gitlab)


def _data(
    plan: "SweepPlan", world: "World", failures: "list[Failure]", done: "list[Action]", *, applied: bool
) -> dict[str, object]:
    return {
        "applied": applied,
        "actions": [
            {
                "environment": action.name,
                "branch": action.branch,
                "action": action.verb.value,
                "rule": action.rule.value,
                "why": action.why,
                "done": action in done,
            }
            for action in plan.actions
        ],
        "left": [{"environment": each.name, "branch": each.branch, "why": each.why} for each in plan.left],
        "unseen": [f"{each.name}: {each.why}" for each in world.sources if each.why],
        "failures": [{"environment": each.action.name, "why": each.why, "fix": each.fix} for each in failures],
    }


def _show(plan: "SweepPlan", failures: "list[Failure]", done: "list[Action]", *, applied: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    for each in plan.left:
        console.say(f"left alone: {each.name}: {each.why}")
    if not plan.actions:
        console.say("nothing to sweep")
        return
    failed = [each.action for each in failures]
    table = Table(box=None, pad_edge=False)
    for heading in ("action", "environment", "branch", "why", *(("result",) if applied else ())):
        table.add_column(heading, overflow="fold")
    for action in plan.actions:
        result = "done" if action in done else "failed" if action in failed else "not tried"
        cells = [action.verb.value, action.name, action.branch, action.why, *([result] if applied else [])]
        table.add_row(*map(escape, cells))
    console.tables().print(table)
    if not applied:
        console.say("nothing was changed: --apply does it")
