"""A branch stack, `<app>.<slug>`: one branch environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from components.branch.sleeping_page import Sleep
from components.branch.workload import Workload
from core.labels import SLUG_LABEL
from core.names import BranchNameError, object_name, slug, stack_name
from stacks.branch.base_reference import BaseReference
from stacks.branch.config import branch_settings
from stacks.config import given
from stacks.contract import BaseContract, read_contract
from stacks.settings.branch import BranchSettings
from stacks.settings.environment_file import ChartSource, Environment, load, workloads_of
from stacks.settings.errors import Findings, Problem, SettingsError, shown

if TYPE_CHECKING:
    from components.branch.chart import ChartEnvironment
    from components.branch.network import Boundaries
    from components.branch.service_account import OwnAccount
    from components.branch.workloads import BranchEnvironment


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is known before the first resource is made."""

    stack: str
    app: str
    slug: str
    branch: str
    settings: BranchSettings
    base: BaseContract
    workloads: Mapping[str, Workload]
    chart: ChartSource | None
    chart_folder: Path | None

    @property
    def service_account(self) -> str:
        """ServiceAccount of its pods: its own, or the one that the app's branches share."""
        app = self.base.apps[self.app]
        return object_name(self.slug) if app.branch_identity else app.service_account

    @property
    def namespace(self) -> str:
        """Namespace of all its objects."""
        return self.base.namespace(self.app, self.slug)

    @property
    def host(self) -> str:
        """The environment's host name."""
        return self.base.host(self.app, self.slug)

    @property
    def url(self) -> str:
        """The environment's public URL."""
        return self.base.url(self.app, self.slug)


def run(reference: BaseReference) -> None:
    """Read and check everything, place one component, export what callers need.

    Args:
        reference: to the base stack that the branch's config names.
    """
    plan = _plan(pulumi.get_project(), pulumi.get_stack(), reference)
    environment = _chart_environment(plan) if plan.chart else _branch_environment(plan)
    pulumi.export("url", environment.url)
    pulumi.export("host", plan.host)
    pulumi.export("namespace", plan.namespace)
    pulumi.export("app", plan.app)
    pulumi.export("branch", plan.branch)
    pulumi.export("slug", plan.slug)
    pulumi.export("base", plan.settings.base)
    pulumi.export("images", environment.images)
    pulumi.export("workloads", sorted(name or plan.app for name in plan.workloads))
    # What `branchenv sleep` and `wake` give again.
    pulumi.export(
        "config", plan.settings.model_dump(by_alias=True, exclude_defaults=True) | {"base": plan.settings.base}
    )
    # Finds every object of this environment: kubectl get all -n <namespace> -l <selector>
    pulumi.export("selector", f"{SLUG_LABEL}={plan.slug}")


def _plan(project: str, stack: str, reference: BaseReference) -> Plan:
    """Check config, environment file, branch name and base stack; a mistake in one does not hide those in another."""
    app, _, own_slug = stack.partition(".")
    findings = Findings(stack)
    settings = findings.attempt(lambda: branch_settings(project, stack))
    raw = given(project)

    file = Path(raw["environment"]) if "environment" in raw else None
    environment = findings.attempt(lambda: load(file, stack)) if file else Environment()
    chart, folder = _chart(raw, file, environment)
    if folder:
        findings.attempt(lambda: _check_chart(folder, settings, stack))
    workloads: Mapping[str, Workload] | None = {}
    if settings and environment and not chart:
        workloads = findings.attempt(
            lambda: workloads_of(
                environment,
                image=settings.image,
                images=settings.images,
                stack=stack,
                where=raw.get("environment", ""),
            )
        )

    branch = raw.get("branch", own_slug)
    findings.attempt(lambda: _check_branch(branch, stack))
    base = findings.attempt(lambda: read_contract(reference.outputs(stack), base=reference.base, app=app, stack=stack))
    if base:
        findings.attempt(lambda: _check_slug(branch, own_slug, base, app, stack))
    findings.raise_any()
    if settings is None or base is None or workloads is None:
        raise RuntimeError("a check failed without saying what is wrong")
    return Plan(
        stack=stack,
        app=app,
        slug=own_slug,
        branch=branch,
        settings=settings,
        base=base,
        workloads=workloads,
        chart=chart,
        chart_folder=folder,
    )


def _chart(
    raw: Mapping[str, str], file: Path | None, environment: Environment | None
) -> tuple[ChartSource | None, Path | None]:
    """Find the chart: named in config and seen from here, or in the environment file and seen from there."""
    if "chart" in raw:
        return ChartSource(path=raw["chart"]), Path(raw["chart"])
    if file and environment and environment.chart:
        return environment.chart, file.parent / environment.chart.path
    return None, None


