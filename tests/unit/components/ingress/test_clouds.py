"""What a base stack would meet on EKS and GKE: facts of the clouds' own controllers."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cel
import httpx2
import pytest

from components.bootstrap.jobs_rights import google_subject
from components.ingress.gclb import backend_config_spec, service_annotations
from stacks.cluster_api import ClusterApi, connect
from stacks.settings.errors import SettingsError
from tests.unit.inventory import examples
from tests.unit.recording import ROOT, Made, Recorder, cluster, run_program


def eks(**ingress: Any) -> dict[str, Any]:
    return {
        "platform": "eks",
        "eks": {"clusterName": "dev", "region": "eu-west-1", "accountId": "123456789012"},
        "ingress": {"zones": [{"domain": "dev.x", "zone": "Z1"}], **ingress},
        "apps": [{"name": name, "domain": f"{name}.dev.x"} for name in ("shop", "search")],
    }


def test_of_a_shared_load_balancer_an_ingress_takes_its_own_hosts_alone() -> None:
    own = run_program("base-x", eks())
    (ingress,) = own.of_type("v1:Ingress")
    assert [rule.get("host") for rule in ingress.inputs["spec"]["rules"]] == [None], "one rule, however many apps"
    shared = run_program("base-x", eks(groupName="shared"))
    (ingress,) = shared.of_type("v1:Ingress")
    assert [rule.get("host") for rule in ingress.inputs["spec"]["rules"]] == ["*.search.dev.x", "*.shop.dev.x"], (
        "a rule without a host comes before those of later members, and takes all that is theirs"
    )


def test_gkes_health_check_ends_before_the_next_one_begins() -> None:
    check = backend_config_spec()["healthCheck"]
    assert check["timeoutSec"] < check["checkIntervalSec"], "without a timeout it is 15 s, and Google answers 400"


def test_what_gkes_webhook_has_written_is_written_alike() -> None:
    found = service_annotations()["cloud.google.com/neg"]
    assert found == '{"ingress":true}', "another text by another field manager is a conflict, which no preview shows"


def test_a_new_app_leaves_the_certificates_of_others_as_they_are() -> None:
    config = eks()
    before = run_program("base-x", {**config, "apps": config["apps"][:1]})
    after = run_program("base-x", config)
    kept = {each.name: each.inputs for each in after.of_type(":Certificate")}
    for each in before.of_type(":Certificate"):
        assert kept.get(each.name) == each.inputs, "ACM cannot change a certificate's names, and this one is protected"
    (ingress,) = after.of_type("v1:Ingress")
    found = ingress.metadata["annotations"]["alb.ingress.kubernetes.io/certificate-arn"].split(",")
    assert [arn.rpartition("/")[2] for arn in found] == ["search.dev.x", "shop.dev.x"], "the load balancer takes all"


BRINGS = {"istio.io": "istiod", "cert-manager.io": "cert-manager", "argoproj.io": "argo-cd"}
"""Release that brings kinds and answers for them, by the end of their API group."""


@pytest.mark.parametrize("name", ["base-eks-addons", "base-gke-addons"])
def test_what_is_of_an_add_ons_kind_or_in_its_namespace_comes_after_it(name: str) -> None:
    example = examples()[name]
    login = {"kind": "external", "login": {"issuer": "https://a.example.com", "clientId": "b"}}
    first, *others = example.config["apps"]
    config = {
        **example.config,
        "apps": [{**first, "access": login}, *others],
        "loginCredentials": {first["name"]: {"clientSecret": "c"}},
    }
    made = run_program(example.stack, config).made
    known = {(each.type, each.name): each for each in made}
    seen = set()
    for each in made:
        group = str(each.inputs.get("apiVersion", "")).partition("/")[0]
        namespace = each.metadata.get("namespace") if each.type.startswith("kubernetes:") else None
        wanted = {release for end, release in BRINGS.items() if group.endswith(end)}
        wanted |= {"istiod"} if namespace == "istio-system" else set()
        wanted |= {"argo-cd"} if namespace == "argocd" else set()
        found = {urn for _, urn in before(each, known)}
        for release in wanted:
            seen.add(each.inputs["kind"])
            assert f"addons-{release}" in found, f"{each.name} needs {release}, and would be made at the same time"
    assert {"PeerAuthentication", "Sidecar", "VirtualService", "ConfigMap", "Application"} <= seen, f"only {seen}"


def before(made: Made, known: Mapping[tuple[str, str], Made]) -> set[tuple[str, str]]:
    """Return all that comes before a resource, by type and name: what it and its parents depend on, and so on."""
    found: set[tuple[str, str]] = set()
    waiting = [made]
    while waiting:
        each = waiting.pop()
        for urn in (each.parent, *each.depends_on):
            key = (urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2], urn.rpartition("::")[2])
            if key in known and key not in found:
                found.add(key)
                waiting.append(known[key])
    return found


def documented_mapping() -> dict[str, str]:
    """Return the attribute mapping that people are told to make by hand."""
    document = (ROOT / "docs/gitlab.md").read_text(encoding="utf-8")
    (mapping,) = re.findall(r"--attribute-mapping='(.*)'", document)
    return dict(each.split("=", 1) for each in mapping.split(","))


@pytest.mark.parametrize("mapping", [documented_mapping, google_subject], ids=["by hand", "bootstrap stack"])
@pytest.mark.parametrize("branch", ["main", "feature/" + "ä" * 120], ids=["short", "long"])
def test_google_takes_the_token_of_a_branch_of_any_name(branch: str, mapping: Callable[[], dict[str, str]]) -> None:
    expressions = mapping()
    path = "apps/" + "/".join(["group"] * 8) + "/shop"
    context = cel.Context()
    # The claims of GitLab's ID tokens, all of which are text.
    claims = {"sub": f"project_path:{path}:ref_type:branch:ref:{branch}", "project_path": path}
    context.add_variable("assertion", {**claims, "project_id": "9" * 12, "job_id": "9" * 15})
    mapped = {name: str(cel.evaluate(expression, context)) for name, expression in expressions.items()}
    assert len(mapped["google.subject"].encode()) <= 127, "Google refuses a longer subject, whatever else is mapped"
    assert mapped["attribute.project_path"] == path, "by which the rights are given"


@pytest.mark.parametrize("version", ["1.29", "1.9+", "0.31"])
def test_a_cluster_that_is_too_old_is_refused_before_anything_is_made(version: str) -> None:
    recorder = Recorder(cluster=cluster(version))
    with pytest.raises(SettingsError, match=r"since 1\.30") as caught:
        run_program("base-x", eks(), recorder)
    assert f"Kubernetes {version.rstrip('+')}" in str(caught.value), "it says which it is"
    assert not recorder.made, "ValidatingAdmissionPolicies would fail when half of the stack is there"


@pytest.mark.parametrize("version", ["1.30", "1.31+", "2.0"])
def test_a_cluster_that_is_new_enough_is_not(version: str) -> None:
    assert run_program("base-x", eks(), Recorder(cluster=cluster(version))).made, "as clouds write it, too"


def test_a_cluster_that_does_not_answer_is_a_mistake_with_a_fix() -> None:
    def nobody(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused", request=request)

    away = ClusterApi(httpx2.Client(base_url="https://cluster", transport=httpx2.MockTransport(nobody)))
    with pytest.raises(SettingsError, match=r"connection refused[\s\S]*KUBECONFIG"):
        run_program("base-x", eks(), Recorder(cluster=away))


def test_the_cluster_that_is_asked_is_the_one_that_the_provider_writes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(name: str) -> str:
        servers = [{"name": name, "cluster": {"server": f"https://{name}"}}]
        contexts = [{"name": name, "context": {"cluster": name, "user": name}}]
        users = [{"name": name, "user": {"token": "t"}}]
        text = json.dumps({"clusters": servers, "contexts": contexts, "users": users, "current-context": name})
        (tmp_path / name).write_text(text, encoding="utf-8")
        return text

    text, _ = write("a"), write("b")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{tmp_path / 'a'}:{tmp_path / 'b'}")
    found = {
        connect("base-x", provider)._api.base_url.host
        for provider in ({}, {"context": "a"}, {"kubeconfig": text}, {"kubeconfig": str(tmp_path / "a")})
    }
    assert found == {"a"}, "the first file's context, the one that is named, or what config says"
    assert connect("base-x", {"context": "b"})._api.base_url.host == "b", "of whichever file"
    with pytest.raises(SettingsError, match="no context c is configured"):
        connect("base-x", {"context": "c"})


_ALB = "alb.ingress.kubernetes.io"


def test_eks_auto_mode_finds_in_its_class_what_it_does_not_take_from_annotations() -> None:
    config = eks(scheme="internal", groupName="shared")
    config["eks"]["autoMode"] = True
    made = run_program("base-x", config)
    (parameters,) = made.of_type(":IngressClassParams")
    assert parameters.inputs["apiVersion"] == "eks.amazonaws.com/v1", "Auto Mode's own, not elbv2.k8s.aws"
    spec = parameters.inputs["spec"]
    assert (spec["scheme"], spec["group"]) == ("internal", {"name": "shared"}), "else it is what Auto Mode likes"
    assert [arn.rpartition("/")[2] for arn in spec["certificateARNs"]] == ["search.dev.x", "shop.dev.x"], "HTTPS"
    (ingress_class,) = made.of_type(":IngressClass")
    assert ingress_class.inputs["spec"]["controller"] == "eks.amazonaws.com/alb", "nobody else listens to it there"
    (ingress,) = made.of_type("v1:Ingress")
    assert ingress.inputs["spec"]["ingressClassName"] == ingress_class.metadata["name"], "its own class"
    found = {key for key in ingress.metadata["annotations"] if key.startswith(_ALB)}
    assert not found & {f"{_ALB}/{key}" for key in ("scheme", "group.name", "certificate-arn")}, "two would differ"
    assert f"{_ALB}/healthcheck-port" in found, "what it does take from annotations stays there"


def test_eks_auto_mode_and_the_add_on_for_the_same_exclude_each_other() -> None:
    config = eks() | {"addons": {"aws-load-balancer-controller": {}}}
    config["eks"] |= {
        "autoMode": True,
        "vpcId": "vpc-1",
        "oidcProvider": "https://oidc.eks.eu-west-1.amazonaws.com/id/A",
    }
    with pytest.raises(SettingsError, match=r"addons\.aws-load-balancer-controller"):
        run_program("base-x", config)


def test_a_change_that_makes_a_new_load_balancer_replaces_the_ingress_so_that_dns_follows() -> None:
    def trigger(**ingress: Any) -> Any:
        (made,) = run_program("base-x", eks(**ingress)).of_type("v1:Ingress")
        assert made.protect, "which is refused, as every host is away meanwhile"
        return made.replaced_with

    usual = trigger()
    assert usual, "changed in place, it would still have the old one's name, and DNS would lead there"
    assert trigger(wafAclArn="arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/b") == usual, (
        "all else is in place"
    )
    assert len({usual, trigger(scheme="internal"), trigger(groupName="shared")}) == 3, "each makes a new one"


def gke(**ingress: Any) -> dict[str, Any]:
    zones = [{"domain": "dev.x", "zone": "dev-x"}]
    return {
        "platform": "gke",
        "gke": {"clusterName": "dev", "project": "my-project", "projectNumber": "123456789012"},
        "ingress": {"zones": zones, "acmeEmail": "a@example.com", **ingress},
        "apps": [{"name": "shop", "domain": "shop.dev.x"}],
    }


def test_another_acme_authority_gives_another_certificate() -> None:
    def issuer(**ingress: Any) -> str:
        made = run_program("base-x", gke(**ingress))
        (found,) = made.of_type(":ClusterIssuer")
        (certificate,) = made.of_type("v1:Certificate")
        assert certificate.inputs["spec"]["issuerRef"]["name"] == found.metadata["name"], "its own"
        return str(found.metadata["name"])

    staging = issuer(acmeServer="https://acme-staging-v02.api.letsencrypt.org/directory")
    assert issuer() != staging, "by one name, the untrusted certificate would stay until it ends"
    assert issuer() == "gateway-issuer", "the usual one has a name that people know"


@pytest.mark.parametrize("project", ["my-project", "another-project", "example.com:old-project"])
def test_a_google_service_account_is_looked_for_in_its_own_project(project: str) -> None:
    domain, _, name = project.rpartition(":")
    email = f"shop-pods@{name}{'.' if domain else ''}{domain}.iam.gserviceaccount.com"
    config = gke()
    config["apps"][0]["identity"] = {"kind": "workload-identity", "account": email}
    made = run_program("base-x", config)
    (member,) = (each for each in made.of_type(":IAMMember") if each.name == "shop-may-be-used")
    assert member.inputs["serviceAccountId"] == f"projects/{project}/serviceAccounts/{email}", "not in the cluster's"
    assert member.inputs["member"].startswith("serviceAccount:my-project.svc.id.goog["), "whose pods are the cluster's"
