"""What answered until now goes once no gateway leads to it any more."""

import asyncio
from collections.abc import Sequence

import pulumi

_FOLLOWED_SECONDS = 1
"""In which every gateway has heard of a route: 0.15 s sufficed where nothing else changed.

istiod gathers changes until there was none for 0.1 s, and sends them as one: the gateway drops a Service that went
meanwhile before it reads where its requests go now, and answers those in between with an empty 503. Nobody tells a
branch how far the gateways are.
"""


def followed(routes: Sequence[pulumi.Resource], *, hand_over: bool) -> list[pulumi.Input[pulumi.Resource]]:
    """Wait until every gateway follows routes that have just changed, if they led to what this push takes away.

    Pulumi deletes what a program no longer makes once all of the program's outputs are known.

    Args:
        routes: whatever leads requests to the environment.
        hand_over: whether they led to what this push takes away.

    Returns:
        The same, each known once what depends on it may go.
    """
    if not (routes and hand_over):
        return [*routes]

    async def wait(urns: list[str]) -> list[str]:
        if not pulumi.runtime.is_dry_run():
            await asyncio.sleep(_FOLLOWED_SECONDS)
        return urns

    waited: pulumi.Output[list[str]] = pulumi.Output.all(*[each.urn for each in routes]).apply(wait)

    def once_waited(route: pulumi.Resource) -> pulumi.Output[pulumi.Resource]:
        return waited.apply(lambda _: route)

    return [once_waited(each) for each in routes]
