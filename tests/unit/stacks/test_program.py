"""The whole program on mocks: what each example makes, and rules that hold for everything any of them makes."""

import json
import re
from functools import cache
from typing import Any

import pytest

from core.labels import BRANCH_ANNOTATION, MANAGED_BY_LABEL, NAME_LABEL, SLUG_LABEL
from core.names import slug
from tests.unit.inventory import COMMAND, Example, differences, examples, inventory, made_by, read, run_example
from tests.unit.recording import BASE_CONTRACT, Made, Recorder, run_program

NAMES = sorted(examples())
BRANCHES = [name for name in NAMES if not examples()[name].stack.startswith(("base-", "bootstrap-"))]
BASES = [name for name in NAMES if examples()[name].stack.startswith("base-")]


@cache
def run(name: str, *, preview: bool = False) -> Recorder:
    """Run an example once for all tests, which only read what came of it."""
    return run_example(examples()[name], preview=preview)


def objects(recorder: Recorder) -> list[Made]:
    """Return the Kubernetes objects that belong to the stack; a patch's and a release's are somebody else's."""
    kubernetes = [each for each in recorder.made if each.type.startswith("kubernetes:") and each.custom]
    return [each for each in kubernetes if not each.type.endswith(("Patch", ":Release"))]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_makes_what_its_inventory_says(name: str) -> None:
    example, expected, found = examples()[name], read(name), inventory(run(name))
    hint = f"\nMade by {example.file or example.config}, stack {example.stack}. If this is meant, run: {COMMAND}"
    assert sorted(found["resources"]) == sorted(expected["resources"]), f"other resources than written down{hint}"
    wrong = differences(expected, found)
    assert not wrong, "\n".join(wrong) + hint


@pytest.mark.parametrize("name", NAMES)
def test_every_resource_is_a_child_of_its_component(name: str) -> None:
    for each in run(name).made:
        parent_type = each.parent.split("::")[2]
        if each.type.startswith(("branch-environments:", "pulumi:providers:")):
            assert parent_type == "pulumi:pulumi:Stack", f"{each.name} is a component of the stack"
            assert len(each.type.split(":")) == 3, f"{each.type} has three parts: project, module, type"
        else:
            owner = parent_type.split("$")[-1]
            assert owner.startswith("branch-environments:"), f"{each.name} belongs to {owner}, not to a component"


@pytest.mark.parametrize("name", NAMES)
def test_every_child_is_named_after_its_component(name: str) -> None:
    for each in objects(run(name)):
        component = each.parent.split("::")[-1]
        assert each.name.startswith(f"{component}-"), "two components of a stack could make one name"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_has_an_alias_or_is_registered_twice(name: str) -> None:
    made = run(name).made
    assert not [each.name for each in made if each.aliases], "an alias here is an options object merged by mistake"
    keys = [(each.type, each.name) for each in made]
    assert len(keys) == len(set(keys)), "two resources of one type and name cannot be told apart"


@pytest.mark.parametrize("name", NAMES)
def test_every_object_carries_the_standard_labels(name: str) -> None:
    for each in objects(run(name)):
        labels = each.metadata["labels"]
        assert labels[MANAGED_BY_LABEL] == "branch-environments", f"{each.name} would not be found by a sweep"
        assert labels[NAME_LABEL], f"{each.name} has no name label"


@pytest.mark.parametrize("name", sorted(set(BRANCHES) - {"chart"}))
def test_every_object_of_a_branch_says_whose_it_is(name: str) -> None:
    example = examples()[name]
    own = example.stack.partition(".")[2]
    for each in objects(run(name)):
        assert each.metadata["labels"][SLUG_LABEL] == own, f"{each.name} would outlive its branch unseen"
        branch = each.metadata["annotations"][BRANCH_ANNOTATION]
        assert slug(branch) == own, f"{each.name} names another branch"
        place = each.metadata["name"] if each.type.endswith(":Namespace") else each.metadata["namespace"]
        assert place == run(name).exports["namespace"], f"{each.name} is outside the branch's namespace"


def within_its_namespace(made: Recorder) -> list[Made]:
    """Return an environment's objects, but for those that are its own namespace and go with that."""
    return [each for each in objects(made) if ":BranchNamespace::" not in each.parent]


