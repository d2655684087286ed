"""What no single key of a base stack's config can tell: mistakes between keys, all of them at once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations

from components.addons import OTHER_RELEASES
from components.identity.aws_iam import account_id_of, oidc_provider_arn
from stacks.base.checks.boundaries import boundary_mistakes
from stacks.base.checks.branch_identity import branch_identity_mistakes, policy_mistakes
from stacks.base.gitlab_tokens import gitlab_tokens_mistakes
from stacks.base.jobs_access import jobs_access_mistakes
from stacks.settings.base import AppSettings, BaseSettings, lifecycle_of
from stacks.settings.errors import HIDDEN, Problem, shown
from stacks.settings.fields import seconds

# Keys that mean something on one platform only, by the place where they stand.
_INGRESS = {
    "tls": ("local",),
    "zones": ("eks", "gke"),
    "dns_records": ("eks", "gke"),
    "scheme": ("eks",),
    "certificate": ("eks",),
    "group_name": ("eks",),
    "waf_acl_arn": ("eks",),
    "acme_email": ("gke",),
    "acme_server": ("gke",),
    "cert_manager_namespace": ("gke", "local"),
}
_IDENTITY_KINDS = {"eks": ("irsa", "pod-identity"), "gke": ("workload-identity",), "local": ()}
_AWS_KEYS = ("role_arn", "role_path", "permissions_boundary", "managed_policies", "inline_policies")
_IDENTITY_KEYS = {
    "none": (),
    "irsa": (*_AWS_KEYS, "ci", "permissions_boundary_policy"),
    "pod-identity": (*_AWS_KEYS, "ci", "permissions_boundary_policy"),
    "workload-identity": ("account", "direct", "project_roles", "ci", "grants"),
}
# Of every kind.
_BRANCH_KEYS = ("per_branch", "image_pull_secrets")
_ADDONS = {"eks": None, "gke": ("istio", "cert-manager", "argo-cd", "external-dns"), "local": ("istio", "cert-manager")}


def mistakes(settings: BaseSettings) -> list[Problem]:
    """Find every mistake between keys."""
    return [
        *_apps_apart(settings),
        *_cluster(settings),
        *_ingress(settings),
        *_zones(settings),
        *_certificate(settings),
        *_addons(settings),
        *_urls(settings),
        *_credentials(settings),
        *_lifecycles(settings),
        *boundary_mistakes(settings),
        *jobs_access_mistakes(settings),
        *gitlab_tokens_mistakes(settings),
        *(problem for index, app in enumerate(settings.apps) for problem in _identity(settings, app, index)),
    ]


def zones_of(settings: BaseSettings) -> dict[str, str]:
    """Return the DNS zone of every app's domain: the longest that holds it. Domains without one are left out."""
    found = {}
    for app in settings.apps:
        fitting = [each for each in settings.ingress.zones if _inside(app.domain, each.domain)]
        if fitting:
            found[app.domain] = max(fitting, key=lambda each: len(each.domain)).zone
    return found


def _inside(domain: str, outer: str) -> bool:
    return domain == outer or domain.endswith(f".{outer}")


def _alias(model: object, name: str) -> str:
    field = type(model).model_fields[name]  # type: ignore[attr-defined]
    return str(field.alias or name)


def _apps_apart(settings: BaseSettings) -> Iterator[Problem]:
    for what in ("name", "namespace", "domain"):
        seen: dict[str, int] = {}
        for index, app in enumerate(settings.apps):
            value = getattr(app, what)
            if value in seen:
                yield Problem(
                    field=f"apps[{index}].{what}",
                    value=shown(value),
                    rule=f"two apps have the {what} {value} (the other is apps[{seen[value]}])",
                    fix=f"give each app a {what} of its own",
                )
            seen.setdefault(value, index)
    for (index, inner), (_, outer) in permutations(enumerate(settings.apps), 2):
        if inner.domain.endswith(f".{outer.domain}"):
            yield Problem(
                field=f"apps[{index}].domain",
                value=shown(inner.domain),
                rule=f"the domain {inner.domain} of {inner.name} lies inside *.{outer.domain} of {outer.name}",
                fix="choose domains that do not contain each other",
            )


