"""Changes to values that may not be known yet, or that are secrets, as a transform is given them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
from pulumi.runtime import rpc


def changed(value: object, change: Callable[[Any], object]) -> object:
    """Change a value, or have it changed once it is known. A secret stays one.

    Args:
        value: plain, an Output, or a secret as the engine writes it.
        change: is given the plain value, which it leaves as it is, and gives another.
    """
    if isinstance(value, pulumi.Output):

        def resolve(known: object) -> pulumi.Output[Any]:
            return pulumi.Output.from_input(change(known))

        later: pulumi.Output[Any] = value
        return later.apply(resolve)
    if isinstance(value, dict) and rpc.is_rpc_secret(value):
        return {**value, "value": changed(value["value"], change)}
    return change(value)


def changed_at(holder: Mapping[str, Any], path: Sequence[str], change: Callable[[Any], object]) -> dict[str, Any]:
    """Change what stands at a path of keys, as `changed` does; without the path, nothing.

    Args:
        holder: where the path begins.
        path: keys of mappings. The last one need not be there: `change` is then given None, and may give it back.
        change: is given the plain value.
    """
    key, *rest = path
    if not rest:
        found = changed(holder.get(key), change)
        return dict(holder) if found is None and key not in holder else {**holder, key: found}
    if key not in holder:
        return dict(holder)

    def step(known: object) -> object:
        return changed_at(known, rest, change) if isinstance(known, Mapping) else known

    return {**holder, key: changed(holder[key], step)}
