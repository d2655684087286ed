"""What GitLab, Pulumi's backend and the cluster say of one branch, and whether they agree."""

from branchenv.clients.backend import open_backend
from tests.cluster.support.waiting import until
from tests.pipeline.support.pipelines import Pipelines


def lives(pipelines: Pipelines, name: str, *, version: str) -> None:
    """Insist that a branch runs a version, and that all who know of it say so."""
    branch = pipelines.branch(name)

    def answers() -> bool:
        answer = pipelines.base.gateway.get(branch.host)
        return answer.status == 200 and answer.json["version"] == version and answer.json["branch"] == name

    until(answers, what=f"{branch.url} answers with version {version} of {name}")
    assert pipelines.state(name) == "available", "GitLab shows it as running"
    assert pipelines.url(name) == branch.url, "GitLab's button leads to it"
    backend = open_backend(pipelines.base.env["PULUMI_BACKEND_URL"], pipelines.base.env)
    record = backend.stack(branch.stack)
    assert record is not None, "Pulumi has its stack"
    assert record.url == branch.url, "with the URL that was announced"
    assert not record.pending, "no operation was left open"
    assert not backend.locks(branch.stack), "nobody holds it"
    until(lambda: len(branch.pods()) == 1, what="the one pod that it should have")


def removed(pipelines: Pipelines, name: str) -> None:
    """Insist that nothing is left of a branch, and that nobody believes that there is."""
    branch = pipelines.branch(name)
    backend = open_backend(pipelines.base.env["PULUMI_BACKEND_URL"], pipelines.base.env)
    assert backend.stack(branch.stack) is None, "Pulumi has no stack of it"
    assert not backend.locks(branch.stack), "and no lock"
    branch.until_all_is_going()
    assert pipelines.state(name) in {"", "stopped"}, "GitLab does not show it as running"


def stack_is_removed(pipelines: Pipelines, name: str) -> bool:
    """Whether Pulumi has no stack of a branch."""
    backend = open_backend(pipelines.base.env["PULUMI_BACKEND_URL"], pipelines.base.env)
    return backend.stack(pipelines.branch(name).stack) is None


def agree(pipelines: Pipelines, name: str, *, version: str) -> None:
    """Insist that a branch either runs or is gone, whichever it is, and that all who know of it say the same."""
    if pipelines.state(name) == "available":
        lives(pipelines, name, version=version)
    else:
        removed(pipelines, name)
