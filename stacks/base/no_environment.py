"""Places what answers at hosts that no branch has."""

from collections.abc import Mapping

import pulumi

from components.ingress.gateway import Gateway
from components.ingress.no_environment_page import NoEnvironmentPage, NoEnvironmentPageArgs
from stacks.settings.base import AppSettings, BaseSettings, access_of


def place_no_environment_pages(
    settings: BaseSettings, gateway: Gateway, domains: Mapping[str, pulumi.Input[str]]
) -> None:
    """Place a page per app.

    Args:
        settings: of the base stack.
        gateway: of all apps. Once it exists, Istio is there.
        domains: each app's, known once it is closed as far as it is to be: who may not enter does not see the page.
    """
    for app in settings.apps:
        access = access_of(settings, app)
        project = _project_url(settings, app)
        NoEnvironmentPage(
            app.name,
            NoEnvironmentPageArgs(
                app=app.name,
                namespace=settings.gateway.namespace,
                gateway=settings.gateway.name,
                domain=domains[app.name],
                open_paths=access.open_paths if access.kind != "open" else (),
                project_url=project,
                environments_url=app.environments_url or (f"{project}/-/environments" if project else ""),
            ),
            pulumi.ResourceOptions(depends_on=[gateway]),
        )


def _project_url(settings: BaseSettings, app: AppSettings) -> str:
    if app.project_url:
        return app.project_url.rstrip("/")
    if settings.gitlab_tokens and app.gitlab_project:
        return f"{settings.gitlab_tokens.issuer.rstrip('/')}/{app.gitlab_project}"
    return ""