def _check_chart(folder: Path, settings: BranchSettings | None, stack: str) -> None:
    problems = []
    if not (folder / "Chart.yaml").is_file():
        fix = "correct the path: config's is seen from the project's folder, an environment file's from the file"
        rule = "a chart is a folder that holds Chart.yaml"
        problems.append(Problem(field="chart", value=shown(str(folder)), rule=rule, fix=fix))
    if settings and settings.images:
        fix = "pulumi config rm images; give one as `image`, and write the others into the chart's values"
        rule = "images by workload are for environment files: this program does not know a chart's workloads"
        problems.append(Problem(field="images", value=shown(settings.images), rule=rule, fix=fix))
    if problems:
        raise SettingsError(stack, problems)


def _check_branch(branch: str, stack: str) -> None:
    try:
        slug(branch)
    except BranchNameError as e:
        fix = "give the branch's name as `git branch --show-current` prints it: pulumi config set branch <name>"
        raise SettingsError(stack, [Problem(field="branch", value=shown(branch), rule=e.rule, fix=fix)]) from e


def _check_slug(branch: str, own_slug: str, base: BaseContract, app: str, stack: str) -> None:
    """Refuse the default branch, and a stack that is not the branch's own."""
    contract = base.apps[app]
    if branch == contract.default_branch:
        problem = Problem(
            field="branch",
            value=shown(branch),
            rule=f"{branch} is the app's default branch: Argo CD syncs it, it is no branch environment",
            fix="deploy another branch",
        )
        raise SettingsError(stack, [problem])
    try:
        expected = slug(branch, contract.reserved_slugs)
    except BranchNameError:
        return  # said already
    if expected != own_slug:
        wanted = stack_name(app, expected)
        problem = Problem(
            field="branch",
            value=shown(branch),
            rule=f"the slug of this branch is {expected}, so its stack is {wanted}, not {stack}",
            fix=f"pulumi stack init {wanted}, and give it this config",
        )
        raise SettingsError(stack, [problem])


def _sleep(settings: BranchSettings) -> Sleep | None:
    if not settings.asleep:
        return None
    return Sleep(reason=settings.asleep_reason, link=settings.asleep_link, waking=settings.waking)


def _boundaries(plan: Plan) -> "Boundaries":
    from components.branch.network import Boundaries

    app = plan.base.apps[plan.app]
    # A namespace of its own is guarded as a whole.
    return Boundaries() if app.own_namespace else Boundaries(**app.isolation.model_dump())


def _own_namespace(plan: Plan) -> list[pulumi.Resource]:
    promised = plan.base.apps[plan.app].own_namespace
    if promised is None:
        return []
    # Imported here: a branch that shares its app's namespace does not pay for it.
    from components.branch.namespace import Order, OwnNamespace, OwnNamespaceArgs

    subjects = [(each.namespace, each.name) for each in promised.subjects]
    args = OwnNamespaceArgs(
        app=plan.app,
        branch=plan.branch,
        slug=plan.slug,
        namespace=plan.namespace,
        url=plan.url,
        order=Order(**{**promised.model_dump(), "subjects": subjects}),
    )
    return [OwnNamespace(plan.slug, args)]


def _account(plan: Plan) -> "OwnAccount | None":
    app = plan.base.apps[plan.app]
    if app.branch_identity is None:
        return None
    # Imported here: a branch that shares its app's identity does not pay for it.
    from stacks.branch.identity import place_own_identity

    return place_own_identity(app.branch_identity, app=plan.app, slug=plan.slug, namespace=plan.namespace)


def _branch_environment(plan: Plan) -> "BranchEnvironment":
    from components.branch.workloads import BranchEnvironment, BranchEnvironmentArgs

    return BranchEnvironment(
        plan.slug,
        BranchEnvironmentArgs(
            app=plan.app,
            branch=plan.branch,
            slug=plan.slug,
            namespace=plan.namespace,
            service_account=plan.service_account,
            gateway=plan.base.gateway,
            host=plan.host,
            url=plan.url,
            workloads=plan.workloads,
            ready_timeout_seconds=plan.settings.ready_timeout_seconds,
            after=_own_namespace(plan),
            boundaries=_boundaries(plan),
            account=_account(plan),
            sleep=_sleep(plan.settings),
        ),
    )


def _chart_environment(plan: Plan) -> "ChartEnvironment":
    from components.branch.chart import ChartEnvironment, ChartEnvironmentArgs, chart_values

    source = plan.chart or ChartSource(path="")
    paths, image = source.value_paths, plan.settings.image
    branch_values = {
        paths.url: plan.url,
        paths.host: plan.host,
        paths.branch: plan.branch,
        paths.image: image,
        paths.service_account: plan.service_account,
    }
    return ChartEnvironment(
        plan.slug,
        ChartEnvironmentArgs(
            app=plan.app,
            branch=plan.branch,
            slug=plan.slug,
            namespace=plan.namespace,
            url=plan.url,
            chart=str(plan.chart_folder),
            values=chart_values(source.values, {path: value for path, value in branch_values.items() if path}),
            images={plan.app: image} if image else {},
            ready_timeout_seconds=plan.settings.ready_timeout_seconds,
            after=_own_namespace(plan),
            boundaries=_boundaries(plan),
            account=_account(plan),
            sleep=_sleep(plan.settings),
        ),
    )
