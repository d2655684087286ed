"""A base stack for one worker, and branch stacks on it."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.kinds import KEEPING, USUAL
from core.names import namespace_name, object_name, slug
from local import program
from local.deployer import write_kubeconfig
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.pulumi import LONGEST, Pulumi, Result, Running
from tests.cluster.support.waiting import until

PROJECT = "branch-environments"
FIRST, SECOND = "shop.local/shop:1.0", "shop.local/shop:2.0"
# Its registry refuses at once, where a name would wait for DNS as long as DNS pleases.
MISSING = "localhost:1/shop:no-such-version"
REGISTRY = "localhost:5057"
"""Where the tests' own registry listens, while it runs."""
IMAGES = ["shop.local/shop", "localhost:1/shop", f"{REGISTRY}/apps/shop"]
"""Where images of the tests' branches may come from."""
SECRETS = ["settings", "no-such-secret"]
"""Which the tests' branches may read."""
_UP = ("up", "--yes", "--skip-preview")


def copy_program(to: Path) -> Path:
    """Make a fresh copy of the program, which runs with the packages of these tests."""
    return program.copy_program(to, venv=Path(sys.prefix))


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base stack with one app, whose name, namespace and gateway no other worker uses."""

    cluster: Cluster
    app: str
    folder: Path
    """A clone of the program."""
    env: dict[str, str]

    @property
    def deployer(self) -> str:
        """Name of the ServiceAccount that branches are deployed as."""
        return f"{self.app}-deployer"

    @property
    def deployer_env(self) -> dict[str, str]:
        """The environment in which commands reach the cluster as the deployer, as in CI."""
        file = self.folder.parent / f"{self.deployer}.kubeconfig"
        if not file.exists():
            write_kubeconfig(file, namespace=self.namespace, deployer=self.deployer, environment=self.env)
        return {**self.env, "KUBECONFIG": str(file)}

    @property
    def longest(self) -> float:
        """Seconds within which it must be up."""
        return LONGEST

    @property
    def stack(self) -> str:
        """Name of the base stack."""
        return f"base-{self.app}"

    @property
    def domain(self) -> str:
        """Domain of the app's branches."""
        return f"{self.app}.localhost"

    @property
    def namespace(self) -> str:
        """Namespace of the app."""
        return self.app

    def home(self, _slug: str, /) -> str:
        """Namespace of a branch."""
        return self.namespace

    @property
    def gateway(self) -> Gateway:
        """The way in."""
        return Gateway(self.cluster.gateway_port)

    def config(self, **more: Any) -> dict[str, Any]:
        """Config of a base stack, as its committed file would hold it."""
        values = {
            "platform": "local",
            "apps": [{"name": self.app, "domain": self.domain, "isolation": {"images": IMAGES, "secrets": SECRETS}}],
            # What the Istio gateway's own pods listen on, as the local cluster has no Service before them.
            "gateway": {"name": self.app, "port": int(os.environ.get("ISTIO_GATEWAY_PORT", "8080"))},
            "publicPort": str(self.cluster.gateway_port),
            **more,
        }
        return {f"{PROJECT}:{key}": value for key, value in values.items()}

    def up(self) -> Result:
        """Bring the base stack up."""
        write_config(self.folder, self.stack, self.config())
        pulumi = Pulumi(self.folder, self.env)
        pulumi.run("stack", "select", "--create", self.stack).ok()
        return pulumi.run(*_UP, "--stack", self.stack, longest=self.longest).ok()

    def destroy(self) -> Result:
        """Destroy the base stack."""
        return Pulumi(self.folder, self.env).run("destroy", "--yes", "--skip-preview", "--stack", self.stack)


@dataclass(frozen=True, kw_only=True)
class BranchServiceAccounts(Base):
    """A base stack whose app's branches have a ServiceAccount each."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Switch it on, without a cloud."""
        identity = {"perBranch": True, "imagePullSecrets": ["registry"]}
        isolation = {"images": IMAGES, "serviceAccounts": ["shared"]}
        app = {"name": self.app, "domain": self.domain, "identity": identity, "isolation": isolation}
        return super().config(apps=[app], **more)


@dataclass(frozen=True, kw_only=True)
class BranchNamespaces(Base):
    """A base stack whose app's branches have a namespace each."""

    def home(self, slug: str, /) -> str:
        """Namespace of a branch: its own."""
        return namespace_name(self.namespace, slug)

    def config(self, **more: Any) -> dict[str, Any]:
        """Switch it on. They count as having sidecars, so that all guards are made."""
        isolation = {
            "images": IMAGES,
            "namespacePerBranch": True,
            "environment": {"pods": 5},
            "kinds": [*USUAL, *KEEPING],
        }
        app = {"name": self.app, "domain": self.domain, "identity": {"perBranch": True}, "isolation": isolation}
        return super().config(apps=[app], dataPlane="sidecar", **more)


