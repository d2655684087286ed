"""A job as its own branch: by GitLab's ID token, where the API server knows it."""

import base64
from collections.abc import Mapping
from pathlib import Path

from branchenv.clients.sign_in.api_server import ApiServer, EksCluster, GkeCluster, OtherCluster
from branchenv.model.errors import BranchenvError, bad_input

USER = "job"
TOKEN = "BRANCHENV_CLUSTER_TOKEN"  # noqa: S105 - a variable's name
"""Variable with the ID token, whose audience is the cluster's."""


def api_server_by_token(
    cluster: EksCluster | GkeCluster | OtherCluster, authority: Path | None, environ: Mapping[str, str]
) -> ApiServer:
    """Find the API server, to authenticate to it with the job's ID token.

    Args:
        cluster: where it is.
        authority: file with the certificate that its own is signed by, for a cluster of no cloud; None for one that the
            system trusts.
        environ: of the job.

    Raises:
        BranchenvError: there is no ID token, or the cluster takes none.
    """
    token = environ.get(TOKEN, "")
    if not token:
        raise _refused(
            TOKEN,
            "(missing)",
            "a job comes as its branch by an ID token of GitLab's",
            "set the component's input as-branch, which asks GitLab for it; outside of a job leave --as-branch out",
        )
    if isinstance(cluster, GkeCluster):
        rule = "GKE takes no tokens of GitLab's, and so knows no branch"
        raise _refused("--as-branch", "true", rule, "leave it out: the job becomes the app's deployer")
    if isinstance(cluster, EksCluster):
        from branchenv.clients.sign_in.eks import eks_api_server

        found = eks_api_server(cluster)
        return ApiServer(server=found.server, authority=found.authority, bearer=token)
    return ApiServer(server=cluster.server, authority=_read(authority) if authority else "", bearer=token)


def _read(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as e:
        raise _refused("--authority", file, f"it cannot be read: {e.strerror or e}", "name a file with PEM") from e


def _refused(field: str, value: object, rule: str, fix: str) -> BranchenvError:
    return bad_input(field, value, rule, fix)
