"""The environment file: what one branch environment runs, in a few lines of YAML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from components.branch.job import Job, completed
from components.branch.workload import MAX_CANARY_WORKLOAD, UNNAMED, Workload, WorkloadName, routes_of
from components.strict import broken
from core.names import CANARY
from stacks.settings.chart_source import ChartSource
from stacks.settings.errors import Problem, SettingsError, nearest, problems_of, shown


class Environment(Workload):
    """What one branch environment runs: one image, several workloads, or a Helm chart."""

    schema_url: str | None = Field(None, alias="$schema")
    """For editors: the address of this schema."""
    workloads: dict[WorkloadName, Workload] | None = Field(None, min_length=1)
    """Several workloads by name. They call each other at http://<slug>--<name>, which <NAME>_URL holds."""
    jobs: dict[WorkloadName, Job] = Field({}, examples=[{"migrate": {"args": ["migrate"]}}])
    """What runs and ends with a push, by name: migrations before the workloads, seed data after them."""
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
    def _jobs_of_workloads(self) -> Self:
        if self.jobs and self.chart:
            raise broken(
                "a chart brings jobs of its own, and `jobs` run with workloads",
                "take jobs out, and make them hooks of the chart: annotations helm.sh/hook: pre-install,pre-upgrade",
                at="jobs",
            )
        known = set(self.workloads or ())
        for name, job in self.jobs.items():
            if name in known:
                raise broken(
                    f"{name} is a workload, and what is seen of both would be called alike",
                    f"call the job e.g. {name}-job",
                    at=f"jobs.{name}",
                )
            for key, others in (("needs", job.needs), ("workload", [job.workload] if job.workload else ())):
                if unknown := [other for other in others if other not in known]:
                    raise broken(
                        f"there is no workload {unknown[0]} in `workloads`",
                        nearest(unknown[0], known) if known else "take it out: the only workload lends its image",
                        at=f"jobs.{name}.{key}",
                    )
        return self


def load(path: Path, stack: str) -> Environment:
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
        return Environment.model_validate(data)
    except ValidationError as e:
        raise SettingsError(stack, [*problems_of(e, Environment, str(path)), *_in_services(data, path)]) from e


def workloads_of(
    environment: Environment,
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
    problems = _misplaced_images(workloads, environment.jobs, image, images)
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


def jobs_of(
    environment: Environment, workloads: Mapping[str, Workload], *, images: Mapping[str, str], stack: str, where: str
) -> dict[str, Job]:
    """Return the jobs of an environment, in the order of the file, with what they take from a workload.

    Args:
        environment: without a chart.
        workloads: its workloads, with their images.
        images: by name, as config sets them.
        stack: for the message.
        where: the file's name, for the message.

    Raises:
        SettingsError: a job has no image.
    """
    given = {
        name: job.model_copy(update={"image": images[name]}) if name in images else job
        for name, job in environment.jobs.items()
    }
    jobs = {name: completed(job, workloads) for name, job in given.items()}
    problems = [
        Problem(
            field=_at(where, "jobs", name, "image"),
            value="(none)",
            rule="every job runs a container image; where there are several workloads, none of them lends it its own",
            fix=f"name the workload whose image it is: jobs: {{{name}: {{workload: {min(workloads)}}}}}",
        )
        for name, job in jobs.items()
        if not job.image
    ]
    if problems:
        raise SettingsError(stack, problems)
    return jobs


def _in_services(data: Mapping[str, Any], path: Path) -> list[Problem]:
    """Find the mistakes that are left in a Compose file's services once they are called workloads."""
    if not isinstance(data.get("services"), dict) or "workloads" in data:
        return []
    try:
        Environment.model_validate({"workloads": data["services"]})
    except ValidationError as e:
        return problems_of(e, Environment, str(path))
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


def _as_workload(environment: Environment) -> Workload:
    own = {name: getattr(environment, name) for name in Workload.model_fields}
    return Workload.model_construct(_fields_set=environment.model_fields_set & own.keys(), **own)


def _at(where: str, *parts: str) -> str:
    return f"{where}: {'.'.join(part for part in parts if part)}" if where else ".".join(p for p in parts if p)


def _misplaced_images(
    workloads: Mapping[str, Workload], jobs: Mapping[str, Job], image: str | None, images: Mapping[str, str]
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
    for name in sorted(images.keys() - workloads.keys() - jobs.keys()):
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
            claims.setdefault(route.path, []).append(name)
    problems = [
        Problem(
            field=_at(where, "workloads", names[1], "routes"),
            value=shown(path),
            rule=f"a path belongs to one workload; {' and '.join(names)} both claim {path}",
            fix="give one of them a longer path, e.g. /api, or take its route out",
        )
        for path, names in sorted(claims.items())
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