@pytest.mark.parametrize("name", sorted(set(BRANCHES) - {"chart"}))
def test_nothing_waits_for_what_it_does_not_need(name: str) -> None:
    for each in within_its_namespace(run(name)):
        waits = [urn.split("::")[-1] for urn in each.depends_on]
        pods = each.type.endswith(":VirtualService")
        runs = each.type.endswith(":Deployment")
        job = each.type.endswith(":Job")
        bound = each.type.endswith(":ServiceAccount")
        allowed = [
            other
            for other, urn in zip(waits, each.depends_on, strict=True)
            if other.endswith("-anchor")
            or (each.name.endswith("-anchor") and ":BranchNamespace$" in urn)
            or (pods and other.endswith("-deployment"))
            or (runs and other.endswith(("-service-account", "-job")))
            or (job and other.endswith(("-service-account", "-job", "-deployment", "-virtual-service")))
            or (bound and urn.split("$")[-1].startswith(("aws:", "gcp:")))
        ]
        assert waits == allowed, f"{each.name} waits for {waits}, and the URL is live later"


@pytest.mark.parametrize("name", sorted(set(BRANCHES) - {"chart"}))
def test_everything_of_an_environment_belongs_to_its_anchor(name: str) -> None:
    made = within_its_namespace(run(name))
    anchors = [each for each in made if each.name.endswith("-anchor")]
    assert len(anchors) == 1, "one anchor holds the whole environment"
    assert "ownerReferences" not in anchors[0].metadata, "the anchor itself belongs to nobody"
    for each in made:
        if each is not anchors[0]:
            (owner,) = each.metadata["ownerReferences"]
            assert owner["uid"] == f"{anchors[0].name}-uid", (
                f"{each.name} would outlive a destroy that does not know it"
            )


@pytest.mark.parametrize("name", sorted(set(BRANCHES) - {"chart"}))
def test_requests_go_to_pods_only_once_they_are_up(name: str) -> None:
    (route,) = run(name).of_type(":VirtualService")
    waits = {urn.split("::")[-1] for urn in route.depends_on}
    for each in run(name).of_type(":Deployment"):
        assert each.name in waits, "an environment that wakes or gains pods would answer some requests with 503"


@pytest.mark.parametrize("name", NAMES)
def test_a_preview_asks_for_the_same_as_an_update(name: str) -> None:
    previewed, updated = run(name, preview=True), run(name)
    keys = [sorted((each.type, each.name) for each in which.made) for which in (previewed, updated)]
    assert keys[0] == keys[1], "a preview that shows something else is worse than none"


def test_a_branch_stack_stands_on_what_a_base_stack_really_exports() -> None:
    base = run("base-local")
    recorder = Recorder(contracts={"base-local": base.exports})
    run_program("shop.feature-x", {"image": "shop.local/shop:1.0"}, recorder)
    assert recorder.exports["url"] == "http://feature-x.shop.localhost:8080", "the two stacks disagree on the contract"


@pytest.mark.parametrize(
    ("base", "app", "url"),
    [
        ("base-local-tls", "shop", "https://feature-x.shop.localhost:8443"),
        ("base-eks-irsa", "search", "https://feature-x.search.dev.example.com"),
        ("base-gke-direct", "shop", "https://feature-x.shop.stg.example.com"),
    ],
)
def test_a_branch_of_a_base_with_tls_has_an_https_url(base: str, app: str, url: str) -> None:
    recorder = Recorder(contracts={base: run(base).exports})
    run_program(f"{app}.feature-x", {"image": "shop.local/shop:1.0", "base": base}, recorder)
    assert recorder.exports["url"] == url, "people copy this"


@pytest.mark.parametrize("name", BASES)
def test_mains_url_and_a_branchs_come_from_the_same_domain(name: str) -> None:
    recorder = run(name)
    for each in recorder.of_type(":Application"):
        app = each.metadata["name"]
        outputs = recorder.exports["apps"][app]
        assert each.inputs["spec"]["source"]["helm"]["valuesObject"]["url"] == outputs["mainUrl"], (
            "main is told its URL"
        )
        assert outputs["mainUrl"].startswith(f"https://main.{outputs['domain']}"), "a branch's is <slug>.<domain>"


