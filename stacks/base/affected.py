"""Warns which environments a change of a base stack's config affects, before anything is changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx2
import pulumi

from core.contract import Base, public_url
from core.publication import ContractError
from core.route_kinds import route_kind
from stacks import cluster_api
from stacks.settings.base import BaseSettings

_MAX_NAMED = 20
"""Branches that a warning names; of the others it gives the number."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a change of the config does to the environments of one app."""

    app: str
    change: str
    consequence: str
    """What becomes of them, after the words "its environments"."""
    fix: str


def warn_of_affected(settings: BaseSettings, api: cluster_api.ClusterApi) -> None:
    """Log a warning for each app whose environments the config affects, in `pulumi preview` and in `pulumi up`.

    The config is compared with the contract that the last `pulumi up` published. Nothing is logged where there is no
    contract yet, or none that can be read, nor for an app without environments.

    Args:
        settings: the config.
        api: of the stack's cluster.

    Raises:
        SettingsError: the API server does not answer.
    """
    stack = pulumi.get_stack()
    try:
        before = cluster_api.asked(stack, api, lambda: api.contract(stack))
    except ContractError:
        return
    found = list(effects(before, settings))
    if not found:
        return
    try:
        branches = api.branches(sorted({each.app for each in found}))
    except httpx2.HTTPError as e:
        rule, fix = f"the environments that this change affects cannot be listed: {e}", "let this user list ConfigMaps"
        pulumi.log.warn(f"{rule}; fix: {fix}")
        return
    for each in found:
        if names := branches.get(each.app):
            pulumi.log.warn(warning(each, names))


def effects(before: Base, settings: BaseSettings) -> Iterator[Effect]:
    """Compare what was published with the config.

    Args:
        before: contract of the last `pulumi up`.
        settings: the config now.
    """
    now = {app.name: app for app in settings.apps}
    gateway = f"{settings.gateway.namespace}/{settings.gateway.name}"
    for name, was in before.apps.items():
        down = f"remove them first: branchenv down <branch> --app {name}"
        app, own = now.get(name), was.branch_namespace is not None
        if app is None:
            deleted = f"are deleted with the namespace {was.namespace}"
            consequence = "stay in the cluster, where no job can change them any more" if own else deleted
            yield Effect(app=name, change="it is removed", consequence=consequence, fix=down)
            continue
        if app.namespace != was.namespace:
            change = f"its namespace changes from {was.namespace} to {app.namespace}"
            consequence = "stay in their old namespaces" if own else f"are deleted with the namespace {was.namespace}"
            yield Effect(app=name, change=change, consequence=consequence, fix=f"{down}; deploy them again afterwards")
        elif app.isolation.namespace_per_branch != own:
            change = f"namespacePerBranch is {'off' if own else 'on'}"
            yield Effect(app=name, change=change, consequence="leave objects in their old namespace", fix=down)
        changes = []
        old, new = before.url(name, "<slug>"), public_url(settings.scheme, f"<slug>.{app.domain}", settings.port)
        if old != new:
            changes.append(f"its URLs change from {old} to {new}")
        if before.gateway != gateway:
            changes.append(f"the gateway changes from {before.gateway} to {gateway}")
        if before.gateway_api != settings.gateway_api:
            changes.append(f"its routes become {route_kind(gateway_api=settings.gateway_api).kind}s")
        if changes:
            yield Effect(
                app=name,
                change=" and ".join(changes),
                consequence="do not answer until their next deploy",
                fix=f"push each branch again, or run: branchenv up <branch> --app {name}",
            )


def warning(effect: Effect, branches: Sequence[str]) -> str:
    """Write a warning.

    Args:
        effect: on the environments of an app.
        branches: full names of their branches; at least one.
    """
    more = len(branches) - _MAX_NAMED
    named = ", ".join(sorted(branches)[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    listed = f"{len(branches)}: {named}"
    return f"app {effect.app}: {effect.change}; its environments {effect.consequence} ({listed}); fix: {effect.fix}"
