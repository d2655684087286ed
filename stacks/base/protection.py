"""Protection from an accident: `pulumi destroy`, or a change that replaces what everybody stands on."""

import pulumi

from stacks.settings.base import BaseSettings


def protected(
    settings: BaseSettings, why: str, options: pulumi.ResourceOptions | None = None
) -> pulumi.ResourceOptions:
    """Return a component's options, with which it and its children cannot be deleted unless config lifts it.

    Args:
        settings: whose `unprotected` decides.
        why: what would happen without it; docs/base-stack.md tells the same.
        options: what else the component is given.
    """
    if not why:
        raise ValueError("why: protection without a reason is lifted by the next person; say what it guards")
    mine = pulumi.ResourceOptions(protect=settings.protected or None)
    return pulumi.ResourceOptions.merge(options, mine)