@pytest.mark.parametrize("name", BASES)
def test_what_would_take_the_cluster_down_is_protected_unless_config_says_otherwise(name: str) -> None:
    config = examples()[name].config
    if config["platform"] == "local" or config.get("unprotected"):
        assert not [each.name for each in run(name).made if each.protect], "config lifted it"
        return
    kinds = (":Namespace", ":Gateway", ":Ingress", ":Record", ":RecordSet", ":Certificate", ":GlobalAddress")
    # The sweep's own namespace is no branch's.
    found = [each for each in run(name).made if each.name != "sweep-namespace"]
    guarded = [each for each in found if each.custom and each.type.endswith(kinds)]
    assert guarded, "there is something to guard"
    assert not [each.name for each in guarded if not each.protect], "a replacement by accident would take all down"


@pytest.mark.parametrize("name", ["base-eks-addons", "base-gke-addons"])
def test_a_custom_resource_comes_after_its_controller_and_goes_before_it(name: str) -> None:
    recorder = run(name)
    needs = {
        ":Gateway": "addons-istio-ingressgateway",
        ":Application": "addons-argo-cd",
        ":AppProject": "addons-argo-cd",
        ":ClusterIssuer": "addons-cert-manager",
        ":Certificate": "addons-istio-ingressgateway",
        ":Ingress": "addons-external-dns",
    }
    found = [
        (each, controller)
        for each in recorder.made
        for suffix, controller in needs.items()
        if each.type.startswith("kubernetes:") and each.type.endswith(suffix)
    ]
    assert len(found) >= 4, "there are such resources"
    for each, controller in found:
        waits = [urn.split("::")[-1] for urn in each.depends_on]
        assert controller in waits, f"{each.name} would outlive its controller, and its finalizer would hang"


def test_releases_come_in_the_order_in_which_they_stand_on_each_other() -> None:
    waits = {
        each.name: {urn.split("::")[-1] for urn in each.depends_on}
        for each in run("base-eks-addons").of_type(":Release")
    }
    assert waits["addons-istio-base"] == set(), "Istio's CRDs come first, and go last"
    assert waits["addons-istiod"] == {"addons-istio-base", "addons-istio-cni"}, "istiod needs its CRDs"
    assert waits["addons-istio-ingressgateway"] == {"addons-istiod"}, "the gateway is configured by istiod"


@pytest.mark.parametrize(
    ("repository", "chart", "version"),
    [
        ("https://charts.example.com/istio", "istiod", "1.30.4"),
        ("oci://registry.example.com/istio", "oci://registry.example.com/istio/istiod", "1.30.4"),
        ("/srv/charts/", "/srv/charts/istiod", None),
    ],
)
def test_charts_and_images_of_an_add_on_come_from_where_the_platform_team_says(
    repository: str, chart: str, version: str | None
) -> None:
    example = examples()["base-gke-addons"]
    hub = {"hub": "registry.example.com/istio"}
    istio = {
        "version": "1.30.4",
        "repository": repository,
        "values": {"global": hub, "revision": "next"},
        "releaseValues": {"istio-ingressgateway": {"replicaCount": 2}, "istio-cni": {"global": {"tag": "t"}}},
    }
    recorder = run_program(example.stack, {**example.config, "addons": {**example.config["addons"], "istio": istio}})
    made = {each.name: each.inputs for each in recorder.of_type(":Release")}
    istiod = made["addons-istiod"]
    assert (istiod["chart"], istiod.get("version")) == (chart, version), "in Helm's words"
    given = istiod.get("repositoryOpts")
    assert given == ({"repo": repository} if repository.startswith("https") else None), "only a URL is a repository"
    others = {name: made[f"addons-{name}"]["chart"] for name in ("istio-base", "istio-cni", "istio-ingressgateway")}
    assert others == {
        "istio-base": chart.replace("istiod", "base"),
        "istio-cni": chart.replace("istiod", "cni"),
        "istio-ingressgateway": chart.replace("istiod", "gateway"),
    }, "as are Istio's other charts"
    assert istiod["values"]["global"]["hub"] == hub["hub"], "a mirror's images"
    assert istiod["values"]["pilot"]["cni"] == {"enabled": True}, "beside this program's own values"
    assert made["addons-istio-cni"]["values"]["global"] == {"platform": "gke", **hub, "tag": "t"}, (
        "the CNI plugin starts containers too"
    )
    assert "revision" not in made["addons-istio-cni"]["values"], "all else is istiod's"
    assert made["addons-istio-ingressgateway"]["values"]["replicaCount"] == 2, "each chart has values of its own"
    assert made["addons-cert-manager"]["repositoryOpts"] == {"repo": "https://charts.jetstack.io"}, "others stay"


