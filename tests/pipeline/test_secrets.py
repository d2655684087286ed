"""Secrets in play while a base stack and a branch are really deployed: nothing shows them that should not."""

import secrets
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.names import slug
from tests.cluster.support import cluster as clusters
from tests.cluster.support.cluster import REPOSITORY, Cluster
from tests.cluster.support.exposure import CommandLines, files_holding, forms_of
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, PROJECT, Base, copy_program, write_config
from tests.pipeline.support.gitlab_data import Token
from tests.pipeline.support.gitlab_server import GitLabServer
from tests.pipeline.support.pipelines import Pipelines

BRANCH = "feature/secret"
# The app shows its version: that the pod has the value proves that it was in play.
ENVIRONMENT = f"""\
image: {FIRST}
env:
  VERSION: {{secretKeyRef: {{name: payment, key: key}}}}
"""


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Values that nobody ever wrote down before this run."""

    passphrase: str
    repository: str
    gitlab: str
    app: str

    @classmethod
    def made_up(cls) -> "Secrets":
        """Make them."""
        return cls(**{name: secrets.token_urlsafe(24) for name in ("passphrase", "repository", "gitlab", "app")})

    @property
    def all(self) -> tuple[str, ...]:
        """Every one of them."""
        return (self.passphrase, self.repository, self.gitlab, self.app)

    def shown_in(self, text: str) -> list[str]:
        """Return those that a text shows."""
        return [name for name, value in vars(self).items() if any(form in text for form in forms_of(value))]


@pytest.fixture
def values() -> Secrets:
    return Secrets.made_up()


@pytest.fixture
def own_base(cluster: Cluster, values: Secrets, tmp_path: Path) -> Iterator[Base]:
    """A base stack with a backend, a passphrase and a namespace of its own; not up yet."""
    clusters.local("addons")  # the kinds of Argo CD, whose Secret holds the credentials
    backend = tmp_path / "backend"
    backend.mkdir()
    env = {
        **cluster.env,
        "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": values.passphrase,
    }
    with slot(cluster) as app:
        base = Base(cluster=cluster, app=app, folder=copy_program(tmp_path / "program"), env=env)
        argocd = {"repository": "https://localhost:1/shop.git", "cascade": False}
        config = base.config(apps=[{"name": app, "domain": base.domain, "argocd": argocd}])
        write_config(base.folder, base.stack, config)
        Pulumi(base.folder, base.env).run("stack", "select", "--create", base.stack).ok()
        try:
            yield base
        finally:
            base.destroy().ok()


def _set_secret(base: Base, key: str, value: str) -> str:
    """Return a secret as the docs say: on standard input."""
    path = f"{PROJECT}:repositoryCredentials.{base.app}.{key}"
    done = subprocess.run(
        ["pulumi", "config", "set", "--secret", "--path", path, "--stack", base.stack],
        cwd=base.folder,
        env=base.env,
        input=value,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_no_secret_is_shown_by_a_deploy_from_beginning_to_end(
    own_base: Base, values: Secrets, gitlab: GitLabServer, jobs_command: tuple[str, ...], tmp_path: Path
) -> None:
    base = own_base
    before = set(_untracked())
    outputs = []
    with CommandLines() as lines:
        outputs += [_set_secret(base, "username", "deploy"), _set_secret(base, "password", values.repository)]
        up = Pulumi(base.folder, base.env)
        outputs.append(up.run("up", "--yes", "--skip-preview", "--stack", base.stack).ok().output)
        outputs.append(up.run("stack", "output", "--json", "--show-secrets", "--stack", base.stack).ok().output)
        _make_secret(base, values.app)

        project = tmp_path / "project"
        project.mkdir()
        jobs_base = replace(base, env=base.deployer_env)
        pipelines = Pipelines.create(jobs_base, gitlab, jobs_command, project)
        gitlab.tokens[values.gitlab] = Token()
        # Masked variables come to a job by its environment, and the runner here would have them on its command line.
        runner = replace(
            pipelines.runner,
            env={**pipelines.runner.env, "BRANCHENV_GITLAB_TOKEN": values.gitlab},
            variables={k: v for k, v in pipelines.runner.variables.items() if k != "BRANCHENV_GITLAB_TOKEN"},
        )
        pipelines = replace(pipelines, runner=runner)
        try:
            checkout = pipelines.push(BRANCH, ENVIRONMENT)
            iid = pipelines.project.open_merge_request(BRANCH)
            outputs.append(pipelines.deploy(checkout, **pipelines.merge_request(checkout, iid)).ok().output)
            host = pipelines.branch(BRANCH).host
            assert base.gateway.until_status(host).json["version"] == values.app, "the pod has the Secret's value"
            (note,) = pipelines.project.bodies(iid)
            state = Pulumi(base.folder, base.env)
            stack = f"{base.app}.{slug(BRANCH)}"
            outputs.append(state.run("stack", "output", "--json", "--show-secrets", "--stack", stack).ok().output)
            outputs += [state.run("stack", "export", "--stack", name).ok().output for name in (stack, base.stack)]
            in_files = files_holding(values.all, tmp_path)
            outputs.append(pipelines.stop(pipelines.manifests.checkout(BRANCH)).ok().output)
        finally:
            pipelines.remove()

    for text in [*outputs, note]:
        assert not values.shown_in(text), f"shown by:\n{text}"
    ran = "\n".join(lines.seen)
    for program in (
        "pulumi up",
        "branchenv select",
        "branchenv announce",
        "branchenv down",
        "pulumi-language-python-exec",
    ):
        assert program in ran, f"command lines were looked at while {program} ran"
    assert not lines.holding(values.all), "every account of the machine reads these command lines"
    assert not in_files, "state, config, logs, job folders and the program's checkout have no secret in clear"
    new = [REPOSITORY / name for name in set(_untracked()) - before]
    assert not files_holding(values.all, *new), "nor has any file that came into this repository meanwhile"


def _make_secret(base: Base, value: str) -> None:
    metadata = {"namespace": base.namespace, "name": "payment"}
    data = {"key": b64encode(value.encode()).decode()}
    base.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


def _untracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude=/.venv", "--exclude=__pycache__"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.splitlines()
