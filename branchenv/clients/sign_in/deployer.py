"""A short-lived token of the app's deployer, and the kubeconfig that holds it."""

import base64
import json
import os
import ssl
from http import HTTPStatus
from pathlib import Path

from branchenv.clients.sign_in.api_server import ApiServer
from branchenv.model.errors import BranchenvError, ExitCode, bad_input
from core.contract import Subject

_SECONDS = 20.0


def deployer_of(app: str, text: str = "") -> Subject:
    """Say which ServiceAccount deploys an app's branches.

    Args:
        app: name.
        text: <namespace>/<name>, where the app's namespace is not called as the app.

    Raises:
        BranchenvError: it is not of that form.
    """
    if not text:
        return Subject(namespace=app, name=f"{app}-deployer")
    namespace, _, name = text.partition("/")
    if namespace and name and "/" not in name:
        return Subject(namespace=namespace, name=name)
    raise bad_input(
        "BRANCHENV_DEPLOYER",
        text,
        "a deployer is named as <namespace>/<ServiceAccount>",
        f"give it so, e.g. {app}/{app}-deployer, or leave it out where the namespace is called as the app",
    )


def ask(api_server: ApiServer, deployer: Subject, *, seconds: int) -> str:
    """Ask the API server for a token of the deployer.

    Args:
        api_server: the API server, and the token that says who asks.
        deployer: whose token it is.
        seconds: how long it is wanted for; the cluster may give one for less.

    Raises:
        BranchenvError: the API server does not answer, or refuses.
    """
    import httpx2

    path = f"/api/v1/namespaces/{deployer.namespace}/serviceaccounts/{deployer.name}/token"
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }
    try:
        with httpx2.Client(
            base_url=api_server.server,
            verify=ssl.create_default_context(cadata=base64.b64decode(api_server.authority).decode() or None),
            headers={"Authorization": f"Bearer {api_server.bearer}"},
            timeout=_SECONDS,
        ) as api:
            answer = api.post(path, json=wanted)
            if answer.is_success:
                return str(answer.json()["status"]["token"])
            message = answer.json().get("message", "") if answer.content[:1] == b"{" else answer.text[:200]
    except httpx2.HTTPError as e:
        raise BranchenvError(
            f"the cluster does not answer at {api_server.server}: {e or type(e).__name__}",
            fix="let the runners reach the API server: its public endpoint, or runners in its network",
            code=ExitCode.CLUSTER,
        ) from e
    raise BranchenvError(
        f"the cluster gives this job no token of {deployer.namespace}/{deployer.name}: {answer.status_code} {message}",
        fix=_fix(answer.status_code, deployer),
        code=ExitCode.CLUSTER,
    )


def _fix(status: int, deployer: Subject) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return (
            "name the role (EKS) or account (GKE) that this job has in `apps[].ci` of the base stack, and run "
            "`pulumi up` there; on EKS the cluster's authentication mode must be API or API_AND_CONFIG_MAP"
        )
    if status == HTTPStatus.NOT_FOUND:
        return (
            f"set BRANCHENV_DEPLOYER=<namespace>/{deployer.name}, as the base stack's outputs `apps.<app>.namespace` "
            "and `deployer` have it"
        )
    return "run the same command again"


def write_kubeconfig(file: Path, api_server: ApiServer, *, user: str, namespace: str, token: str) -> None:
    """Write a kubeconfig that only this user can read.

    Args:
        file: where to.
        api_server: that it leads to.
        user: name of the entry.
        namespace: that commands are about.
        token: by which the API server knows the user.
    """
    cluster = {"server": api_server.server}
    if api_server.authority:
        cluster["certificate-authority-data"] = api_server.authority
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": user, "context": {"cluster": "cluster", "user": user, "namespace": namespace}}],
        "current-context": user,
    }
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(config, opened)
