"""What somebody with the deployer's credentials tries with the kinds that `isolation.kinds` lets branches make.

Attempts are server-side dry runs, as those of test_attacks.py.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.support.stacks import Base
from tests.cluster.test_attacks import (
    MINE,
    PODS,
    THEIRS,
    Manifest,
    create,
    denied,
    deployment,
    metadata,
    target,
)

__all__ = ["target"]


def owner(name: str, kind: str = "ConfigMap", version: str = "v1") -> Manifest:
    """Return an owner reference; a dry run does not ask whether there is such an owner."""
    return {"apiVersion": version, "kind": kind, "name": name, "uid": "00000000-0000-4000-8000-000000000000"}


def owned(base: Base) -> Manifest:
    """Return the metadata of an object that goes with its branch."""
    return {**metadata(base, MINE), "ownerReferences": [owner(MINE)]}


def stateful_set(base: Base, of: Manifest | None = None) -> Manifest:
    """Return a StatefulSet with the pods of a Deployment; without one, one that breaks no rule."""
    made = copy.deepcopy(of or deployment(base))
    made |= {"kind": "StatefulSet", "metadata": owned(base)}
    made["spec"]["serviceName"] = MINE
    return made


def job(base: Base, of: Manifest | None = None) -> Manifest:
    """Return a Job, likewise."""
    spec = copy.deepcopy(of or deployment(base))["spec"]
    # A Job of no pods needs no room in the quota.
    more = {"parallelism": spec["replicas"], "suspend": True}
    template = {**spec["template"], "spec": {**spec["template"]["spec"], "restartPolicy": "Never"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owned(base),
        "spec": {**more, "template": template},
    }


def cron_job(base: Base, of: Manifest | None = None) -> Manifest:
    """Return a CronJob, likewise."""
    once = job(base, of)
    return {**once, "kind": "CronJob", "spec": {"schedule": "@yearly", "jobTemplate": {"spec": once["spec"]}}}


POD_KINDS: dict[str, Callable[..., Manifest]] = {"StatefulSet": stateful_set, "Job": job, "CronJob": cron_job}
KINDS: dict[str, Callable[..., Manifest]] = {**POD_KINDS}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_of_each_kind_what_breaks_no_rule_is_let_through(target: Base, make: Callable[..., Manifest]) -> None:
    done = create(target, make(target))
    assert done.returncode == 0, f"the attacks below differ from this in one thing each: {done.stderr}"


@pytest.mark.parametrize("make", POD_KINDS.values(), ids=POD_KINDS.keys())
@pytest.mark.parametrize(("rule", "change"), PODS.values(), ids=PODS.keys())
def test_pods_of_each_kind_that_reach_for_more(
    target: Base, make: Callable[..., Manifest], rule: str, change: Callable[[Manifest], None]
) -> None:
    pods = deployment(target)
    change(pods)
    denied(create(target, make(target, pods)), f"rule {rule}", "fix:")


def with_selector(attack: Manifest) -> None:
    """Let the Job select pods by itself."""
    attack["spec"] |= {"manualSelector": True, "selector": {"matchLabels": {"app.kubernetes.io/instance": MINE}}}


def test_a_job_that_takes_the_pods_of_others_for_its_own(target: Base) -> None:
    attack = job(target)
    with_selector(attack)
    denied(create(target, attack), "rule job-selector", "fix:")
    scheduled: Any = cron_job(target)
    with_selector(scheduled["spec"]["jobTemplate"])
    # Newer API servers refuse it by themselves.
    done = create(target, scheduled)
    assert done.returncode != 0, "nor on schedule"


@pytest.mark.parametrize("label", ["branch-environments/slug", "branch-environments/app"])
def test_a_cron_job_whose_jobs_say_they_are_another_branchs(target: Base, label: str) -> None:
    attack = cron_job(target)
    attack["spec"]["jobTemplate"]["metadata"] = {"labels": {label: THEIRS}}
    denied(create(target, attack), "rule job-labels", "fix:")


def autoscaler(base: Base) -> Manifest:
    """Return a HorizontalPodAutoscaler that breaks no rule."""
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": MINE}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": owned(base),
        "spec": {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": 5},
    }


def budget(base: Base) -> Manifest:
    """Return a PodDisruptionBudget that breaks no rule."""
    selector = {"matchLabels": {"branch-environments/slug": MINE}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": owned(base),
        "spec": {"minAvailable": 1, "selector": selector},
    }


@pytest.mark.parametrize("make", [autoscaler, budget])
def test_what_scales_or_keeps_a_branchs_own_pods_is_let_through(target: Base, make: Callable[..., Manifest]) -> None:
    done = create(target, make(target))
    assert done.returncode == 0, f"the attacks below differ from this in one thing each: {done.stderr}"


@pytest.mark.parametrize("make", [*KINDS.values(), autoscaler, budget])
def test_what_would_outlive_its_branch(target: Base, make: Callable[..., Manifest]) -> None:
    alone = make(target)
    del alone["metadata"]["ownerReferences"]
    denied(create(target, alone), "rule owner", f"the ConfigMap {MINE}", "fix:")
    for another in (owner(THEIRS), owner("main", "Deployment", "apps/v1")):
        shared = make(target)
        shared["metadata"]["ownerReferences"].append({**another, "blockOwnerDeletion": True})
        denied(create(target, shared), "rule owner", "fix:")
    stays = make(target)
    stays["metadata"]["finalizers"] = ["example.com/stay"]
    denied(create(target, stays), "rule finalizers", "fix:")


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ({"maxReplicas": 500}, "scale-limit"),
        ({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": THEIRS}}, "scale-target"),
        ({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "main"}}, "scale-target"),
    ],
)
def test_an_autoscaler_of_too_much_or_of_somebody_elses_workload(target: Base, spec: Manifest, rule: str) -> None:
    attack = autoscaler(target)
    attack["spec"] |= spec
    denied(create(target, attack), f"rule {rule}", "fix:")


@pytest.mark.parametrize("selector", [{}, {"matchLabels": {"branch-environments/slug": THEIRS}}])
def test_a_budget_that_keeps_the_pods_of_others(target: Base, selector: Manifest) -> None:
    attack = budget(target)
    attack["spec"]["selector"] = selector
    denied(create(target, attack), "rule budget-selector", "fix:")


def test_a_stateful_set_whose_volumes_would_outlive_the_branch(target: Base) -> None:
    attack = stateful_set(target)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    attack["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": claim}]
    denied(create(target, attack), "rule claim-templates", "fix:")


@pytest.mark.parametrize("kind", ["Secret", "PersistentVolumeClaim"])
def test_what_keeps_something_is_not_made_where_branches_share_a_namespace(target: Base, kind: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    attack = {"apiVersion": "v1", "kind": kind, "metadata": metadata(target, MINE)}
    denied(create(target, attack if kind == "Secret" else {**attack, "spec": spec}), "cannot create resource")
