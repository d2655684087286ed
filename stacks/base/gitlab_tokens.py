"""Where the API server knows jobs by GitLab's ID tokens: on EKS by this stack, elsewhere by its own config."""

from collections.abc import Iterator

import pulumi

from components.admission.token_branch import Jobs
from components.eks_tokens import EksTokens, EksTokensArgs
from stacks.settings.base import AppSettings, BaseSettings
from stacks.settings.errors import Problem, shown


def known_jobs(settings: BaseSettings, app: AppSettings) -> Jobs | None:
    """Return the jobs of an app that the API server knows by their branch; None where it does not."""
    if not (settings.gitlab_tokens and app.gitlab_project):
        return None
    return Jobs(project=app.gitlab_project, default_branch=app.default_branch)


def gitlab_tokens_mistakes(settings: BaseSettings) -> Iterator[Problem]:
    """Find what could not work, or would be no boundary."""
    if settings.gitlab_tokens and settings.platform == "gke":
        yield Problem(
            field="gitlabTokens",
            value=shown(settings.gitlab_tokens.issuer),
            rule="GKE lets nobody tell its API server whose tokens to take",
            fix="take it out, and let the jobs in by apps[].ci",
        )
    for index, app in enumerate(settings.apps):
        if app.gitlab_project is None:
            continue
        at, value = f"apps[{index}].gitlabProject", shown(app.gitlab_project)
        if settings.gitlab_tokens is None:
            rule = "the API server knows no tokens of GitLab's, so nobody would come as this project"
            yield Problem(field=at, value=value, rule=rule, fix="set gitlabTokens, or take it out")
        if app.ci is not None:
            rule = "by `ci` each job can become the deployer, of which nobody knows the branch"
            yield Problem(field=at, value=value, rule=rule, fix=f"take out one of them: this one, or apps[{index}].ci")
        if app.isolation.namespace_per_branch:
            rule = "in a namespace of each branch's own, rights are the deployer's alone"
            fix = f"take it out, or apps[{index}].isolation.namespacePerBranch"
            yield Problem(field=at, value=value, rule=rule, fix=fix)


def place_gitlab_tokens(settings: BaseSettings, cloud: pulumi.ResourceOptions) -> None:
    """Have an EKS cluster take GitLab's tokens."""
    tokens = settings.gitlab_tokens
    if settings.eks and tokens:
        args = EksTokensArgs(
            cluster=settings.eks.cluster_name,
            issuer=tokens.issuer,
            audience=tokens.audience,
        )
        EksTokens("gitlab-tokens", args, cloud)
