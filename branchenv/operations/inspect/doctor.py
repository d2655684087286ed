"""Looks for what would make a deploy fail, before it does: one line per check, with the fix."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from branchenv.clients import kubeconfig
from branchenv.inventory.classify import Environment, classify
from branchenv.inventory.collect import InventoryQuery, collect
from branchenv.inventory.endings import Removal
from branchenv.inventory.world import Reach, World
from branchenv.model.context import target_of
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord
from core.contract import VERSION, App, Base
from core.route_kinds import route_kind

if TYPE_CHECKING:
    import httpx2

_SECONDS = 5.0
_FEW_DAYS = 14
_NAMED = 5
_PROBE = "doctor"
_TOKENS = ("BRANCHENV_GITLAB_TOKEN", "GITLAB_TOKEN")
_NEEDED = (
    ("", "configmaps"),
    ("", "services"),
    ("apps", "deployments"),
)
_ACCOUNT = ("", "serviceaccounts")
_NAMESPACE = ("", "namespaces")
_VERBS = ("get", "create", "patch", "delete")


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    """Deploys work, something else does not or soon will not."""
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found."""

    check: str
    level: Level
    said: str
    """Named as in `doctor --json`, whose fields keep their names."""
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Where:
    """What is examined."""

    base: str
    """Name of the base stack."""
    app: str = ""
    """The app whose namespace and domain are examined; empty for all of the base stack's."""
    project: str = ""
    """GitLab project; empty for none."""
    base_is_given: bool = False
    """Whether a person named the base stack: then one that does not exist is a typo, and no finding."""


