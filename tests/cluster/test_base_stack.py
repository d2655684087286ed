"""The base stack with everything on, for real: HTTPS with a certificate, main synced by Argo CD, branches beside it."""

import os
import re
import ssl
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.support import cluster as clusters
from tests.cluster.support.addons import remove_leftovers
from tests.cluster.support.bases import branches_on
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.gateway import HttpsGateway, one_connection
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.repository import Repository
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branches, copy_program, write_config
from tests.cluster.support.waiting import until

HTTPS_PORT = int(os.environ.get("GATEWAY_HTTPS_PORT", "8443"))
SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A base stack with TLS and Argo CD, up, and what its app's main branch is made of."""

    base: Base
    repository: Repository
    gateway: HttpsGateway
    authority: str
    """The CA of its certificate."""
    outputs: dict[str, Any]

    def url(self, slug: str) -> str:
        """URL of a branch."""
        return f"https://{slug}.{self.base.domain}:{HTTPS_PORT}"

    def host(self, slug: str) -> str:
        """Host of a branch."""
        return f"{slug}.{self.base.domain}"

    def version(self, slug: str) -> str | None:
        """What a branch answers over HTTPS with: its image's tag; None while it does not answer."""
        answer = self.gateway.get(self.host(slug))
        return str(answer.json["version"]) if answer.status == 200 else None

    def objects(self, selector: str) -> dict[str, str]:
        """Return the uids of all objects in the app's namespace that carry labels; the same uid is the same object."""
        found = self.base.cluster.get(
            "deployments,services,virtualservices.networking.istio.io",
            f"--namespace={self.base.namespace}",
            f"--selector={selector}",
        )["items"]
        return {f"{each['kind']} {each['metadata']['name']}": each["metadata"]["uid"] for each in found}


