"""How a job gets into EKS and GKE: by its cloud credentials, for a token of the deployer."""

import base64
import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx2
import pytest
from moto import mock_aws

from branchenv.cli import main
from branchenv.clients.sign_in import deployer as asking
from branchenv.clients.sign_in.api_server import ApiServer, EksCluster, GkeCluster, cluster_of
from branchenv.clients.sign_in.deployer import ask, deployer_of
from branchenv.clients.sign_in.eks import eks_api_server
from branchenv.clients.sign_in.gke import gke_api_server
from branchenv.model.errors import BranchenvError, ExitCode
from core.contract import Subject
from tests.unit.inventory import examples
from tests.unit.recording import run_program

ARN = "arn:aws:eks:eu-west-1:123456789012:cluster/dev"
PATH = "projects/my-project/locations/europe-west1/clusters/dev"
API_SERVER = ApiServer(server="https://cluster", authority="", bearer="who-asks")


def test_a_cluster_is_named_as_its_cloud_names_it() -> None:
    assert cluster_of(ARN) == EksCluster(region="eu-west-1", name="dev"), "what AWS prints"
    assert cluster_of(PATH) == GkeCluster(path=PATH), "what Google prints"
    for text in ("", "dev", "arn:aws:iam::123456789012:role/dev", f"{PATH}/nodePools/x"):
        with pytest.raises(BranchenvError) as caught:
            cluster_of(text)
        assert caught.value.code == ExitCode.BAD_INPUT, "nothing was asked"
        assert "describe-cluster" in caught.value.fix, "it says where the name is found"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "ACCESS_KEY_ID": "AKIDEXAMPLE",
        "SECRET_ACCESS_KEY": "s",
        "SESSION_TOKEN": "of-the-job",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        role = "arn:aws:iam::123456789012:role/eks"
        boto3.client("eks", region_name="eu-west-1").create_cluster(name="dev", roleArn=role, resourcesVpcConfig={})
        yield


@pytest.mark.usefixtures("aws")
def test_eks_is_shown_a_signed_request_that_says_who_asks_and_for_which_cluster() -> None:
    api_server = eks_api_server(EksCluster(region="eu-west-1", name="dev"))
    assert api_server.server.startswith("https://"), "as EKS tells it, so nobody has to write it down"
    prefix, _, encoded = api_server.bearer.partition(".")
    assert prefix == "k8s-aws-v1", "EKS takes no other"
    assert "=" not in encoded, "nor one with padding"
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (url.hostname, query["Action"]) == ("sts.eu-west-1.amazonaws.com", "GetCallerIdentity"), (
        "EKS asks STS with it"
    )
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id", "good for this cluster alone"
    assert query["X-Amz-Expires"] == "60", "and not for long"
    assert query["X-Amz-Security-Token"] == "of-the-job", "whose credentials they are"


@pytest.mark.usefixtures("aws")
def test_what_aws_refuses_has_a_fix() -> None:
    with pytest.raises(BranchenvError, match="cluster prod is") as caught:
        eks_api_server(EksCluster(region="eu-west-1", name="prod"))
    assert caught.value.code == ExitCode.CLUSTER, "the cluster's own exit code"
    assert "eks:DescribeCluster" in caught.value.fix, "the right that is missing, mostly"


class _Google:
    """Credentials of a job's service account."""

    token = ""

    def refresh(self, _: object) -> None:
        self.token = "of-the-account"


