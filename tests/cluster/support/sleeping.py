"""An environment that sleeps, as those see it who ask for it."""

from core.gateway_answers import ASLEEP, STATE_HEADER
from tests.cluster.support.gateway import Answer, Gateway
from tests.cluster.support.stacks import Branch
from tests.cluster.support.waiting import until


def sleeps(answer: Answer) -> bool:
    """Whether the answer is the page."""
    return answer.status == 503 and answer.headers.get(STATE_HEADER) == ASLEEP


def until_asleep(branch: Branch, gateway: Gateway) -> Answer:
    """Wait for the gateway to hear of it, and for the pods' grace period."""
    until(lambda: sleeps(gateway.get(branch.host)), what=f"{branch.host} answers the page")
    until(lambda: not branch.pods(), what=f"{branch.stack} has no pods")
    return gateway.get(branch.host)
