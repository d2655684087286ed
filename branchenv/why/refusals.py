"""What the API server's refusals mean: quotas, limits, standards and rules, each with how to do it right."""

import re
from typing import NamedTuple

from branchenv.model.context import Target


class Refusal(NamedTuple):
    """One refusal, in words."""

    what: str
    fix: str


_RULE = re.compile(r"denied request: rule (?P<name>[\w-]+): (?P<because>.+); fix: (?P<fix>.+)", re.DOTALL)
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '[^']+' denied request: (?P<message>.+)"
)
_WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]+)" denied the request: (?P<message>.+)')
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,\s]+), requested: (?P<asks>.+), used: (?P<used>.+), limited: (?P<most>\S+)"
)
_NO_AMOUNTS = re.compile(r"failed quota: (?P<name>[^:\s]+): must specify (?P<what>.+)")
_LIMIT = re.compile(r"(?P<message>(?:maximum|minimum) (?P<what>\S+) (?:usage )?(?:limit to request ratio )?per \w+ .+)")
_STANDARD = re.compile(r'violates PodSecurity "(?P<name>[^"]+)": (?P<message>.+)')
_NO_ACCOUNT = re.compile(r'serviceaccount "(?P<name>[^"]+)" not found')
_FORBIDDEN = re.compile(r"(?P<message>\S+ (?:\"[^\"]+\" )?is (?:forbidden|invalid): .+)", re.DOTALL)


def explain(message: str, target: Target, workload: str = "", what: str = "its pods") -> Refusal | None:
    """Explain a refusal.

    Args:
        message: of the API server, also where another controller quotes it.
        target: the branch.
        workload: of which something is refused; empty where that is not known.
        what: is refused.

    Returns:
        What it means; None if this is no refusal.
    """
    of = f" of {workload}" if workload else ""
    if found := _RULE.search(message):
        return Refusal(
            f"the rule `{found['name']}` of the cluster refuses {what}: {found['because']}", found["fix"].strip()
        )
    if found := _QUOTA.search(message):
        return Refusal(
            f"the quota {found['name']} has no room for {what}: asked for: {found['asks']}; in use: {found['used']}; "
            f"at most: {found['most']}",
            f"remove an environment that nobody needs, or let it sleep (`{target.command('list', branch=False)}` shows "
            f"them), lower resources.requests{of}, or let the platform team raise lifecycle.maxEnvironments or "
            f"isolation.environment of {target.app} in {target.base}",
        )
    if found := _NO_AMOUNTS.search(message):
        return Refusal(
            f"the quota {found['name']} wants every container to name {found['what']}",
            f"set resources.requests and resources.limits{of}",
        )
    if found := _LIMIT.search(message):
        return Refusal(
            f"a LimitRange of the namespace refuses {what}: {found['message'].rstrip(']')}",
            f"change resources.requests.{found['what']} and resources.limits.{found['what']}{of} to fit",
        )
    if found := _STANDARD.search(message):
        return Refusal(
            f"the Pod Security Standard {found['name']} refuses {what}: {found['message']}",
            f"leave `security`{of} as it is by default, or set what the standard asks for",
        )
    if found := _NO_ACCOUNT.search(message):
        return Refusal(
            f"there is no ServiceAccount {found['name']} for {what}",
            f"correct serviceAccount{of}, or leave it out; those that it may use are in isolation.serviceAccounts",
        )
    if found := _POLICY.search(message) or _WEBHOOK.search(message):
        return Refusal(
            f"{found['name']} refuses {what}: {found['message'].strip()}",
            "change what it names, or ask the platform team",
        )
    if found := _FORBIDDEN.search(message):
        return Refusal(f"the API server refuses {what}: {found['message'].strip()}", "change what it names")
    return None
