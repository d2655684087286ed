"""`branchenv kubeconfig`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from branchenv import console
from branchenv.cli import options
from branchenv.cli.option import option
from branchenv.model import context
from branchenv.model.errors import bad_input

if TYPE_CHECKING:
    from branchenv.clients.sign_in.api_server import ApiServer, EksCluster, GkeCluster, OtherCluster

_HOUR = 3600


Cluster = Annotated[
    str,
    option(
        "--cluster",
        "NAME",
        "EKS: the cluster's ARN. GKE: projects/<project>/locations/<location>/clusters/<cluster>. With "
        "--as-branch also an API server's URL.",
        variable="BRANCHENV_CLUSTER",
    ),
]
Deployer = Annotated[
    str,
    option(
        "--deployer",
        "NAMESPACE/NAME",
        "ServiceAccount that the app's branches are deployed as. Default: <app>/<app>-deployer.",
        variable="BRANCHENV_DEPLOYER",
    ),
]
AsBranch = Annotated[
    bool,
    typer.Option(
        "--as-branch",
        envvar="BRANCHENV_AS_BRANCH",
        help="Come as the job's own branch, by GitLab's ID token, where the API server knows it.",
    ),
]
Authority = Annotated[
    Path | None,
    option(
        "--authority",
        "FILE",
        "Certificate that signed the API server's, for one that is named by its URL. Default: the system's.",
        variable="BRANCHENV_CLUSTER_CA",
    ),
]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it. Only this user can read it.")],
    app: options.App = "",
    cluster: Cluster = "",
    deployer: Deployer = "",
    as_branch: AsBranch = False,
    authority: Authority = None,
) -> None:
    """Sign in to the cluster with the job's cloud credentials, and write a kubeconfig of the app's deployer.

    The cloud says where the cluster is, the cluster knows the job by its role (EKS) or account (GKE), and gives it a
    token of the app's deployer for an hour. Neither `aws` nor `gcloud` is needed, and no key is stored anywhere. The
    base stack lets in who `apps[].ci` names. With --as-branch the job stays who it is: a job of its branch.
    """
    from branchenv.clients.sign_in import deployer as asking
    from branchenv.clients.sign_in.api_server import cluster_of

    service_account = asking.deployer_of(context.app_name(app=app), deployer)
    where = cluster_of(cluster)
    with console.step("signing in"):
        if as_branch:
            from branchenv.clients.sign_in.as_branch import USER, api_server_by_token

            api_server = api_server_by_token(where, authority, os.environ)
            user, token = USER, api_server.bearer
        else:
            api_server = _api_server_by_cloud(where)
            user, token = service_account.name, asking.ask(api_server, service_account, seconds=_HOUR)
    asking.write_kubeconfig(file, api_server, user=user, namespace=service_account.namespace, token=token)
    console.data(str(file))


def _api_server_by_cloud(cluster: "EksCluster | GkeCluster | OtherCluster") -> "ApiServer":
    from branchenv.clients.sign_in.api_server import EksCluster, GkeCluster

    if isinstance(cluster, EksCluster):
        from branchenv.clients.sign_in.eks import eks_api_server

        return eks_api_server(cluster)
    if isinstance(cluster, GkeCluster):
        from branchenv.clients.sign_in.gke import gke_api_server

        return gke_api_server(cluster)
    raise bad_input(
        "BRANCHENV_CLUSTER",
        cluster.server,
        "a cluster that is named by its URL knows jobs by no cloud's credentials",
        "--as-branch, where the API server takes GitLab's ID tokens; else a kubeconfig variable",
    )
