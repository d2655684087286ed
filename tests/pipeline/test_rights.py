"""The rights that docs/gitlab.md gives the jobs are enough, and are all they have."""

import json
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, MISSING, SECOND, Base, Branches
from tests.cluster.support.waiting import until
from tests.pipeline.support.rights import writable_keys


def test_a_job_deploys_changes_and_removes_with_the_documented_rights(jobs_base: Base, gateway: Gateway) -> None:
    branches = Branches(jobs_base)
    branch = branches("feature/least-rights")
    branch.up(image=FIRST)
    branch.up(image=SECOND)
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the second version answers")
    branches.remove()


def test_a_job_says_why_pods_are_not_ready_with_the_documented_rights(jobs_base: Base) -> None:
    branches = Branches(jobs_base)
    branch = branches("feature/least-rights-broken")
    branch.try_up(image=MISSING, readyTimeoutSeconds="5").refused(MISSING)
    branches.remove()


@pytest.mark.parametrize(
    ("verb", "resource", "namespace"),
    [
        ("get", "secrets", ""),
        ("create", "pods", ""),
        ("create", "pods/exec", ""),
        ("patch", "serviceaccounts", ""),
        ("create", "deployments.apps", "default"),
        ("create", "virtualservices.networking.istio.io", "istio-system"),
    ],
)
def test_the_documented_rights_go_no_further(verb: str, resource: str, namespace: str, jobs_base: Base) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": _attributes(verb, resource, namespace or jobs_base.namespace)},
    }
    cluster = replace(jobs_base.cluster, env=jobs_base.env)
    answer = json.loads(
        cluster.kubectl("create", "--validate=false", "--filename=-", "--output=json", stdin=json.dumps(review))
    )
    assert not answer["status"]["allowed"], f"no branch needs to {verb} {resource}"


def _attributes(verb: str, resource: str, namespace: str) -> dict[str, str]:
    kind, _, group = resource.partition(".")
    kind, _, part = kind.partition("/")
    return {"verb": verb, "resource": kind, "subresource": part, "group": group, "namespace": namespace}


def test_a_branch_writes_to_the_backend_only_where_the_documented_policy_lets_it(jobs_base: Base) -> None:
    root = Path(jobs_base.env["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0])

    def files() -> dict[str, int]:
        return {str(file.relative_to(root)): file.stat().st_mtime_ns for file in root.rglob("*") if file.is_file()}

    branches = Branches(jobs_base)
    branch = branches("feature/least-rights-state")
    before = files()
    branch.up(image=FIRST)
    branch.pulumi.run("stack", "tag", "set", "branch", branch.name, "--stack", branch.full_stack).ok()
    branch.up(image=SECOND)
    written = sorted(name for name, when in files().items() if before.get(name) != when)
    branches.remove()
    allowed = writable_keys(jobs_base.app)
    refused = [name for name in written if not any(fnmatchcase(name, pattern) for pattern in allowed)]
    assert written, "a deploy writes state"
    assert not refused, f"AWS would refuse these, by the policy of docs/gitlab.md: {refused}"
    other = f".pulumi/stacks/branch-environments/base-{jobs_base.app}.json"
    assert not any(fnmatchcase(other, pattern) for pattern in allowed), "the base stack is read only"
