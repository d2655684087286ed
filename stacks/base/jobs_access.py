"""Places what lets the apps' jobs into the cluster."""

import re
from collections.abc import Iterator, Mapping

import pulumi

from components.app.jobs_access import AppDeployer, EksJobs, GkeJobs, JobsAccess, JobsAccessArgs
from core.contract import App
from stacks.settings.base import BaseSettings
from stacks.settings.errors import Problem, shown

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/([\w+=,.@-]+/)*(?P<name>[\w+=,.@-]+)")
_ACCOUNT = re.compile(r"(?P<name>[a-z][a-z0-9-]{4,28}[a-z0-9])@[a-z0-9.:-]+\.iam\.gserviceaccount\.com")


def jobs_access_mistakes(settings: BaseSettings) -> Iterator[Problem]:
    """Find names of jobs that the platform's cloud does not know."""
    wanted = {
        "eks": (_ROLE, "on EKS the jobs are an IAM role", "arn:aws:iam::123456789012:role/gitlab-shop"),
        "gke": (
            _ACCOUNT,
            "on GKE the jobs are a Google service account",
            "gitlab-shop@my-project.iam.gserviceaccount.com",
        ),
    }
    for index, app in enumerate(settings.apps):
        if app.ci is None:
            continue
        at = f"apps[{index}].ci"
        if settings.platform not in wanted:
            rule = f"platform {settings.platform} has no cloud that knows the jobs"
            yield Problem(field=at, value=shown(app.ci), rule=rule, fix="take it out; docs/security.md has other ways")
            continue
        pattern, rule, example = wanted[settings.platform]
        if not pattern.fullmatch(app.ci):
            yield Problem(field=at, value=shown(app.ci), rule=rule, fix=f"name it as its cloud does, e.g. {example}")


def place_jobs_access(
    settings: BaseSettings, apps: Mapping[str, pulumi.Output[App]], cloud: pulumi.ResourceOptions
) -> None:
    """Let the jobs in that `apps[].ci` names: each role or account once, however many apps it deploys.

    Args:
        settings: of the base stack.
        apps: what the contract says of each, by app.
        cloud: options with the cloud's provider.
    """
    for principal in sorted({app.ci for app in settings.apps if app.ci}):
        JobsAccess(
            f"jobs-{_short(principal)}",
            JobsAccessArgs(
                jobs=_jobs(settings, principal),
                apps=[
                    AppDeployer(
                        app=app.name,
                        namespace=apps[app.name].apply(lambda made: made.namespace),
                        deployer=apps[app.name].apply(lambda made: made.deployer),
                    )
                    for app in settings.apps
                    if app.ci == principal
                ],
            ),
            cloud,
        )


def _jobs(settings: BaseSettings, principal: str) -> EksJobs | GkeJobs:
    if settings.eks:
        return EksJobs(cluster=settings.eks.cluster_name, role_arn=principal)
    if settings.gke:
        return GkeJobs(project=settings.gke.project, account=principal)
    raise ValueError("jobs are let in on eks and gke")


def _short(principal: str) -> str:
    found = _ROLE.fullmatch(principal) or _ACCOUNT.fullmatch(principal)
    return found["name"] if found else principal