def _cluster(settings: BaseSettings) -> Iterator[Problem]:
    for name in ("eks", "gke"):
        given = getattr(settings, name)
        if settings.platform == name and given is None:
            keys = {"eks": "clusterName, region, accountId", "gke": "clusterName, project, projectNumber"}[name]
            yield Problem(
                field=name, value="(none)", rule=f"platform {name} needs to know its cluster", fix=f"set {keys} in it"
            )
        if settings.platform != name and given is not None:
            yield _wrong_platform(name, shown(given.model_dump(exclude_none=True)), (name,), settings.platform)
    if settings.eks and settings.eks.oidc_provider:
        given = settings.eks.oidc_provider
        arn = oidc_provider_arn(given, region=settings.eks.region, account_id=settings.eks.account_id)
        account = account_id_of(arn)
        if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:oidc-provider/[\w.-]+(/[\w.-]+)*", arn):
            yield Problem(
                field="eks.oidcProvider",
                value=shown(given),
                rule="this is neither the ARN of an IAM OIDC provider nor an issuer",
                fix="aws eks describe-cluster --name <cluster> --query cluster.identity.oidc.issuer",
            )
        elif account != settings.eks.account_id:
            yield _account("eks.oidcProvider", given, account, settings.eks.account_id)


def _account(field: str, value: str, found: str, wanted: str) -> Problem:
    return Problem(
        field=field,
        value=shown(value),
        rule=f"account {found} is not the cluster's, which is {wanted}",
        fix="name one of the cluster's account, or correct eks.accountId",
    )


def _wrong_platform(field: str, value: str, platforms: Iterable[str], platform: str) -> Problem:
    return Problem(
        field=field,
        value=value,
        rule=f"this belongs to platform {' or '.join(platforms)}, and the platform here is {platform}",
        fix="take it out, or correct `platform`",
    )


def _ingress(settings: BaseSettings) -> Iterator[Problem]:
    ingress = settings.ingress
    for name in sorted(ingress.model_fields_set):
        if settings.platform not in _INGRESS[name]:
            value = shown(getattr(ingress, name))
            yield _wrong_platform(f"ingress.{_alias(ingress, name)}", value, _INGRESS[name], settings.platform)
    if settings.platform == "gke" and not ingress.acme_email:
        yield Problem(
            field="ingress.acmeEmail",
            value="(none)",
            rule="the authority wants an address to write to when a certificate was not renewed",
            fix="set it, e.g. platform@example.com",
        )
    if settings.platform != "local" and ingress.dns_records and "external-dns" in settings.addons:
        yield Problem(
            field="ingress.dnsRecords",
            value="true",
            rule="the add-on external-dns makes the same records, and the two would undo each other's work",
            fix="set ingress.dnsRecords to false, or take external-dns out of `addons`",
        )
    if settings.eks and ingress.waf_acl_arn and ingress.waf_acl_arn.split(":")[3] != settings.eks.region:
        yield _region("ingress.wafAclArn", ingress.waf_acl_arn, settings.eks.region)


def _region(field: str, arn: str, region: str) -> Problem:
    return Problem(
        field=field,
        value=shown(arn),
        rule=f"its region is {arn.split(':')[3]}, but a load balancer takes only those of its own, {region}",
        fix=f"name one of {region}",
    )


def _zones(settings: BaseSettings) -> Iterator[Problem]:
    ingress = settings.ingress
    if settings.platform == "local":
        return
    proved_here = settings.platform == "gke" or ingress.certificate is None
    if not (proved_here or ingress.dns_records or "external-dns" in settings.addons):
        return
    covered = zones_of(settings)
    for index, app in enumerate(settings.apps):
        if app.domain not in covered:
            known = ", ".join(sorted(each.domain for each in ingress.zones)) or "none"
            yield Problem(
                field=f"apps[{index}].domain",
                value=shown(app.domain),
                rule=f"no zone in ingress.zones holds this domain (there is: {known})",
                fix="add its zone: {domain: <zone's domain>, zone: <its id or name>}",
            )


