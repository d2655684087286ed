"""A host that no branch has, as those see it who ask for it."""

from core.gateway_answers import NO_ENVIRONMENT, STATE_HEADER
from tests.cluster.support.gateway import Answer


def is_nobodys(answer: Answer) -> bool:
    """Whether the answer is the page."""
    return answer.status == 404 and answer.headers.get(STATE_HEADER) == NO_ENVIRONMENT