@pytest.fixture(scope="module")
def whole(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """This worker's whole base stack."""
    clusters.local("addons")
    repository = Repository(tmp_path_factory.mktemp("git") / "shop")
    repository.make()
    with slot(cluster) as app:
        remove_leftovers(cluster, app)
        base = Base(
            cluster=cluster,
            app=app,
            folder=copy_program(tmp_path_factory.mktemp("whole") / "program"),
            env=cluster.env,
        )
        pulumi = Pulumi(base.folder, base.env)
        write_config(base.folder, base.stack, config(base, repository))
        pulumi.run("stack", "select", "--create", base.stack).ok()
        pulumi.run("up", "--yes", "--skip-preview", "--stack", base.stack).ok()
        outputs = pulumi.json("stack", "output", "--json", "--stack", base.stack)
        namespace, _, secret = outputs["caSecret"].partition("/")
        authority = b64decode(cluster.get("secret", secret, f"--namespace={namespace}")["data"]["ca.crt"])
        yield Whole(
            base=base,
            authority=authority.decode(),
            repository=repository,
            gateway=HttpsGateway(HTTPS_PORT, trusting=ssl.create_default_context(cadata=authority.decode())),
            outputs=outputs,
        )
        base.destroy().ok()
        remove_leftovers(cluster, app)


def config(base: Base, repository: Repository) -> dict[str, Any]:
    """Return the config of examples/base/local-tls.yaml, with this worker's names."""
    usual = base.config()
    gateway = usual["branch-environments:gateway"] | {"httpsPort": int(os.environ.get("ISTIO_HTTPS_PORT", "8443"))}
    app = {
        "name": base.app,
        "domain": base.domain,
        "argocd": {
            "repository": repository.url,
            "values": {"serviceAccount": base.app, "gateway": f"istio-system/{base.app}"},
            "cascade": True,
        },
    }
    made = base.config(gateway=gateway, ingress={"tls": True}, apps=[app])
    return made | {"branch-environments:publicPort": HTTPS_PORT}


@pytest.fixture
def branches(whole: Whole) -> Iterator[Branches]:
    """Makes branches of the whole base stack; destroys them after the test."""
    yield from branches_on(whole.base)


def test_the_wildcard_certificate_is_ready_once_up_has_ended(whole: Whole) -> None:
    found = whole.base.cluster.get("certificate", f"{whole.base.app}-tls", "--namespace=istio-system")
    ready = [each["status"] for each in found["status"]["conditions"] if each["type"] == "Ready"]
    assert ready == ["True"], "`pulumi up` waits for it, so that nobody meets a warning"
    assert found["spec"]["dnsNames"] == [f"*.{whole.base.domain}"], "one wildcard for the app's domain"


def test_a_branchs_https_url_verifies_against_the_ca_and_nothing_else(whole: Whole, branches: Branches) -> None:
    branch = branches("feature-tls")
    branch.up(image=FIRST)
    url = branch.pulumi.json("stack", "output", "--json", "--stack", branch.stack)["url"]
    assert url == whole.url("feature-tls"), "the branch is told by the contract that it is HTTPS, and where"
    version = until(lambda: whole.version("feature-tls"), what=f"{url} answers", seconds=SECONDS)
    assert version == "1.0", "and its certificate verifies against the CA"
    with pytest.raises(ssl.SSLCertVerificationError, match="local issuer"):
        HttpsGateway(HTTPS_PORT, trusting=ssl.create_default_context()).get(whole.host("feature-tls"))


def test_one_connection_finds_a_branch_that_comes_and_another_one(whole: Whole, branches: Branches) -> None:
    first, second = branches("feature-first"), branches("feature-second")
    first.up(image=FIRST)
    until(lambda: whole.version("feature-first"), what="the first one answers", seconds=SECONDS)
    with one_connection(whole.authority, HTTPS_PORT, first.host) as ask:
        assert (ask(first.host), ask(second.host)) == (200, 404), "the second one is not there yet"
        second.up(image=FIRST)
        until(lambda: ask(second.host) == 200, what="it answers on the connection that was opened for the first")
        statuses = [ask(each.host) for _ in range(20) for each in (first, second)]
    assert set(statuses) == {200}, "and so do both from now on"


def test_http_leads_to_https_with_path_and_method_and_nothing_is_served_in_clear_text(
    whole: Whole, branches: Branches
) -> None:
    branch = branches("feature-clear")
    branch.up(image=FIRST)
    until(lambda: whole.version("feature-clear"), what="the branch answers by HTTPS", seconds=SECONDS)
    host, path = whole.host("feature-clear"), "/deep/er?a=1&b=%2F"
    for method in ("GET", "POST"):
        answer = whole.base.gateway.get(host, path, method=method)
        assert answer.status == 307, "the same method is used again, and no browser remembers it for good"
        assert answer.headers["location"] == f"{whole.url('feature-clear')}{path}", "the port is that of HTTPS"
        assert answer.body == "", "the app was not asked"
    assert whole.gateway.get(host, path).json["branch"] == "feature-clear", "and what it leads to is the app"
    asked = whole.base.gateway.get(host, path, headers={"X-Forwarded-Proto": "https"})
    assert asked.status == 307, "nor can a client talk its way around it"


def test_main_is_synced_follows_its_commits_and_is_healed_and_a_branch_beside_it_is_let_alone(
    whole: Whole, branches: Branches
) -> None:
    namespace = f"--namespace={whole.base.namespace}"
    main = whole.outputs["apps"][whole.base.app]["mainUrl"]
    assert main == whole.url("main"), "main's URL and a branch's come from the same domain"
    until(lambda: whole.version("main") == "1.0", what=f"{main} answers", seconds=SECONDS)

    branch = branches("feature-beside")
    branch.up(image=SECOND)
    until(lambda: whole.version("feature-beside") == "2.0", what="the branch answers", seconds=SECONDS)
    beside = whole.objects(branch.selector)
    assert len(beside) == 3, "a Deployment, a Service, a VirtualService"

    extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n"
    whole.repository.add(extra)
    cluster = whole.base.cluster

    def has_extra() -> bool:
        return bool(cluster.get("configmaps", namespace, "--field-selector=metadata.name=extra")["items"])

    until(has_extra, what="a commit that adds an object makes it", seconds=SECONDS)
    whole.repository.use(SECOND)
    until(lambda: whole.version("main") == "2.0", what="a commit changes what main answers", seconds=SECONDS)
    until(lambda: not has_extra(), what="an object that main drops is pruned", seconds=SECONDS)
    assert whole.objects(branch.selector) == beside, "the sync with prune took or changed nothing of the branch"
    assert whole.version("feature-beside") == "2.0", "and it answers"

    cluster.kubectl("scale", "deployment/main", "--replicas=3", namespace)
    cluster.kubectl("delete", "service/main", namespace)

    def healed() -> bool:
        services = cluster.get("services", namespace, "--field-selector=metadata.name=main")["items"]
        return bool(services) and cluster.get("deployment/main", namespace)["spec"]["replicas"] == 1

    until(healed, what="drift made by hand is healed", seconds=SECONDS)

    mains = whole.objects("app.kubernetes.io/instance=main")
    assert len(mains) == 3, "a Deployment, a Service, a VirtualService"
    branch.destroy("--remove").ok()
    branch.until_all_is_going()
    assert whole.objects("app.kubernetes.io/instance=main") == mains, "the branch's destroy touched nothing of main's"
    until(lambda: whole.version("main") == "2.0", what="main answers", seconds=SECONDS)


def test_a_second_up_changes_nothing(whole: Whole) -> None:
    again = Pulumi(whole.base.folder, whole.base.env).run("up", "--yes", "--skip-preview", "--stack", whole.base.stack)
    assert re.search(r"^\s+\d+ unchanged$", again.ok().output, re.MULTILINE), again.output
    assert "updated" not in again.output, f"nothing was changed:\n{again.output}"
