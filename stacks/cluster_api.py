"""Asks the API server of a base stack's cluster what must be known before something is made in it."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from stacks.problems import Problem, SettingsError, shown

if TYPE_CHECKING:
    import httpx2
    from lightkube.config.kubeconfig import SingleConfig

_MISSING = 404


class ClusterApi:
    """The API server, asked with the credentials that the Kubernetes provider has."""

    def __init__(self, api: "httpx2.Client") -> None:
        """Use a connection.

        Args:
            api: with the address and the credentials.
        """
        self._api = api
        self._plurals = cache(self._read_plurals)

    def labels(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, str] | None:
        """Give an object's labels.

        Args:
            api_version: group and version, or the version alone, as in a manifest.
            kind: of the object.
            namespace: empty for an object of no namespace.
            name: of the object.

        Returns:
            The labels; None if there is no such object, or no such kind.

        Raises:
            httpx2.HTTPError: the API server does not answer, or does not say.
        """
        plural = self._plurals(api_version).get(kind)
        if plural is None:
            return None
        path = [_root(api_version), *(["namespaces", namespace] if namespace else []), plural, name]
        answer = self._api.get("/".join(path))
        if answer.status_code == _MISSING:
            return None
        metadata = answer.raise_for_status().json()["metadata"]
        return dict(metadata.get("labels") or {})

    def _read_plurals(self, api_version: str) -> dict[str, str]:
        answer = self._api.get(_root(api_version))
        if answer.status_code == _MISSING:
            return {}
        found = answer.raise_for_status().json()["resources"]
        return {each["kind"]: each["name"] for each in found if "/" not in each["name"]}


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def connect(stack: str) -> ClusterApi:
    """Connect to the cluster that the Kubernetes provider writes to.

    Args:
        stack: for the message.

    Raises:
        SettingsError: no cluster is configured.
    """
    from lightkube.config.client_adapter import Client, ConnectionParams
    from lightkube.core.exceptions import ConfigError

    # The provider's own keys, beside which it reads what kubectl reads.
    given = pulumi.Config("kubernetes")
    text, context = given.get("kubeconfig") or "", given.get("context")
    try:
        return ClusterApi(Client(_chosen(text, context), ConnectionParams()))
    except (ConfigError, OSError) as e:
        rule = f"the cluster cannot be asked: {e}"
        fix = "set KUBECONFIG and its current context (or kubernetes:kubeconfig, kubernetes:context): kubectl get nodes"
        raise SettingsError(
            stack, [Problem(field="kubernetes:context", value=shown(context), rule=rule, fix=fix)]
        ) from e


def _chosen(text: str, context: str | None) -> "SingleConfig":
    """Choose as the provider does: config, then files, then the account of the pod that this runs in."""
    import yaml
    from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, KubeConfig
    from lightkube.core.exceptions import ConfigError

    if "\n" in text or text.lstrip().startswith("{"):
        found = [KubeConfig.from_dict(yaml.safe_load(text))]
    else:
        names = text or os.environ.get("KUBECONFIG") or str(DEFAULT_KUBECONFIG)
        files = [path for name in names.split(os.pathsep) if (path := Path(name).expanduser()).is_file()]
        found = [KubeConfig.from_file(path) for path in files]
        if not found and not text:
            found = [KubeConfig.from_env()]
    wanted = context or next((each.current_context for each in found if each.current_context), None)
    for each in found:
        if wanted in each.contexts and (chosen := each.get(context_name=wanted)):
            return chosen
    raise ConfigError(f"no context {wanted} is configured")
