"""The environment file: what one branch environment runs, in a few lines of YAML."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from components.branch.spec.job import MAX_SCHEDULE, Job, Schedule, SomeTask, completed
from components.branch.spec.name import UNNAMED, WorkloadName
from components.branch.spec.workload import MAX_CANARY_WORKLOAD, Workload, routes_of
from components.strict import broken
from core.names import CANARY
from stacks.settings.chart_source import ChartSource
from stacks.settings.errors import Problem, SettingsError, nearest, problems_of, shown


class EnvironmentFile(Workload):
    """What one branch environment runs: one image, several workloads, or a Helm chart."""

    schema_url: str | None = Field(None, alias="$schema")
    """For editors: the address of this schema."""
    workloads: dict[WorkloadName, Workload] | None = Field(None, min_length=1)
    """Several workloads by name. They call each other at http://<slug>--<name>, which <NAME>_URL holds."""
    jobs: dict[WorkloadName, Job] = Field({}, examples=[{"migrate": {"args": ["migrate"]}}])
    """What runs and ends with a push, by name: migrations before the workloads, seed data after them."""
    schedules: dict[WorkloadName, Schedule] = Field({}, examples=[{"nightly": {"schedule": "0 3 * * *"}}])
    """What runs and ends at set times, by name."""
    chart: ChartSource | None = None
    """A Helm chart instead of workloads."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        top = sorted(self.model_fields_set & Workload.model_fields.keys())
        kinds = [kind for kind in ("workloads", "chart") if getattr(self, kind) is not None]
        if len(kinds) > 1 or (kinds and top):
            named = [*kinds, *(Workload.model_fields[name].alias or name for name in top)]
            raise broken(
                f"{', '.join(named)} stand side by side, but an environment is one workload, `workloads` or a `chart`",
                f"keep `{kinds[0]}`, and move the rest into it or take it out",
            )
        return self

    @model_validator(mode="after")
    def _tasks_of_workloads(self) -> Self:
        if self.chart and (what := "jobs" if self.jobs else "schedules" if self.schedules else ""):
            raise broken(
                "a chart brings jobs and schedules of its own; these here run with workloads",
                f"take {what} out, and make them part of the chart: Jobs with annotations helm.sh/hook: "
                "pre-install,pre-upgrade, and CronJobs",
                at=what,
            )
        known = set(self.workloads or ())
        if both := sorted(self.jobs.keys() & self.schedules.keys()):
            raise broken("a job and a schedule are not called alike", "rename one of them", at=f"schedules.{both[0]}")
        if long := [name for name in self.schedules if len(name) > MAX_SCHEDULE]:
            raise broken(
                f"a schedule's name has at most {MAX_SCHEDULE} characters: those of its Jobs are longer, and end at 63",
                f"call it e.g. {long[0][:MAX_SCHEDULE].rstrip('-')}",
                at=f"schedules.{long[0]}",
            )
        for kind, tasks in (("jobs", self.jobs), ("schedules", self.schedules)):
            for name, task in tasks.items():
                at = f"{kind}.{name}"
                if name in known:
                    rule = f"{name} is a workload, and what is seen of both would be called alike"
                    raise broken(rule, f"call it e.g. {name[: MAX_SCHEDULE - 4].rstrip('-')}-job", at=at)
                _check_known([task.workload] if task.workload else [], known, f"{at}.workload")
                if isinstance(task, Job):
                    _check_known(task.needs, known, f"{at}.needs")
        return self


def _check_known(names: Sequence[str], known: Collection[str], at: str) -> None:
    if unknown := [name for name in names if name not in known]:
        raise broken(
            f"there is no workload {unknown[0]} in `workloads`",
            nearest(unknown[0], known) if known else "take it out: the only workload lends its image",
            at=at,
        )


def load(path: Path, stack: str) -> EnvironmentFile:
    """Read and check an environment file.

    Raises:
        SettingsError: with every mistake in it.
    """
    # Imported here: a stack without a file does not need it.
    import yaml

    from stacks.settings import written_yaml

    def refuse(value: str, rule: str, fix: str) -> SettingsError:
        return SettingsError(stack, [Problem(field=str(path), value=value, rule=rule, fix=fix)])

    try:
        data = written_yaml.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise refuse(
            "(no such file)",
            "the environment file exists",
            f"make it, or set its path: {_SET_PATH}",
        ) from e
    except (OSError, UnicodeDecodeError) as e:
        raise refuse(str(e), "the environment file can be read as UTF-8 text", f"set its path: {_SET_PATH}") from e
    except written_yaml.RepeatedKeysError as e:
        raise SettingsError(stack, [_repeated(path, *each) for each in e.repeated]) from e
    except yaml.YAMLError as e:
        raise refuse(" ".join(str(e).split()), "the environment file is YAML", "correct the line named above") from e
    if not isinstance(data, dict):
        raise refuse(
            shown(data),
            "the environment file is a mapping of keys to values",
            "write e.g. image: shop:1.0",
        )
    try:
        return EnvironmentFile.model_validate(data)
    except ValidationError as e:
        raise SettingsError(stack, [*problems_of(e, EnvironmentFile, str(path)), *_in_services(data, path)]) from e


def workloads_of(
    environment: EnvironmentFile,
    *,
    image: str | None,
    images: Mapping[str, str],
    stack: str,
    where: str,
) -> dict[str, Workload]:
    """Return the workloads of an environment with the images that config sets, checked as a whole.

    Args:
        environment: without a chart.
        image: for the only workload.
        images: by workload name.
        stack: for the message.
        where: the file's name, for the message.

    Raises:
        SettingsError: with every mistake.
    """
    declared = environment.workloads
    workloads = dict(declared) if declared is not None else {UNNAMED: _as_workload(environment)}
    problems = _misplaced_images(workloads, {*environment.jobs, *environment.schedules}, image, images)
    if image and len(workloads) == 1:
        workloads = {name: each.model_copy(update={"image": image}) for name, each in workloads.items()}
    for name in sorted(images.keys() & workloads.keys()):
        workloads[name] = workloads[name].model_copy(update={"image": images[name]})
    problems += [
        *_no_image(workloads, where),
        *_long_canaries(workloads, where),
        *_routes(workloads, where),
    ]
    if problems:
        raise SettingsError(stack, problems)
    return workloads


def tasks_of(
    tasks: Mapping[str, SomeTask],
    workloads: Mapping[str, Workload],
    *,
    kind: str,
    images: Mapping[str, str],
    stack: str,
    where: str,
) -> dict[str, SomeTask]:
    """Return jobs or schedules, in the order of the file, with what they take from a workload.

    Args:
        tasks: as the file has them.
        workloads: of the environment, with their images.
        kind: their key in the file, for the message.
        images: by name, as config sets them.
        stack: for the message.
        where: the file's name, for the message.

    Raises:
        SettingsError: one has no image.
    """
    given = {
        name: task.model_copy(update={"image": images[name]}) if name in images else task
        for name, task in tasks.items()
    }
    found = {name: completed(task, workloads) for name, task in given.items()}
    problems = [
        Problem(
            field=_at(where, kind, name, "image"),
            value="(none)",
            rule="whatever runs has a container image; of several workloads, none lends it its own by itself",
            fix=f"name the workload whose image it is: {kind}: {{{name}: {{workload: {min(workloads)}}}}}",
        )
        for name, task in found.items()
        if not task.image
    ]
    if problems:
        raise SettingsError(stack, problems)
    return found


def _in_services(data: Mapping[str, Any], path: Path) -> list[Problem]:
    """Find the mistakes that are left in a Compose file's services once they are called workloads."""
    if not isinstance(data.get("services"), dict) or "workloads" in data:
        return []
    try:
        EnvironmentFile.model_validate({"workloads": data["services"]})
    except ValidationError as e:
        return problems_of(e, EnvironmentFile, str(path))
    return []