def write_config(folder: Path, stack: str, config: dict[str, Any]) -> Path:
    """Write a stack's config file, as a person or a commit would."""
    file = folder / f"Pulumi.{stack}.yaml"
    file.write_text(yaml.safe_dump({"config": config}))
    return file


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A branch stack, deployed from a folder that holds the program."""

    base: Base
    name: str
    folder: Path
    slug: str
    app: str = ""
    base_stack: str = ""

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return f"{self.app or self.base.app}.{self.slug}"

    @property
    def full_stack(self) -> str:
        """Name of the stack as it is known without a project."""
        return f"organization/{PROJECT}/{self.stack}"

    @property
    def host(self) -> str:
        """Host of the environment."""
        return f"{self.slug}.{self.base.domain}"

    @property
    def url(self) -> str:
        """URL of the environment."""
        return f"http://{self.host}:{self.base.cluster.gateway_port}"

    @property
    def selector(self) -> str:
        """Labels of everything that the environment made."""
        return f"branch-environments/app={self.base.app},branch-environments/slug={self.slug}"

    @property
    def pulumi(self) -> Pulumi:
        """The CLI where the program is, with the deployer's rights and no others."""
        return Pulumi(self.folder, self.base.deployer_env)

    def elsewhere(self, folder: Path) -> "Branch":
        """Return the same branch, seen from another clone."""
        return Branch(
            base=self.base, name=self.name, folder=folder, slug=self.slug, app=self.app, base_stack=self.base_stack
        )

    def object_name(self, workload: str = "", *, canary: bool = False) -> str:
        """Name the objects of a workload."""
        return object_name(self.slug, workload, canary=canary)

    def select(self) -> "Branch":
        """Make the stack, or find it; once from every clone."""
        if not (self.folder / f"Pulumi.{self.stack}.yaml").exists():
            self.pulumi.run("stack", "select", "--create", self.stack).ok()
        return self

    def arguments(self, **config: str) -> list[str]:
        """Return the arguments by which CI passes a branch's few values."""
        values = {"base": self.base_stack or self.base.stack, "branch": self.name, **config}
        pairs = [part for key, value in values.items() for part in ("--config", f"{key}={value}")]
        return ["--stack", self.stack, *pairs]

    def try_up(self, *flags: str, **config: str) -> Result:
        """Deploy, and see what comes of it."""
        self.select()
        return self.pulumi.run(*_UP, *flags, *self.arguments(**config))

    def up(self, *flags: str, **config: str) -> Result:
        """Deploy, which must succeed; a failure shows what the environment's pods wrote last."""
        done = self.try_up(*flags, **config)
        assert done.code == 0, f"pulumi failed with {done.code}:\n{done.output}\nlogs:\n{self.last_words()}"
        return done

    def last_words(self) -> str:
        """Return the last lines of every container of the environment's pods, those of its jobs as well."""
        return self.base.cluster.last_words(self.base.home(self.slug), self.selector)

    def start_up(self, **config: str) -> Running:
        """Start to deploy."""
        self.select()
        return self.pulumi.start(*_UP, *self.arguments(**config))

    def preview(self, **config: str) -> Result:
        """Show what `up` would do."""
        self.select()
        return self.pulumi.run("preview", *self.arguments(**config))

    def destroy(self, *more: str) -> Result:
        """Destroy by the stack's full name."""
        return self.pulumi.run("destroy", "--yes", "--skip-preview", "--stack", self.full_stack, *more)

    def cancel(self) -> Result:
        """Take the lock of an update that is known to be dead."""
        return self.pulumi.run("cancel", "--yes", self.full_stack)

    def objects(self, *, going: bool = True) -> list[str]:
        """Return everything that the environment has in the cluster."""
        return self.base.cluster.labelled(self.selector, going=going)

    def until_nothing_is_left(self) -> None:
        """Wait for garbage collection, which has nothing to wait for but the pods' grace period."""
        until(lambda: not self.objects(), what=f"everything of {self.stack} is gone")

    def until_all_is_going(self) -> None:
        """Wait until everything is gone or told to go: what is left is the pods' grace period."""
        until(lambda: not self.objects(going=False), what=f"everything of {self.stack} goes")

    def pods(self) -> list[dict[str, Any]]:
        """Return the environment's live pods."""
        found: list[dict[str, Any]] = self.base.cluster.get(
            "pods", f"--namespace={self.base.home(self.slug)}", f"--selector={self.selector}"
        )["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


@dataclass
class Branches:
    """The branch stacks of one test."""

    base: Base
    made: list[Branch] = field(default_factory=list)

    def __call__(self, name: str, *, slugged: str | None = None, app: str = "", base_stack: str = "") -> Branch:
        """Return a branch; what it leaves is removed after the test.

        Args:
            name: the branch's name.
            slugged: the slug in the stack's name, if not the branch's own.
            app: another app than the worker's own.
            base_stack: another base stack than the worker's own.
        """
        branch = Branch(
            base=self.base,
            name=name,
            folder=self.base.folder,
            slug=slug(name) if slugged is None else slugged,
            app=app,
            base_stack=base_stack,
        )
        self.made.append(branch)
        return branch

    def forget(self, branch: Branch) -> None:
        """Leave out of the clean-up a branch of which it is known that nothing is there."""
        self.made.remove(branch)

    def remove(self) -> None:
        """Destroy all of them, and see that nothing is left but what is going."""
        at_once([lambda branch=branch: _remove(branch) for branch in self.made])  # type: ignore[misc]


def _remove(branch: Branch) -> None:
    done = branch.destroy("--remove")
    if "currently locked" in done.output:
        branch.cancel()
        done = branch.destroy("--remove")
    assert done.code == 0 or "no stack named" in done.output, f"clean-up failed:\n{done.output}"
    branch.until_all_is_going()


def at_once(steps: list[Callable[[], Any]]) -> list[Any]:
    """Take several steps at the same time, and give what each gave."""
    if not steps:
        return []
    # A hundred processes at once would only wait for each other.
    with ThreadPoolExecutor(min(len(steps), 10)) as pool:
        return [future.result() for future in [pool.submit(step) for step in steps]]
