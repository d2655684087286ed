"""Where a cluster's API server is, and the credentials for it."""

import re
from dataclasses import dataclass, field

from branchenv.model.errors import BranchenvError, ExitCode, bad_input

_EKS = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):eks:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):cluster/(?P<name>[\w-]+)"
)
_GKE = re.compile(
    r"projects/(?P<project>[a-z0-9:.-]+)/locations/(?P<location>[a-z0-9-]+)/clusters/(?P<name>[a-z0-9-]+)"
)


@dataclass(frozen=True, kw_only=True)
class EksCluster:
    """A cluster of EKS."""

    region: str
    name: str


@dataclass(frozen=True, kw_only=True)
class GkeCluster:
    """A cluster of GKE."""

    path: str
    """projects/<project>/locations/<location>/clusters/<cluster>"""


@dataclass(frozen=True, kw_only=True)
class OtherCluster:
    """A cluster of no cloud: it knows jobs by GitLab's ID tokens alone."""

    server: str
    """URL of its API server."""


@dataclass(frozen=True, kw_only=True)
class ApiServer:
    """What is needed to speak to an API server."""

    server: str
    """Its URL."""
    authority: str
    """Certificate that its own is signed by: PEM in base64, as in a kubeconfig. Empty: the system trusts it."""
    bearer: str = field(repr=False)
    """Who asks: goes into the header Authorization, and into no log."""


def cluster_of(text: str) -> EksCluster | GkeCluster | OtherCluster:
    """Read a cluster's name, as its cloud writes it, or its address.

    Raises:
        BranchenvError: it is neither.
    """
    if found := _EKS.fullmatch(text):
        return EksCluster(region=found["region"], name=found["name"])
    if _GKE.fullmatch(text):
        return GkeCluster(path=text)
    if text.startswith("https://"):
        return OtherCluster(server=text.rstrip("/"))
    raise bad_input(
        "BRANCHENV_CLUSTER",
        text or "(missing)",
        "a cluster is named by its ARN (EKS), its path (GKE), or its API server's URL (others)",
        "give it as one of these prints it:\n"
        "             aws eks describe-cluster --name <cluster> --query cluster.arn --output text\n"
        "             projects/<project>/locations/<region or zone>/clusters/<cluster>",
    )


def access_denied(what: str, error: Exception, fix: str) -> BranchenvError:
    """Say that the cloud did not let this job in.

    Args:
        what: was asked for.
        error: its answer.
        fix: what to look at.
    """
    return BranchenvError(f"{what}: {error or type(error).__name__}", fix=fix, code=ExitCode.CLUSTER)
