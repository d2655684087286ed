"""Mistakes in a base stack's config: met before anything is made, all of them at once."""

import copy
import re
from typing import Any

import pytest

from components.identity.aws_branch_iam import SESSION_TAG
from components.identity.placeholder import PLACEHOLDER
from stacks.base.addons import merged
from stacks.base.checks.between_keys import zones_of
from stacks.settings.base import BaseSettings
from tests.unit.inventory import examples
from tests.unit.recording import run_program
from tests.unit.stacks.settings.test_settings import refused

ROLE = "arn:aws:iam::123456789012:role/shop"
OTHERS_ROLE = "arn:aws:iam::999999999999:role/shop"


def changed(example: str, **changes: Any) -> dict[str, Any]:
    """Return an example's config with values set at paths, e.g. apps__0__domain; `None` takes a key out."""
    config = copy.deepcopy(dict(examples()[f"base-{example}"].config))
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        at: Any = config
        for key in parents:
            at = at[key]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return config


def message(config: dict[str, Any]) -> str:
    return refused(lambda recorder: run_program("base-dev", config, recorder))


def policy(resource: str, version: str = "2012-10-17", **more: Any) -> dict[str, Any]:
    """Return inline policies of one statement."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource, **more}
    return {"files": {"Version": version, "Statement": [statement]}}


def per_branch(example: str, **changes: Any) -> dict[str, Any]:
    """Return an example with an identity per branch, changed in parts of it; `None` takes one out."""
    return changed(f"{example}-per-branch", **{f"apps__0__identity__{key}": value for key, value in changes.items()})


POD = "eks-pod-identity"
BUCKET = "arn:aws:s3:::acme/"
SHARED = policy(f"{BUCKET}all/*")
OWN = policy(f"{BUCKET}{PLACEHOLDER}/*")
LONG: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "x" * 6000}],
}
GRANT = {"bucket": "acme", "role": "roles/storage.objectUser"}
OBJECTS = f"projects/_/buckets/acme/objects/{PLACEHOLDER}"

PER_BRANCH = {
    "policies that are the same for every branch": (
        per_branch(POD, inlinePolicies=SHARED),
        "inlinePolicies",
        "every branch could do the same",
    ),
    "no policies": (per_branch(POD, inlinePolicies=None), "inlinePolicies", "every branch could do the same"),
    "the namespace's tag, which is the same for every branch": (
        per_branch(POD, inlinePolicies=policy(BUCKET + "${aws:PrincipalTag/kubernetes-namespace}/*")),
        "inlinePolicies",
        "every branch could do the same",
    ),
    "roles that are the same for every branch": (
        per_branch("eks-irsa", inlinePolicies=SHARED),
        "inlinePolicies",
        "every branch could do the same",
    ),
    "a session tag where sessions have none": (
        per_branch("eks-irsa", inlinePolicies=policy(f"{BUCKET}{SESSION_TAG}/*")),
        "inlinePolicies.files",
        f"write {PLACEHOLDER} instead",
    ),
    "a policy of a version without variables": (
        per_branch(POD, inlinePolicies=policy(f"{BUCKET}{PLACEHOLDER}/*", version="2008-10-17")),
        "inlinePolicies.files",
        "have variables",
    ),
    "a name without a delimiter behind it": (
        per_branch(POD, inlinePolicies=policy(f"{BUCKET}{PLACEHOLDER}*")),
        "inlinePolicies.files",
        "could reach what belongs to a-b",
    ),
    "a session tag without a delimiter behind it": (
        per_branch(POD, inlinePolicies=policy(f"{BUCKET}{SESSION_TAG}*")),
        "inlinePolicies.files",
        "could reach what belongs to a-b",
    ),
    "a name with a dash and no delimiter behind it": (
        per_branch("eks-irsa", inlinePolicies=policy(f"{BUCKET}{PLACEHOLDER}-*")),
        "inlinePolicies.files",
        "could reach what belongs to a-b",
    ),
    "a condition without a delimiter behind the name": (
        per_branch(
            POD, inlinePolicies=policy(BUCKET, Condition={"StringLike": {"s3:prefix": ["x/", f"{PLACEHOLDER}?"]}})
        ),
        "inlinePolicies.files",
        "could reach what belongs to a-b",
    ),
    "any text before a name": (
        per_branch(POD, inlinePolicies=policy(f"arn:aws:s3:::acme-*/{PLACEHOLDER}/*")),
        "inlinePolicies.files",
        "could reach another's part",
    ),
    "a role that is there already": (
        per_branch(POD, roleArn=ROLE, inlinePolicies=None),
        "roleArn",
        "is not known here",
    ),
    "no limit to what CI may give": (
        per_branch("eks-irsa", permissionsBoundaryPolicy=None),
        "permissionsBoundaryPolicy",
        "there is a limit",
    ),
    "a limit that is none": (
        per_branch("eks-irsa", permissionsBoundaryPolicy={"Allow": "all"}),
        "permissionsBoundaryPolicy",
        "Version and Statement",
    ),
    "a limit for one branch": (
        per_branch("eks-irsa", permissionsBoundaryPolicy=OWN["files"]),
        "permissionsBoundaryPolicy",
        "same for all branches",
    ),
    "a limit that is too long": (
        per_branch("eks-irsa", permissionsBoundaryPolicy={**LONG, "Statement": LONG["Statement"] * 2}),
        "permissionsBoundaryPolicy",
        "at most 6144",
    ),
    "policies that are too long": (
        per_branch(POD, inlinePolicies={**OWN, "a": LONG, "b": LONG}),
        "inlinePolicies",
        "at most 10240",
    ),
    "a limit where CI makes no roles": (
        per_branch(POD, permissionsBoundaryPolicy=OWN["files"]),
        "permissionsBoundaryPolicy",
        "share one role",
    ),
    "main's role where CI may change it": (
        per_branch("eks-irsa", rolePath="/branch-environments/dev/shop/"),
        "rolePath",
        "CI's to change",
    ),
    "CI of another account": (per_branch("eks-irsa", ci=OTHERS_ROLE), "ci", "123456789012"),
    "CI that is no role": (per_branch(POD, ci="gitlab"), "ci", "write the role's ARN"),
    "CI that is no principal": (per_branch("gke", ci="branches-shop@my-project"), "ci", "no principal"),
    "a Google account for each branch": (per_branch("gke", direct=False), "direct", "set it to true"),
    "a grant that is the same for every branch": (
        per_branch("gke", grants=[{**GRANT, "condition": 'resource.name.startsWith("x/")'}]),
        "grants[0].condition",
        "every branch could do the same",
    ),
    "a grant without a delimiter behind the name": (
        per_branch("gke", grants=[{**GRANT, "condition": f'resource.name.startsWith("{OBJECTS}")'}]),
        "grants[0].condition",
        "could reach what belongs to a-b",
    ),
    "a grant with a dash and no delimiter behind the name": (
        per_branch("gke", grants=[{**GRANT, "condition": f"resource.name.startsWith('{OBJECTS}-')"}]),
        "grants[0].condition",
        "could reach what belongs to a-b",
    ),
    "a grant with the name anywhere": (
        per_branch("gke", grants=[{**GRANT, "condition": f'resource.name.contains("/{PLACEHOLDER}/")'}]),
        "grants[0].condition",
        "could reach what belongs to a-b",
    ),
    "a grant with the name at the end": (
        per_branch("gke", grants=[{**GRANT, "condition": f'resource.name.endsWith("{PLACEHOLDER}")'}]),
        "grants[0].condition",
        "could reach what belongs to a-b",
    ),
    "one role in one bucket twice": (
        per_branch("gke", grants=[{**GRANT, "condition": f'resource.name == "{OBJECTS}"'}] * 2),
        "grants[1]",
        "join the two conditions",
    ),
    "a basic role": (
        per_branch("gke", grants=[{"bucket": "acme", "role": "editor", "condition": PLACEHOLDER}]),
        "grants[0].role",
        "match",
    ),
    "a branch's name where branches share a role": (
        per_branch("eks-irsa", perBranch=None, ci=None, permissionsBoundaryPolicy=None),
        "inlinePolicies.files",
        "set perBranch to true",
    ),
    "rights for CI where branches share a role": (
        per_branch("eks-irsa", perBranch=None, permissionsBoundaryPolicy=None, inlinePolicies=None),
        "ci",
        "set perBranch to true",
    ),
    "buckets of Google's in AWS": (
        per_branch("eks-irsa", grants=[{**GRANT, "condition": f'resource.name == "{OBJECTS}"'}]),
        "grants",
        "has no such part",
    ),
}


@pytest.mark.parametrize(("config", "field", "expected"), PER_BRANCH.values(), ids=PER_BRANCH.keys())
def test_an_identity_per_branch_is_refused_with(config: dict[str, Any], field: str, expected: str) -> None:
    text = message(config)
    assert re.search(rf"branch-environments: apps\[0\]\.identity\.{re.escape(field)}\n", text), "the key is named"
    assert expected in text, "the message must say what is wrong and what to do"


@pytest.mark.parametrize(
    "config",
    [
        per_branch(POD, inlinePolicies=policy(f"{BUCKET}{SESSION_TAG}/*")),
        per_branch(POD, inlinePolicies=policy(f"arn:aws:dynamodb:*:*:table/shop-{PLACEHOLDER}")),
        per_branch(POD, inlinePolicies=policy(f"{BUCKET}{PLACEHOLDER}-data/*")),
        per_branch(POD, inlinePolicies={**OWN, "all": SHARED["files"]}),
        per_branch("gke", grants=[{**GRANT, "condition": f"resource.name.startsWith('{OBJECTS}-data/')"}]),
        per_branch("gke", grants=[]),
        per_branch("gke", ci=None),
        per_branch("eks-irsa", ci=None, managedPolicies=None),
    ],
    ids=[
        "AWS's own variable",
        "a table in any region",
        "a name with more behind it",
        "something for all beside it",
        "an object's name with more behind it",
        "no grants",
        "no CI in Google Cloud",
        "no CI in AWS",
    ],
)
def test_an_identity_per_branch_may_be_written_with(config: dict[str, Any]) -> None:
    assert run_program("base-dev", config).exports["apps"]["shop"]["branchIdentity"], "nothing is wrong with it"


MISTAKES = {
    "an unknown platform": (changed("eks-irsa", platform="aks"), "platform", "'eks', 'gke' or 'local'"),
    "an identity of another cloud": (
        changed("eks-irsa", apps__0__identity={"kind": "workload-identity"}),
        "apps[0].identity.kind",
        "platform eks has none and irsa and pod-identity",
    ),
    "an identity of AWS on GKE": (
        changed("gke-direct", apps__0__identity={"kind": "irsa"}),
        "apps[0].identity.kind",
        "platform gke has none and workload-identity",
    ),
    "an identity on the local cluster": (
        changed("local-tls", apps__0__identity={"kind": "irsa"}),
        "apps[0].identity.kind",
        "platform local has none",
    ),
    "an unknown identity": (changed("eks-irsa", apps__0__identity={"kind": "iam"}), "apps[0].identity.kind", "'irsa'"),
    "parts of another kind of identity": (
        changed("gke-direct", apps__0__identity={"kind": "workload-identity", "rolePath": "/x/"}),
        "apps[0].identity.rolePath",
        "has no such part",
    ),
    "a role of another account": (
        changed("eks-irsa", apps__0__identity={"kind": "irsa", "roleArn": OTHERS_ROLE}),
        "apps[0].identity.roleArn",
        "account 999999999999 is not the cluster's, which is 123456789012",
    ),
    "policies for a role that is there already": (
        changed("eks-irsa", apps__0__identity={"kind": "irsa", "roleArn": ROLE, "rolePath": "/x/"}),
        "apps[0].identity.rolePath",
        "is left as it is",
    ),
    "a role that is no ARN": (
        changed("eks-irsa", apps__0__identity={"kind": "irsa", "roleArn": "shop"}),
        "apps[0].identity.roleArn",
        "not the ARN",
    ),
    "a policy document that is none": (
        changed("eks-irsa", apps__0__identity={"kind": "irsa", "inlinePolicies": {"a": {"Allow": "all"}}}),
        "apps[0].identity.inlinePolicies.a",
        "has Version and Statement",
    ),
    "root where Pod Security forbids it": (
        changed("local", apps__0__podSecurity="restricted", apps__0__isolation={"runAsRoot": True}),
        "apps[0].isolation.runAsRoot",
        "set podSecurity of the app to baseline",
    ),
    "an OIDC provider of another account": (
        changed(
            "eks-irsa",
            eks__oidcProvider="arn:aws:iam::999999999999:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A",
        ),
        "eks.oidcProvider",
        "account 999999999999",
    ),
    "an OIDC provider that is none": (
        changed("eks-irsa", eks__oidcProvider="the usual one"),
        "eks.oidcProvider",
        "neither",
    ),
    "IRSA without an OIDC provider": (changed("eks-irsa", eks__oidcProvider=None), "eks.oidcProvider", "trusts the"),
    "direct access by way of an account": (
        changed("gke-direct", apps__1__identity__direct=True),
        "apps[1].identity.account",
        "goes without a Google service account",
    ),
    "no cluster": (changed("eks-irsa", eks=None), "eks", "platform eks needs to know its cluster"),
    "the cluster of another platform": (
        changed("local-tls", gke=examples()["base-gke-direct"].config["gke"]),
        "gke",
        "the platform here is local",
    ),
    "an account without quotes": (changed("eks-irsa", eks__accountId=123456789012), "eks.accountId", "leading zeros"),
    "two apps with one namespace": (
        changed("eks-irsa", apps__1__namespace="shop"),
        "apps[1].namespace",
        "two apps have",
    ),
    "two apps of one name": (changed("eks-irsa", apps__1__name="shop"), "apps[1].name", "two apps have"),
    "a domain inside another's wildcard": (
        changed("eks-irsa", apps__1__domain="x.shop.dev.example.com"),
        "apps[1].domain",
        "lies inside *.shop.dev.example.com",
    ),
    "a domain with a wildcard": (changed("eks-irsa", apps__0__domain="*.a.b"), "apps[0].domain", "no wildcard"),
    "a domain in capitals": (changed("eks-irsa", apps__0__domain="Shop.b"), "apps[0].domain", "lower case"),
    "a domain with a trailing dot": (changed("eks-irsa", apps__0__domain="a.b."), "apps[0].domain", "trailing dot"),
    "a domain with an underscore": (changed("eks-irsa", apps__0__domain="a_b.c"), "apps[0].domain", "underscore"),
    "a domain that no zone holds": (
        changed("eks-irsa", apps__0__domain="shop.prod.example.com"),
        "apps[0].domain",
        "no zone in ingress.zones holds this domain",
    ),
    "a domain that only looks as if a zone held it": (
        changed("gke-direct", apps__0__domain="shop.notstg.example.com"),
        "apps[0].domain",
        "no zone in ingress.zones holds this domain",
    ),
    "a domain that the certificate is not for": (
        changed("eks-pod-identity", apps__0__domain="deep.web.stg.example.com"),
        "apps[0].domain",
        "the certificate is not for *.deep.web.stg.example.com",
    ),
    "a certificate of one host": (
        changed("eks-pod-identity", ingress__certificate__domains=["web.stg.example.com"]),
        "ingress.certificate.domains[0]",
        "one label below",
    ),
    "a certificate of another region": (
        changed("eks-pod-identity", eks__region="eu-west-1"),
        "ingress.certificate.arn",
        "its region is ap-northeast-1",
    ),
    "a web ACL of another region": (
        changed("eks-pod-identity", eks__region="eu-west-1"),
        "ingress.wafAclArn",
        "its region is ap-northeast-1",
    ),
    "a repository without scheme": (
        changed("eks-irsa", apps__0__argocd__repository="git@gitlab.com:acme/shop.git"),
        "apps[0].argocd.repository",
        "https://gitlab.com/acme/shop.git",
    ),
    "a path outside the repository": (
        changed("eks-irsa", apps__0__argocd__path="../chart"),
        "apps[0].argocd.path",
        "seen from the repository's top",
    ),
    "a registry without a chart": (
        changed("eks-irsa", apps__0__argocd__repository="oci://registry.example.com/charts"),
        "apps[0].argocd.chart",
        "add chart: <name of the chart>",
    ),
    "a published chart without a version": (
        changed("eks-irsa", apps__0__argocd__chart="podinfo"),
        "apps[0].argocd.revision",
        "write e.g. revision: 6.9.0",
    ),
    "a published chart in a folder": (
        changed("eks-irsa", apps__0__argocd__chart="podinfo", apps__0__argocd__path="chart"),
        "apps[0].argocd.path",
        "keep chart, or path",
    ),
    "a key for a published chart": (
        changed(
            "eks-irsa",
            apps__0__argocd__chart="podinfo",
            apps__0__argocd__revision="6.9.0",
            repositoryCredentials={"shop": {"sshPrivateKey": "hunter2"}},
        ),
        "repositoryCredentials.shop.sshPrivateKey",
        "set username and password",
    ),
    "a sync window that is none": (
        changed("eks-addons", apps__0__argocd__syncWindows=[{"kind": "deny", "schedule": "22h", "duration": "8h"}]),
        "apps[0].argocd.syncWindows[0].schedule",
        "0 22 * * *",
    ),
    "no address for the authority": (
        changed("gke-direct", ingress__acmeEmail=None),
        "ingress.acmeEmail",
        "the authority",
    ),
    "a load balancer's key on another platform": (
        changed("gke-direct", ingress__scheme="internal"),
        "ingress.scheme",
        "belongs to platform eks",
    ),
    "two who write the same records": (
        changed("eks-addons", ingress__dnsRecords=True),
        "ingress.dnsRecords",
        "undo each other's work",
    ),
    "an unknown add-on": (changed("eks-addons", addons__nginx={}), "addons.nginx", "aws-load-balancer-controller"),
    "an add-on of another platform": (
        {**changed("gke-addons"), "addons": {"aws-load-balancer-controller": {}}},
        "addons.aws-load-balancer-controller",
        "belongs to platform eks",
    ),
    "an add-on on the local cluster": (
        changed("local-tls", addons={"argo-cd": {}}),
        "addons.argo-cd",
        "brings its own",
    ),
    "a controller that does not know its VPC": (
        changed("eks-addons", eks__vpcId=None),
        "eks.vpcId",
        "must know its VPC",
    ),
    "HTTP where it is sent to HTTPS": (changed("eks-irsa", publicScheme="http"), "publicScheme", "sent to HTTPS"),
    "HTTP that the local gateway sends to HTTPS": (
        changed("local-tls", publicScheme="http"),
        "publicScheme",
        "HTTP is sent to HTTPS",
    ),
    "HTTP and HTTPS on one port": (
        changed("local-tls", gateway__httpsPort=8080),
        "gateway.httpsPort",
        "asked for HTTP on this port",
    ),
    "HTTPS that nobody serves": (
        {**changed("local-tls", publicScheme="https"), "ingress": {}},
        "publicScheme",
        "only if ingress.tls is true",
    ),
    "credentials of no app": (
        changed("eks-irsa", repositoryCredentials={"shap": {"password": "hunter2"}}),
        "repositoryCredentials.shap",
        "no app shap is synced",
    ),
    "credentials of two kinds": (
        changed("eks-irsa", repositoryCredentials={"shop": {"password": "hunter2", "sshPrivateKey": "hunter2"}}),
        "repositoryCredentials.shop",
        "either a password or a key",
    ),
    "credentials that are text": (
        changed("eks-irsa", repositoryCredentials="hunter2"),
        "repositoryCredentials",
        "pulumi config set --path",
    ),
    "a lifetime that is no duration": (
        changed("eks-irsa", lifecycle={"lifetime": "a week"}),
        "lifecycle.lifetime",
        "e.g. 7d",
    ),
    "a lifetime in a unit that reads in two ways": (
        changed("eks-irsa", lifecycle={"lifetime": "2mm"}),
        "lifecycle.lifetime",
        "no duration",
    ),
    "a lifetime of nothing": (
        changed("eks-irsa", apps__0__lifecycle={"lifetime": "0"}),
        "apps[0].lifecycle.lifetime",
        "or never",
    ),
    "a warning that never comes": (
        changed("eks-irsa", lifecycle={"warnBefore": "never"}),
        "lifecycle.warnBefore",
        "no duration",
    ),
    "an end further than it may be put": (
        changed("eks-irsa", lifecycle={"lifetime": "31d"}),
        "lifecycle.lifetime",
        "of at most 30d",
    ),
    "an app's limit that does not fit the cluster's": (
        changed("eks-irsa", lifecycle={"lifetime": "5d"}, apps__1__lifecycle={"maxLifetime": "4d"}),
        "apps[1].lifecycle.maxLifetime",
        '{"lifetime": "5d", "maxLifetime": "4d"}',
    ),
    "a warning before the push": (
        changed("eks-irsa", lifecycle={"lifetime": "12h"}),
        "lifecycle.warnBefore",
        "of at most 12h",
    ),
    "a cap below nothing": (
        changed("eks-irsa", lifecycle={"maxEnvironments": -1}),
        "lifecycle.maxEnvironments",
        "greater than or equal",
    ),
    "an unknown way at the cap": (changed("eks-irsa", lifecycle={"onLimit": "queue"}), "lifecycle.onLimit", "'sleep'"),
    "a currency without a code": (
        changed("eks-irsa", prices={"cpuHour": 1, "memoryGibHour": 1, "currency": "$"}),
        "prices.currency",
        "EUR",
    ),
    "half a price": (changed("eks-irsa", prices={"cpuHour": 1}), "prices.memoryGibHour", "0.0038"),
    "metrics that are no URL": (
        changed("eks-irsa", gateway={"metrics": ["gateway:15090"]}),
        "gateway.metrics[0]",
        "http://",
    ),
    "credentials with a key that is not known": (
        changed("eks-irsa", repositoryCredentials={"shop": {"pasword": "hunter2"}}),
        "repositoryCredentials.shop.pasword",
        "did you mean password?",
    ),
}


@pytest.mark.parametrize(("config", "field", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_base_stack_is_refused_with(config: dict[str, Any], field: str, expected: str) -> None:
    text = message(config)
    assert re.search(rf"branch-environments: ?{re.escape(field)}\n", text), "the message must name the key"
    assert expected in text, "the message must say what is wrong and what to do"
    assert "hunter2" not in text, "logs are read by many"


def test_mistakes_between_keys_come_in_one_message() -> None:
    config = changed(
        "eks-pod-identity", eks__region="eu-west-1", apps__0__domain="x.y", apps__1__identity__roleArn=OTHERS_ROLE
    )
    text = message(config)
    for field in ("ingress.wafAclArn", "ingress.certificate.arn", "apps[0].domain", "apps[1].identity.roleArn"):
        assert field in text, f"{field} is missing: a person would need another round for it"


@pytest.mark.parametrize(
    "given", ["https://{}", "https://{}/", "{}/", "arn:aws:iam::123456789012:oidc-provider/https://{}/"]
)
def test_an_issuer_with_scheme_or_slash_is_normalised(given: str) -> None:
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E"
    (role,) = run_program("base-dev", changed("eks-irsa", eks__oidcProvider=given.format(issuer))).of_type(
        "iam/role:Role"
    )
    assert f'"{issuer}:sub"' in role.inputs["assumeRolePolicy"], "people copy it as it is printed"
    assert f'oidc-provider/{issuer}"' in role.inputs["assumeRolePolicy"], "IAM knows it without either"


def test_a_long_app_name_is_cut_with_a_hash() -> None:
    recorder = run_program("base-dev", changed("gke-workload-identity", apps__0__name="a" * 50, apps__0__argocd=None))
    (made,) = recorder.of_type(":Account")
    assert len(made.inputs["accountId"]) == 30, "Google takes no longer id, and a cut one must not meet another"


def test_the_longest_matching_zone_gets_the_record() -> None:
    settings = BaseSettings.model_validate(examples()["base-eks-pod-identity"].config)
    assert zones_of(settings) == {"web.stg.example.com": "Z0STAGING", "api.stg.example.com": "Z0STAGINGAPI"}, (
        "a zone below another takes its names away from it"
    )


def test_values_are_put_over_an_add_ons_own_part_by_part() -> None:
    own = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(own, {"a": {"c": 4}, "e": 5}) == {"a": {"b": 1, "c": 4}, "d": 3, "e": 5}, "the rest stays"
    assert own == {"a": {"b": 1, "c": 2}, "d": 3}, "the table is used again"


def test_protection_is_lifted_by_config_alone() -> None:
    assert [each.name for each in run_program("base-dev", changed("eks-irsa")).made if each.protect], "on by default"
    recorder = run_program("base-dev", changed("eks-irsa", unprotected="true"))
    assert not [each.name for each in recorder.made if each.protect], "`pulumi config set unprotected true` writes text"
