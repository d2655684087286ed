"""A branch's pipeline is that branch, where the API server knows it by GitLab's ID token.

The API server is the test's own; a local issuer stands for GitLab, and signs what a job has.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from core import publication
from core.labels import APP_LABEL, BRANCH_ANNOTATION, SLUG_LABEL
from core.names import object_name, slug
from local.cluster import pki
from tests.cluster.support import cluster as clusters
from tests.cluster.support.api_server import ADMIN, ApiServer, api_server
from tests.cluster.support.issuer import AUDIENCE, Issuer, issuer
from tests.cluster.support.waiting import until
from tests.unit.inventory import base_config
from tests.unit.recording import ROOT, Recorder, run_program

PROJECT_PATH = "apps/shop"
KINDS = {
    "Namespace",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
A, B = "feature/a", "feature/b"
# Names of every kind that a slug treats in its own way, and those that look as if they were of another one.
NAMES = [
    "feature-x",
    "feature/login",
    "Feature/Login",
    "123-fix",
    "123/fix",
    "fix-deadbeef",
    "x" * 40,
    "x" * 41,
    "1" * 37,
    "1" * 38,
    "a-very/long-branch-name/that-goes-on-and-on-and-on",
    "ä/ö",
    "a--b",
    "staging",
    "-".join("abcdefghijklmnop" * 3),
    "release_1.0",
    "Kelvin/ok",
]


def config(gitlab: Issuer) -> dict[str, Any]:
    """Return a base stack whose API server knows the app's jobs."""
    base = base_config(ROOT / "examples/base/local.yaml")
    shop, *others = base["apps"]
    known = {**shop, "gitlabProject": PROJECT_PATH, "reservedSlugs": ["staging"]}
    return {**base, "apps": [known, *others], "gitlabTokens": {"issuer": gitlab.url}}


@pytest.fixture(scope="module")
def gitlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """GitLab, as an issuer."""
    keys = tmp_path_factory.mktemp("issuer")
    pki.make(keys)
    with issuer(keys) as made:
        yield made


@pytest.fixture(scope="module")
def recorded(gitlab: Issuer) -> Recorder:
    """What that base stack makes."""
    return run_program("base-local", config(gitlab))


