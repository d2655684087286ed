"""What a command asks of the API server, seen on the way."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.cluster.support.waiting import until

# As kubectl logs each request that it passes on, from verbosity 6.
_REQUEST = re.compile(r'verb="(?P<method>\w+)" url="(?P<url>[^"]+)" status="(?P<status>\d+)')
_SERVING = re.compile(r"Starting to serve on 127\.0\.0\.1:(\d+)")
_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/(?:namespaces/[^/]+/)?"
    r"(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>.+))?)?"
)


@dataclass
class Proxy:
    """A proxy in front of the API server, with somebody's credentials."""

    port: int
    log: Path
    counted: int = 0
    """Characters of the log that `counts` has counted."""

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here."""
        file = folder / "proxied.kubeconfig"
        cluster = {"name": "it", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        context = {"name": "it", "context": {"cluster": "it", "user": "it"}}
        users = [{"name": "it", "user": {}}]
        config = {"clusters": [cluster], "contexts": [context], "users": users, "current-context": "it"}
        file.write_text(json.dumps(config))
        return file

    def counts(self) -> Counter[str]:
        """Count the requests since this was last asked, as `<verb> <resource>`; a resource that is none is its path."""
        log = self.log.read_text()
        found = list(_REQUEST.finditer(log, self.counted))
        self.counted = len(log)
        return Counter(_short(each["method"], each["url"]) for each in found)

    def rights(self) -> set[tuple[str, str, str]]:
        """Return what was needed so far: group, resource and verb of every request about objects.

        Requests that the server answered with 404 for want of an object needed their right as well.
        """
        found = _REQUEST.finditer(self.log.read_text())
        return {right for each in found for right in _rights(each["method"], each["url"], int(each["status"]))}


def _short(method: str, url: str) -> str:
    parts = urlsplit(url)
    found = _PATH.fullmatch(parts.path)
    if found is None:
        return f"{method.lower()} {parts.path}"
    resource = "/".join(each for each in (found["resource"], found["sub"]) if each)
    return f"{_verb(method, found['name'], parts.query)} {resource}"


def _verb(method: str, name: str | None, query: str) -> str:
    verb = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]
    if verb == "get" and not name:
        return "watch" if parse_qs(query).get("watch") in (["true"], ["1"]) else "list"
    return verb


def _rights(method: str, url: str, status: int) -> Iterator[tuple[str, str, str]]:
    parts = urlsplit(url)
    found = _PATH.fullmatch(parts.path)
    if found is None:
        return  # discovery, which everybody may
    resource = "/".join(each for each in (found["resource"], found["sub"]) if each)
    verb = _verb(method, found["name"], parts.query)
    yield found["group"] or "", resource, verb
    if verb == "patch" and status == 201:
        # An apply that makes the object.
        yield found["group"] or "", resource, "create"


@contextmanager
def proxy(env: dict[str, str], folder: Path) -> Iterator[Proxy]:
    """Pass requests on with the credentials of an environment's kubeconfig, and keep a record of them."""
    log = folder / "requests.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            ["kubectl", "proxy", "--port=0", "--v=6"], env=env, stdout=out, stderr=subprocess.STDOUT, text=True
        )
    try:
        ports = until(lambda: _SERVING.findall(log.read_text()), what="the proxy listens")
        yield Proxy(port=int(ports[0]), log=log)
    finally:
        process.terminate()
        process.wait()
