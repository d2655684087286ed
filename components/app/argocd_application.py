"""What Argo CD needs to sync an app's main branch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from core.labels import app_labels

API_VERSION = "argoproj.io/v1alpha1"
RELEASE = "main"
"""Name of the chart's release. It is reserved: no branch has this slug."""
THIS_CLUSTER = "https://kubernetes.default.svc"
_OCI = "oci://"
# Deletes what main runs together with the Application.
_CASCADE = "resources-finalizer.argocd.argoproj.io"


@dataclass(frozen=True, kw_only=True)
class SyncWindow:
    """A time in which syncs are allowed, or not."""

    kind: str
    schedule: str
    duration: str
    time_zone: str = "UTC"
    manual_sync: bool = True


@dataclass(frozen=True, kw_only=True)
class ArgoCdApplicationArgs:
    """What the application needs to know."""

    app: str
    argocd_namespace: pulumi.Input[str]
    namespace: pulumi.Input[str]
    repository: str
    revision: str
    path: str
    """Folder of the chart in a repository of git's."""
    values: Mapping[str, Any]
    """The chart's values, with main's own URL already set."""
    credentials: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Keys of a repository secret, e.g. username and password; empty for a repository that anybody may read."""
    chart: str = ""
    """Name of a published chart, whose version is the revision; empty for a repository of git's."""
    sync_windows: Sequence[SyncWindow] = ()
    cascade: bool = False
    """Whether main's objects go when this goes."""

    def __post_init__(self) -> None:
        """Refuse what Argo CD would show as an error that nobody looks at."""
        if "://" not in self.repository:
            raise ValueError(f"repository: {self.repository!r} has no scheme; write e.g. https:// or ssh:// before it")
        if self.path.startswith("/"):
            raise ValueError(f"path: {self.path!r} starts with a slash; it is seen from the repository's top")

    @property
    def repo_url(self) -> str:
        """What Argo CD calls the repository: a registry of charts has no scheme there."""
        return self.repository.removeprefix(_OCI) if self.chart else self.repository


class ArgoCdApplication(pulumi.ComponentResource):
    """An AppProject that allows one repository and one namespace, and the Application that syncs main.

    Type `branch-environments:base:ArgoCdApplication`. Left out on purpose: waiting for the sync, as a mistake in main
    is main's and must not fail the base stack.
    """

    application: pulumi.Output[str]
    """<namespace>/<name> of the Application, known once it exists."""

    def __init__(self, name: str, args: ArgoCdApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:ArgoCdApplication", name, None, opts)
        needed: list[pulumi.Resource] = [
            CustomResource(
                f"{name}-project",
                api_version=API_VERSION,
                kind="AppProject",
                metadata=_metadata(args, args.app),
                spec=project_spec(args),
                opts=pulumi.ResourceOptions(parent=self),
            )
        ]
        if args.credentials:
            needed.append(
                core.Secret(
                    f"{name}-repository",
                    core.SecretInitArgs(
                        metadata=meta.ObjectMetaArgs(
                            name=f"repository-{args.app}",
                            namespace=args.argocd_namespace,
                            labels=app_labels(args.app) | {"argocd.argoproj.io/secret-type": "repository"},
                        ),
                        string_data=repository_data(args),  # secret in the state: the SDK sees to it
                    ),
                    pulumi.ResourceOptions(parent=self),
                )
            )
        application = CustomResource(
            f"{name}-application",
            api_version=API_VERSION,
            kind="Application",
            metadata=_metadata(args, args.app, finalizers=[_CASCADE] if args.cascade else None),
            spec=application_spec(args),
            # Seen before its project, an Application stays Unknown until somebody refreshes it.
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        self.application = pulumi.Output.all(args.argocd_namespace, application.urn).apply(
            lambda known: f"{known[0]}/{args.app}"
        )
        self.register_outputs({"application": self.application})


def project_spec(args: ArgoCdApplicationArgs) -> dict[str, Any]:
    """Make the spec of an AppProject: no other repository, no other namespace, nothing of the cluster's."""
    windows = [
        {
            "kind": window.kind,
            "schedule": window.schedule,
            "duration": window.duration,
            "timeZone": window.time_zone,
            "manualSync": window.manual_sync,
            "applications": ["*"],
        }
        for window in args.sync_windows
    ]
    return {
        "description": f"Main branch of {args.app}",
        "sourceRepos": [args.repo_url],
        "destinations": [{"server": THIS_CLUSTER, "namespace": args.namespace}],
        "clusterResourceWhitelist": [],
        # The base stack's own work, which a chart must not undo.
        "namespaceResourceBlacklist": [{"group": "", "kind": kind} for kind in ("LimitRange", "ResourceQuota")],
        **({"syncWindows": windows} if windows else {}),
    }


def application_spec(args: ArgoCdApplicationArgs) -> dict[str, Any]:
    """Make the spec of an Application: main is what its repository says, always."""
    return {
        "project": args.app,
        "source": {
            "repoURL": args.repo_url,
            "targetRevision": args.revision,
            **({"chart": args.chart} if args.chart else {"path": args.path}),
            "helm": {"releaseName": RELEASE, "valuesObject": dict(args.values)},
        },
        "destination": {"server": THIS_CLUSTER, "namespace": args.namespace},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
            # The namespace is the base stack's.
            "syncOptions": ["CreateNamespace=false", "PruneLast=true"],
        },
    }


def repository_data(args: ArgoCdApplicationArgs) -> dict[str, pulumi.Input[str]]:
    """Make the keys of a repository secret."""
    if not args.chart:
        return {"type": "git", "url": args.repository, **args.credentials}
    registry = {"enableOCI": "true"} if args.repository.startswith(_OCI) else {}
    return {"type": "helm", "name": args.app, "url": args.repo_url, **registry, **args.credentials}


def _metadata(args: ArgoCdApplicationArgs, name: str, finalizers: Sequence[str] | None = None) -> meta.ObjectMetaArgs:
    return meta.ObjectMetaArgs(
        name=name,
        namespace=args.argocd_namespace,
        labels=app_labels(args.app),
        finalizers=list(finalizers) if finalizers else None,
    )
