"""A project in GitLab with the component: its repository, its jobs, and what GitLab notes of them."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from core.names import slug
from tests.ci_readme import pipeline
from tests.cluster.support.stacks import Base, Branch
from tests.pipeline.support import in_image
from tests.pipeline.support.gitlab_data import Project, Token
from tests.pipeline.support.gitlab_server import GitLabServer
from tests.pipeline.support.jobs import Result, Runner, Running
from tests.pipeline.support.manifests import DEFAULT_BRANCH, Checkout, Manifests

DEPLOY, ROLLBACK, STOP = "branch-deploy", "branch-rollback", "branch-stop"
PREVIEW, SWEEP = "branch-preview", "branch-sweep"
_NUMBERS = count(1)
_TOKEN = "glpat-of-the-tests"


@dataclass(frozen=True, kw_only=True)
class Pipelines:
    """Starts jobs as GitLab does: with its variables, a token for each job, and a fresh checkout."""

    base: Base
    runner: Runner
    server: GitLabServer
    project: Project
    manifests: Manifests
    seen: set[str] = field(default_factory=set)
    """Branches that were pushed."""

    @classmethod
    def create(
        cls, base: Base, server: GitLabServer, command: tuple[str, ...], folder: Path, text: str = "", **inputs: str
    ) -> "Pipelines":
        """Make a project that includes the component.

        Args:
            base: base stack with the project's app, as a job sees it.
            server: the GitLab to make it in.
            command: gitlab-ci-local.
            folder: for the repository.
            text: of .gitlab-ci.yml; empty for that of the README.
            inputs: of the component, beside those that the text has.
        """
        project = server.add_project(f"apps/manifests-{next(_NUMBERS)}")
        server.tokens[_TOKEN] = Token()
        asked = {"base": base.stack, "app": base.app, **inputs}
        lines = "".join(f"      {name.replace('_', '-')}: {value}\n" for name, value in asked.items())
        text = (text or pipeline("usage")).replace("      base: base-eks-dev\n", lines)
        manifests = Manifests.create(folder, text)
        variables = {
            "GITLAB_CI": "true",
            "CI_PROJECT_ID": str(project.id),
            "CI_SERVER_URL": server.url,
            "CI_API_V4_URL": f"{server.url}/api/v4",
            "CI_REPOSITORY_URL": str(manifests.remote),
            "GITLAB_USER_LOGIN": "ada",
            "BRANCHENV_GITLAB_TOKEN": _TOKEN,
        }
        given = {name: base.env[name] for name in ("KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")}
        backend = base.env["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0]
        programs = in_image.shell(folder / "runner", shared=[folder, Path(backend), Path(base.env["KUBECONFIG"])])
        env = {**given, "HOME": base.env["HOME"], "PATH": f"{programs}:{base.env['PATH']}"}
        runner = Runner(command=command, env=env, server_url=server.url, project=project.path, variables=variables)
        return cls(base=base, runner=runner, server=server, project=project, manifests=manifests)

    def branch(self, name: str) -> Branch:
        """Return a branch's environment, as the tests on the cluster look at it."""
        return Branch(base=self.base, name=name, folder=self.base.folder, slug=slug(name))

    def environment(self, branch: str) -> str:
        """Name the GitLab environment of a branch."""
        return f"{self.base.app}/{branch}"

    def state(self, branch: str) -> str:
        """Return the state of a branch's GitLab environment; empty if there is none."""
        name = self.environment(branch)
        return next((str(each["state"]) for each in self.project.environments.values() if each["name"] == name), "")

    def url(self, branch: str) -> str:
        """Return the URL that GitLab shows for a branch; empty without one."""
        name = self.environment(branch)
        return next(
            (str(each["external_url"] or "") for each in self.project.environments.values() if each["name"] == name), ""
        )

    def push(self, branch: str, environment: str) -> Checkout:
        """Push an environment file to a branch."""
        self.project.branches.add(branch)
        self.seen.add(branch)
        return self.manifests.push(branch, {"environment.yaml": environment})

    def delete(self, branch: str) -> None:
        """Delete a branch, as merging does."""
        self.manifests.delete(branch)
        self.project.delete_branch(branch)

    def deploy(self, checkout: Checkout, **variables: str) -> Result:
        """Run a deploy job to its end."""
        return self.end(self.start(DEPLOY, checkout, **variables))

    def stop(self, checkout: Checkout, **variables: str) -> Result:
        """Run a stop job to its end, in a checkout without files."""
        return self.end(self.start_stop(checkout, **variables))

    def start_stop(self, checkout: Checkout, **variables: str) -> Running:
        """Start a stop job."""
        checkout.take_files_away()
        return self.start(STOP, checkout, **variables)

    def start(self, job: str, checkout: Checkout, **variables: str) -> Running:
        """Start a job, and note it in GitLab before it runs, as GitLab does."""
        number = self.runner.next_id()
        name = self.environment(checkout.branch)
        self.project.start_job(number, environment=name if job == DEPLOY else "", on_stop=True)
        if job == STOP:
            self._set(checkout.branch, "stopping")
        token = f"glcbt-{number}"
        self.server.job_tokens[token] = Token(user="ada", project=self.project.path, job=number)
        given = {"CI_JOB_TOKEN": token, "CI_COMMIT_SHA": checkout.commit, **variables}
        return self.runner.start(checkout, job, number, **given)

    def end(self, running: Running) -> Result:
        """Wait for a job, and note in GitLab how it ended."""
        result = running.wait()
        if result.code:
            self.project.end_job(running.id, "failed")
            return result
        self.project.end_job(running.id, "success", url=result.dotenv.get("BRANCHENV_URL"))
        if running.job == STOP and self.state(running.branch):
            self.project.stopped(self.environment(running.branch))
        return result

    def cancel(self, running: Running, *signals: signal.Signals) -> None:
        """Cancel a job: its processes get the signals, then GitLab notes its end."""
        running.cancel(*signals)
        self.project.end_job(running.id, "canceled")

    def schedule(self, **variables: str) -> Result:
        """Run the sweep of a scheduled pipeline."""
        checkout = self.manifests.checkout(DEFAULT_BRANCH)
        return self.end(self.start(SWEEP, checkout, CI_PIPELINE_SOURCE="schedule", **variables))

    def merge_request(self, checkout: Checkout, iid: int) -> Mapping[str, str]:
        """Return the variables of a merge request's pipeline."""
        return {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": str(iid),
            "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
            "CI_MERGE_REQUEST_PROJECT_ID": str(self.project.id),
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(self.project.id),
            "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": self.project.path,
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": checkout.branch,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": DEFAULT_BRANCH,
            "CI_OPEN_MERGE_REQUESTS": f"{self.project.path}!{iid}",
        }

    def remove(self) -> None:
        """Remove what the jobs of a failed test may have left."""
        for name in sorted(self.seen):
            branch = self.branch(name)
            branch.cancel()
            done = branch.destroy("--remove")
            assert done.code == 0 or "no stack named" in done.output, f"clean-up failed:\n{done.output}"
            branch.until_all_is_going()

    def _set(self, branch: str, state: str) -> None:
        for each in self.project.environments.values():
            if each["name"] == self.environment(branch):
                each["state"] = state
