"""The API server, as this provider needs it: untyped objects, over connections that are kept open."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import quote

import httpx2
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SingleConfig

from local.plugins.kubernetes.errors import ApiError, UnknownKindError, UnreachableError
from local.plugins.kubernetes.kinds import Kind, builtin_kind

_GONE = 410
_NOT_FOUND = 404
_PATIENCE = 5  # tries while the server says that it is too busy


class Client:
    """Requests to one cluster as one user. Made and used on one event loop."""

    def __init__(self, config: SingleConfig) -> None:
        self.server = config.cluster.server
        parameters = ConnectionParams(timeout=httpx2.Timeout(60, connect=10)).httpx_params(config)
        self._http = httpx2.AsyncClient(
            **parameters, limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32)
        )
        self._kinds: dict[str, asyncio.Task[dict[str, Kind]]] = {}

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def kind(self, api_version: str, kind: str) -> Kind:
        """How a kind is addressed; asks the server once per group and version, and only for kinds not built in.

        Raises:
            UnknownKindError: the server does not serve it.
        """
        known = builtin_kind(api_version, kind)
        if known is not None:
            return known
        task = self._kinds.get(api_version)
        if task is None:
            task = self._kinds[api_version] = asyncio.ensure_future(self._discover(api_version))
        try:
            return (await asyncio.shield(task))[kind]
        except (KeyError, ApiError) as e:
            self._kinds.pop(api_version, None)  # its definition may be the next thing to be made
            if isinstance(e, ApiError) and e.code != _NOT_FOUND:
                raise
            raise UnknownKindError(api_version, kind) from e
        except UnreachableError:
            self._kinds.pop(api_version, None)
            raise

    async def _discover(self, api_version: str) -> dict[str, Kind]:
        listing = await self.request("GET", f"/apis/{api_version}")
        return {
            r["kind"]: Kind(api_version, r["name"], r["namespaced"])
            for r in listing.get("resources", [])
            if "/" not in r["name"]
        }

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """One request with a JSON answer.

        Raises:
            ApiError: the server refused.
            UnreachableError: there was no answer.
        """
        for attempt in range(1, _PATIENCE + 1):
            response = await self._send(method, path, params, body, {"Accept": accept, "Content-Type": content_type})
            pause = response.headers.get("Retry-After")
            if response.status_code in (429, 503) and pause and attempt < _PATIENCE:
                await asyncio.sleep(min(float(pause), 5))
                continue
            break
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        raise _refusal(response)

    async def _send(self, method: str, path: str, params: Any, body: Any, headers: dict[str, str]) -> httpx2.Response:
        # Unescaped: an apply is read as YAML, which does not take JSON's two escapes for one emoji.
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            return await self._http.request(method, path, params=params, content=content, headers=headers)
        except httpx2.TransportError as e:
            raise UnreachableError(f"the Kubernetes API server {self.server} does not answer: {_words(e)}") from e

    async def log(self, namespace: str, pod: str, params: Mapping[str, str]) -> str:
        """Lines of a container's log; nothing if there are none to be had."""
        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log"
        try:
            response = await self._http.get(path, params=params, timeout=5)
        except httpx2.TransportError:
            return ""
        return response.text if response.is_success else ""

    async def events_of(
        self, path: str, selector: Mapping[str, str]
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Everything that is, then every change, as pairs of `ADDED`, `MODIFIED` or `DELETED` and an object.

        `SYNCED` and an empty object come after the first objects. Broken and expired watches are taken up again from
        the start, so the same object may be seen twice.

        Raises:
            ApiError: the server refuses to list or watch.
        """
        while True:
            listing = await self.request("GET", path, params=selector)
            header = {"apiVersion": listing.get("apiVersion", "")}
            for item in listing.get("items", []):
                yield "ADDED", {**header, **item}
            yield "SYNCED", {}
            version = str((listing.get("metadata") or {}).get("resourceVersion", ""))
            async for kind, item in self._watch(path, selector, version):
                yield kind, item
            await asyncio.sleep(0.2)  # a server that is just starting again is not asked in a tight loop

    async def _watch(
        self, path: str, selector: Mapping[str, str], version: str
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        params = {**selector, "watch": "true", "resourceVersion": version}
        try:
            async with self._http.stream("GET", path, params=params, timeout=httpx2.Timeout(60, read=None)) as response:
                if not response.is_success:
                    await response.aread()
                    if response.status_code == _GONE:
                        return
                    raise _refusal(response)
                async for line in response.aiter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]
        except httpx2.TransportError:
            return


def _refusal(response: httpx2.Response) -> ApiError:
    try:
        status = response.json()
    except ValueError:
        status = {"message": response.text.strip()}
    return ApiError(response.status_code, status if isinstance(status, dict) else {})


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
