"""A branch stack, `<app>.<slug>`: one branch environment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pulumi

from components.branch.digests import pinned
from components.branch.sleeping_page import Sleep
from components.branch.spec.job import Job, Schedule
from components.branch.spec.workload import Workload
from core.contract import App, Base, Isolation
from core.labels import SLUG_LABEL
from core.names import object_name
from stacks.branch import checks
from stacks.branch.base_reference import BaseReference
from stacks.branch.chart_kinds import Permission
from stacks.branch.config import branch_settings
from stacks.cluster_pin import OUTPUT, NotedCluster, check_cluster
from stacks.config import given
from stacks.settings.branch import BranchSettings
from stacks.settings.chart_source import ChartSource
from stacks.settings.environment_file import EnvironmentFile, load, tasks_of, workloads_of
from stacks.settings.errors import Findings, Problem, SettingsError, nearest, shown

if TYPE_CHECKING:
    from components.branch.chart import ChartEnvironment
    from components.branch.environment import Before
    from components.branch.service_account import BranchServiceAccount
    from components.branch.workloads import BranchEnvironment
    from stacks.branch.chart_checks import Reviewed
    from stacks.branch.chart_plan import ChartPlan


RAN = "ran"
"""Output in which a stack notes what need not run again."""
SERVICES = "services"
"""Output in which a stack notes where its route may lead."""


@dataclass(frozen=True, kw_only=True)
class BranchPlan:
    """All that is known before the first resource is made."""

    stack: str
    app: str
    slug: str
    branch: str
    settings: BranchSettings
    base: Base
    workloads: Mapping[str, Workload]
    jobs: Mapping[str, Job]
    schedules: Mapping[str, Schedule]
    chart: "ChartPlan | None"
    ran: Any
    """What the last `pulumi up` that ended well has exported as `RAN`; None if there was none."""
    before: "Before"
    """What that one made."""

    @property
    def promised(self) -> App:
        """What the base stack promises the app."""
        return self.base.apps[self.app]

    @property
    def service_account(self) -> str:
        """ServiceAccount of its pods: its own, or the one that the app's branches share."""
        promised = self.promised
        return object_name(self.slug) if promised.branch_identity else promised.service_account

    @property
    def namespace(self) -> str:
        """Namespace of all its objects."""
        return self.promised.namespace_of(self.slug)

    @property
    def host(self) -> str:
        """The environment's host name."""
        return self.base.host(self.app, self.slug)

    @property
    def url(self) -> str:
        """The environment's public URL."""
        return self.base.url(self.app, self.slug)


def run(reference: BaseReference, noted: NotedCluster) -> None:
    """Read and check everything, place one component, export what callers need.

    Args:
        reference: to the base stack that the branch's config names.
        noted: the cluster that the stack is in already.
    """
    plan = _plan(pulumi.get_project(), pulumi.get_stack(), reference, noted)
    environment = _chart_environment(plan, plan.chart) if plan.chart else _branch_environment(plan)
    pulumi.export("url", environment.url)
    pulumi.export("urls", environment.urls)
    pulumi.export("host", plan.host)
    pulumi.export("gateway", plan.base.gateway)
    if plan.base.gateway_api:
        pulumi.export("gatewayApi", True)
    pulumi.export("namespace", plan.namespace)
    pulumi.export("app", plan.app)
    pulumi.export("branch", plan.branch)
    pulumi.export("slug", plan.slug)
    pulumi.export("base", plan.settings.base)
    pulumi.export(OUTPUT, plan.base.cluster)
    pulumi.export("images", environment.images)
    pulumi.export(SERVICES, environment.services)
    pulumi.export("workloads", sorted(name or plan.app for name in plan.workloads))
    # What `branchenv sleep` and `wake` give again.
    pulumi.export(
        "config", plan.settings.model_dump(by_alias=True, exclude_defaults=True) | {"base": plan.settings.base}
    )
    # Finds every object of this environment: kubectl get all -n <namespace> -l <selector>
    pulumi.export("selector", f"{SLUG_LABEL}={plan.slug}")


