"""`branchenv doctor`."""

import sys
from typing import TYPE_CHECKING

import typer

from branchenv import console
from branchenv.cli import options
from branchenv.model import context
from branchenv.model.errors import ExitCode
from core.defaults import DEFAULT_BASE

if TYPE_CHECKING:
    from branchenv.operations.inspect.doctor import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def command(
    how: options.Output,
    app: options.App = "",
    base: options.Base = "",
    project: options.Project = "",
) -> None:
    """Check what a deploy needs: CLI, plugins, backend, base stack, cluster, gateway, DNS, certificate, GitLab.

    Each line says what was found and, if it is wrong, the fix. A check that fails makes the exit code 1; a warning does
    not.
    """
    from branchenv.operations.inspect import doctor

    where = doctor.Where(
        base=base or DEFAULT_BASE,
        app=app,
        project=context.project_path(project=project),
        base_is_given=bool(base),
    )
    with console.step("looking"):
        findings = doctor.examine(where)
    if how.json:
        console.json_data(findings)
    else:
        _show(findings)
    if any(each.level == doctor.Level.FAIL for each in findings):
        raise typer.Exit(ExitCode.FAILED)


def _show(findings: "list[Finding]") -> None:
    for each in findings:
        mark = f"{each.level.value:4}"
        shown = typer.style(mark, fg=_COLOURS[each.level.value]) if sys.stdout.isatty() else mark
        console.data(f"{shown}  {each.check:14}  {each.said}")
        if each.fix:
            console.data(f"{'':22}fix: {each.fix}")