@pytest.mark.parametrize(
    ("names", "server", "authority"),
    [
        ({}, "https://203.0.113.9", "Q0E="),
        ({"endpoint": "gke-1.gke.goog", "allowExternalTraffic": True}, "https://gke-1.gke.goog", ""),
        ({"endpoint": "gke-1.gke.goog"}, "https://203.0.113.9", "Q0E="),
    ],
    ids=["address", "name", "name for the inside"],
)
def test_gke_is_shown_the_accounts_access_token(
    names: Mapping[str, Any], server: str, authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def default(scopes: tuple[str, ...]) -> tuple[_Google, None]:
        asked["scopes"] = scopes
        return _Google(), None

    def get(url: str, headers: Mapping[str, str], timeout: float) -> httpx2.Response:
        asked.update(url=url, headers=headers, timeout=timeout)
        found = {
            "endpoint": "203.0.113.9",
            "masterAuth": {"clusterCaCertificate": "Q0E="},
            "controlPlaneEndpointsConfig": {"dnsEndpointConfig": names},
        }
        return httpx2.Response(200, json=found, request=httpx2.Request("GET", url))

    monkeypatch.setattr("google.auth.default", default)
    monkeypatch.setattr("httpx2.get", get)
    assert gke_api_server(GkeCluster(path=PATH)) == ApiServer(
        server=server, authority=authority, bearer="of-the-account"
    )
    assert asked["url"] == f"https://container.googleapis.com/v1/{PATH}", "where it is, is asked of Google"
    assert asked["headers"] == {"Authorization": "Bearer of-the-account"}, "as this account"
    assert any(each.endswith("userinfo.email") for each in asked["scopes"]), "else GKE knows it by a number"


def answering(status: int, body: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[httpx2.Request]:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(status, json=dict(body))

    client = httpx2.Client

    def connect(**options: Any) -> httpx2.Client:
        return client(**{**options, "transport": httpx2.MockTransport(answer)})

    monkeypatch.setattr("httpx2.Client", connect)
    return asked


def test_the_cluster_is_asked_for_a_token_of_the_deployer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(201, {"status": {"token": "of-the-deployer"}}, monkeypatch)
    assert ask(API_SERVER, deployer_of("shop"), seconds=3600) == "of-the-deployer", "which is what the job deploys with"
    (request,) = asked
    assert request.url.path == "/api/v1/namespaces/shop/serviceaccounts/shop-deployer/token", "its own app's"
    assert request.headers["Authorization"] == "Bearer who-asks", "as whoever the cloud says"
    assert json.loads(request.content)["spec"]["expirationSeconds"] == 3600, "which ends by itself"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, r"apps\[\]\.ci"), (403, r"apps\[\]\.ci"), (404, "BRANCHENV_DEPLOYER=<namespace>/shop-deployer")],
)
def test_a_refusal_says_what_to_change(status: int, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(status, {"message": "no"}, monkeypatch)
    with pytest.raises(BranchenvError, match="shop/shop-deployer") as caught:
        ask(API_SERVER, deployer_of("shop"), seconds=3600)
    assert caught.value.code == ExitCode.CLUSTER, "the cluster refuses"
    import re

    assert re.search(expected, caught.value.fix), "the fix names the setting"
    assert "who-asks" not in f"{caught.value}{API_SERVER!r}", "and no credential is in a message"


def test_a_deployer_elsewhere_is_named() -> None:
    assert deployer_of("shop", "web/shop-deployer") == Subject(namespace="web", name="shop-deployer"), (
        "another namespace"
    )
    for text in ("web", "/x", "a/b/c"):
        with pytest.raises(BranchenvError, match="<namespace>/<ServiceAccount>"):
            deployer_of("shop", text)


@pytest.mark.usefixtures("aws")
def test_the_command_writes_a_kubeconfig_that_nobody_else_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "ask", lambda *_, **__: "of-the-deployer")
    file = tmp_path / "kubeconfig"
    assert main.run(["kubeconfig", str(file), "--app", "shop", "--cluster", ARN]) == ExitCode.DONE, "all is given"
    assert capsys.readouterr().out == f"{file}\n", "for `export KUBECONFIG=$(...)`"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "it holds a token"
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["users"] == [{"name": "shop-deployer", "user": {"token": "of-the-deployer"}}], "the deployer's"
    assert "k8s-aws-v1" not in file.read_text(encoding="utf-8"), "and not the job's own"


def base(platform: str, *ci: str) -> dict[str, Any]:
    name = {"eks": "base-eks-irsa", "gke": "base-gke-workload-identity", "local": "base-local"}[platform]
    config = examples()[name].config
    apps = [{**app, "ci": who} for app, who in zip(config["apps"], ci, strict=False)]
    return {**config, "apps": apps}


@pytest.mark.parametrize("name", ["base-eks-irsa", "base-gke-workload-identity"])
def test_the_jobs_have_one_right_in_the_cluster(name: str) -> None:
    made = run_program(name, examples()[name].config)
    (role,) = [each for each in made.of_type(":Role") if each.metadata.get("name") == "shop-jobs"]
    rule = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["shop-deployer"]}
    assert role.inputs["rules"] == [{**rule, "verbs": ["create"]}], "a token of their app's deployer"
    (binding,) = [each for each in made.of_type(":RoleBinding") if each.metadata.get("name") == "shop-jobs"]
    (subject,) = binding.inputs["subjects"]
    if name.startswith("base-eks"):
        (entry,) = made.of_type(":AccessEntry")
        assert entry.inputs["kubernetesGroups"] == [subject["name"]], "the group that EKS puts the role into"
        assert not subject["name"].startswith(("system:", "eks:", "aws:", "amazon:", "iam:")), "EKS refuses these"
        assert "accessPolicyArn" not in json.dumps(entry.inputs), "and no rights beside the group's"
    else:
        assert subject["name"] == "gitlab-shop@my-project.iam.gserviceaccount.com", "as GKE knows the account"
        (member,) = [each for each in made.of_type("projects/iAMMember:IAMMember") if "jobs" in each.parent]
        assert member.inputs["role"] == "roles/container.clusterViewer", "without which GKE asks RBAC nothing"


