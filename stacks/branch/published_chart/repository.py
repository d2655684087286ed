"""A chart repository: a web server with an index.yaml and packed charts.

https://helm.sh/docs/topics/chart_repository/
"""

import netrc
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import yaml

from core.http_client import Answer, HttpClient, NoAnswerError, may_see_credentials
from core.registry_login import Login
from stacks.branch.published_chart.refusal import ChartError
from stacks.branch.published_chart.versions import no_such_name, no_such_version
from stacks.settings.chart_source import PublishedChart

MOST_PACKED = 20 << 20
"""Bytes of a packed chart."""
_MOST_INDEX = 64 << 20
_OK, _NOT_FOUND = 200, 404
_REFUSED = frozenset({401, 403})


def location(chart: PublishedChart, client: HttpClient, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return where a chart is, as a URL, and the digest that the repository's index says it has; empty if it says none.

    Args:
        chart: that is asked for.
        client: that asks.
        environ: variables with credentials, or of where they are.

    Raises:
        ChartError: the repository does not tell, or has no such chart.
    """
    url = f"{chart.repository}/index.yaml"
    answer = _asked(url, client, environ, most=_MOST_INDEX)
    entries = _entries(answer.body) if answer.status == _OK else None
    if entries is None:
        raise ChartError(
            "repository",
            f"a chart repository has an index.yaml; {url} answers {answer.status}"
            + (" and something else" if answer.status == _OK else ""),
            "write the URL that `helm repo add` takes; a registry's begins with oci://",
        )
    releases = entries.get(chart.name)
    if not releases:
        raise no_such_name(chart, entries.keys())
    by_version = {str(each.get("version")): each for each in releases if isinstance(each, Mapping)}
    if chart.version not in by_version:
        raise no_such_version(chart, by_version.keys())
    found = by_version[chart.version]
    urls = found.get("urls") or []
    if not urls:
        raise ChartError("version", "the repository's index says nowhere where this one is", "write another version")
    digest = str(found.get("digest") or "")
    return _seen_from(chart.repository, str(urls[0])), f"sha256:{digest.removeprefix('sha256:')}" if digest else ""


def download(url: str, client: HttpClient, environ: Mapping[str, str]) -> bytes:
    """Return a packed chart.

    Args:
        url: of it.
        client: that asks.
        environ: variables with credentials, or of where they are.

    Raises:
        ChartError: it does not come.
    """
    answer = _asked(url, client, environ, most=MOST_PACKED)
    if answer.status != _OK:
        raise ChartError(
            "version",
            f"the repository's index has it, but {url} answers {answer.status}",
            "write another version; if this one should be there, tell whoever keeps the repository",
        )
    return answer.body


def _asked(url: str, client: HttpClient, environ: Mapping[str, str], *, most: int) -> Answer:
    used: list[str] = []

    def authorize(at: str) -> str | None:
        login = _login(at, environ)
        used.extend([login.user] if login else [])
        return login.header if login else None

    try:
        answer = client.ask(url, authorize=authorize, most=most)
    except NoAnswerError as e:
        raise ChartError(
            "repository",
            f"{urlsplit(url).netloc} {e}",
            f"see what this machine gets: curl --location --head '{url}'; behind a proxy set HTTPS_PROXY",
        ) from e
    if answer.status in _REFUSED:
        host = urlsplit(url).hostname
        known = "does not let in who has these credentials" if used else "wants credentials, and there are none"
        raise ChartError(
            "repository",
            f"{host} {known} ({answer.status})",
            f"give whoever deploys a line in ~/.netrc (or the file that NETRC names): machine {host} login <user> "
            "password <password>; the package registry of a job's own GitLab is asked with the job's token",
        )
    return answer


def _login(url: str, environ: Mapping[str, str]) -> Login | None:
    """Find user and password for a URL: the job's own for its GitLab, else what curl would take."""
    if not may_see_credentials(url):
        return None
    gitlab, token = environ.get("CI_API_V4_URL", ""), environ.get("CI_JOB_TOKEN", "")
    if gitlab and token and url.startswith(f"{gitlab.rstrip('/')}/"):
        return Login("gitlab-ci-token", token)
    file = Path(environ.get("NETRC") or Path(environ.get("HOME") or "/") / ".netrc")
    try:
        found = netrc.netrc(str(file)).authenticators(urlsplit(url).hostname or "")
    except OSError:
        return None
    except netrc.NetrcParseError as e:
        # Not its text, which may have a password in it.
        raise ChartError(
            "repository", f"{file} has the credentials, and cannot be read as such: line {e.lineno}", "correct it"
        ) from e
    return Login(found[0], found[2]) if found else None


def _entries(text: bytes) -> Mapping[str, Any] | None:
    """Return the charts of an index; None if it is none."""
    # Every value as it is written: 1.10 is a version.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        found = yaml.load(text, loader)  # noqa: S506 - which makes nothing but texts, lists and mappings
    except (yaml.YAMLError, ValueError):
        return None
    entries = found.get("entries") if isinstance(found, Mapping) else None
    return entries if isinstance(entries, Mapping) else {} if entries == "" else None


def _seen_from(repository: str, url: str) -> str:
    """Return a URL of an index, which may be seen from the repository's."""
    return url if url.startswith("oci://") else urljoin(f"{repository}/", url)
