"""How Argo CD syncs the apps' default branches."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from components.strict import Strict, broken
from stacks.settings.fields import Name

_HEAD = "HEAD"
ValuePath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$")]


def _with_scheme(value: object) -> object:
    if isinstance(value, str) and "://" not in value:
        raise broken(
            "Argo CD needs the repository's URL with its scheme",
            f"write https://{value.partition('@')[2].replace(':', '/', 1) or value}, or ssh://git@... for a key",
        )
    return value


def _relative(value: object) -> object:
    if isinstance(value, str) and (value.startswith("/") or ".." in value.split("/")):
        raise broken("a path is seen from the repository's top", "write e.g. chart, or . for the top itself")
    return value


class SyncWindowSettings(Strict):
    """A time in which Argo CD may sync, or may not."""

    kind: Literal["allow", "deny"] = Field(examples=["deny"])
    """allow or deny."""
    schedule: str = Field(pattern=r"^\S+( \S+){4}$", examples=["0 22 * * *"])
    """When it begins, as in cron."""
    duration: str = Field(pattern=r"^(\d+[hms])+$", examples=["8h"])
    """How long it lasts."""
    time_zone: str = Field("UTC", examples=["Asia/Tokyo"])
    """Time zone of `schedule`."""
    manual_sync: bool = True
    """Whether people may sync by hand all the same."""


class ApplicationSettings(Strict):
    """How Argo CD syncs an app's default branch."""

    repository: Annotated[str, BeforeValidator(_with_scheme)] = Field(examples=["https://gitlab.com/acme/shop.git"])
    """URL of the app's manifests repository; with `chart`, of a chart repository or the folder of a registry (oci://)."""
    path: Annotated[str, BeforeValidator(_relative)] = Field("chart", min_length=1)
    """Folder of the chart in the repository."""
    chart: str | None = Field(None, min_length=1, examples=["podinfo"])
    """Name of a published chart, instead of a folder in a repository of git's."""
    revision: str = Field(_HEAD, min_length=1)
    """What is synced: a branch, tag or commit, or the version of `chart`. HEAD is the repository's default branch."""
    values: dict[str, Any] = Field({}, examples=[{"replicas": 2}])
    """The chart's values for main."""
    url_value: ValuePath | None = "url"
    """Where in the values main's own URL goes, as a dotted path; `null` for nowhere."""
    host_value: ValuePath | None = None
    """Where in the values the host of that URL goes."""
    sync_windows: tuple[SyncWindowSettings, ...] = ()
    """Times in which syncs are allowed, or not. Default: always."""
    cascade: bool = False
    """Whether what main runs is deleted when this stack drops the app. Default: it stays."""

    @model_validator(mode="after")
    def _published(self) -> Self:
        if self.chart is None:
            if self.repository.startswith("oci://"):
                raise broken("a registry has charts by their names", "add chart: <name of the chart>", at="chart")
            return self
        if "path" in self.model_fields_set:
            raise broken("a published chart is no folder of a repository", "keep chart, or path", at="path")
        if self.revision == _HEAD:
            raise broken("a published chart has no HEAD, but versions", "write e.g. revision: 6.9.0", at="revision")
        return self


class ArgoCdSettings(Strict):
    """Argo CD, for all apps."""

    namespace: Name = "argocd"
    """Where Argo CD runs."""


class RepositoryCredentials(Strict):
    """How Argo CD reads one private repository: a password (or token), or a key."""

    username: str | None = None
    """Name for the password; with a token mostly anything."""
    password: str | None = None
    """Password or token, for https."""
    ssh_private_key: str | None = None
    """Private key, for ssh."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.password) == bool(self.ssh_private_key):
            raise broken(
                "either a password or a key opens a repository", "set password or sshPrivateKey, with --secret"
            )
        return self

    def data(self) -> dict[str, str]:
        """Return them as Argo CD's repository secret names them."""
        if self.ssh_private_key:
            return {"sshPrivateKey": self.ssh_private_key}
        return {"username": self.username or "git", "password": self.password or ""}