@pytest.fixture(scope="module")
def server(gitlab: Issuer, recorded: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The API server, with what the base stack makes for the app."""
    clusters.local("build")
    with api_server(tmp_path_factory.mktemp("api"), {}, gitlab.authentication()) as made:
        made.apply(virtual_services())
        found = [copy.deepcopy(each.inputs) for each in recorded.made if each.inputs.get("kind") in KINDS]
        made.apply(*sorted(found, key=lambda each: each["kind"] != "Namespace"))
        with made.client(ADMIN) as api:
            until(lambda: _served(api), what="VirtualServices")
        with made.client(gitlab.token(PROJECT_PATH, A)) as api:
            # Rules take a moment until they hold.
            until(lambda: "rule own-branch" in create(api, anchor(B), dry=True).text, what="the rules")
        yield made


def virtual_services() -> dict[str, Any]:
    """Return the kind of a branch's route."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "virtualservices.networking.istio.io"},
        "spec": {
            "group": "networking.istio.io",
            "scope": "Namespaced",
            "names": {"kind": "VirtualService", "plural": "virtualservices"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def _served(api: httpx2.Client) -> bool:
    return api.get("/apis/networking.istio.io/v1/namespaces/shop/virtualservices").is_success


def anchor(branch: str, **changes: str) -> dict[str, Any]:
    """Return an object as a branch's stack makes it."""
    made = changes.get("slug") or slug(branch, ["staging"])
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": object_name(made),
            "labels": {APP_LABEL: "shop", SLUG_LABEL: made},
            "annotations": {BRANCH_ANNOTATION: changes.get("annotation", branch)},
        },
    }


def create(api: httpx2.Client, manifest: dict[str, Any], *, dry: bool = False) -> httpx2.Response:
    return api.post("/api/v1/namespaces/shop/configmaps", json=manifest, params={"dryRun": "All"} if dry else {})


def relabelled(api: httpx2.Client, name: str, metadata: dict[str, Any]) -> httpx2.Response:
    return api.patch(
        f"/api/v1/namespaces/shop/configmaps/{name}",
        content=json.dumps({"metadata": metadata, "data": {"x": "y"}}),
        headers={"Content-Type": "application/merge-patch+json"},
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_job_deploys_its_own_branch_whatever_that_is_called(server: ApiServer, gitlab: Issuer, name: str) -> None:
    with server.client(gitlab.token(PROJECT_PATH, name)) as api:
        answer = create(api, anchor(name), dry=True)
        assert answer.is_success, f"{name} is {slug(name, ['staging'])}: {answer.text}"
        for other in NAMES:
            if other != name:
                taken = create(api, anchor(name, slug=slug(other, ["staging"])), dry=True)
                alike = {name, other} == {"feature/login", "Feature/Login"}
                assert taken.is_success is alike, f"{name} takes the slug of {other}: {taken.text}"


def test_all_that_a_branchs_stack_makes_is_its_own(server: ApiServer, gitlab: Issuer, recorded: Recorder) -> None:
    (contract,) = [each for each in recorded.made if each.name == "contract-config-map"]
    made = run_program(
        f"shop.{slug('feature/all')}",
        {"branch": "feature/all", "environment": "examples/shop/environment.yaml"},
        Recorder(contracts={"base-local": json.loads(contract.inputs["data"][publication.KEY])}),
    )
    objects = [each.inputs for each in made.made if each.type.startswith("kubernetes:")]
    assert {"ConfigMap", "Deployment", "Service", "VirtualService"} <= {each["kind"] for each in objects}, "the usual"
    for branch, refused in (("feature/all", ""), (B, "rule own-branch")):
        with server.client(gitlab.token(PROJECT_PATH, branch)) as api:
            for each in objects:
                answer = applied(api, each)
                assert (refused in answer.text) if refused else answer.is_success, f"{each['kind']}: {answer.text}"


def applied(api: httpx2.Client, manifest: dict[str, Any]) -> httpx2.Response:
    """Apply an object as the provider does."""
    version, plural = manifest["apiVersion"], f"{manifest['kind'].lower()}s".replace("policys", "policies")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return api.patch(
        f"{root}/namespaces/shop/{plural}/{manifest['metadata']['name']}",
        params={"fieldManager": "x", "force": "true", "dryRun": "All"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        content=json.dumps(manifest),
    )


def test_a_branch_is_not_taken_before_it_exists(server: ApiServer, gitlab: Issuer) -> None:
    with server.client(gitlab.token(PROJECT_PATH, A)) as api:
        assert "rule own-branch" in create(api, anchor(B)).text, "its objects, as they are"
        assert "rule own-slug" in create(api, anchor(A, slug=slug(B))).text, "its slug, and so its host"
        assert "rule own-slug" in create(api, anchor(A, slug="b")).text, "a slug of anybody's"
        assert "rule own-branch" in create(api, anchor(A, annotation="")).text, "nor nobody's"


def test_a_branch_that_exists_is_neither_changed_nor_deleted_nor_taken(server: ApiServer, gitlab: Issuer) -> None:
    with server.client(gitlab.token(PROJECT_PATH, B)) as own:
        made = create(own, anchor(B))
        assert made.is_success, f"its own job makes it: {made.text}"
        name = made.json()["metadata"]["name"]
        path = f"/api/v1/namespaces/shop/configmaps/{name}"
        with server.client(gitlab.token(PROJECT_PATH, A)) as another:
            annotated = {"annotations": {BRANCH_ANNOTATION: A}}
            assert "rule own-branch" in relabelled(another, name, annotated).text, "by its annotation"
            assert "rule own-branch" in relabelled(another, name, {}).text, "in place"
            assert "rule own-branch" in another.delete(path).text, "nor deleted"
        assert relabelled(own, name, {}).is_success, "its own job changes it"
        assert own.delete(path).is_success, "and deletes it"


def test_of_two_that_a_slug_does_not_tell_apart_the_first_one_has_it(server: ApiServer, gitlab: Issuer) -> None:
    first, second = "topic/x", "topic-X"
    with server.client(gitlab.token(PROJECT_PATH, first)) as own:
        assert create(own, anchor(first)).is_success, "who is first"
    with server.client(gitlab.token(PROJECT_PATH, second)) as another:
        refused = relabelled(another, slug(first), {"annotations": {BRANCH_ANNOTATION: second}})
        assert "rule own-branch" in refused.text, "keeps it: the annotation says whose it is"


def test_jobs_of_the_default_branch_sweep_all_of_them(server: ApiServer, gitlab: Issuer) -> None:
    with server.client(gitlab.token(PROJECT_PATH, "old")) as own:
        assert create(own, anchor("old")).is_success, "an environment that is left behind"
    with server.client(gitlab.token(PROJECT_PATH, "main")) as sweep:
        assert sweep.delete("/api/v1/namespaces/shop/configmaps/old").is_success, "nobody else's job is left for it"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"sub": f"project_path:{PROJECT_PATH}:ref_type:tag:ref:feature-x"}, 403),
        ({"sub": "project_path:mallory/shop:ref_type:branch:ref:feature-x", "project_path": "mallory/shop"}, 403),
        ({"aud": "https://gitlab.example.com"}, 401),
        ({"exp": 1}, 401),
    ],
    ids=["a tag", "another project", "for somebody else", "ended"],
)
def test_other_tokens_of_gitlabs_deploy_nothing(
    server: ApiServer, gitlab: Issuer, changes: dict[str, Any], status: int
) -> None:
    with server.client(gitlab.token(PROJECT_PATH, "feature-x", **changes)) as api:
        answer = create(api, anchor("feature-x"), dry=True)
        assert answer.status_code in {status, 422}, f"{answer.text}"
        assert not answer.is_success, f"only a branch of this project, by a token for {AUDIENCE}"