def test_the_password_of_a_repository_is_a_secret_and_reaches_nothing_else() -> None:
    example = examples()["base-local-tls"]
    config = {**example.config, "repositoryCredentials": {"shop": {"password": "hunter2"}}}
    recorder = run_program(example.stack, config)
    (made,) = recorder.of_type(":Secret")
    assert made.metadata["labels"]["argocd.argoproj.io/secret-type"] == "repository", "Argo CD finds it by this"
    others = json.dumps([each.inputs for each in recorder.made if each is not made] + [recorder.exports])
    assert "hunter2" not in others, "a password belongs in the one secret"
    # How the engine is told that a value is secret.
    assert json.dumps(made.inputs["stringData"]).count("1b47061264138c4ac30d75fd1eb44270") == 1, (
        "encrypted in the state"
    )


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_a_url_has_no_port_where_it_goes_without_saying(scheme: str, port: int) -> None:
    outputs = {**BASE_CONTRACT, "scheme": scheme, "port": port}
    recorder = Recorder(contracts={"base-local": outputs})
    run_program("shop.x", {"image": "a:1"}, recorder)
    assert recorder.exports["url"] == f"{scheme}://x.shop.localhost", "people copy this"


def test_an_image_is_enough_for_an_environment() -> None:
    recorder = run_program("shop.feature-x", {"image": "shop.local/shop:1.0"})
    file = made_by(Example("shop.feature-x", {"environment": "examples/shop/environment.yaml"}))
    found = {f"{each.type} {each.name}": each.inputs for each in recorder.made}
    assert found == file["resources"], "one line of config and one line of file say the same"


def test_config_sets_the_images_of_a_file() -> None:
    config: dict[str, Any] = {
        "environment": "examples/shop/several-workloads.yaml",
        "images": {"api": "shop.local/shop:9.9"},
    }
    recorder = run_program("shop.x", config)
    assert recorder.exports["images"] == {"api": "shop.local/shop:9.9", "web": "shop.local/shop:1.0"}, (
        "CI builds one image and must be able to say so without rewriting the file"
    )


def test_pods_run_the_images_that_their_tags_named_when_they_were_deployed() -> None:
    digest = f"sha256:{'1' * 64}"
    config: dict[str, Any] = {
        "environment": "examples/shop/weights.yaml",
        "digests": {"shop.local/shop:2.0": digest},
        "source": {"commit": "c" * 40, "root": "/builds/shop"},
    }
    recorder = run_program("shop.x", config)
    pods = [each.inputs["spec"]["template"]["spec"] for each in recorder.of_type(":Deployment")]
    images = sorted(pod["containers"][0]["image"] for pod in pods)
    assert images == ["shop.local/shop:1.0", f"shop.local/shop:2.0@{digest}"], "those that are known, by digest"
    assert recorder.exports["images"]["shop--canary"] == images[1], "and so it is told"
    exported = recorder.exports["config"]
    assert {key: exported[key] for key in config} == config, "sleep, wake and a rollback deploy just that"


def test_outputs_say_what_callers_need() -> None:
    outputs = run("weights").exports
    assert outputs["branch"] == "feature/login", "callers need the full branch name"
    assert re.fullmatch(r"feature-login-[0-9a-f]{8}", outputs["slug"]), "and its slug"
    assert outputs["images"] == {"shop": "shop.local/shop:1.0", "shop--canary": "shop.local/shop:2.0"}, "every image"
    assert outputs["workloads"] == ["shop"], "the unnamed workload is called as the app"
    assert outputs["config"] == {"base": "base-local", **examples()["weights"].config}, "sleep and wake give it again"


def test_the_shared_service_account_pulls_with_the_secrets_that_its_app_names() -> None:
    app = {"name": "shop", "domain": "shop.localhost", "identity": {"imagePullSecrets": ["registry"]}}
    recorder = run_program("base-local", {"platform": "local", "apps": [app]})
    (account,) = [
        each.inputs
        for each in recorder.of_type(":ServiceAccount")
        if each.inputs.get("metadata", {}).get("name") == "shop"
    ]
    assert account["imagePullSecrets"] == [{"name": "registry"}], "pods of every branch, and main's, pull with it"