def _certificate(settings: BaseSettings) -> Iterator[Problem]:
    given = settings.ingress.certificate
    if given is None or settings.eks is None:
        return
    if given.arn.split(":")[3] != settings.eks.region:
        yield _region("ingress.certificate.arn", given.arn, settings.eks.region)
    if given.arn.split(":")[4] != settings.eks.account_id:
        yield _account("ingress.certificate.arn", given.arn, given.arn.split(":")[4], settings.eks.account_id)
    for index, app in enumerate(settings.apps):
        if f"*.{app.domain}" not in given.domains:
            yield Problem(
                field=f"apps[{index}].domain",
                value=shown(app.domain),
                rule=f"the certificate is not for *.{app.domain}; a wildcard covers one label only",
                fix="name it in ingress.certificate.domains if the certificate has it, or take another certificate",
            )


def _addons(settings: BaseSettings) -> Iterator[Problem]:
    allowed = _ADDONS[settings.platform]
    for name, addon in settings.addons.items():
        others = sorted(set(addon.release_values) - (set(OTHER_RELEASES) if name == "istio" else set()))
        if others:
            yield Problem(
                field=f"addons.{name}.releaseValues",
                value=shown(others[0]),
                rule=f"of istio they are {', '.join(OTHER_RELEASES)}; every other add-on is one release",
                fix="write values of the chart itself (of istio: of istiod) under `values`",
            )
        if allowed is not None and name not in allowed:
            rule = {
                "local": "the local cluster brings its own controllers, as no chart repository can be reached from it",
                "gke": "this add-on belongs to platform eks",
            }[settings.platform]
            yield Problem(field=f"addons.{name}", value=shown(name), rule=rule, fix="take it out")
        elif settings.platform == "local" and not addon.repository:
            yield Problem(
                field=f"addons.{name}.repository",
                value=shown(addon.repository),
                rule="the local cluster brings its own, and the chart's repository cannot be reached from it",
                fix=f"take the add-on out, or take what `python -m local {name}` prints",
            )
    if settings.eks and settings.eks.auto_mode and "aws-load-balancer-controller" in settings.addons:
        yield Problem(
            field="addons.aws-load-balancer-controller",
            value=shown("aws-load-balancer-controller"),
            rule="EKS Auto Mode (eks.autoMode) makes the load balancer with a controller of its own",
            fix="take the add-on out, or set eks.autoMode to false",
        )
    if settings.eks and settings.platform == "eks":
        needs = [name for name in ("aws-load-balancer-controller", "external-dns") if name in settings.addons]
        if needs and not settings.eks.oidc_provider:
            yield _needed("eks.oidcProvider", f"the add-on {needs[0]} gets its rights by IRSA")
        if "aws-load-balancer-controller" in needs and not settings.eks.vpc_id:
            yield _needed("eks.vpcId", "the add-on aws-load-balancer-controller must know its VPC")


def _needed(field: str, rule: str) -> Problem:
    fix = {"eks.oidcProvider": "identity.oidc.issuer", "eks.vpcId": "resourcesVpcConfig.vpcId"}[field]
    return Problem(
        field=field,
        value="(none)",
        rule=rule,
        fix=f"set it: aws eks describe-cluster --name <cluster> --query cluster.{fix}",
    )


def _urls(settings: BaseSettings) -> Iterator[Problem]:
    if settings.tls and settings.public_scheme == "http":
        yield Problem(
            field="publicScheme",
            value=shown("http"),
            rule="where TLS is on (eks, gke, ingress.tls), HTTP is sent to HTTPS",
            fix="take it out",
        )
    if settings.ingress.tls and settings.gateway.https_port == settings.gateway.port:
        yield Problem(
            field="gateway.httpsPort",
            value=shown(settings.gateway.https_port),
            rule="the gateway is asked for HTTP on this port (gateway.port)",
            fix="give HTTPS a port of its own",
        )
    if settings.public_scheme == "https" and not settings.tls:
        yield Problem(
            field="publicScheme",
            value=shown("https"),
            rule="the local gateway serves HTTPS only if ingress.tls is true",
            fix="set ingress.tls to true, or take publicScheme out",
        )


