"""The jobs' image in the cluster: its pods deploy, stop and sweep, as its own user, on files that cannot be written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from components.sweep import NAME as SWEEP
from core.names import slug
from local.cluster.network import HOST_ADDRESS
from local.images import jobs as jobs_image
from tests.cluster.support import git_server
from tests.cluster.support.cluster import Cluster, local
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, Base, Branch, at_once, copy_program
from tests.cluster.support.waiting import until
from tests.pipeline.support import pods, states
from tests.pipeline.support.gitlab_data import Project, Token
from tests.pipeline.support.gitlab_server import GitLabServer
from tests.pipeline.support.jobs import Runner
from tests.pipeline.support.manifests import DEFAULT_BRANCH, Manifests

_PROJECT = "apps/shop"
_TOKEN = "glpat-of-the-image"
_PASSWORD = "glcbt-of-the-image"
_PASSPHRASE = "of the image"
_FILES = {"environment.yaml": f"image: {FIRST}\n"}


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Base):
    """A base stack whose backend and domain are reached from pods: neither is this machine's own."""

    sweeps: bool = False
    gitlab_url: str = ""

    @property
    def domain(self) -> str:
        """Domain of the app's branches."""
        return f"{self.app}.example.com"

    @property
    def sweep_namespace(self) -> str:
        """Namespace of the sweep."""
        return f"{self.app}-sweep"

    def config(self, **more: Any) -> dict[str, Any]:
        """Say what port the domain's load balancer has: in the cluster, the gateway's own."""
        sweep = {
            "image": jobs_image.name(),
            "namespace": self.sweep_namespace,
            "gitlabUrl": self.gitlab_url,
            "apply": True,
        }
        own = {"publicPort": "8080", **({"sweep": sweep} if self.sweeps else {})}
        return super().config(**own, **more)


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """A project in GitLab, and a runner in the cluster."""

    base: Elsewhere
    gitlab: GitLabServer
    project: Project
    manifests: Manifests
    repository: str
    """URL of the manifests repository, as GitLab gives it to a job."""
    runner: pods.Runner
    states: dict[str, str]

    def branch(self, name: str) -> Branch:
        """Return a branch's environment, as the tests on the cluster look at it."""
        return Branch(base=self.base, name=name, folder=self.base.folder, slug=slug(name))

    def push(self, branch: Branch) -> str:
        """Push a branch, and give its commit."""
        self.project.branches.add(branch.name)
        return self.manifests.push(branch.name, _FILES).commit

    def deploy(self, branch: Branch, commit: str) -> pods.Log:
        """Run the deploy job of a branch."""
        return self._run("deploy", branch, commit, _FILES)

    def delete(self, branch: Branch) -> None:
        """Delete a branch, as merging does."""
        self.manifests.delete(branch.name)
        self.project.delete_branch(branch.name)

    def stop(self, branch: Branch) -> pods.Log:
        """Run the stop job of a branch, which checks out nothing."""
        log = self._run("stop", branch, "", {})
        self.project.stopped(f"{self.base.app}/{branch.name}")
        return log

    def _run(self, job: str, branch: Branch, commit: str, files: Mapping[str, str]) -> pods.Log:
        number = Runner.next_id()
        self.project.start_job(number, environment=f"{self.base.app}/{branch.name}", on_stop=True)
        log = self.runner.run(
            f"{job}-{number}",
            job,
            given={
                **self.states,
                "GITLAB_CI": "true",
                "CI_SERVER_URL": self.gitlab.url,
                "CI_API_V4_URL": f"{self.gitlab.url}/api/v4",
                "CI_PROJECT_ID": str(self.project.id),
                "CI_PROJECT_PATH": _PROJECT,
                "CI_DEFAULT_BRANCH": DEFAULT_BRANCH,
                "CI_REPOSITORY_URL": self.repository,
                "CI_PIPELINE_URL": f"{self.gitlab.url}/{_PROJECT}/-/pipelines/{number}",
                "CI_COMMIT_REF_NAME": branch.name,
                "CI_COMMIT_BRANCH": branch.name,
                "CI_COMMIT_SHA": commit,
                "CI_JOB_ID": str(number),
                "GITLAB_USER_LOGIN": "ada",
                "BRANCHENV_GITLAB_TOKEN": _TOKEN,
                "BRANCHENV_APP": self.base.app,
                "BRANCHENV_BASE": self.base.stack,
                "BRANCHENV_ENVIRONMENT": "environment.yaml",
            },
            files=files,
            kubeconfig=Path(self.base.deployer_env["KUBECONFIG"]).read_text(),
            host=branch.host,
        )
        self.project.end_job(number, "failed" if log.code else "success")
        return log.ok()


