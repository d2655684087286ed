"""Mistakes between keys of a base stack's config about boundaries: what a person believes is closed must be."""

from collections.abc import Iterator

from components.strict import Strict
from core.kinds import KEEPING
from core.names import MAX_APP_NAMESPACE, namespace_name
from stacks.settings.access import AccessSettings
from stacks.settings.base import AppSettings, BaseSettings, access_of
from stacks.settings.errors import HIDDEN, Problem, shown

_ALWAYS = {"kind", "source_ranges"}
_BY_KIND = {
    "open": _ALWAYS,
    "jwt": _ALWAYS | {"open_paths", "jwt", "ci"},
    "external": _ALWAYS | {"open_paths", "provider", "identity_headers", "login", "ci"},
}


def boundary_mistakes(settings: BaseSettings) -> Iterator[Problem]:
    """Find every mistake about who reaches what."""
    for index, app in enumerate(settings.apps):
        yield from _network(settings, app, f"apps[{index}].isolation")
        yield from _root(app, f"apps[{index}].isolation")
        yield from _kinds(app, f"apps[{index}].isolation")
        yield from _branch_namespaces(settings, app, f"apps[{index}]")
        yield from _access(access_of(settings, app), app.access, f"apps[{index}].access")
        yield from _login(settings, app, f"apps[{index}].access.login")
    yield from _access(settings.access, settings.access, "access")
    with_login = {app.name for app in settings.apps if _has_login(settings, app)}
    for name in sorted(settings.login_credentials.keys() - with_login):
        yield Problem(
            field=f"loginCredentials.{name}",
            value=HIDDEN,
            rule=f"no app {name} has a login (there is: {', '.join(sorted(with_login)) or 'none'})",
            fix=f"pulumi config rm --path 'loginCredentials.{name}'",
        )


def _alias(model: Strict, name: str) -> str:
    return type(model).model_fields[name].alias or name


def _without_effect(where: str, model: Strict, name: str, why: str, or_else: str) -> Problem:
    return Problem(
        field=f"{where}.{_alias(model, name)}",
        value=shown(getattr(model, name)),
        rule=f"this has no effect: {why}",
        fix=f"take it out, or {or_else}",
    )


def _root(app: AppSettings, at: str) -> Iterator[Problem]:
    if app.isolation.run_as_root and app.pod_security == "restricted":
        yield Problem(
            field=f"{at}.runAsRoot",
            value=shown(app.isolation.run_as_root),
            rule="podSecurity restricted refuses pods that run as root, whatever the rules allow",
            fix="take it out, or set podSecurity of the app to baseline",
        )


def _kinds(app: AppSettings, at: str) -> Iterator[Problem]:
    isolation = app.isolation
    keeping = [kind for kind in isolation.kinds if kind in KEEPING]
    if keeping and not isolation.namespace_per_branch:
        rest = [kind for kind in isolation.kinds if kind not in KEEPING]
        yield Problem(
            field=f"{at}.kinds",
            value=", ".join(keeping),
            rule="in a namespace that branches share, whoever deploys one of them would read and delete these of "
            "every branch and of main: RBAC knows no branches",
            fix="set isolation.namespacePerBranch and identity.perBranch of the app to true, or write kinds: "
            f"[{', '.join(rest)}]",
        )


def _network(settings: BaseSettings, app: AppSettings, at: str) -> Iterator[Problem]:
    network, mesh = app.isolation.network, app.isolation.mesh
    if not network.policies:
        for name in sorted(network.model_fields_set - {"policies"}):
            yield _without_effect(f"{at}.network", network, name, "no NetworkPolicy is made", "set policies to true")
    elif network.egress is None and "dns" in network.model_fields_set:
        yield _without_effect(f"{at}.network", network, "dns", "pods may ask anybody", "give `egress`")
    if not settings.has_sidecars:
        for name in sorted(mesh.model_fields_set):
            why = "the apps' pods get no sidecar here"
            yield _without_effect(f"{at}.mesh", mesh, name, why, "set `dataPlane` to sidecar if they do")


def _access(whole: AccessSettings, own: AccessSettings, at: str) -> Iterator[Problem]:
    """See that the keys fit the kind.

    Args:
        whole: as it will be.
        own: what was written in this place; the rest comes from the cluster's.
        at: this place.
    """
    for name in sorted(own.model_fields_set - _BY_KIND[whole.kind]):
        yield _without_effect(at, own, name, f"the kind is {whole.kind}", "set `kind` to the one that is meant")
    if whole.kind == "jwt" and whole.jwt is None:
        yield Problem(
            field=f"{at}.jwt",
            value="(none)",
            rule="kind jwt needs to know whose tokens let in",
            fix="give issuer and audiences",
        )
    if whole.kind == "external" and bool(whole.provider) == bool(whole.login):
        yield Problem(
            field=f"{at}.provider",
            value=shown(whole.provider),
            rule="kind external has one who decides: a provider of the mesh, or a login that this stack makes",
            fix="give `provider` or `login`, and not both",
        )
    if whole.ci and not whole.ci.claims:
        yield Problem(
            field=f"{at}.ci.claims",
            value="{}",
            rule=f"every job of every project of {whole.ci.issuer} could get such a token",
            fix='name the project, e.g. claims: {project_path: ["acme/shop"]}',
        )


def _branch_namespaces(settings: BaseSettings, app: AppSettings, at: str) -> Iterator[Problem]:
    if not app.isolation.namespace_per_branch:
        return
    if not app.identity.per_branch:
        yield Problem(
            field=f"{at}.isolation.namespacePerBranch",
            value="true",
            rule="pods cannot run as a ServiceAccount of another namespace, and the app's is in the app's",
            fix="set identity.perBranch to true as well",
        )
    if len(app.namespace) > MAX_APP_NAMESPACE:
        yield Problem(
            field=f"{at}.namespace",
            value=shown(app.namespace),
            rule=f"a branch's namespace is called {namespace_name(app.namespace, '<slug>')}, of at most 63 characters",
            fix=f"choose a name of at most {MAX_APP_NAMESPACE} characters",
        )
    for index, other in enumerate(settings.apps):
        if other.namespace.startswith(namespace_name(app.namespace, "")):
            yield Problem(
                field=f"apps[{index}].namespace",
                value=shown(other.namespace),
                rule=f"a branch of {app.name} could be in a namespace of this name",
                fix="choose another",
            )
    if app.isolation.service_accounts:
        yield Problem(
            field=f"{at}.isolation.serviceAccounts",
            value=shown(app.isolation.service_accounts),
            rule="these are in the app's namespace, and branches are in namespaces of their own",
            fix="take it out, or set namespacePerBranch to false",
        )
    if app.identity.project_roles:
        yield Problem(
            field=f"{at}.identity.projectRoles",
            value=shown(app.identity.project_roles),
            rule="Google Cloud gives these to all pods of one namespace, and branches are in namespaces of their own",
            fix="take it out and write `grants`, or set namespacePerBranch to false",
        )


def _has_login(settings: BaseSettings, app: AppSettings) -> bool:
    access = access_of(settings, app)
    return access.kind == "external" and access.login is not None


def _login(settings: BaseSettings, app: AppSettings, at: str) -> Iterator[Problem]:
    if _has_login(settings, app) and app.name not in settings.login_credentials:
        yield Problem(
            field=at,
            value=shown(app.name),
            rule=f"the login of {app.name} has nothing to show its OpenID Connect provider",
            fix=f"pulumi config set --secret --path 'loginCredentials.{app.name}.clientSecret' <secret>",
        )
