"""AWS IAM, simulated: what a request comes to by the policies that there are for it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

Policy = Mapping[str, Any]
Context = Mapping[str, str | list[str]]

ACCOUNT = "123456789012"


@dataclass(frozen=True, kw_only=True)
class Who:
    """Somebody who asks for something."""

    principal: str
    policies: Sequence[Policy] = ()
    """Its own."""
    boundary: Policy | None = None
    context: Context = field(default_factory=dict)
    """What is known of its session."""


class Iam:
    """The simulator, one process for many requests."""

    def __init__(self, packages: Path) -> None:
        """Start it.

        Args:
            packages: folder in whose `node_modules` it is.
        """
        script = Path(__file__).with_suffix(".mjs")
        self._process = subprocess.Popen(
            ["node", str(script), str(packages)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Iam":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def allows(
        self, who: Who, action: str, resource: str, context: Context | None = None, *, trust: Policy | None = None
    ) -> bool:
        """Whether a request is allowed.

        Args:
            who: asks.
            action: is asked for.
            resource: what it is about.
            context: what is known of the request, beside the session. A key that the action does not have is an error
                of the test's.
            trust: policy of a role that is to be assumed.
        """
        simulation = {
            "request": {
                "principal": who.principal,
                "action": action,
                "resource": {"resource": resource, "accountId": ACCOUNT},
                "contextVariables": {**who.context, **(context or {})},
            },
            "identityPolicies": [{"name": f"p{at}", "policy": each} for at, each in enumerate(who.policies)],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            **({"permissionBoundaryPolicies": [{"name": "b", "policy": who.boundary}]} if who.boundary else {}),
            **({"resourcePolicy": trust} if trust else {}),
        }
        pipe, answers = self._process.stdin, self._process.stdout
        assert pipe, "it was started with a pipe"
        assert answers, "and with another"
        pipe.write(json.dumps(simulation) + "\n")
        pipe.flush()
        answer = json.loads(answers.readline())
        assert not answer["error"], f"{action} on {resource}: {answer['error']}"
        unknown = [key for key in answer["ignored"] if key in (context or {})]
        assert not unknown, f"{action} has no {unknown}: the test would prove nothing"
        return bool(answer["result"] == "Allowed")
