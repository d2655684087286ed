"""The labels and annotations that every object of this project carries."""

MANAGED_BY = "branch-environments"
APP_LABEL = "branch-environments/app"
SLUG_LABEL = "branch-environments/slug"
# Tells the two images of a weighted workload apart, and so keeps their Services' selectors apart.
TRACK_LABEL = "branch-environments/track"
JOB_TRACK, SCHEDULE_TRACK = "job", "schedule"
"""Its values at what no Service selects."""
# An annotation: a branch name may be longer than a label and may hold what a label may not.
BRANCH_ANNOTATION = "branch-environments/branch"
# Of a job's pods: what they ran for, so that they run again once that changes.
INPUTS_ANNOTATION = "branch-environments/inputs"
URL_ANNOTATION = "branch-environments/url"
# Of an anchor: names of the data that its environment uses, separated by spaces.
DATA_ANNOTATION = "branch-environments/data"
COMMIT_ANNOTATION = "branch-environments/commit"

NAME_LABEL = "app.kubernetes.io/name"
INSTANCE_LABEL = "app.kubernetes.io/instance"
PART_OF_LABEL = "app.kubernetes.io/part-of"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"


def app_labels(app: str) -> dict[str, str]:
    """Label an object that an app's branches share."""
    return {NAME_LABEL: app, PART_OF_LABEL: app, MANAGED_BY_LABEL: MANAGED_BY, APP_LABEL: app}


def shared_labels(name: str) -> dict[str, str]:
    """Label an object that all apps of the cluster share."""
    return {NAME_LABEL: name, MANAGED_BY_LABEL: MANAGED_BY}


def branch_labels(app: str, slug: str, workload: str = "") -> dict[str, str]:
    """Label an object of one branch environment; the unnamed workload is called as the app."""
    return {
        NAME_LABEL: workload or app,
        INSTANCE_LABEL: slug,
        PART_OF_LABEL: app,
        MANAGED_BY_LABEL: MANAGED_BY,
        APP_LABEL: app,
        SLUG_LABEL: slug,
    }


def branch_selector(app: str, slug: str) -> str:
    """Select the objects of one branch environment."""
    return f"{APP_LABEL}={app},{SLUG_LABEL}={slug}"


def branch_annotations(branch: str) -> dict[str, str]:
    """Annotate an object of one branch environment, or its pods, with the full branch name."""
    return {BRANCH_ANNOTATION: branch}


def object_annotations(branch: str) -> dict[str, str]:
    """Annotate an object of one branch environment, with what the Kubernetes provider is to know of each of them."""
    return {
        **branch_annotations(branch),
        # The provider makes a name up otherwise, and an `up` that is killed forgets it: the next one would then be
        # refused its own objects as somebody else's.
        "pulumi.com/patchFieldManager": MANAGED_BY,
        # What somebody else has set of what the environment says (`kubectl scale`, `kubectl edit`) is taken back.
        # Without it every later push is refused for a conflict. What the environment does not say stays theirs.
        "pulumi.com/patchForce": "true",
        # Foreground deletion, the default, would wait out every pod's grace period, and the garbage collector.
        "pulumi.com/deletionPropagationPolicy": "background",
    }
