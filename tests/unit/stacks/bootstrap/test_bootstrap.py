"""What a cloud has before its first base stack: made by a stack, and no more than that."""

import json
from functools import cache
from typing import Any

import cel
import pytest

from stacks.settings.errors import SettingsError
from tests.unit.inventory import examples, run_example
from tests.unit.recording import Recorder, run_program

BUCKET = "projects/_/buckets/acme-pulumi"
STATES = f"{BUCKET}/objects/.pulumi/stacks/branch-environments"


@cache
def made(cloud: str) -> Recorder:
    return run_example(examples()[f"bootstrap-{cloud}"])


def config(cloud: str, **changes: Any) -> dict[str, Any]:
    return {"bootstrap": {**examples()[f"bootstrap-{cloud}"].config["bootstrap"], **changes}}


@pytest.mark.parametrize("cloud", ["aws", "google"])
def test_what_cannot_be_had_again_is_protected(cloud: str) -> None:
    kept = {each.type.rpartition(":")[2] for each in made(cloud).made if each.protect}
    assert kept == {"Bucket", "Key" if cloud == "aws" else "CryptoKey"}, "states, and what opens their secrets"


@pytest.mark.parametrize("cloud", ["aws", "google"])
def test_what_people_set_in_gitlab_is_an_output(cloud: str) -> None:
    outputs = made(cloud).exports
    assert set(outputs["variables"]) == {"shop", "search"}, "for each app"
    shop = outputs["variables"]["shop"]
    assert shop["PULUMI_BACKEND_URL"] == outputs["backend"], "the same backend"
    assert shop["BRANCHENV_SECRETS_PROVIDER"] != outputs["baseSecretsProvider"], (
        "a key of its own: with the base stack's, any branch could read the base stack's secrets"
    )
    named = {
        "aws": {"AWS_ROLE_ARN", "AWS_REGION"},
        "google": {"GOOGLE_WORKLOAD_IDENTITY_PROVIDER", "GOOGLE_SERVICE_ACCOUNT"},
    }
    assert named[cloud] <= shop.keys(), "and who the jobs are"


def test_the_backends_of_aws_keep_old_versions_and_are_private() -> None:
    (versions,) = made("aws").of_type(":BucketVersioning")
    assert versions.inputs["versioningConfiguration"]["status"] == "Enabled", "a damaged state has one before it"
    (private,) = made("aws").of_type(":BucketPublicAccessBlock")
    assert {value for key, value in private.inputs.items() if key != "bucket"} == {True}, "nobody makes it public"
    assert len(private.inputs) == 5, "in all four ways"


def test_the_backend_of_google_can_have_conditions() -> None:
    (bucket,) = made("google").of_type(":Bucket")
    assert bucket.inputs["uniformBucketLevelAccess"] is True, "without it Google refuses a binding's condition"
    assert bucket.inputs["versioning"] == {"enabled": True}, "a damaged state has one before it"
    assert bucket.inputs["publicAccessPrevention"] == "enforced", "nobody makes it public"


def granted(app: str, role: str) -> list[dict[str, Any]]:
    return [
        each.inputs
        for each in made("google").of_type(":BucketIAMMember")
        if each.inputs["role"] == role and each.inputs["member"].startswith(f"serviceAccount:gitlab-{app}@")
    ]


def lets(app: str, name: str, *roles: str) -> bool:
    """Whether any of the roles lets an app's jobs do what it is for, by its condition."""
    context = cel.Context()
    context.add_variable("resource", {"name": name})
    found = [each for role in roles for each in granted(app, role)]
    assert found, "a role that nobody has would prove nothing"
    return any(cel.evaluate(each["condition"]["expression"], context) for each in found)


VIEWER, USER = "roles/storage.objectViewer", "roles/storage.objectUser"


def test_on_google_an_apps_jobs_write_their_own_stacks_alone() -> None:
    assert lets("shop", f"{STATES}/shop.a.json", USER), "its own"
    for name in ("search.a.json", "base-gke.json", "shop-admin.a.json", "bootstrap-google.json"):
        assert not lets("shop", f"{STATES}/{name}", USER), f"not {name}"
    assert not lets("shop", BUCKET, USER), "nor the bucket"


