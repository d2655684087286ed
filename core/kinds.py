"""What of Kubernetes' own kinds a branch may make beside those that every branch is made of.

A base stack names them for each app (`isolation.kinds`); the deployer's rights, the rules of admission and what a
branch's stack refuses follow from that.
"""

from collections.abc import Mapping
from typing import Literal

Kind = Literal[
    "Job",
    "CronJob",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Secret",
    "PersistentVolumeClaim",
]
GROUPS: Mapping[Kind, str] = {
    "Job": "batch",
    "CronJob": "batch",
    "StatefulSet": "apps",
    "HorizontalPodAutoscaler": "autoscaling",
    "PodDisruptionBudget": "policy",
    "Secret": "",
    "PersistentVolumeClaim": "",
}
"""Their API groups."""
USUAL: tuple[Kind, ...] = ("Job", "CronJob", "StatefulSet", "HorizontalPodAutoscaler", "PodDisruptionBudget")
"""Those that run no more than a Deployment may, and keep nothing."""
KEEPING: tuple[Kind, ...] = ("Secret", "PersistentVolumeClaim")
"""Those that keep something: for namespaces that a branch has for itself, as RBAC knows no branch within one."""