def _repeated(path: Path, key: str, first: int, second: int) -> Problem:
    lines = f"line {first}" if first == second else f"lines {first} and {second}"
    return Problem(
        field=f"{path}: {lines}",
        value=f"{key}, twice",
        rule="a key stands once in its mapping: of two, the first would be lost without a word",
        fix=f"take one {key} out, or give it another name",
    )


_SET_PATH = "pulumi config set environment <path>"


def _as_workload(environment: EnvironmentFile) -> Workload:
    own = {name: getattr(environment, name) for name in Workload.model_fields}
    return Workload.model_construct(_fields_set=environment.model_fields_set & own.keys(), **own)


def _at(where: str, *parts: str) -> str:
    return f"{where}: {'.'.join(part for part in parts if part)}" if where else ".".join(p for p in parts if p)


def _misplaced_images(
    workloads: Mapping[str, Workload], tasks: Collection[str], image: str | None, images: Mapping[str, str]
) -> list[Problem]:
    problems = []
    names = ", ".join(sorted(name for name in workloads if name)) or "one workload without a name"
    if image and len(workloads) > 1:
        fix = f"pulumi config rm image; then set --path 'images.<workload>' for any of {names}"
        problems.append(
            Problem(
                field="image",
                value=shown(image),
                rule="one image cannot serve several workloads",
                fix=fix,
            )
        )
    for name in sorted(images.keys() - workloads.keys() - set(tasks)):
        rule, fix = (
            f"there is no workload {name} (there is: {names})",
            f"pulumi config rm --path 'images.{name}'",
        )
        problems.append(Problem(field=f"images.{name}", value=shown(images[name]), rule=rule, fix=fix))
    return problems