def examine(where: Where, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Make every check, at once where they do not need each other.

    Args:
        where: what is examined.
        environ: variables of this process.

    Returns:
        The findings in a fixed order. What rests on something that failed is left out.

    Raises:
        BranchenvError: there is no such app, or no base stack of the name that was given.
    """
    with ThreadPoolExecutor(16) as pool:
        first = [
            pool.submit(_guarded, name, check)
            for name, check in (
                ("pulumi", _pulumi),
                ("plugins", lambda: _plugins(environ)),
                ("gitlab", lambda: _gitlab(where, environ)),
            )
        ]
        world = collect(InventoryQuery(app=where.app, project=where.project, base=where.base), environ)
        # One that the backend has is no typo: this identity may not read what it has published, which is a finding.
        known = {each.name for each in world.stacks or ()}
        if where.base_is_given and world.wrong_base and where.base.rpartition("/")[2] not in known:
            raise world.wrong_base
        world.check_app()
        found, base = [*_backend(world), *_base(world, where.base)], world.base
        rest = []
        if world.stacks is not None:
            stacks = world.stacks
            rest.append(pool.submit(_guarded, "secrets", lambda: _secrets(stacks, environ)))
        if base:
            rest += [pool.submit(_guarded, name, check) for name, check in _of_base(base, where.app)]
        if base and world.stacks is not None:
            rest.append(pool.submit(_guarded, "environments", lambda: _environments(world)))
        pulumi, plugins, gitlab = (each.result() for each in first)
        return [*pulumi, *plugins, *found, *(each for made in rest for each in made.result()), *gitlab]


def _guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except BranchenvError as e:
        return [_fail(name, e.rule, e.fix)]
    except Exception as e:  # noqa: BLE001 - one check that breaks must not hide the others
        return [_fail(name, f"{type(e).__name__}: {e}", "see `branchenv doctor --debug`; please report it")]


def _pulumi() -> list[Finding]:
    if shutil.which("pulumi") is None:
        return [_fail("pulumi", "there is no `pulumi` on the PATH", "install the Pulumi CLI")]
    done = subprocess.run(
        ["pulumi", "version"],  # noqa: S607 - as PATH has it
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        return [
            _fail("pulumi", f"`pulumi version` failed: {done.stderr.strip()[:200]}", "install the Pulumi CLI again")
        ]
    return [_ok("pulumi", done.stdout.strip())]


def _plugins(environ: Mapping[str, str]) -> list[Finding]:
    """Find the two plugins where the CLI looks: beside itself, on the PATH, in its home."""
    cli = shutil.which("pulumi")
    beside = Path(cli).resolve().parent if cli else Path()
    home = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    missing = []
    for plugin, installed in (("pulumi-language-python", ""), ("pulumi-resource-kubernetes", "resource-kubernetes-v*")):
        there = shutil.which(plugin) or (beside / plugin).exists() or (home / "bin" / plugin).exists()
        if not there and not (installed and any((home / "plugins").glob(installed))):
            missing.append(plugin)
    if missing:
        fix = "pulumi plugin install resource kubernetes; the language host comes with the CLI"
        return [_warn("plugins", f"not found: {', '.join(missing)}; the CLI may fetch them on first use", fix)]
    return [_ok("plugins", "language host and Kubernetes provider")]


def _backend(world: World) -> list[Finding]:
    if world.stacks is None:
        error = world.errors["backend"]
        return [_fail("backend", error.rule, error.fix)]
    branches = [each for each in world.stacks if each.slug]
    found = [_ok("backend", f"{len(branches)} branch stacks")]
    if locked := [each for each in branches if each.locks]:
        fix = f"see whose they are, e.g.: {target_of(locked[0]).command('unlock')}"
        found.append(_warn("locks", f"locked: {', '.join(each.name for each in locked)}", fix))
    if damaged := [each.name for each in world.stacks if each.damaged]:
        found.append(_fail("states", f"damaged: {', '.join(damaged)}", "see `Damaged state` in docs/operations.md"))
    return found


def _base(world: World, name: str) -> list[Finding]:
    if error := world.errors.get("base"):
        return [_fail("base stack", f"{name}: {error.rule}", error.fix)]
    if world.base is None:
        return []
    return [_ok("base stack", f"{world.base.name}, contract {VERSION}, apps: {', '.join(sorted(world.base.apps))}")]


def _environments(world: World) -> list[Finding]:
    """Say which environments a change of the base stack has left behind, and how many are no longer needed."""
    base = world.required_base().name
    shown = classify(world, datetime.now(UTC))
    ending = [each for each in shown if each.ending]
    more = f", of which {len(ending)} are no longer needed (`branchenv sweep` says why)" if ending else ""
    found = [_ok("environments", f"{len(shown)}{more}")]
    if stale := [each for each in shown if each.changed]:
        fix = "push these branches again, or run `branchenv up` for each; `branchenv list` says what was changed"
        found.append(_warn("stale", f"{base} was changed since these were deployed: {_named(stale)}", fix))
    if left := [each for each in ending if each.ending and each.ending.rule is Removal.APP_REMOVED]:
        fix = f"branchenv sweep --all-apps --base {base} says what it would remove, and with --apply does it"
        found.append(_warn("removed apps", f"{base} no longer has the apps of {_named(left)}", fix))
    found += [_warn(each.name, each.why, each.fix) for each in world.unreliable if each.reach is Reach.DOUBTFUL]
    return found


def _named(environments: Sequence[Environment]) -> str:
    more = f" and {len(environments) - _NAMED} more" if len(environments) > _NAMED else ""
    return f"{', '.join(each.name for each in environments[:_NAMED])}{more}"


def _secrets(stacks: Sequence[StackRecord], environ: Mapping[str, str]) -> list[Finding]:
    """Look for the passphrase where a stack's secrets need one."""
    if not any("encryptionsalt" in each.secrets for each in stacks):
        return [_ok("secrets", "no stack needs a passphrase")]
    if {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & environ.keys():
        return [_ok("secrets", "a passphrase is set")]
    return [_fail("secrets", "stacks need a passphrase, and none is set", "set PULUMI_CONFIG_PASSPHRASE")]


def _of_base(base: Base, app: str) -> Iterator[tuple[str, Callable[[], list[Finding]]]]:
    yield "cluster", lambda: _cluster(base, app)
    for name, each in base.apps.items():
        if app in ("", name):
            yield "gateway", lambda domain=each.domain: _reached(base, f"{_PROBE}.{domain}")  # type: ignore[misc]


def _cluster(base: Base, app: str) -> list[Finding]:
    import httpx2

    with kubeconfig.connect() as api:
        try:
            version = api.get("/version").raise_for_status().json()["gitVersion"]
            found = [_ok("cluster", f"Kubernetes {version}")]
            for name, each in sorted(base.apps.items()):
                if app in ("", name):
                    found += [*_namespace(api, base, name, each), _rights(api, base, name, each)]
            found.append(_gateway(api, base))
        except httpx2.HTTPError as e:
            return [
                _fail("cluster", f"it does not answer: {e or type(e).__name__}", "look at KUBECONFIG and the network")
            ]
    return found


def _namespace(api: "httpx2.Client", base: Base, app: str, promised: App) -> list[Finding]:
    """Look for the app's namespace, as far as one may; its own branches could not bring it back."""
    status = api.get(f"/api/v1/namespaces/{promised.namespace}").status_code
    if status == HTTPStatus.NOT_FOUND:
        message = f"{app}: the namespace {promised.namespace} was deleted, and all that was in it"
        return [_fail("namespace", message, f"pulumi up --refresh --stack {base.name}; then push its branches again")]
    return []


def _rights(api: "httpx2.Client", base: Base, app: str, promised: App) -> Finding:
    """Ask the API server what a branch stack needs to do."""
    # What it may do in namespaces that it makes, it gives to itself.
    namespace = "" if promised.branch_namespace else promised.namespace
    where = namespace or "the cluster"
    needed = _needed(base, promised)

    def refused(wanted: tuple[str, str, str]) -> str:
        group, resource, verb = wanted
        attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review).raise_for_status()
        return "" if answer.json()["status"]["allowed"] else f"{verb} {resource}"

    wanted = [(group, resource, verb) for group, resource in needed for verb in _VERBS]
    with ThreadPoolExecutor(8) as pool:
        missing = [each for each in pool.map(refused, wanted) if each]
    if missing:
        fix = f"come as {app}-deployer, which the base stack makes: docs/security.md"
        return _fail("permissions", f"{app}: may not {', '.join(missing)} in {where}", fix)
    return _ok("permissions", f"{app}: may do in {where} what a branch stack needs")


def _needed(base: Base, promised: App) -> Sequence[tuple[str, str]]:
    if promised.branch_namespace:
        return (_NAMESPACE,)
    route = route_kind(gateway_api=base.gateway_api)
    return (*_NEEDED, (route.group, route.resource), *((_ACCOUNT,) if promised.branch_identity else ()))


def _gateway(api: "httpx2.Client", base: Base) -> Finding:
    namespace, _, name = base.gateway.partition("/")
    version = route_kind(gateway_api=base.gateway_api).api_version
    answer = api.get(f"/apis/{version}/namespaces/{namespace}/gateways/{name}")
    if answer.status_code == 403:
        return _warn(
            "gateway object", f"may not read {base.gateway}", "no branch needs it; whether it is there is open"
        )
    if answer.is_error:
        fix = f"pulumi up --stack {base.name}; is Istio installed?"
        return _fail("gateway object", f"{base.gateway}: HTTP {answer.status_code}", fix)
    return _ok("gateway object", base.gateway)


def _reached(base: Base, host: str) -> list[Finding]:
    """Go the way that a browser goes: name, port, certificate."""
    try:
        address = socket.getaddrinfo(host, base.port, type=socket.SOCK_STREAM)[0][4]
    except OSError as e:
        fix = f"make a wildcard record *.{host.partition('.')[2]} for the load balancer"
        if not host.endswith(".localhost"):
            return [_fail("DNS", f"{host}: {e.strerror or e}", fix)]
        # Browsers and curl send these names to this machine by themselves; not every resolver does.
        address = ("127.0.0.1", base.port)
    found = [_ok("DNS", f"{host} is {address[0]}")]
    try:
        with socket.create_connection((str(address[0]), base.port), timeout=_SECONDS) as connection:
            found.append(_ok("gateway", f"{address[0]}:{base.port} answers"))
            if base.scheme == "https":
                found.append(_certificate(connection, host))
    except OSError as e:
        fix = "look at the gateway's pods and its load balancer"
        found.append(_fail("gateway", f"{address[0]}:{base.port}: {e.strerror or e}", fix))
    return found


def _certificate(connection: socket.socket, host: str) -> Finding:
    try:
        with ssl.create_default_context().wrap_socket(connection, server_hostname=host) as secured:
            shown = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as e:
        fix = "renew the certificate, or let this machine trust the CA that signed it"
        return _fail("certificate", f"{host}: {e.verify_message}", fix)
    except (ssl.SSLError, OSError) as e:
        return _fail("certificate", f"{host}: {e}", "look at the gateway's TLS secret")
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
    days = (ends - datetime.now(UTC)).days
    if days < _FEW_DAYS:
        return _warn(
            "certificate", f"{host}: {days} days left", "see why it is not renewed: kubectl get certificates -A"
        )
    return _ok("certificate", f"{host}: {days} days left")


def _gitlab(where: Where, environ: Mapping[str, str]) -> list[Finding]:
    from branchenv.clients.gitlab import GitLab

    gitlab = GitLab.from_environment(environ, where.project or None)
    if gitlab is None:
        fix = f"set {_TOKENS[0]}, and outside of GitLab BRANCHENV_GITLAB_URL and --project"
        return [_warn("gitlab", "no address, project or token: no notes, and the sweep sees no branches", fix)]
    scopes = gitlab.token_scopes()
    branches = len(gitlab.branches())
    found = [_ok("gitlab", f"{gitlab.project}: {branches} branches")]
    if scopes is None:
        fix = f"set {_TOKENS[0]} to a project access token with scope api"
        found.append(_warn("token", "a job token: it may not write notes", fix))
    elif "api" not in scopes:
        found.append(_fail("token", f"its scopes are {', '.join(scopes)}", "make one with scope api, role Developer"))
    else:
        found.append(_ok("token", f"scopes: {', '.join(scopes)}"))
    return found


def _ok(check: str, message: str) -> Finding:
    return Finding(check=check, level=Level.OK, said=message)


def _warn(check: str, message: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.WARN, said=message, fix=fix)


def _fail(check: str, message: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.FAIL, said=message, fix=fix)
