"""Which cluster the provider talks to, and how: its inputs, the environment, and the kubeconfig they point at."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig


class SettingsError(Exception):
    """The provider's inputs do not lead to a cluster. The message says which one, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the provider was told.

    Inputs of the official provider that are not named here (`clusterIdentifier`, `enableServerSideApply`,
    `helmReleaseSettings`, `kubeClientSettings`, ...) are accepted and have no effect.
    """

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    upsert: bool = False
    patch_force: bool = False
    mutable_config_maps: bool = False
    mutable_secrets: bool = False
    delete_unreachable: bool = False

    @classmethod
    def of(cls, variables: dict[str, Any]) -> "Settings":
        """Read provider inputs, by their official names; the official environment variables fill in."""

        def flag(name: str, variable: str) -> bool:
            value = variables.get(name)
            return str(os.environ.get(variable, "") if value is None else value).lower() == "true"

        def text(name: str) -> str:
            value = variables.get(name)
            return value if isinstance(value, str) else json.dumps(value) if value else ""

        return cls(
            kubeconfig=text("kubeconfig"),
            context=text("context"),
            cluster=text("cluster"),
            namespace=text("namespace"),
            upsert=flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
            patch_force=flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
            mutable_config_maps=flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
            mutable_secrets=flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
            delete_unreachable=flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
        )

    def connection(self) -> "SingleConfig":
        """The cluster, user and namespace that these settings select.

        Raises:
            SettingsError: there is no kubeconfig, it cannot be read, or it has no such context or cluster.
        """
        from lightkube.config.kubeconfig import SingleConfig
        from lightkube.core.exceptions import ConfigError

        source, config = self._load()
        try:
            chosen = config.get(self.context or None)
            cluster = config.clusters[self.cluster] if self.cluster else None
        except (ConfigError, KeyError) as e:
            raise SettingsError(
                f"kubeconfig {source}: context {self.context or config.current_context!r} or a cluster or user that it "
                f"names is not in it (its contexts: {', '.join(sorted(config.contexts)) or 'none'}). "
                "Set `context`, or the kubeconfig's current-context, to one of them."
            ) from e
        if chosen is None:
            raise SettingsError(f"kubeconfig {source} selects no context; set `context`.")
        return SingleConfig(
            context_name=chosen.context_name,
            context=chosen.context,
            cluster=cluster or chosen.cluster,
            user=chosen.user or _nobody(),
            fname=chosen.fname,
        )

    def _load(self) -> tuple[str, Any]:
        import yaml
        from lightkube.config.kubeconfig import KubeConfig
        from lightkube.core.exceptions import ConfigError

        if self.kubeconfig.lstrip().startswith("{") or "\n" in self.kubeconfig:
            source, text, path = "content", self.kubeconfig, None
        else:
            path = self._path()
            if path is None and "KUBERNETES_SERVICE_HOST" in os.environ:
                return "of this pod's service account", KubeConfig.from_service_account()
            path = path or Path("~/.kube/config").expanduser()
            source = str(path)
            try:
                text = path.read_text()
            except OSError as e:
                raise SettingsError(
                    f"kubeconfig {path} cannot be read ({e.strerror}). Set KUBECONFIG, or the provider's `kubeconfig`, "
                    "to the path or the content of one."
                ) from e
        try:
            return source, KubeConfig.from_dict(yaml.safe_load(text), fname=path)
        except (yaml.YAMLError, ConfigError, KeyError, TypeError, ValueError) as e:
            raise SettingsError(f"kubeconfig {source} is not a kubeconfig: {e}.") from e

    def _path(self) -> Path | None:
        """The file to read: the input, else the first of `KUBECONFIG` that exists (lists of files are not merged)."""
        if self.kubeconfig:
            return Path(self.kubeconfig).expanduser()
        named = [Path(p) for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p]
        existing = [p for p in named if p.is_file()]
        if existing or named:
            return (existing or named)[0]
        home = Path("~/.kube/config").expanduser()
        return home if home.is_file() else None


def _nobody() -> Any:
    from lightkube.config.models import User

    return User()