def _plan(project: str, stack: str, reference: BaseReference, noted: NotedCluster) -> BranchPlan:
    """Check config, environment file, branch name and base stack; a mistake in one does not hide those in another."""
    app, _, stack_slug = stack.partition(".")
    findings = Findings(stack)
    settings = findings.attempt(lambda: branch_settings(project, stack))
    raw = given(project)

    file = Path(raw["environment"]) if "environment" in raw else None
    environment = findings.attempt(lambda: load(file, stack)) if file else EnvironmentFile()
    source, folder = _chart(raw, file, environment)
    chart = findings.attempt(lambda: _plan_chart(source, folder, settings, stack)) if source else None
    where = raw.get("environment", "")
    runs = _Runs(workloads={})
    if settings and environment and not source:
        runs = _runs(findings, environment, settings, stack, where)

    branch = raw.get("branch", stack_slug)
    findings.attempt(lambda: checks.check_branch(branch, stack))
    # First: an answer of the engine's that nobody waits for would end in a traceback.
    cluster = noted.uid()
    base = findings.attempt(lambda: _base(reference, cluster, app, stack))
    if base:
        findings.attempt(lambda: checks.check_slug(branch, stack_slug, base, app, stack))
        findings.attempt(lambda: checks.check_secrets(runs, base.apps[app], stack, where))
        findings.attempt(lambda: checks.check_routes(runs.workloads or {}, source, base, stack, where))
        findings.attempt(lambda: checks.check_kinds(environment, runs.workloads or {}, base, app, stack, where))
    findings.raise_any()
    if settings is None or base is None or runs.workloads is None:
        raise RuntimeError("a check failed without saying what is wrong")
    return BranchPlan(
        stack=stack,
        app=app,
        slug=stack_slug,
        branch=branch,
        settings=settings,
        base=base,
        workloads=runs.workloads,
        jobs=runs.jobs or {},
        schedules=runs.schedules or {},
        chart=chart,
        ran=noted.output(RAN),
        before=_before(noted),
    )


class _Runs(NamedTuple):
    """What an environment file says that runs, by name; None where that was wrong."""

    workloads: Mapping[str, Workload] | None
    jobs: Mapping[str, Job] | None = None
    schedules: Mapping[str, Schedule] | None = None


def _runs(findings: Findings, environment: EnvironmentFile, settings: BranchSettings, stack: str, where: str) -> _Runs:
    images = settings.images
    workloads = findings.attempt(
        lambda: workloads_of(environment, image=settings.image, images=images, stack=stack, where=where)
    )
    if not workloads:
        return _Runs(workloads)
    jobs = findings.attempt(
        lambda: tasks_of(environment.jobs, workloads, kind="jobs", images=images, stack=stack, where=where)
    )
    schedules = findings.attempt(
        lambda: tasks_of(environment.schedules, workloads, kind="schedules", images=images, stack=stack, where=where)
    )
    return _Runs(workloads, jobs, schedules)


def _base(reference: BaseReference, noted: str, app: str, stack: str) -> Base:
    """Return the contract, if it is that of the stack's cluster and has the app."""
    base, where = reference.contract()
    move = f"if that one no longer exists: pulumi destroy --remove -s {stack}, and deploy the branch again"
    check_cluster(stack, found=base.cluster, noted=noted, where=where, move=move)
    if app not in base.apps:
        rule = f"{base.name} has no app {app}"
        fix = f"{nearest(app, base.apps)} A branch stack is called <app>.<slug>; a new app is one entry in `apps` of it"
        raise SettingsError(stack, [Problem(field="app", value=shown(app), rule=rule, fix=fix)])
    return base


def _chart(
    raw: Mapping[str, str], file: Path | None, environment: EnvironmentFile | None
) -> tuple[ChartSource | None, Path | None]:
    """Find the chart: named in config and seen from here, or in the environment file and seen from there.

    A published one has no folder yet.
    """
    if "chart" in raw:
        return ChartSource(path=raw["chart"]), Path(raw["chart"])
    if file and environment and environment.chart:
        source = environment.chart
        return source, file.parent / source.path if source.path else None
    return None, None


def _plan_chart(source: ChartSource, folder: Path | None, settings: BranchSettings | None, stack: str) -> "ChartPlan":
    # Imported here, as below: a branch without a chart does not pay for it.
    from stacks.branch.chart_plan import plan_chart

    if published := source.published:
        from stacks.branch.published_chart.cache import fetched

        folder = fetched(published, stack)
    if folder is None:
        raise RuntimeError("a chart has neither a folder nor a publisher")
    return plan_chart(source, folder, settings, stack)


def _sleep(settings: BranchSettings) -> Sleep | None:
    if not settings.asleep:
        return None
    return Sleep(reason=settings.asleep_reason, link=settings.asleep_link, waking=settings.waking)


def _boundaries(plan: BranchPlan) -> Isolation:
    # A namespace of its own is guarded as a whole.
    return Isolation() if plan.promised.branch_namespace else plan.promised.isolation


def _branch_namespace(plan: BranchPlan) -> list[pulumi.Resource]:
    promised = plan.promised.branch_namespace
    if promised is None:
        return []
    # Imported here: a branch that shares its app's namespace does not pay for it.
    from components.branch.namespace import BranchNamespace, BranchNamespaceArgs

    args = BranchNamespaceArgs(
        app=plan.app,
        branch=plan.branch,
        slug=plan.slug,
        namespace=plan.namespace,
        url=plan.url,
        template=promised,
    )
    return [BranchNamespace(plan.slug, args)]