def _credentials(settings: BaseSettings) -> Iterator[Problem]:
    synced: Mapping[str, AppSettings] = {app.name: app for app in settings.apps if app.argocd}
    for name, credentials in settings.repository_credentials.items():
        source = synced[name].argocd if name in synced else None
        if source and source.chart and credentials.ssh_private_key:
            yield Problem(
                field=f"repositoryCredentials.{name}.sshPrivateKey",
                value=HIDDEN,
                rule="a published chart is read with a user name and a password; a key opens repositories of git's",
                fix=f"pulumi config rm --path 'repositoryCredentials.{name}.sshPrivateKey', and set username and "
                "password, with --secret",
            )
        if name not in synced:
            yield Problem(
                field=f"repositoryCredentials.{name}",
                value=HIDDEN,
                rule=f"no app {name} is synced by Argo CD (there is: {', '.join(sorted(synced)) or 'none'})",
                fix=f"pulumi config rm --path 'repositoryCredentials.{name}'",
            )


def _lifecycles(settings: BaseSettings) -> Iterator[Problem]:
    """Compare the limits that hold for each app, whether they are its own or the cluster's."""
    pairs = (
        ("lifetime", "max_lifetime", "an environment may be extended at least as far as a push puts its end"),
        ("warn_before", "lifetime", "a warning cannot come before the push that the lifetime counts from"),
    )
    seen = set()
    for index, app in enumerate(settings.apps):
        lifecycle = lifecycle_of(settings, app)
        for less, more, rule in pairs:
            smaller, larger = seconds(getattr(lifecycle, less)), seconds(getattr(lifecycle, more))
            if smaller is None or larger is None or smaller <= larger:
                continue
            own = {less, more} & app.lifecycle.model_fields_set
            at = f"apps[{index}].lifecycle" if own else "lifecycle"
            field = f"{at}.{_alias(lifecycle, less if less in own or not own else more)}"
            if field not in seen:
                seen.add(field)
                yield Problem(
                    field=field,
                    value=shown({_alias(lifecycle, name): getattr(lifecycle, name) for name in (less, more)}),
                    rule=rule,
                    fix=f"give a {_alias(lifecycle, less)} of at most {getattr(lifecycle, more)}",
                )


def _identity(settings: BaseSettings, app: AppSettings, index: int) -> Iterator[Problem]:
    identity, at = app.identity, f"apps[{index}].identity"
    allowed = _IDENTITY_KINDS[settings.platform]
    if identity.kind != "none" and identity.kind not in allowed:
        yield Problem(
            field=f"{at}.kind",
            value=shown(identity.kind),
            rule=f"platform {settings.platform} has {' and '.join(('none', *allowed))}",
            fix="choose one of these",
        )
        return
    yield from branch_identity_mistakes(settings, app, at)
    for name in sorted(identity.model_fields_set - {"kind", *_BRANCH_KEYS, *_IDENTITY_KEYS[identity.kind]}):
        yield Problem(
            field=f"{at}.{_alias(identity, name)}",
            value=shown(getattr(identity, name)),
            rule=f"an identity of kind {identity.kind} has no such part",
            fix="take it out, or correct the kind",
        )
    if identity.kind in _IDENTITY_KINDS["eks"]:
        yield from _aws_identity(settings, app, at)
    if identity.direct and identity.account:
        yield Problem(
            field=f"{at}.account",
            value=shown(identity.account),
            rule="direct access goes without a Google service account",
            fix="take account or direct out",
        )


def _aws_identity(settings: BaseSettings, app: AppSettings, at: str) -> Iterator[Problem]:
    identity, eks = app.identity, settings.eks
    if eks is None:
        return  # said already
    if identity.role_arn and account_id_of(identity.role_arn) != eks.account_id:
        yield _account(f"{at}.roleArn", identity.role_arn, account_id_of(identity.role_arn), eks.account_id)
    if identity.kind == "irsa" and not identity.role_arn and not eks.oidc_provider:
        yield _needed("eks.oidcProvider", f"the role of {app.name} trusts the cluster's OIDC provider")
    if identity.role_arn:
        made = sorted(identity.model_fields_set & {*_AWS_KEYS} - {"role_arn"})
        for name in made:
            yield Problem(
                field=f"{at}.{_alias(identity, name)}",
                value=shown(getattr(identity, name)),
                rule="a role that is there already is left as it is",
                fix="take it out, or take roleArn out to have a role made",
            )
    for name, document in identity.inline_policies.items():
        yield from policy_mistakes(f"{at}.inlinePolicies.{name}", document)
