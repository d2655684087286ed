"""A server is asked for one answer: it has an end, and credentials go nowhere else."""

import pytest

from core.http_client import HttpClient, NoAnswerError, is_local, may_see_credentials
from tests.unit.web_server import Asked, Reply, served


def test_each_server_on_the_way_is_shown_what_is_its_own() -> None:
    seen: dict[str, str] = {}

    def answer(asked: Asked) -> Reply:
        seen[asked.path] = asked.authorization
        if asked.path == "/end":
            return Reply(b"here")
        return Reply(status=302, headers={"Location": f"http://localhost:{port}/end"})

    with served(answer) as port:
        found = HttpClient({}).ask(
            f"http://127.0.0.1:{port}/begin", authorize=lambda at: "secret" if "127.0.0.1" in at else None
        )
    assert found.body == b"here", "the redirect is followed"
    assert seen == {"/begin": "secret", "/end": ""}, "the same machine by another name may be another's"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(status=302, headers={"Location": "/"}), "there is no end"),
        (Reply(status=302, headers={"Location": "file:///etc/passwd"}), "without TLS"),
        (Reply(b"x" * (3 << 20)), "more than 2 MiB"),
        (Reply(b"x", headers={"Content-Length": "100"}), "breaks off"),
    ],
    ids=["in a circle", "to a file", "too long", "cut off"],
)
def test_what_is_no_answer_says_why(reply: Reply, says: str) -> None:
    with served(lambda _: reply) as port, pytest.raises(NoAnswerError, match=says):
        HttpClient({}).ask(f"http://127.0.0.1:{port}/", most=2 << 20)


def test_nobody_listens() -> None:
    with pytest.raises(NoAnswerError, match="refused"):
        HttpClient({}).ask("http://127.0.0.1:1/")


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000", "charts.localhost"])
def test_this_machine_is_asked_without_tls(host: str) -> None:
    assert is_local(host), "as container runtimes do"


@pytest.mark.parametrize("url", ["http://example.com", "http://localhost.example.com", "http://localhost@example.com"])
def test_credentials_need_tls(url: str) -> None:
    assert not may_see_credentials(url), "whoever is on the way would read them"
