"""The Job of a job, and the CronJob of a schedule, as manifests: pure functions of them and their names."""

from typing import Any

from components.branch.pod import Placed, container_of, metadata_of, pod_of
from components.branch.spec.job import Job, Schedule, Task
from components.kubernetes_object import present
from core.api_versions import BATCH
from core.labels import BRANCH_ANNOTATION, INPUTS_ANNOTATION, TRACK_LABEL

JOB_HINTS = {
    # One that has not ended well is run again by the next push, whatever that changes.
    "pulumi.com/replaceUnready": "true",
    # Its pod is deleted before the next run begins.
    "pulumi.com/deletionPropagationPolicy": "foreground",
}
"""What the Kubernetes provider is to know of every Job, beside what it is to know of every object."""
_LATE_SECONDS = 100
"""How late a run may begin. What an environment missed while it slept is not made up for once it wakes."""


def job_manifest(job: Job, placed: Placed, inputs: str) -> dict[str, Any]:
    """Make the Job. It has one name for all its runs, so that there is never more than one of them.

    Args:
        job: with all that it takes from a workload.
        placed: where it goes.
        inputs: digest of what makes it run again where it changes, beside the job itself.
    """
    seconds = job.timeout_seconds * (job.retries + 1) + placed.ready_timeout_seconds
    return {
        "apiVersion": BATCH,
        "kind": "Job",
        "metadata": metadata_of(placed, {**JOB_HINTS, "pulumi.com/timeoutSeconds": str(seconds)}),
        "spec": _spec(job, placed, {INPUTS_ANNOTATION: inputs}),
    }


def cron_job(schedule: Schedule, placed: Placed, *, suspended: bool) -> dict[str, Any]:
    """Make the CronJob.

    Args:
        schedule: with all that it takes from a workload.
        placed: where it goes.
        suspended: whether nothing runs for now.
    """
    spec = {
        "schedule": schedule.schedule,
        "timeZone": schedule.time_zone,
        "suspend": suspended,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": _LATE_SECONDS,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {
            "metadata": {"labels": dict(placed.labels) | {TRACK_LABEL: placed.track}},
            "spec": _spec(schedule, placed, {}),
        },
    }
    return {"apiVersion": BATCH, "kind": "CronJob", "metadata": metadata_of(placed, {}), "spec": present(spec)}


def _spec(task: Task, placed: Placed, annotations: dict[str, str]) -> dict[str, Any]:
    return {
        "backoffLimit": task.retries,
        # A try that is being stopped has not ended.
        "podReplacementPolicy": "Failed",
        "template": {
            "metadata": {
                # Of a track that no Service selects.
                "labels": dict(placed.labels) | {TRACK_LABEL: placed.track},
                "annotations": {BRANCH_ANNOTATION: placed.annotations[BRANCH_ANNOTATION], **annotations},
            },
            "spec": {
                **pod_of(task, placed, container_of(task, placed)),
                "restartPolicy": "Never",
                # Not the Job's own deadline: that deletes the pod, and with it the log that tells why.
                "activeDeadlineSeconds": task.timeout_seconds,
            },
        },
    }
