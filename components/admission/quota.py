"""ValidatingAdmissionPolicy for a new environment: the namespace's quota has room for it."""

from collections.abc import Mapping

from components.admission.policy import SLUG_VARIABLES, Params, Policy, Rule
from components.app.quota import limits_name


def room_policy(*, app: str, namespace: str, room: Mapping[str, str]) -> Policy:
    """Refuse the anchor, which is made before all else, where the quota has no room for an environment.

    It is a forecast: of two that ask at once, both may be let in, and the quota itself then stops the pods. Whoever
    removes the quota has lifted it.

    Args:
        app: whose quota.
        namespace: that it is of.
        room: what must be free in it, by the quota's own keys.
    """

    def free(what: str) -> str:
        used = f'params.status.?used[?"{what}"].orValue("0")'
        return f'quantity(params.spec.hard["{what}"]).sub(quantity({used}))'

    fits = [
        f'!("{what}" in params.spec.hard) || !{free(what)}.isLessThan(quantity("{amount}"))'
        for what, amount in room.items()
    ]
    each = ", ".join(f"{what} {amount}" for what, amount in room.items())
    return Policy(
        name="room",
        groups=("",),
        resources=("configmaps",),
        operations=("CREATE",),
        variables=SLUG_VARIABLES,
        params=Params(api_version="v1", kind="ResourceQuota", name=limits_name(app)),
        rules=(
            Rule(
                name="room",
                holds="object.metadata.name != variables.stem || (" + " && ".join(f"({fit})" for fit in fits) + ")",
                because=f'"the namespace {namespace} has no room for another environment, which is counted with '
                f'{each}"',
                fix="close or put to sleep an environment of the app (branchenv list), or let the platform team raise "
                "lifecycle.maxEnvironments",
            ),
        ),
    )