@pytest.fixture(scope="session")
def jobs(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """This worker's runner, whose jobs reach everything by the network as they do elsewhere."""
    local("image")
    folder = tmp_path_factory.mktemp("image")
    with ExitStack() as stack:
        app = stack.enter_context(slot(cluster))
        backend = {**stack.enter_context(states.bucket()), "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE}
        gitlab = stack.enter_context(GitLabServer(HOST_ADDRESS))
        gitlab.tokens[_TOKEN] = Token()
        project = gitlab.add_project(_PROJECT)
        manifests = Manifests.create(folder, "")
        served = stack.enter_context(git_server.serve(folder, username="gitlab-ci-token", password=_PASSWORD))
        base = Elsewhere(
            cluster=cluster, app=app, folder=copy_program(folder / "program"), env={**cluster.env, **backend}
        )
        base.up()
        stack.callback(lambda: base.destroy().ok())
        yield Jobs(
            base=base,
            gitlab=gitlab,
            project=project,
            manifests=manifests,
            repository=served.replace("://", f"://gitlab-ci-token:{_PASSWORD}@") + f"/{manifests.remote.name}",
            runner=stack.enter_context(pods.Runner(cluster=cluster, namespace=f"{app}-runner")),
            states=backend,
        )


def _removed(jobs: Jobs, branch: Branch) -> None:
    """Insist that nothing is left of a branch."""
    stacks = {each["name"] for each in branch.pulumi.json("stack", "ls", "--json")}
    assert jobs.base.stack in stacks, "all of the backend's stacks are listed"
    assert branch.stack not in stacks, "Pulumi has no stack of it"
    branch.until_all_is_going()


def test_a_pod_of_the_image_deploys_a_branch_and_another_stops_it(
    jobs: Jobs, record_property: Callable[[str, object], None]
) -> None:
    branch = jobs.branch("feature/pod")
    log = jobs.deploy(branch, jobs.push(branch))
    assert "uid=10001(branchenv) gid=0(root) groups=0(root)" in log.text, "no job is root"
    assert branch.url in log.text, "the log says where the branch is"
    assert jobs.base.gateway.until_status(branch.host).json["branch"] == branch.name, "and there it answers"
    record_property("seconds from a container's start to `pulumi up`", log.seconds_to("Updating ("))

    jobs.delete(branch)
    jobs.stop(branch)
    _removed(jobs, branch)


def test_the_sweep_in_the_cluster_removes_what_nobody_stopped(jobs: Jobs) -> None:
    orphan, kept = jobs.branch("feature/orphan"), jobs.branch("feature/kept")
    sweeping = replace(jobs.base, sweeps=True, gitlab_url=jobs.gitlab.url)
    first, second = jobs.push(orphan), jobs.push(kept)
    at_once([sweeping.up, lambda: jobs.deploy(orphan, first), lambda: jobs.deploy(kept, second)])
    jobs.delete(orphan)

    kubectl, namespace = jobs.base.cluster.kubectl, f"--namespace={sweeping.sweep_namespace}"
    variables = {"BRANCHENV_GITLAB_TOKEN": _TOKEN, "BRANCHENV_PROJECT": _PROJECT, "BRANCHENV_GRACE": "0s"}
    kubectl(
        *("create", "secret", "generic", SWEEP, namespace, "--from-env-file=/dev/stdin"),
        stdin="".join(f"{name}={value}\n" for name, value in {**jobs.states, **variables}.items()),
    )
    kubectl("create", "job", "now", f"--from=cronjob/{SWEEP}", namespace)

    def pod() -> str:
        return kubectl("get", "pods", "--selector=job-name=now", "--output=name", namespace).partition("/")[2].strip()

    log = pods.finished(jobs.base.cluster, sweeping.sweep_namespace, until(pod, what="the Job has a pod")).ok()
    _removed(jobs, orphan)
    assert jobs.base.gateway.get(kept.host).status == 200, f"what is wanted stays:\n{log.text}"
    kept.destroy("--remove").ok()
