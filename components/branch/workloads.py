"""One branch environment made of workloads."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pulumi

from components.branch.claim import claims
from components.branch.digests import pinned, pinned_pods
from components.branch.environment import EnvironmentArgs, begin
from components.branch.handover import followed
from components.branch.pod import STABLE, Placed, deployment, service, service_port
from components.branch.routes import place_routes
from components.branch.spec.container import Container
from components.branch.spec.job import Job, Schedule, Task
from components.branch.spec.name import UNNAMED
from components.branch.spec.workload import Workload, routes_of
from components.branch.succession import BRANCH_ENVIRONMENT, child_name, succeeding
from components.branch.task import cron_job, job_manifest
from components.branch.virtual_service import Destination, RoutedTo, side_urls
from components.kubernetes_object import KubernetesObject
from core.labels import JOB_TRACK, SCHEDULE_TRACK, branch_labels, object_annotations
from core.names import CANARY, object_name


@dataclass(frozen=True, kw_only=True)
class BranchEnvironmentArgs(EnvironmentArgs):
    """What an environment made of workloads needs to know beside that."""

    service_account: str
    """Of pods whose workload names no other."""
    workloads: Mapping[str, Workload]
    """By name; one unnamed workload has the key `UNNAMED`. Every image is set."""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    """By name, in the order in which they run, with all that they take from a workload."""
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    """By name, with all that they take from a workload."""
    ran: Collection[str] = ()
    """Jobs that are to run once, and did so in an earlier `pulumi up` for the same data."""

    def __post_init__(self) -> None:
        """Refuse what would make half an environment."""
        if not self.workloads:
            raise ValueError("workloads: an environment has at least one workload; add one")
        if UNNAMED in self.workloads and len(self.workloads) > 1:
            raise ValueError("workloads: only one workload may go without a name; name each of them")
        every: list[tuple[str, Container]] = [*self.workloads.items(), *self.jobs.items(), *self.schedules.items()]
        if without := sorted(name for name, each in every if not each.image):
            raise ValueError(f"workloads: {without} have no image; set one for each")


class BranchEnvironment(pulumi.ComponentResource):
    """What one branch of an app runs: a Deployment and a Service per workload, its routes, one anchor.

    Type `branch-environments:branch:BranchEnvironment`. All belong to the anchor, and the route comes once the pods are
    ready: 50 ms later than if it were there before them, and no request ever finds it without pods. Jobs run one after
    another: some before the pods of a new version are made, some once the route leads to them. Where the base
    stack has drawn boundaries, a NetworkPolicy and a Sidecar open them within the branch. Left out on purpose:
    namespace, a ServiceAccount that branches share, gateway and certificate are the base stack's, Secrets and
    ConfigMaps the app's.
    """

    url: pulumi.Output[str]
    """Public URL; known once nothing that this push takes away is asked any more."""
    services: pulumi.Output[list[str]]
    """Names of its Services."""
    images: pulumi.Output[dict[str, str]]
    """Image by workload (the unnamed one is called as the app), a second image by `<name>--canary`."""
    urls: pulumi.Output[dict[str, str]]
    """URLs of its other hosts, by their names."""
    ran: pulumi.Output[dict[str, Any]]
    """Jobs that are to run once, and for which data; known once they did."""

    def __init__(self, name: str, args: BranchEnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(BRANCH_ENVIRONMENT, name, None, succeeding(name, args.slug, opts))
        services = [
            object_name(args.slug, each, canary=track == CANARY)
            for each, workload in args.workloads.items()
            if workload.port
            for _, _, _, track in _images(each, workload)
        ]
        owner, metadata, account, hand_over = begin(name, args, self, services=services)
        order = _order(args)
        if args.sleep and not args.sleep.waking:
            # The page answers before the pods go.
            route = self._route(name, args, metadata, after=[])
            answered = followed(route, hand_over=hand_over)
            first = self._workloads(name, args, owner, order.first, after=[*answered, *account])
            jobs = self._jobs(name, args, owner, "before", after=[*account, *first])
            pods = [*first, *self._workloads(name, args, owner, order.rest, after=[*answered, *account, *jobs])]
        else:
            first = self._workloads(name, args, owner, order.first, after=account)
            jobs = self._jobs(name, args, owner, "before", after=[*account, *first])
            # No request reaches pods that are not up: new ones, second images, those of an environment that wakes.
            pods = [*first, *self._workloads(name, args, owner, order.rest, after=[*account, *jobs])]
            route = self._route(name, args, metadata, after=pods)
            answered = followed(route, hand_over=hand_over)
        jobs += self._jobs(name, args, owner, "after", after=[*pods, *route])
        for key, each in args.schedules.items():
            place = _placed_task(args, owner, key, each, SCHEDULE_TRACK)
            manifest = cron_job(each, place, suspended=bool(args.sleep and not args.sleep.waking))
            manifest = pinned_pods(manifest, ["spec", "jobTemplate", "spec", "template"], args.digests)
            KubernetesObject(
                f"{name}-{key}-cron-job", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*pods])
            )

        self.url = pulumi.Output.all(*answered).apply(lambda _: args.url)
        self.urls = pulumi.Output.from_input(side_urls(args.url, args.host, _routed(args)))
        self.services = pulumi.Output.from_input(services)
        self.images = pulumi.Output.from_input(images_of(args.app, args.workloads, args.digests))
        ran = {"data": args.data, "once": sorted(key for key, each in args.jobs.items() if each.once)}
        self.ran = pulumi.Output.all(*[each.urn for each in jobs]).apply(lambda _: ran)
        self.register_outputs({"url": self.url, "urls": self.urls, "images": self.images, "ran": self.ran})

    def _workloads(
        self,
        name: str,
        args: BranchEnvironmentArgs,
        owner: Mapping[str, Any],
        which: Collection[str],
        *,
        after: Sequence[pulumi.Input[pulumi.Resource]],
    ) -> list[pulumi.Resource]:
        pods: list[pulumi.Resource] = []
        for key, (workload, place) in sorted(_places(args, owner, which).items()):
            prefix = f"{name}-{key}" if key else name
            kept = [
                KubernetesObject(
                    child_name(claim["kind"], claim["metadata"]["name"], name, args.slug),
                    claim,
                    pulumi.ResourceOptions(parent=self),
                )
                for claim in claims(workload, place)
            ]
            options = pulumi.ResourceOptions(parent=self, depends_on=[*after, *kept])
            pods.append(KubernetesObject(f"{prefix}-deployment", _pods(workload, place, args), options))
            if workload.port:
                KubernetesObject(f"{prefix}-service", service(workload, place), pulumi.ResourceOptions(parent=self))
        return pods

    def _jobs(
        self,
        name: str,
        args: BranchEnvironmentArgs,
        owner: Mapping[str, Any],
        when: Literal["before", "after"],
        *,
        after: Sequence[pulumi.Input[pulumi.Resource]],
    ) -> list[pulumi.Resource]:
        made: list[pulumi.Resource] = []
        for key, each in args.jobs.items():
            if each.when != when:
                continue
            manifest = job_manifest(each, _placed_task(args, owner, key, each, JOB_TRACK), _inputs(args))
            manifest = pinned_pods(manifest, ["spec", "template"], args.digests)
            options = pulumi.ResourceOptions(
                parent=self,
                depends_on=[*after, *made[-1:]],
                # What has run once is left as it was then.
                ignore_changes=["spec"] if each.once and key in args.ran else None,
            )
            made.append(KubernetesObject(f"{name}-{key}-job", manifest, options))
        return made

    def _route(
        self, name: str, args: BranchEnvironmentArgs, metadata: Mapping[str, Any], *, after: list[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        opts = pulumi.ResourceOptions(parent=self, depends_on=after)
        return place_routes(name, args, metadata, list(_routed(args)), opts)


class _Order(NamedTuple):
    """Names of workloads, by when they are made."""

    first: Collection[str]
    """What jobs need that run before the others."""
    rest: Collection[str]


def _order(args: BranchEnvironmentArgs) -> _Order:
    """Tell the workloads that jobs need from those that wait for these jobs."""
    first = {name for each in args.jobs.values() if each.when == "before" for name in each.needs}
    return _Order(first=first, rest=args.workloads.keys() - first)


def _inputs(args: BranchEnvironmentArgs) -> str:
    """Return a digest of what a push brings: its images."""
    return hashlib.sha256(json.dumps(images_of(args.app, args.workloads, args.digests)).encode()).hexdigest()[:16]


def _pods(workload: Workload, place: Placed, args: BranchEnvironmentArgs) -> dict[str, Any]:
    return pinned_pods(deployment(workload, place), ["spec", "template"], args.digests)


def _places(
    args: BranchEnvironmentArgs, owner: Mapping[str, Any], which: Collection[str]
) -> dict[str, tuple[Workload, Placed]]:
    """Place every image: by workload name, a second image under `<workload>--canary` (or `canary` alone)."""
    return {
        key: (workload, _placed(args, owner, workload_name, image, replicas, track))
        for workload_name, workload in args.workloads.items()
        if workload_name in which
        for key, image, replicas, track in _images(workload_name, workload)
    }


def images_of(app: str, workloads: Mapping[str, Workload], digests: Mapping[str, str]) -> dict[str, str]:
    """Return every image by workload; the unnamed one is called as the app, a second image `<name>--canary`."""
    return {
        f"{name or app}{f'--{CANARY}' if track == CANARY else ''}": pinned(image, digests)
        for name, workload in sorted(workloads.items())
        for _, image, _, track in _images(name, workload)
    }


def _images(workload_name: str, workload: Workload) -> Iterator[tuple[str, str, int, str]]:
    yield workload_name, workload.image or "", workload.replicas, STABLE
    if workload.canary:
        key = f"{workload_name}--{CANARY}" if workload_name else CANARY
        yield key, workload.canary.image, workload.canary.replicas, CANARY


def _placed(
    args: BranchEnvironmentArgs,
    owner: Mapping[str, Any],
    workload_name: str,
    image: str,
    replicas: int,
    track: str,
) -> Placed:
    return Placed(
        name=object_name(args.slug, workload_name, canary=track == CANARY),
        namespace=args.namespace,
        labels=branch_labels(args.app, args.slug, workload_name),
        annotations=object_annotations(args.branch),
        image=image,
        replicas=0 if args.sleep and not args.sleep.waking else replicas,
        service_account=args.workloads[workload_name].service_account or args.service_account,
        env=environment_variables(args),
        ready_timeout_seconds=args.ready_timeout_seconds,
        owner=owner,
        data=args.data,
        track=track,
        needed=any(workload_name in each.needs for each in args.jobs.values()),
    )


def _placed_task(args: BranchEnvironmentArgs, owner: Mapping[str, Any], name: str, each: Task, track: str) -> Placed:
    return Placed(
        name=object_name(args.slug, name),
        namespace=args.namespace,
        labels=branch_labels(args.app, args.slug, name),
        annotations=object_annotations(args.branch),
        image=each.image or "",
        replicas=1,
        service_account=each.service_account or args.service_account,
        env=environment_variables(args),
        ready_timeout_seconds=args.ready_timeout_seconds,
        owner=owner,
        track=track,
    )


def environment_variables(args: BranchEnvironmentArgs) -> dict[str, str]:
    """Return the variables that every container of the environment gets: itself, and where its siblings are."""
    siblings: dict[str, str] = {}
    for name, workload in sorted(args.workloads.items()):
        if name and workload.port:
            siblings |= _sibling(_variable(name), object_name(args.slug, name), workload)
    # What `${branch}` stands for in the policies of its cloud identity.
    identity = {"BRANCH_IDENTITY": object_name(args.slug)} if args.account else {}
    own = {"BRANCH": args.branch, "BRANCH_SLUG": args.slug, "BRANCH_URL": args.url, "BRANCH_DATA": args.data}
    others = side_urls(args.url, args.host, _routed(args))
    hosts = {f"BRANCH_{_variable(name)}_URL": url for name, url in others.items()}
    return {**own, **identity, **hosts, **siblings}


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _sibling(prefix: str, host: str, workload: Workload) -> dict[str, str]:
    """Say where a sibling is: as a URL, and in parts where clients want these."""
    if workload.protocol == "http":
        return {f"{prefix}_URL": f"http://{host}"}
    port = service_port(workload)
    # https://github.com/grpc/grpc/blob/master/doc/naming.md
    scheme = {"http2": "http://", "grpc": "dns:///", "tcp": "tcp://"}[workload.protocol]
    return {f"{prefix}_URL": f"{scheme}{host}:{port}", f"{prefix}_HOST": host, f"{prefix}_PORT": str(port)}


def _routed(args: BranchEnvironmentArgs) -> Iterator[RoutedTo]:
    for name, workload in args.workloads.items():
        routes = routes_of(args.workloads, name)
        if not routes:
            continue
        port = service_port(workload)
        share = workload.canary.weight if workload.canary else 0
        destinations = [Destination(service=object_name(args.slug, name), port=port, weight=100 - share)]
        if share:
            second = object_name(args.slug, name, canary=True)
            destinations.append(Destination(service=second, port=port, weight=share))
        for route in routes:
            yield RoutedTo(route=route, destinations=destinations)
