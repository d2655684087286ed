"""Asks the API server of a stack's cluster what must be known before something is made in it."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from core import publication
from core.api_versions import METADATA_ALONE, api_root
from core.contract import Base
from core.labels import APP_LABEL, BRANCH_ANNOTATION, SLUG_LABEL, URL_ANNOTATION
from stacks.settings.errors import Problem, SettingsError, shown

if TYPE_CHECKING:
    import httpx2
    from lightkube.config.kubeconfig import SingleConfig

Answer = TypeVar("Answer")

MIN_VERSION = (1, 30)
"""Of Kubernetes: the first with ValidatingAdmissionPolicy of v1."""


class ClusterApi:
    """The API server, asked with the credentials that the Kubernetes provider has."""

    def __init__(self, api: "httpx2.Client", *, where: str = "(the current context)") -> None:
        """Use a connection.

        Args:
            api: with the address and the credentials.
            where: what a person calls the cluster.
        """
        self._api = api
        self.where = where
        self._plurals = cache(self._read_plurals)

    def version(self) -> tuple[int, int]:
        """Return the version of Kubernetes.

        Raises:
            httpx2.HTTPError: the API server does not answer, or does not say.
        """
        found = self._api.get("/version").raise_for_status().json()
        # Clouds write a plus behind theirs.
        return int(found["major"]), int(found["minor"].rstrip("+"))

    def identity(self) -> str:
        """Return what tells this cluster from every other: the UID of its namespace kube-system.

        Raises:
            httpx2.HTTPError: the API server does not answer, or does not say.
        """
        found = self._api.get(publication.CLUSTER_ID_PATH).raise_for_status().json()
        return str(found["metadata"]["uid"])

    def contract(self, base: str) -> Base:
        """Return what a base stack has published here.

        Args:
            base: its name.

        Raises:
            httpx2.HTTPError: the API server does not answer, or does not say.
            ContractError: there is none, or it cannot be used.
        """
        answer = self._api.get(publication.path(base))
        if answer.status_code not in publication.UNDERSTOOD:
            answer.raise_for_status()
        return publication.read(answer, base)

    def labels(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, str] | None:
        """Return an object's labels.

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
        path = [api_root(api_version), *(["namespaces", namespace] if namespace else []), plural, name]
        answer = self._api.get("/".join(path))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        metadata = answer.raise_for_status().json()["metadata"]
        return dict(metadata.get("labels") or {})

    def branches(self, apps: Sequence[str]) -> dict[str, list[str]]:
        """Return the full names of the branches that have an environment here, by app.

        Args:
            apps: to look for.

        Raises:
            httpx2.HTTPError: the API server does not answer, or refuses.
        """
        selector = f"{APP_LABEL} in ({','.join(apps)}),{SLUG_LABEL}"
        headers = {"Accept": METADATA_ALONE}
        answer = self._api.get("/api/v1/configmaps", params={"labelSelector": selector}, headers=headers)
        found: dict[str, list[str]] = {}
        # Of metadata alone, a list of nothing is null.
        for each in answer.raise_for_status().json()["items"] or []:
            labels, annotations = each["metadata"]["labels"], each["metadata"].get("annotations", {})
            # A chart's own ConfigMaps have the labels, too; only the environment's anchor has its URL.
            if URL_ANNOTATION in annotations:
                branch = annotations.get(BRANCH_ANNOTATION, labels[SLUG_LABEL])
                found.setdefault(labels[APP_LABEL], []).append(branch)
        return found

    def serves(self, api_version: str, kind: str) -> bool:
        """Return whether the cluster knows a kind.

        Args:
            api_version: group and version, or the version alone, as in a manifest.
            kind: to look for.

        Raises:
            httpx2.HTTPError: the API server does not answer, or does not say.
        """
        return kind in self._plurals(api_version)

    def _read_plurals(self, api_version: str) -> dict[str, str]:
        answer = self._api.get(api_root(api_version))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return {}
        found = answer.raise_for_status().json()["resources"]
        return {each["kind"]: each["name"] for each in found if "/" not in each["name"]}


def asked(stack: str, api: ClusterApi, question: Callable[[], Answer]) -> Answer:
    """Return what an API server answers.

    Args:
        stack: for the message.
        api: that is asked.
        question: a method of it.

    Raises:
        SettingsError: it does not answer, or refuses.
    """
    import httpx2
    from lightkube.core.exceptions import ConfigError

    try:
        return question()
    except (httpx2.HTTPError, ConfigError, OSError) as e:
        raise _unreachable(stack, api.where, e) from e


def check_version(stack: str, api: ClusterApi) -> None:
    """Refuse a cluster whose API server lacks what this stack rests on.

    Args:
        stack: for the message.
        api: of the cluster.

    Raises:
        SettingsError: it is too old, or does not answer.
    """
    found = asked(stack, api, api.version)
    if found < MIN_VERSION:
        version, least = (".".join(map(str, each)) for each in (found, MIN_VERSION))
        rule = f"rules for branches are ValidatingAdmissionPolicies, which Kubernetes has since {least}"
        fix = f"upgrade the cluster to {least} or newer"
        raise SettingsError(stack, [Problem(field="cluster", value=f"Kubernetes {version}", rule=rule, fix=fix)])


def connect(stack: str, provider: Mapping[str, str]) -> ClusterApi:
    """Connect to the cluster that the Kubernetes provider writes to.

    Args:
        stack: for the message.
        provider: what its config says of the provider, beside which that reads what kubectl reads.

    Raises:
        SettingsError: no cluster is configured.
    """
    from lightkube.config.client_adapter import Client, ConnectionParams
    from lightkube.core.exceptions import ConfigError

    text, context = provider.get("kubeconfig", ""), provider.get("context")
    try:
        chosen = _chosen(text, context)
        where = f"{chosen.context_name} ({chosen.cluster.server})"
        return ClusterApi(Client(chosen, ConnectionParams()), where=where)
    except (ConfigError, OSError) as e:
        raise _unreachable(stack, shown(context) if context else "(the current context)", e) from e


def _unreachable(stack: str, where: str, error: Exception) -> SettingsError:
    rule = f"the cluster cannot be asked: {error}"
    fix = "set KUBECONFIG and its current context (or kubernetes:kubeconfig, kubernetes:context): kubectl get nodes"
    return SettingsError(stack, [Problem(field="kubernetes:context", value=where, rule=rule, fix=fix)])


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
