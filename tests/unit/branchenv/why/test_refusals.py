"""What the API server refuses is said with its rule and its fix, whoever passed it on."""

import pytest

from branchenv.model.context import Target
from branchenv.why import refusals

_TARGET = Target(app="shop", branch="feature/a", base="base-dev")
_ROOM = (
    "remove an environment that nobody needs, or let it sleep (`branchenv list --app shop --base base-dev` shows "
    "them), lower resources.requests of web, or let the platform team raise "
    "lifecycle.maxEnvironments or isolation.environment of "
    "shop in base-dev"
)


@pytest.mark.parametrize(
    ("message", "what", "fix"),
    [
        pytest.param(
            'resource "shop/a" was not successfully created by the Kubernetes API server: deployments.apps "a" is '
            "forbidden: ValidatingAdmissionPolicy 'branch-environments:shop:pods' with binding 'shop' denied request: "
            "rule image: images come from registry.example.com, not docker.io/x; fix: push the image there",
            "the rule `image` of the cluster refuses its pods: images come from registry.example.com, not docker.io/x",
            "push the image there",
            id="a_rule_of_the_base_stack",
        ),
        pytest.param(
            "deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'acme-labels' with binding 'acme' denied "
            "request: a team label is needed",
            "acme-labels refuses its pods: a team label is needed",
            "change what it names, or ask the platform team",
            id="another_policy",
        ),
        pytest.param(
            'admission webhook "policies.example.com" denied the request: no latest tags',
            "policies.example.com refuses its pods: no latest tags",
            "change what it names, or ask the platform team",
            id="a_webhook",
        ),
        pytest.param(
            'pods "a-5d9" is forbidden: exceeded quota: shop-limits, requested: pods=1,requests.cpu=100m, used: '
            "pods=4,requests.cpu=200m, limited: pods=4,requests.cpu=250m",
            "the quota shop-limits has no room for its pods: asked for: pods=1,requests.cpu=100m; in use: "
            "pods=4,requests.cpu=200m; at most: pods=4,requests.cpu=250m",
            _ROOM,
            id="a_quota",
        ),
        pytest.param(
            'pods "a-5d9" is forbidden: failed quota: shop-limits: must specify limits.cpu for: app',
            "the quota shop-limits wants every container to name limits.cpu for: app",
            "set resources.requests and resources.limits of web",
            id="a_quota_that_wants_amounts",
        ),
        pytest.param(
            'pods "a-5d9" is forbidden: [maximum cpu usage per Container is 1, but limit is 2]',
            "a LimitRange of the namespace refuses its pods: maximum cpu usage per Container is 1, but limit is 2",
            "change resources.requests.cpu and resources.limits.cpu of web to fit",
            id="a_limit_range",
        ),
        pytest.param(
            'pods "a-5d9" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "the Pod Security Standard restricted:latest refuses its pods: runAsNonRoot != true",
            "leave `security` of web as it is by default, or set what the standard asks for",
            id="a_standard",
        ),
        pytest.param(
            'pods "a-5d9" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found',
            "there is no ServiceAccount robot for its pods",
            "correct serviceAccount of web, or leave it out; those that it may use are in isolation.serviceAccounts",
            id="a_service_account",
        ),
        pytest.param(
            'Deployment.apps "a" is invalid: spec.template.spec.containers[0].name: Duplicate value: "X"',
            'the API server refuses its pods: Deployment.apps "a" is invalid: spec.template.spec.containers[0].name: '
            'Duplicate value: "X"',
            "change what it names",
            id="a_field",
        ),
    ],
)
def test_a_refusal_is_explained(message: str, what: str, fix: str) -> None:
    found = refusals.explain(message, _TARGET, "web")
    assert found == (what, fix), "what refuses, why, and how to do it right"


def test_what_is_no_refusal_is_not_explained() -> None:
    message = "'a' timed out waiting to be Ready"
    assert refusals.explain(message, _TARGET, "web") is None, "the cluster tells more of it"
