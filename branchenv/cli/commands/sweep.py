"""`branchenv sweep`."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.clients.backend import open_backend
from branchenv.model import context
from branchenv.model.errors import BranchenvError
from core.defaults import DEFAULT_BASE

if TYPE_CHECKING:
    from branchenv.sweep.apply import Failure, Hands
    from branchenv.sweep.collect import View
    from branchenv.sweep.plan import Action, Plan

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
AllApps = Annotated[bool, typer.Option("--all-apps", help="Sweep every app of the base stack, not one.")]


def command(
    app: options.App = "",
    all_apps: AllApps = False,
    base: options.Base = "",
    project: options.Project = "",
    apply: Apply = False,
    parallel: Parallel = 4,
    grace: Grace = "10m",
    as_json: options.Json = False,
) -> None:
    """Find environments that are orphaned, expired or idle; with --apply, remove them or put them to sleep.

    Git branches and merge requests, Pulumi's stacks, the cluster's objects and GitLab's environments are compared. What
    cannot be seen is no reason to remove anything. Protected branches, and what somebody is at work on, stay.
    """
    from branchenv.sweep import collect, rules

    # The same name for an app's environments as the pipeline of its project uses.
    name = "" if all_apps else context.app_name(app=app)
    view = collect.look(
        open_backend(),
        base=base or DEFAULT_BASE,
        app=name,
        project=context.project_path(project=project),
        grace=deploy_options.duration(grace, "--grace"),
    )
    plan = rules.plan(view.environments, view.sight, view.base, datetime.now(UTC))
    for line in view.unseen:
        console.warn(f"{line}; nothing is removed on its account")
    done: list[Action] = []
    failures = _apply(plan, view, parallel, done) if apply else []
    if as_json:
        console.json_data(_data(plan, view, failures, done, applied=apply))
    else:
        _show(plan, failures, done, applied=apply)
    if failures:
        raise BranchenvError(
            f"{len(failures)} of {len({action.name for action in plan.actions})} environments could not be swept: "
            + "; ".join(f"{each.action.name}: {each.why}" for each in failures),
            fix="the next sweep tries again; docs/operations.md has what to do if it fails again",
        )


def _apply(plan: "Plan", view: "View", parallel: int, done: "list[Action]") -> "list[Failure]":
    from branchenv.sweep.apply import apply

    if not plan.actions:
        return []
    with console.step(f"sweeping {len({action.name for action in plan.actions})} environments"):
        return apply(plan, _hands(view), parallel=parallel, done=done.append)


def _hands(view: "View") -> "Hands":
    from branchenv.clients.gitlab import GitLab
    from branchenv.clients.kubernetes import Cluster
    from branchenv.sweep.apply import Hands

    try:
        cluster = Cluster.connect()
    except BranchenvError:
        cluster = None
    gitlab = GitLab.from_environment(os.environ, view.sight.project or None)
    return Hands(open_backend(), view.sight, cluster=cluster, gitlab=gitlab)


def _data(
    plan: "Plan", view: "View", failures: "list[Failure]", done: "list[Action]", *, applied: bool
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
        "unseen": list(view.unseen),
        "failures": [{"environment": each.action.name, "why": each.why, "fix": each.fix} for each in failures],
    }


def _show(plan: "Plan", failures: "list[Failure]", done: "list[Action]", *, applied: bool) -> None:
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
