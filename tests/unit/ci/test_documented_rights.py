"""What Google Cloud lets an app's jobs do by the commands of docs/gitlab.md: their conditions, evaluated as CEL."""

import cel
import pytest

from components.bootstrap.jobs_rights import google_reading, google_writing
from tests.pipeline.support.documented import google_grants, google_provider

OBJECTS = "projects/_/buckets/acme-pulumi/objects/.pulumi"
# What the roles hold, of what the backend asks for.
ROLES = {
    "roles/storage.objectViewer": {"get", "list"},
    "roles/storage.objectUser": {"get", "list", "create", "delete", "update"},
}
OWN = [
    f"{OBJECTS}/stacks/branch-environments/shop.feature-x.json",
    f"{OBJECTS}/stacks/branch-environments/shop.feature-x.json.bak",
    f"{OBJECTS}/stacks/branch-environments/shop.feature-x.pulumi-tags",
    f"{OBJECTS}/locks/organization/branch-environments/shop.feature-x/1234.json",
    f"{OBJECTS}/history/branch-environments/shop.feature-x/shop.feature-x-1.history.json",
    f"{OBJECTS}/backups/branch-environments/shop.feature-x/1.json",
]
OTHERS = [
    f"{OBJECTS}/stacks/branch-environments/base-gke-dev.json",
    f"{OBJECTS}/stacks/branch-environments/search.feature-x.json",
    f"{OBJECTS}/stacks/branch-environments/shop-admin.feature-x.json",
    f"{OBJECTS}/locks/organization/branch-environments/base-gke-dev/1234.json",
    f"{OBJECTS}/stacks/other-project/shop.feature-x.json",
    f"{OBJECTS}/meta.yaml",
    "projects/_/buckets/acme-pulumi/objects/x/.pulumi/stacks/branch-environments/shop.feature-x.json",
    "projects/_/buckets/acme-other/objects/.pulumi/stacks/branch-environments/shop.feature-x.json",
]


def allowed(verb: str, name: str) -> bool:
    """Whether any binding of the bucket's lets the jobs do this to an object."""
    context = cel.Context()
    context.add_variable("resource", {"name": name, "type": "storage.googleapis.com/Object"})
    return any(
        verb in ROLES[grant.role] and (not grant.condition or cel.evaluate(grant.condition, context))
        for grant in google_grants()
        if grant.of == "buckets"
    )


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("verb", ["get", "create", "delete", "update"])
def test_jobs_write_the_stacks_of_their_own_app(verb: str, name: str) -> None:
    assert allowed(verb, name), "a deploy writes state, lock, history and tags, and writes them anew"


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("verb", ["create", "delete", "update"])
def test_jobs_write_nobody_elses_stack(verb: str, name: str) -> None:
    assert not allowed(verb, name), "an administrator would apply what a branch has written there"


def test_jobs_read_and_list_what_there_is_but_no_base_stacks_state() -> None:
    assert allowed("get", OTHERS[1]), "another app's branches, encrypted"
    for folder in ("stacks", "history", "backups"):
        name = f"{OBJECTS}/{folder}/branch-environments/base-gke-dev.json"
        assert not allowed("get", name), "its secrets are the platform team's"
    assert allowed("list", "projects/_/buckets/acme-pulumi"), "listing is asked of the bucket, which no prefix matches"


@pytest.mark.parametrize(
    ("claims", "let_in"),
    [
        ({"project_path": "apps/shop", "ref_type": "branch"}, True),
        ({"project_path": "apps/shop", "ref_type": "tag"}, False),
        ({"project_path": "mallory/shop", "ref_type": "branch"}, False),
        ({"project_path": "apps-of-mallory/shop", "ref_type": "branch"}, False),
    ],
    ids=["a branch", "a tag", "a fork", "another group"],
)
def test_only_branches_of_the_groups_projects_are_let_in(claims: dict[str, str], let_in: bool) -> None:
    context = cel.Context()
    context.add_variable("assertion", claims)
    assert cel.evaluate(google_provider()["attribute-condition"], context) is let_in, (
        "whoever can push, and nobody else"
    )


def test_a_service_account_is_its_own_projects_alone() -> None:
    (grant,) = (each for each in google_grants() if each.of == "service-accounts")
    assert grant.member.endswith("/attribute.project_path/apps/shop"), "and not the whole pool's"


def test_by_hand_and_by_the_bootstrap_stack_the_conditions_are_the_same() -> None:
    found = {grant.role: " ".join(grant.condition.split()) for grant in google_grants() if grant.of == "buckets"}
    assert found == {
        "roles/storage.objectViewer": google_reading("acme-pulumi"),
        "roles/storage.objectUser": google_writing("acme-pulumi", "shop"),
    }, "two ways to one thing"
