"""What `branchenv list --json` prints: stable field names, which docs/operations.md lists."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from branchenv.inventory.classify import Environment
from branchenv.inventory.world import World

VERSION = 1
"""Of the document. Fields may be added; none is renamed or taken away without another version."""


def document(environments: Sequence[Environment], world: World, now: datetime) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "version": VERSION,
        "generated": now,
        "base": world.base.name if world.base else None,
        "sources": [asdict(each) for each in world.sources],
        "environments": [_plain(each) for each in environments],
    }


def _plain(each: Environment) -> dict[str, Any]:
    return {
        "name": each.name,
        "app": each.app,
        "slug": each.slug,
        "branch": each.branch,
        "state": each.state,
        "why": each.why,
        "removal": _removal(each),
        "url": each.url or None,
        "url_now": each.url_now or None,
        "namespace": each.cluster.namespace if each.cluster else None,
        "owner": each.owner or None,
        "project": each.project or None,
        "merge_request": each.merge_request,
        "merge_request_url": each.merge_request_url or None,
        "commit": each.commit or None,
        "created": each.created,
        "updated": each.updated,
        "expires": each.expires,
        "cpu": each.cluster.cpu if each.cluster else None,
        "memory": each.cluster.memory if each.cluster else None,
        "cost": asdict(each.cost) if each.cost else None,
    }


def _removal(each: Environment) -> dict[str, Any] | None:
    found = each.ending
    return {"rule": found.rule, "why": found.why, "held": found.held or None} if found else None
