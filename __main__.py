"""Which kind of stack is this? `base-<cluster>`, `<app>.<slug>` (a branch's), or `bootstrap-<cloud>`."""

import re

import pulumi

from core.names import BASE_STACK
from stacks.endings import in_plain_words

with in_plain_words():
    stack = pulumi.get_stack()
    if BASE_STACK.fullmatch(stack):
        from stacks.base import stack as base

        base.run()
    elif re.fullmatch(r"bootstrap-(aws|google)(-[a-z0-9]+)*", stack):
        from stacks.bootstrap import stack as bootstrap

        bootstrap.run()
    elif re.fullmatch(r"[a-z][a-z0-9-]*\.[a-z0-9][a-z0-9-]*", stack):
        from core.defaults import DEFAULT_BASE
        from stacks.branch.base_reference import BaseReference
        from stacks.cluster_pin import NotedCluster

        # Asked before all else is imported.
        noted = NotedCluster()
        reference = BaseReference(pulumi.Config().get("base") or DEFAULT_BASE)
        from stacks.branch import stack as branch

        branch.run(reference, noted)
    else:
        raise pulumi.RunError(
            f"stack: {stack}\n"
            "    rule:  a stack is called base-<cluster>, <app>.<slug> or bootstrap-<cloud>, in lower case\n"
            "    fix:   pulumi stack init base-local, or e.g. pulumi stack init shop.feature-x"
        )
