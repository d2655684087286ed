"""What a branch stack's config and environment file must agree in with its base stack, before anything is made."""

from collections.abc import Collection, Iterable, Mapping

from components.branch.spec.container import Container
from components.branch.spec.workload import Workload, routes_of
from core.contract import App, Base
from core.kinds import Kind
from core.names import BranchNameError, slug, stack_name
from stacks.branch.chart_kinds import Permission, problem
from stacks.settings.chart_source import ChartSource
from stacks.settings.environment_file import EnvironmentFile
from stacks.settings.errors import Problem, SettingsError, shown


def check_branch(branch: str, stack: str) -> None:
    """Refuse what is no name of a branch."""
    try:
        slug(branch)
    except BranchNameError as e:
        fix = "give the branch's name as `git branch --show-current` prints it: pulumi config set branch <name>"
        raise SettingsError(stack, [Problem(field="branch", value=shown(branch), rule=e.rule, fix=fix)]) from e


def check_slug(branch: str, stack_slug: str, base: Base, app: str, stack: str) -> None:
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
    if expected != stack_slug:
        wanted = stack_name(app, expected)
        problem = Problem(
            field="branch",
            value=shown(branch),
            rule=f"the slug of this branch is {expected}, so its stack is {wanted}, not {stack}",
            fix=f"pulumi stack init {wanted}, and give it this config",
        )
        raise SettingsError(stack, [problem])


def check_routes(
    workloads: Mapping[str, Workload], source: ChartSource | None, base: Base, stack: str, where: str
) -> None:
    """Refuse what the base stack's kind of route cannot say."""
    if not base.gateway_api:
        return
    # Imported here: most base stacks have Istio's own API.
    from stacks.branch.http_routes import inexpressible

    routes = [
        (f"{where}: {f'{name}: ' if name else ''}routes[{index}]", route)
        for name in workloads
        for index, route in enumerate(routes_of(workloads, name))
    ]
    routes += [
        (f"{where}: chart.routes[{index}]", route) for index, route in enumerate(source.routes if source else ())
    ]
    if problems := list(inexpressible(routes)):
        raise SettingsError(stack, problems)


def check_kinds(
    environment: EnvironmentFile | None,
    workloads: Mapping[str, Workload],
    base: Base,
    app: str,
    stack: str,
    where: str,
) -> None:
    """Refuse what the base stack does not let the app's branches have."""
    if environment is None:
        return
    contract = base.apps[app]
    volumes = [name for each in workloads.values() for name in each.volumes]
    found: tuple[tuple[str, Kind, Collection[str]], ...] = (
        ("jobs", "Job", environment.jobs),
        ("schedules", "CronJob", environment.schedules),
        ("volumes", "PersistentVolumeClaim", volumes),
    )
    permission = Permission.of(app, contract, base.name)
    problems = [
        problem(kind, permission, f"{where}: {key}", instead=f"take {key} out ({', '.join(names)})")
        for key, kind, names in found
        if names and kind not in contract.kinds
    ]
    if problems:
        raise SettingsError(stack, problems)


def check_secrets(runs: Iterable[Mapping[str, Container] | None], contract: App, stack: str, where: str) -> None:
    """Refuse Secrets that the base stack does not let the app's branches read."""
    if contract.secrets is None:
        return
    problems = [
        Problem(
            field=f"{where}: {f'{name}: ' if name else ''}env.{variable}.secretKeyRef",
            value=source.secret_key_ref.name,
            rule="of the Secrets in the app's namespace, its branches read "
            + (f"{', '.join(contract.secrets)} alone" if contract.secrets else "none"),
            fix=f"take {variable} out, or let the platform team add the Secret to isolation.secrets of the app",
        )
        for containers in runs
        for name, each in (containers or {}).items()
        for variable, source in each.env.items()
        if not isinstance(source, str) and source.secret_key_ref and source.secret_key_ref.name not in contract.secrets
    ]
    if problems:
        raise SettingsError(stack, problems)