def test_on_google_jobs_list_and_read_but_not_a_base_stacks_state() -> None:
    assert lets("shop", BUCKET, VIEWER), "listing is asked of the bucket"
    assert lets("shop", f"{STATES}/search.a.json", VIEWER), "whose branches there are"
    for folder in ("stacks", "history", "backups"):
        name = f"{BUCKET}/objects/.pulumi/{folder}/branch-environments/base-gke.json"
        assert not lets("shop", name, VIEWER, USER), "its secrets are the platform team's, encrypted or not"


@pytest.mark.parametrize(
    ("project", "kind", "let_in"),
    [
        ("apps/shop", "branch", True),
        ("apps/search", "branch", True),
        ("apps/shop", "tag", False),
        ("mallory/shop", "branch", False),
        ("apps/shop-admin", "branch", False),
    ],
)
def test_google_takes_tokens_of_branches_of_these_projects_alone(project: str, kind: str, let_in: bool) -> None:
    (provider,) = made("google").of_type(":WorkloadIdentityPoolProvider")
    context = cel.Context()
    context.add_variable("assertion", {"project_path": project, "ref_type": kind})
    assert cel.evaluate(provider.inputs["attributeCondition"], context) is let_in, "of nobody else's"


def test_on_google_an_account_is_one_projects() -> None:
    members = {
        each.name: each.inputs["member"].rpartition("/attribute.project_path/")[2]
        for each in made("google").of_type("serviceaccount/iAMMember:IAMMember")
    }
    assert members == {f"bootstrap-{app}-jobs-are-gitlabs": f"apps/{app}" for app in ("shop", "search")}, "its own"
    (key,) = {each.inputs["cryptoKeyId"] for each in made("google").of_type(":CryptoKeyIAMMember")}
    assert key == "bootstrap-branches-key-id", "and no job has the platform's key"


@pytest.mark.parametrize("cloud", ["aws", "google"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"apps": []}, "apps"),
        ({"gitlab": "gitlab.example.com"}, "gitlab"),
        ({"apps": [{"name": "shop", "project": "shop"}]}, "project"),
        ({"buckets": "x"}, "buckets"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(cloud: str, changes: dict[str, Any], expected: str) -> None:
    recorder = Recorder()
    with pytest.raises(SettingsError, match=expected):
        run_program(f"bootstrap-{cloud}", config(cloud, **changes), recorder)
    assert not recorder.made, "in no cloud"


@pytest.mark.parametrize(("stack", "cloud"), [("bootstrap-aws", "google"), ("bootstrap-google", "aws")])
def test_a_stack_is_for_the_cloud_that_it_is_called_after(stack: str, cloud: str) -> None:
    with pytest.raises(SettingsError, match=rf"examples/bootstrap/{stack.removeprefix('bootstrap-')}\.yaml"):
        run_program(stack, config(cloud))


def test_names_of_iam_fit_their_places() -> None:
    app = "a-very-long-name-of-an-app-that-somebody-has-chosen"[:50]
    for cloud in ("aws", "google"):
        run = run_program(f"bootstrap-{cloud}", config(cloud, apps=[{"name": app, "project": "apps/a"}]))
        names = [
            each.inputs.get("accountId") or each.inputs["name"]
            for each in run.made
            if each.name == f"bootstrap-{app}-jobs"
        ]
        assert names, "the role, or the account"
        assert len(names[0]) <= (64 if cloud == "aws" else 30), "IAM takes no longer one"


def test_the_clusters_oidc_provider_and_zones_are_made_where_asked_for() -> None:
    urls = {each.inputs["url"] for each in made("aws").of_type(":OpenIdConnectProvider")}
    assert "https://gitlab.example.com" in urls, "GitLab, for the jobs"
    assert any(url.startswith("https://oidc.eks.") for url in urls), "the cluster, for IRSA"
    assert made("aws").exports["nameServers"] == {"dev.example.com": ["ns-1.awsdns-01.org"]}, "to delegate to"
    aws = {**config("aws")["bootstrap"]["aws"], "clusters": [{"name": "dev"}], "zones": []}
    bare = run_program("bootstrap-aws", config("aws", aws=aws))
    assert not bare.of_type(":Zone"), "what is there already stays as it is"
    assert len(bare.of_type(":OpenIdConnectProvider")) == 1, "GitLab's alone"
    assert "arn:aws:eks:eu-west-1:123456789012:cluster/dev" in json.dumps([each.inputs for each in bare.made]), (
        "jobs ask where the cluster is"
    )
