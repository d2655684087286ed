"""ValidatingAdmissionPolicy for a branch's Jobs and CronJobs, beside the one for all pods."""

from components.admission.policy import SLUG_VARIABLES, Policy, Rule, text
from core.labels import APP_LABEL, SLUG_LABEL


def jobs_policy(*, app: str) -> Policy:
    """Return the policy.

    Args:
        app: whose branches.
    """
    own = {APP_LABEL: text(app), SLUG_LABEL: "variables.slug"}
    labelled = " && ".join(f"variables.labels[?{text(key)}].orValue({value}) == {value}" for key, value in own.items())
    return Policy(
        name="jobs",
        groups=("batch",),
        resources=("jobs", "cronjobs"),
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            "job": 'request.kind.kind == "CronJob" ? dyn(object).spec.jobTemplate : dyn(object)',
            "labels": "variables.job.?metadata.?labels.orValue({})",
        },
        rules=(
            Rule(
                name="job-selector",
                holds="!variables.job.spec.?manualSelector.orValue(false)",
                because='"a Job that selects pods by itself would take those of others for its own, and delete them"',
                fix="take manualSelector and selector out: Kubernetes selects a Job's pods",
            ),
            Rule(
                name="job-labels",
                holds=labelled,
                because="\"a CronJob's Jobs are its own branch's: where they say whose they are, "
                f"{APP_LABEL} and {SLUG_LABEL} name it" + '"',
                fix="leave these labels to the branch's stack",
            ),
        ),
    )