def _account(plan: BranchPlan) -> "BranchServiceAccount | None":
    identity = plan.promised.branch_identity
    if identity is None:
        return None
    # Imported here: a branch that shares its app's identity does not pay for it.
    from stacks.branch.identity import place_branch_identity

    return place_branch_identity(identity, app=plan.app, slug=plan.slug, namespace=plan.namespace)


def _environment(plan: BranchPlan) -> dict[str, Any]:
    """Return what an environment needs to know, whatever it is made of; what must be there first is made here."""
    from components.branch.environment import EnvironmentArgs

    args = EnvironmentArgs(
        app=plan.app,
        branch=plan.branch,
        slug=plan.slug,
        namespace=plan.namespace,
        gateway=plan.base.gateway,
        gateway_api=plan.base.gateway_api,
        host=plan.host,
        url=plan.url,
        ready_timeout_seconds=plan.settings.ready_timeout_seconds,
        data=plan.settings.data,
        before=plan.before,
        digests=plan.settings.digests,
        after=_branch_namespace(plan),
        boundaries=_boundaries(plan),
        account=_account(plan),
        sleep=_sleep(plan.settings),
    )
    return vars(args)


def _branch_environment(plan: BranchPlan) -> "BranchEnvironment":
    from components.branch.workloads import BranchEnvironment, BranchEnvironmentArgs

    args = BranchEnvironmentArgs(
        **_environment(plan),
        service_account=plan.service_account,
        workloads=plan.workloads,
        jobs=plan.jobs,
        schedules=plan.schedules,
        ran=_ran_once(plan),
    )
    environment = BranchEnvironment(plan.slug, args)
    if plan.jobs:
        pulumi.export(RAN, environment.ran)
    return environment


def _before(noted: NotedCluster) -> "Before":
    """Return what the stack made last; an older program has noted no Services."""
    from components.branch.environment import Before

    config = noted.output("config")
    if not isinstance(config, Mapping):
        return Before()
    return Before(
        data=str(config.get("data", BranchSettings.model_fields["data"].default)),
        services=noted.output(SERVICES) or (),
        asleep=bool(config.get("asleep")),
    )


def _ran_once(plan: BranchPlan) -> Collection[str]:
    """Return the jobs that ran for the data of this push; a chart notes its hooks in the same place."""
    ran = plan.ran if isinstance(plan.ran, Mapping) else {}
    return ran.get("once", ()) if ran.get("data") == plan.settings.data else ()


def _review(plan: BranchPlan, chart: "ChartPlan", values: Mapping[str, Any]) -> "Reviewed":
    """Look at what the chart would make, before anything is made, and find where the environment's own route leads."""
    from stacks.branch.chart_checks import ChartTarget, review

    boundaries = _boundaries(plan)
    own = {
        "ConfigMap": True,
        "NetworkPolicy": boundaries.network_policies,
        "ServiceAccount": bool(plan.promised.branch_identity),
    }
    place = ChartTarget(
        slug=plan.slug,
        namespace=plan.namespace,
        host=plan.host,
        gateway=plan.base.gateway,
        gateway_api=plan.base.gateway_api,
        permission=Permission.of(plan.app, plan.promised, plan.settings.base),
        own=[kind for kind, made in own.items() if made],
    )
    return review(chart.folder, values, place, plan.stack, chart.source)


def _chart_environment(plan: BranchPlan, chart: "ChartPlan") -> "ChartEnvironment":
    from components.branch.chart import ChartEnvironment, ChartEnvironmentArgs
    from stacks.branch.chart_hooks import Ran, inputs_of, plan_hooks

    image, digests = plan.settings.image, plan.settings.digests
    images = {**({plan.app: image} if image else {}), **plan.settings.images}
    values = chart.values(
        url=plan.url,
        host=plan.host,
        branch=plan.branch,
        data=plan.settings.data,
        service_account=plan.service_account,
    )
    reviewed = _review(plan, chart, values)
    inputs = inputs_of(chart.folder, values, digests)
    args = ChartEnvironmentArgs(
        **_environment(plan),
        chart=str(chart.folder),
        values=values,
        images={name: pinned(each, digests) for name, each in images.items()},
        routed=reviewed.routed,
        services=reviewed.services,
        kept=reviewed.kept,
        service_account=plan.service_account,
        hooks=plan_hooks(reviewed.hooks, inputs, Ran.read(plan.ran)),
        inputs=inputs,
    )
    environment = ChartEnvironment(plan.slug, args)
    pulumi.export(RAN, environment.ran)
    # In which order a chart's own route and its pods change is not the program's to say: `branchenv sleep` does.
    pulumi.export("routedByChart", not reviewed.routed)
    return environment
