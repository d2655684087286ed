"""The name of a workload, as objects and environment variables carry it."""

import re
from typing import Annotated

from pydantic import BeforeValidator

from components.strict import broken
from core.names import CANARY, MAX_WORKLOAD

UNNAMED = ""
"""Key of the only workload of an environment that gives it no name."""


_LABEL = r"[a-z](?:-?[a-z0-9])*"


# Workload names that would make an environment variable or an object name of this project's own.
_RESERVED_WORKLOADS = frozenset({CANARY, "branch"})


def _workload_name(name: str) -> str:
    if not re.fullmatch(_LABEL, name) or len(name) > MAX_WORKLOAD:
        raise broken(
            f"the name of a workload, a job or a volume is at most {MAX_WORKLOAD} of a-z, 0-9 and single dashes, "
            "starting with a letter",
            "rename it, e.g. web or api",
        )
    if name in _RESERVED_WORKLOADS:
        raise broken(
            "this name is kept for the environment's own objects and variables",
            "choose another, e.g. web",
        )
    return name


WorkloadName = Annotated[str, BeforeValidator(_workload_name)]
