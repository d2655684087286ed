"""What a base stack would meet on EKS and GKE: facts of the clouds' own controllers."""

from typing import Any

from components.gke_ingress import backend_config_spec, service_annotations
from tests.unit.recording import run_program


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
