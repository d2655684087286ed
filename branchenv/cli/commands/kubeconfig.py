"""`branchenv kubeconfig`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from branchenv import console
from branchenv.cli import options
from branchenv.model import context
from branchenv.model.errors import BranchenvError, ExitCode

_HOUR = 3600


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it. Only this user can read it.")],
    app: options.App = "",
    cluster: Annotated[
        str,
        typer.Option(
            "--cluster",
            envvar="BRANCHENV_CLUSTER",
            show_default=False,
            metavar="NAME",
            help="EKS: the cluster's ARN. GKE: projects/<project>/locations/<location>/clusters/<cluster>. With "
            "--as-branch also an API server's URL.",
        ),
    ] = "",
    deployer: Annotated[
        str,
        typer.Option(
            "--deployer",
            envvar="BRANCHENV_DEPLOYER",
            show_default=False,
            metavar="NAMESPACE/NAME",
            help="ServiceAccount that the app's branches are deployed as. Default: <app>/<app>-deployer.",
        ),
    ] = "",
    as_branch: Annotated[
        bool,
        typer.Option(
            "--as-branch",
            envvar="BRANCHENV_AS_BRANCH",
            help="Come as the job's own branch, by GitLab's ID token, where the API server knows it.",
        ),
    ] = False,
    authority: Annotated[
        Path | None,
        typer.Option(
            "--authority",
            envvar="BRANCHENV_CLUSTER_CA",
            show_default=False,
            metavar="FILE",
            help="Certificate that signed the API server's, for one that is named by its URL. Default: the system's.",
        ),
    ] = None,
) -> None:
    """Sign in to the cluster with the job's cloud credentials, and write a kubeconfig of the app's deployer.

    The cloud says where the cluster is, the cluster knows the job by its role (EKS) or account (GKE), and gives it a
    token of the app's deployer for an hour. Neither `aws` nor `gcloud` is needed, and no key is stored anywhere. The
    base stack lets in who `apps[].ci` names. With --as-branch the job stays who it is: a job of its branch.
    """
    from branchenv.clients.sign_in import deployer as asking
    from branchenv.clients.sign_in.api_server import EksCluster, GkeCluster, cluster_of

    service_account = asking.deployer_of(context.app_name(app=app), deployer)
    where = cluster_of(cluster)
    with console.step("signing in"):
        if as_branch:
            from branchenv.clients.sign_in.as_branch import USER, api_server_by_token

            api_server = api_server_by_token(where, authority, os.environ)
            user, token = USER, api_server.bearer
        else:
            if isinstance(where, EksCluster):
                from branchenv.clients.sign_in.eks import eks_api_server

                api_server = eks_api_server(where)
            elif isinstance(where, GkeCluster):
                from branchenv.clients.sign_in.gke import gke_api_server

                api_server = gke_api_server(where)
            else:
                raise BranchenvError(
                    "no cloud vouches for the jobs to a cluster that is named by its URL",
                    fix="--as-branch, where the API server takes GitLab's ID tokens; else a kubeconfig variable",
                    code=ExitCode.BAD_INPUT,
                    field="BRANCHENV_CLUSTER",
                    value=cluster,
                )
            user, token = service_account.name, asking.ask(api_server, service_account, seconds=_HOUR)
    asking.write_kubeconfig(file, api_server, user=user, namespace=service_account.namespace, token=token)
    console.data(str(file))
