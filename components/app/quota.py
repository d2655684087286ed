"""How much of the cluster an app's branches may take together."""

from dataclasses import dataclass
from decimal import ROUND_CEILING

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from core.labels import app_labels
from core.quantity import parse_quantity

# What a container gets that says nothing; a branch's own workloads say all of it.
DEFAULT_REQUESTS = {"cpu": "50m", "memory": "64Mi"}
DEFAULT_LIMITS = {"cpu": "1", "memory": "512Mi"}

_NEVER = {"services.loadbalancers": "0", "services.nodeports": "0"}


@dataclass(frozen=True, kw_only=True)
class LimitsArgs:
    """What the limits need to know."""

    app: str
    namespace: pulumi.Input[str]
    environments: int
    """The most that may run at a time, main not counted. 0: any number, and so no quota."""
    cpu: str
    """What one of them requests, as Kubernetes writes it."""
    memory: str
    pods: int

    def __post_init__(self) -> None:
        """Refuse a quota in which nothing fits."""
        if self.environments < 0 or self.pods < 1:
            raise ValueError("environments, pods: a quota below one environment admits none; raise it")


class Limits(pulumi.ComponentResource):
    """The namespace's quota, sized for so many environments and main, and amounts for containers that name none.

    Type `branch-environments:base:Limits`. Left out on purpose: the most that one container may have, which is the
    deployer's limit and not main's (`components/admission/pods.py`).
    """

    namespace: pulumi.Output[str]
    """The namespace, known once it is limited."""

    def __init__(self, name: str, args: LimitsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Limits", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = meta.ObjectMetaArgs(
            name=limits_name(args.app), namespace=args.namespace, labels=app_labels(args.app)
        )
        defaults = core.LimitRange(
            f"{name}-limit-range",
            metadata=metadata,
            spec=core.LimitRangeSpecArgs(
                limits=[
                    core.LimitRangeItemArgs(type="Container", default=DEFAULT_LIMITS, default_request=DEFAULT_REQUESTS)
                ]
            ),
            opts=child,
        )
        core.ResourceQuota(
            f"{name}-quota", metadata=metadata, spec=core.ResourceQuotaSpecArgs(hard=quota(args)), opts=child
        )
        self.namespace = defaults.metadata.namespace
        self.register_outputs({"namespace": self.namespace})


def limits_name(app: str) -> str:
    """Name an app's ResourceQuota and LimitRange."""
    return f"{app}-limits"


def quota(args: LimitsArgs) -> dict[str, str]:
    """Size the quota: main counts as one environment more."""
    if not args.environments:
        return dict(_NEVER)
    return quota_of(args.environments + 1, cpu=args.cpu, memory=args.memory, pods=args.pods)


def quota_of(environments: int, *, cpu: str, memory: str, pods: int) -> dict[str, str]:
    """Size a quota for so many environments.

    Args:
        environments: at least one.
        cpu: what one of them requests, as Kubernetes writes it.
        memory: the same.
        pods: of one of them.
    """
    return {
        "requests.cpu": _times(cpu, environments),
        "requests.memory": _times(memory, environments),
        "pods": str(pods * environments),
        **_NEVER,
    }


def _times(amount: str, times: int) -> str:
    """Multiply a quantity; the result is in units of its own, or thousandths of them."""
    total = parse_quantity(amount) * times
    if total == total.to_integral_value():
        return str(int(total))
    return f"{int((total * 1000).to_integral_value(rounding=ROUND_CEILING))}m"
