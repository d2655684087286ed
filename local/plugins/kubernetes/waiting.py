"""Waiting for an object to become ready, or to be gone: no sleeps, a watch tells."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from local.plugins.kubernetes import conditions, manifest, readiness, reasons
from local.plugins.kubernetes.errors import ApiError, UnreachableError
from local.plugins.kubernetes.manifest import Manifest
from local.plugins.kubernetes.readiness import Verdict

if TYPE_CHECKING:  # importing it takes longer than a whole update without changes may
    from local.plugins.kubernetes.client import Client

Tell = Callable[[str], None]
T = TypeVar("T")

_TIME_FOR_EVIDENCE = 10.0
_PODS_EXPLAINED = 3
_WITH_PODS = frozenset({"DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"})
# Deleting these is not awaited either if their readiness is not; the official provider's (odd) rule.
_DELETE_OBEYS_SKIP = frozenset(
    {"DaemonSet", "Deployment", "Job", "Namespace", "Pod", "ReplicationController", "StatefulSet"}
)


class NotReadyError(Exception):
    """The object exists, but is not ready (or not gone). `live` is the last that was seen of it."""

    def __init__(self, causes: list[str], live: Manifest) -> None:
        self.causes = causes
        self.live = live
        super().__init__("\n".join(causes))


class _OutOfTimeError(Exception):
    """The time for waiting is over."""


class _CancelledError(Exception):
    """A person asked for an end."""


async def until_ready(
    client: "Client",
    inputs: Manifest,
    live: Manifest,
    *,
    seconds: float,
    cancelled: asyncio.Event,
    tell: Tell,
) -> Manifest:
    """Wait until an object that was just made or changed is ready; its live state then.

    Raises:
        NotReadyError: time is over, there is no hope, or somebody cancelled. It says why.
        ConditionError: the waitFor annotation cannot be understood.
    """
    check = _check_for(inputs, live)
    if check is None:
        return live
    waiter = _Waiter(client, live, check, tell)
    if check(live).ready and not waiter.needs_more:
        return live
    what = f"{live.get('kind')} {manifest.identity(live)}"
    try:
        return await _within(waiter.run(), seconds, cancelled)
    except _CancelledError as e:
        raise NotReadyError([f"{what}: waiting for it was cancelled"], waiter.live) from e
    except _OutOfTimeError as e:
        headline = f"{what} is not ready after {seconds:g} s ({waiter.progress})"
        raise NotReadyError([headline, *await waiter.explain(cancelled)], waiter.live) from e
    except _HopelessError as e:
        raise NotReadyError([f"{what}: {e}", *await waiter.explain(cancelled)], waiter.live) from e


async def readiness_now(client: "Client", inputs: Manifest, live: Manifest) -> list[str]:
    """Why an object is not ready at this moment; nothing if it is. Nothing is awaited."""
    check = _check_for(inputs, live) if not manifest.annotation(inputs, manifest.WAIT_FOR) else None
    if check is None:
        return []
    verdict = check(live)
    if verdict.ready:
        return []
    waiter = _Waiter(client, live, check, lambda _message: None)
    headline = f"{live.get('kind')} {manifest.identity(live)} is not ready ({verdict.progress})"
    return [headline, *await waiter.explain(asyncio.Event())]


def _check_for(inputs: Manifest, live: Manifest) -> readiness.Judge | None:
    """What to wait for: nothing, what the annotation says, or what is usual for the kind."""
    if manifest.is_true(inputs, manifest.SKIP_AWAIT):
        return None
    wanted = manifest.annotation(inputs, manifest.WAIT_FOR)
    if not wanted:
        return readiness.judge_of(str(live.get("apiVersion")), str(live.get("kind")))
    parsed = conditions.parse(wanted)

    def check(obj: Manifest) -> Verdict:
        missing = [(c.text, found) for c in parsed for ok, found in [c.check(obj)] if not ok]
        if not missing:
            return readiness.READY
        text = "; ".join(f"{text} {found}" for text, found in missing)
        return Verdict(ready=False, progress=f"Waiting for {text}")

    return check


class _HopelessError(Exception):
    """It will not become ready by waiting."""


class _Waiter:
    """One wait: what is watched, and what was seen last."""

    def __init__(self, client: "Client", live: Manifest, check: readiness.Judge, tell: Tell) -> None:
        self._client = client
        self._check = check
        self._tell = tell
        self._pods: dict[str, Manifest] = {}
        self.live = live
        self.progress = check(live).progress
        self._custom = readiness.judge_of(str(live.get("apiVersion")), str(live.get("kind"))) is not check
        self.needs_more = not self._custom and (live.get("kind") == "Service" and readiness.needs_endpoint(live))

    async def run(self) -> Manifest:
        """Return when it is ready."""
        helper = asyncio.ensure_future(self._watch_pods())
        try:
            await asyncio.gather(self._watch_object(), self._watch_endpoints())
            return self.live
        finally:
            helper.cancel()
            await asyncio.gather(helper, return_exceptions=True)

    async def _path(self) -> str:
        kind = await self._client.kind(str(self.live["apiVersion"]), str(self.live["kind"]))
        return kind.path(manifest.namespace(self.live))

    async def _watch_object(self) -> None:
        uid = manifest.metadata(self.live).get("uid")
        selector = {"fieldSelector": f"metadata.name={manifest.name(self.live)}"}
        api = {k: self.live[k] for k in ("apiVersion", "kind")}
        listed = False
        async with aclosing(self._client.events_of(await self._path(), selector)) as events:
            async for event, obj in events:
                gone = event == "DELETED" and manifest.metadata(obj).get("uid") == uid
                if gone or (event == "SYNCED" and not listed):
                    raise _HopelessError("it was deleted by somebody else")
                if event in ("SYNCED", "DELETED"):
                    listed = False  # the next full listing, after a broken watch, starts anew
                    continue
                listed = True
                self.live = {**obj, **api}
                if await self._is_ready():
                    return

    async def _is_ready(self) -> bool:
        verdict = self._check(self.live)
        if verdict.hopeless:
            raise _HopelessError(verdict.progress)
        if not verdict.ready and not self._custom and await self._binds_on_first_use():
            return True
        self.progress = verdict.progress
        if not verdict.ready:
            self._tell_progress()
        return verdict.ready

    async def _binds_on_first_use(self) -> bool:
        """Whether it is a volume claim that stays unbound until a pod uses it."""
        name = (self.live.get("spec") or {}).get("storageClassName")
        if self.live.get("kind") != "PersistentVolumeClaim" or not name:
            return False
        try:
            found = await self._client.request("GET", f"/apis/storage.k8s.io/v1/storageclasses/{name}")
        except (ApiError, UnreachableError):
            return False
        return found.get("volumeBindingMode") == "WaitForFirstConsumer"

    async def _watch_endpoints(self) -> None:
        if not self.needs_more:
            return
        path = f"/apis/discovery.k8s.io/v1/namespaces/{manifest.namespace(self.live)}/endpointslices"
        selector = {"labelSelector": f"kubernetes.io/service-name={manifest.name(self.live)}"}
        slices: dict[str, Manifest] = {}
        async for _ in _keeping(self._client.events_of(path, selector), slices):
            if readiness.has_endpoint(list(slices.values())):
                return
            self.progress = "Waiting for a pod behind it to be ready"
            self._tell_progress()

    async def _watch_pods(self) -> None:
        """Follow its pods, only to tell how they are doing."""
        selector = _pod_selector(self.live)
        if selector is None:
            return
        path = f"/api/v1/namespaces/{manifest.namespace(self.live)}/pods"
        try:
            async for _ in _keeping(self._client.events_of(path, {"labelSelector": selector}), self._pods):
                self._tell_progress()
        except (ApiError, UnreachableError):
            return  # no right to see pods is no reason not to wait for the object

    def _tell_progress(self) -> None:
        troubles = [r for pod in self._pods.values() for r in reasons.pod_reasons(pod)]
        self._tell("; ".join([self.progress, *sorted(troubles)[:1]]))

    async def explain(self, cancelled: asyncio.Event) -> list[str]:
        """Why it is not ready, as far as the API server tells within a few seconds."""
        try:
            evidence = await _within(self._gather(), _TIME_FOR_EVIDENCE, cancelled)
        except (_OutOfTimeError, _CancelledError, ApiError, UnreachableError):
            return []
        return reasons.explain(evidence)

    async def _gather(self) -> reasons.Evidence:
        space = manifest.namespace(self.live)
        pods = await self._current_pods()
        troubled = [p for p in pods if not readiness.pod(p).ready][:_PODS_EXPLAINED]
        names = [manifest.name(self.live), *(manifest.name(p) for p in troubled)] if space else []
        lists = await asyncio.gather(*(self._events_about(space, name) for name in names))
        logs = {
            (manifest.name(pod), container): await self._log(space, pod, container, previous)
            for pod in troubled
            for container, previous in reasons.crashed_containers(pod)
        }
        return reasons.Evidence(
            conditions=list((self.live.get("status") or {}).get("conditions") or []),
            pods=troubled,
            events=[event for events in lists for event in events],
            logs=logs,
        )

    async def _current_pods(self) -> list[Manifest]:
        """Its pods, without those of earlier revisions and those that are leaving."""
        if self.live.get("kind") == "Pod":
            return [self.live]
        selector = _pod_selector(self.live)
        if selector is None:
            return []
        space = manifest.namespace(self.live)
        listing = await self._client.request(
            "GET", f"/api/v1/namespaces/{space}/pods", params={"labelSelector": selector}
        )
        pods = [p for p in listing["items"] if not manifest.metadata(p).get("deletionTimestamp")]
        if self.live.get("kind") != "Deployment":
            return pods
        sets = await self._client.request(
            "GET", f"/apis/apps/v1/namespaces/{space}/replicasets", params={"labelSelector": selector}
        )
        revision = manifest.annotation(self.live, _REVISION)
        newest = {manifest.name(s) for s in sets["items"] if manifest.annotation(s, _REVISION) == revision}
        return [p for p in pods if _owner(p) in newest]

    async def _events_about(self, space: str, name: str) -> list[Manifest]:
        listing = await self._client.request(
            "GET",
            f"/api/v1/namespaces/{space}/events",
            params={"fieldSelector": f"involvedObject.name={name}"},
        )
        return list(listing["items"])

    async def _log(self, space: str, pod: Manifest, container: str, previous: bool) -> str:
        parameters = {"container": container, "tailLines": "10", "previous": str(previous).lower()}
        return await self._client.log(space, manifest.name(pod), parameters)


_REVISION = "deployment.kubernetes.io/revision"


def _owner(pod: Manifest) -> str:
    owners = manifest.metadata(pod).get("ownerReferences") or [{}]
    return str(owners[0].get("name", ""))


async def _keeping(
    events: AsyncIterator[tuple[str, Manifest]], kept: dict[str, Manifest]
) -> AsyncIterator[tuple[str, Manifest]]:
    """Pass events on, keeping the objects that there are by name."""
    async for event, obj in events:
        if event == "DELETED":
            kept.pop(manifest.name(obj), None)
        elif event != "SYNCED":
            kept[manifest.name(obj)] = obj
        yield event, obj


def _pod_selector(obj: Manifest) -> str | None:
    """The label selector of an object's pods, as text; none if it has no pods."""
    selector = (obj.get("spec") or {}).get("selector")
    if obj.get("kind") not in _WITH_PODS or not isinstance(selector, dict):
        return None
    parts = [f"{k}={v}" for k, v in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or []:
        key, operator, values = one.get("key"), one.get("operator"), one.get("values") or []
        if operator in ("In", "NotIn"):
            parts.append(f"{key} {operator.lower()} ({','.join(values)})")
        else:
            parts.append(str(key) if operator == "Exists" else f"!{key}")
    return ",".join(parts)


async def until_gone(
    client: "Client",
    inputs: Manifest,
    live: Manifest,
    *,
    path: str,
    seconds: float,
    cancelled: asyncio.Event,
    tell: Tell,
) -> None:
    """Wait until an object that was told to go is gone. `path` is that of all objects of its kind in its namespace.

    Raises:
        NotReadyError: time is over or somebody cancelled, and it is still there. It says what holds it.
    """
    if manifest.is_true(inputs, manifest.SKIP_AWAIT) and inputs.get("kind") in _DELETE_OBEYS_SKIP:
        return
    what = f"{live.get('kind')} {manifest.identity(live)}"
    watch = _Going(client, live, path, tell)
    try:
        await _within(watch.run(), seconds, cancelled)
    except _CancelledError as e:
        raise NotReadyError([f"{what}: waiting for its deletion was cancelled"], watch.live) from e
    except _OutOfTimeError as e:
        held = ", ".join(manifest.metadata(watch.live).get("finalizers") or []) or "nothing that it names"
        told = reasons.condition_reasons(_namespace_conditions(watch.live), brief=False)
        raise NotReadyError(
            [f"{what} is still there {seconds:g} s after it was told to go; held by: {held}", *told],
            watch.live,
        ) from e


def _namespace_conditions(obj: Manifest) -> list[dict[str, Any]]:
    """What keeps a Namespace, in the form that conditions of other kinds have."""
    found = (obj.get("status") or {}).get("conditions") or []
    return [
        {**c, "type": "Ready", "status": "False"}
        for c in found
        if obj.get("kind") == "Namespace" and c.get("status") == "True"
    ]


class _Going:
    """One wait for an object to go."""

    def __init__(self, client: "Client", live: Manifest, path: str, tell: Tell) -> None:
        self._client = client
        self._path = path
        self._tell = tell
        self.live = live

    async def run(self) -> None:
        uid = manifest.metadata(self.live).get("uid")
        selector = {"fieldSelector": f"metadata.name={manifest.name(self.live)}"}
        there = False
        async with aclosing(self._client.events_of(self._path, selector)) as events:
            async for event, obj in events:
                same = manifest.metadata(obj).get("uid") == uid
                if event == "SYNCED" and not there:
                    return
                if event == "SYNCED":
                    there = False  # the next full listing, after a broken watch, starts anew
                elif event == "DELETED" and same:
                    return
                elif same:
                    there = there or event == "ADDED"  # a full listing has it
                    self.live = {"kind": self.live.get("kind"), **obj}
                    held = ", ".join(manifest.metadata(obj).get("finalizers") or [])
                    if held and held != "foregroundDeletion":
                        self._tell(f"Waiting for it to be gone (held by: {held})")


async def _within(work: Coroutine[Any, Any, T], seconds: float, cancelled: asyncio.Event) -> T:
    """Do some work, for so long and as long as nobody cancels."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(cancelled.wait())
    waiting: set[asyncio.Future[Any]] = {task, stop}
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise _CancelledError if stop.done() else _OutOfTimeError
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def retrying(
    attempt: Callable[[], Awaitable[T]],
    *,
    worth_it: Callable[[Exception], bool],
    pauses: tuple[float, ...],
    cancelled: asyncio.Event,
    tell: Tell,
) -> T:
    """Try again, after growing pauses, what failed only because something else is not there yet."""
    for number, pause in enumerate(pauses, 1):
        try:
            return await attempt()
        except Exception as e:
            if not worth_it(e) or cancelled.is_set():
                raise
            tell(f"Retry #{number}: {e}")
        await asyncio.sleep(pause)
    return await attempt()
