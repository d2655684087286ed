"""python-gitlab, with a time limit. Imported only when GitLab is asked, as the library is slow to load."""

from http import HTTPStatus
from typing import Any

import gitlab
from gitlab._backends.requests_backend import RequestsBackend, RequestsResponse

SECONDS = 10.0
"""For one answer."""
RETRIES = 3
LONGEST_PAUSE = 20
"""Seconds that GitLab may ask for between two tries; asked for more, the request fails instead."""


class GitLabSession(gitlab.Gitlab):
    """A client that repeats what may be repeated, a few times."""

    def __init__(self, url: str, *, timeout: float = SECONDS, **options: Any) -> None:  # noqa: ANN401 - as gitlab.Gitlab
        """Use a GitLab.

        Args:
            url: without the API's path.
            timeout: seconds for one answer.
            options: as `gitlab.Gitlab` has them.
        """
        # keep_base_url: next pages are asked where the first was, whatever a proxy makes GitLab believe it is called.
        super().__init__(url, timeout=timeout, keep_base_url=True, backend=_Backend, **options)

    def http_request(self, verb: str, path: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as overridden
        """Send a request; a POST whose answer is lost is not sent again, as it may have been done."""
        options.setdefault("max_retries", RETRIES)
        options.setdefault("retry_transient_errors", verb.lower() != "post")
        return super().http_request(verb, path, *arguments, **options)


class _Backend(RequestsBackend):
    """Requests, without pauses that have no end or make no sense."""

    def http_request(self, *arguments: Any, **options: Any) -> RequestsResponse:  # noqa: ANN401 - as overridden
        answer = super().http_request(*arguments, **options)
        # The library would trust RateLimit-Reset, a time of day, whatever this machine's clock says.
        answer.headers.pop("RateLimit-Reset", None)
        pause = answer.headers.get("Retry-After")
        if pause is None:
            return answer
        if not pause.isdigit():
            del answer.headers["Retry-After"]
        elif int(pause) > LONGEST_PAUSE:
            raise gitlab.GitlabHttpError(
                f"GitLab asks to wait {pause} s", response_code=answer.status_code or HTTPStatus.TOO_MANY_REQUESTS
            )
        return answer