def _no_image(workloads: Mapping[str, Workload], where: str) -> list[Problem]:
    return [
        Problem(
            field=_at(where, "workloads" if name else "", name, "image"),
            value="(none)",
            rule="every workload runs a container image",
            fix=(
                f"write it in the file, or: branchenv up --environment <file> --images {name}=<image>; "
                f"with pulumi alone: pulumi config set --path 'images.{name}' <image>"
                if name
                else "write it in the file, or: branchenv up --environment <file> --image <image>; "
                "with pulumi alone: pulumi config set image <image>"
            ),
        )
        for name, workload in sorted(workloads.items())
        if not workload.image
    ]


def _long_canaries(workloads: Mapping[str, Workload], where: str) -> list[Problem]:
    return [
        Problem(
            field=_at(where, "workloads", name),
            value=shown(name),
            rule=(
                f"a workload with a canary has a name of at most {MAX_CANARY_WORKLOAD} characters, as Service names "
                f"end at 63 and the second image's is <slug>--<workload>--{CANARY}"
            ),
            fix="shorten the workload's name",
        )
        for name, workload in sorted(workloads.items())
        if workload.canary and len(name) > MAX_CANARY_WORKLOAD
    ]


def _routes(workloads: Mapping[str, Workload], where: str) -> list[Problem]:
    claims: dict[str, list[str]] = {}
    for name in workloads:
        for route in routes_of(workloads, name):
            claims.setdefault(route.claim, []).append(name)
    problems = [
        Problem(
            field=_at(where, "workloads", names[1], "routes"),
            value=shown(claim.split()[2]),
            rule=f"a path belongs to one workload; {' and '.join(names)} both claim {claim}",
            fix="give one of them a longer path, e.g. /api, or take its route out",
        )
        for claim, names in sorted(claims.items())
        if len(names) > 1
    ]
    if not claims:
        problems.append(
            Problem(
                field=_at(where, "workloads"),
                value=shown(sorted(workloads)),
                rule="at least one workload answers at the environment's URL",
                fix="give the one that browsers talk to a route: routes: [{path: /}]",
            )
        )
    return problems
