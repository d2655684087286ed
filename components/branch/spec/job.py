"""What jobs and schedules of a branch environment may say: the models behind the published JSON Schema."""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import Field

from components.branch.spec.container import Container
from components.branch.spec.name import WorkloadName
from components.branch.spec.workload import Workload

MAX_SCHEDULE = 10
"""Characters of a schedule's name: a CronJob's ends at 52, as its Jobs' names are longer, and 40 are the slug's."""
_CRON = r"^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[0-9*/,A-Za-z?-]+( +[0-9*/,A-Za-z?-]+){4})$"
# What a task's own word replaces as a whole. Who the container is, two keys say together.
_TAKEN = (("image",), ("run_as", "security"), ("service_account",))


class Task(Container):
    """A command that runs and ends."""

    workload: WorkloadName | None = None
    """Workload whose image, variables, user and ServiceAccount it has, where it says none itself. Default: the only
    workload."""
    timeout_seconds: int = Field(600, ge=1, le=86400)
    """Time for one try."""
    retries: int = Field(0, ge=0, le=10)
    """Further tries after one that failed."""


class Job(Task):
    """What runs and ends with a push: a migration, seed data, a warm cache."""

    when: Literal["before", "after"] = "before"
    """`before`: it ends well before the pods of the new version are made, and if it fails, the running version goes on
    answering. `after`: it runs once they are ready and the URL leads to them. Jobs run one after another, in the order
    of the file."""
    needs: tuple[WorkloadName, ...] = Field((), examples=[["db"]])
    """Workloads that are up before it runs, such as a database. They wait for no job."""
    once: bool = False
    """Run until it has ended well once in the environment's life, e.g. to load data, and again after `branchenv
    reset-data`. Without it, it runs with every push that changes an image or the job."""


class Schedule(Task):
    """What runs and ends at set times, while the environment is awake; never twice at a time."""

    schedule: str = Field(pattern=_CRON, examples=["0 3 * * *", "*/10 * * * *"])
    """Minute, hour, day of the month, month, day of the week, as cron has them; or `@hourly`, `@daily` and the like."""
    time_zone: str | None = Field(None, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", examples=["Europe/Berlin"])
    """Time zone of these. Default: that of the cluster's control plane, UTC nearly everywhere."""


SomeTask = TypeVar("SomeTask", bound=Task)


def completed(job: SomeTask, workloads: Mapping[str, Workload]) -> SomeTask:
    """Return a job or schedule with what it takes from a workload.

    Args:
        job: as the file has it.
        workloads: of the environment, by name, with their images.
    """
    name = job.workload if job.workload is not None else next(iter(workloads)) if len(workloads) == 1 else None
    if name is None or name not in workloads:
        return job
    workload = workloads[name]
    taken: dict[str, Any] = {"env": {**workload.env, **job.env}}
    for keys in _TAKEN:
        if not job.model_fields_set & set(keys):
            taken |= {key: getattr(workload, key) for key in keys}
    return job.model_copy(update=taken)
