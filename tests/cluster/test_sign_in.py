"""How a job gets into a cluster by what its cloud says of it: asked of a real API server.

A static token stands for the cloud's: EKS's and GKE's webhooks answer as that does, with a name and groups.
"""

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from branchenv.clients.sign_in import api_server as sign_in
from branchenv.clients.sign_in.deployer import ask, deployer_of
from branchenv.model.errors import BranchenvError
from core.contract import Subject
from tests.cluster.support import cluster as clusters
from tests.cluster.support.api_server import ADMIN, ApiServer, api_server
from tests.unit.inventory import examples, made_by

GKE_ACCOUNT = "gitlab-shop@my-project.iam.gserviceaccount.com"
OTHERS = "gitlab-search@my-project.iam.gserviceaccount.com"
PEOPLE = {
    "by-eks": ["branch-environments:shop:jobs"],
    "by-eks-for-another-app": ["branch-environments:search:jobs"],
    GKE_ACCOUNT: [],
    OTHERS: [],
}
KINDS = {"Namespace", "ServiceAccount", "Role", "RoleBinding"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that knows those jobs, with what the base stacks of EKS and of GKE make for them."""
    clusters.local("build")
    with api_server(tmp_path_factory.mktemp("api"), PEOPLE) as made:
        made.apply(*of_base("base-eks-irsa"))
        made.apply(*(renamed(each) for each in of_base("base-gke-workload-identity") if is_jobs(each)))
        yield made


def of_base(name: str) -> list[dict[str, Any]]:
    """Return the objects of a base stack that say who may do what, namespaces first."""
    found = [
        copy.deepcopy(each) for key, each in made_by(examples()[name])["resources"].items() if key.startswith("kub")
    ]
    found = [each for each in found if each["kind"] in KINDS]
    return sorted(found, key=lambda each: each["kind"] != "Namespace")


def is_jobs(manifest: dict[str, Any]) -> bool:
    return str(manifest["metadata"]["name"]).endswith("-jobs")


def renamed(manifest: dict[str, Any]) -> dict[str, Any]:
    """Let GKE's stand beside EKS's, which are called alike."""
    manifest["metadata"]["name"] += "-of-gke"
    if "roleRef" in manifest:
        manifest["roleRef"]["name"] += "-of-gke"
    return manifest


def as_who(server: ApiServer, who: str) -> sign_in.ApiServer:
    return sign_in.ApiServer(server=server.url, authority=server.authority, bearer=who)


@pytest.mark.parametrize("who", ["by-eks", GKE_ACCOUNT])
def test_a_job_that_the_cloud_vouches_for_becomes_its_apps_deployer_for_an_hour(server: ApiServer, who: str) -> None:
    token = ask(as_who(server, who), deployer_of("shop"), seconds=3600)
    with server.client(token) as api:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json=review).raise_for_status().json()
        assert answer["status"]["userInfo"]["username"] == "system:serviceaccount:shop:shop-deployer", "by that name"
        assert api.get("/apis/apps/v1/namespaces/shop/deployments").is_success, "with the deployer's rights"
        assert api.get("/api/v1/namespaces/shop/secrets").status_code == 403, "and no more"
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 3600, "it ends by itself"


@pytest.mark.parametrize("who", ["by-eks", GKE_ACCOUNT])
def test_who_may_ask_for_a_token_may_do_nothing_else(server: ApiServer, who: str) -> None:
    with server.client(who) as api:
        for path in ("pods", "secrets", "configmaps", "serviceaccounts", "serviceaccounts/shop-deployer"):
            assert api.get(f"/api/v1/namespaces/shop/{path}").status_code == 403, f"it does not read {path}"
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
        assert api.post("/api/v1/namespaces/shop/configmaps", json=made).status_code == 403, "nor make anything"
    for account in (
        Subject(namespace="shop", name="shop"),
        Subject(namespace="shop", name="default"),
        Subject(namespace="search", name="search-deployer"),
    ):
        with pytest.raises(BranchenvError, match="403"):
            ask(as_who(server, who), account, seconds=3600)


@pytest.mark.parametrize("who", ["by-eks-for-another-app", OTHERS])
def test_another_apps_jobs_get_none(server: ApiServer, who: str) -> None:
    with pytest.raises(BranchenvError, match="403") as caught:
        ask(as_who(server, who), deployer_of("shop"), seconds=3600)
    assert "apps[].ci" in caught.value.fix, "where somebody would be let in"


def test_who_is_unknown_is_told_so(server: ApiServer) -> None:
    with pytest.raises(BranchenvError, match="401"):
        ask(as_who(server, "nobody"), deployer_of("shop"), seconds=3600)
    assert ask(as_who(server, ADMIN), deployer_of("shop"), seconds=3600), "while it works for those who may"