def test_one_role_for_two_apps_is_one_entry() -> None:
    role = "arn:aws:iam::123456789012:role/ci/gitlab"
    made = run_program("base-x", base("eks", role, role))
    (entry,) = made.of_type(":AccessEntry")
    assert entry.inputs["kubernetesGroups"] == ["branch-environments:search:jobs", "branch-environments:shop:jobs"], (
        "EKS has one entry per role"
    )


@pytest.mark.parametrize(
    ("platform", "ci"),
    [
        ("eks", "gitlab-shop"),
        ("eks", "arn:aws:sts::123456789012:assumed-role/gitlab-shop/job"),
        ("gke", "arn:aws:iam::123456789012:role/gitlab-shop"),
        ("local", "arn:aws:iam::123456789012:role/gitlab-shop"),
    ],
)
def test_jobs_that_the_cloud_cannot_know_are_refused(platform: str, ci: str) -> None:
    with pytest.raises(Exception, match=r"apps\[0\]\.ci"):
        run_program("base-x", base(platform, ci))


def own_branch(**changes: Any) -> dict[str, Any]:
    config = examples()["base-eks-own-branch"].config
    (app,) = config["apps"]
    return {**config, "apps": [{**app, **changes}]}


def test_eks_is_told_to_take_gitlabs_tokens() -> None:
    (made,) = run_program("base-x", own_branch()).of_type(":IdentityProviderConfig")
    oidc = made.inputs["oidc"]
    assert (oidc["issuerUrl"], oidc["clientId"]) == ("https://gitlab.example.com", "kubernetes"), (
        "for this cluster alone"
    )
    assert (oidc["usernameClaim"], oidc["groupsClaim"]) == ("sub", "project_path"), "by branch and by project"
    assert (oidc["usernamePrefix"], oidc["groupsPrefix"]) == ("gitlab:", "gitlab:"), "and they are nobody else"


def test_jobs_of_the_project_have_the_deployers_rights_and_no_more() -> None:
    made = run_program("base-x", own_branch())
    (binding,) = [each for each in made.of_type(":RoleBinding") if each.name == "shop-deployer-binding"]
    named = [(each["kind"], each["name"]) for each in binding.inputs["subjects"]]
    assert named == [("ServiceAccount", "shop-deployer"), ("Group", "gitlab:apps/shop")], "as the deployer, by group"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ci": "arn:aws:iam::123456789012:role/gitlab-shop"}, "become the deployer"),
        ({"isolation": {"namespacePerBranch": True}, "identity": {"perBranch": True}}, "namespace of each branch"),
    ],
)
def test_what_would_be_no_boundary_is_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(Exception, match=rf"apps\[0\]\.gitlabProject[\s\S]*{expected}"):
        run_program("base-x", own_branch(**changes))


def test_gke_takes_no_tokens_of_gitlabs() -> None:
    config = {**base("gke"), "gitlabTokens": {"issuer": "https://gitlab.example.com"}}
    with pytest.raises(Exception, match=r"gitlabTokens[\s\S]*apps\[\]\.ci"):
        run_program("base-x", {**config, "apps": examples()["base-gke-workload-identity"].config["apps"]})


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("cluster", [ARN, "https://10.0.0.1:6443"])
def test_a_job_stays_its_own_branch_where_the_cluster_takes_its_token(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRANCHENV_CLUSTER_TOKEN", "of-gitlab")
    authority = tmp_path / "ca.pem"
    authority.write_text("PEM", encoding="utf-8")
    file = tmp_path / "kubeconfig"
    given = ["--app", "shop", "--cluster", cluster, "--as-branch", "--authority", str(authority)]
    assert main.run(["kubeconfig", str(file), *given]) == ExitCode.DONE, "nobody else is asked"
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["users"] == [{"name": "job", "user": {"token": "of-gitlab"}}], "the job's own"
    assert written["contexts"][0]["context"]["namespace"] == "shop", "where its branch is"
    known = written["clusters"][0]["cluster"]["certificate-authority-data"]
    assert (known == base64.b64encode(b"PEM").decode()) is cluster.startswith("https"), "EKS tells its own"


@pytest.mark.parametrize(
    ("cluster", "flags", "token", "expected"),
    [
        ("https://10.0.0.1:6443", [], "t", "--as-branch"),
        ("https://10.0.0.1:6443", ["--as-branch"], "", "BRANCHENV_CLUSTER_TOKEN"),
        (PATH, ["--as-branch"], "t", "GKE takes no tokens"),
        ("https://10.0.0.1:6443", ["--as-branch", "--authority", "/nowhere"], "t", "cannot be read"),
    ],
)
def test_a_cluster_that_cannot_know_the_job_is_refused_before_it_is_asked(
    cluster: str,
    flags: list[str],
    token: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BRANCHENV_CLUSTER_TOKEN", token)
    given = ["kubeconfig", str(tmp_path / "x"), "--app", "shop", "--cluster", cluster, *flags]
    assert main.run(given) == ExitCode.BAD_INPUT, "nothing was asked"
    assert expected in capsys.readouterr().err, "it says which of both is wrong"
