"""GKE knows a Google service account by its access token."""

from branchenv.clients.sign_in.api_server import ApiServer, GkeCluster, access_denied

# By the second one GKE knows an account by its address, as RoleBindings name it, and not by a number.
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email")
_API = "https://container.googleapis.com/v1"
_SECONDS = 20.0


def gke_api_server(cluster: GkeCluster) -> ApiServer:
    """Ask Google where a cluster is, and sign in to it with this process's Google credentials.

    Raises:
        BranchenvError: there are no credentials, or the account may not see the cluster.
    """
    import google.auth
    import httpx2
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=_SCOPES)
        credentials.refresh(Request())  # type: ignore[no-untyped-call] # google-auth has no types for it
        bearer = str(credentials.token)
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = httpx2.get(f"{_API}/{cluster.path}", headers=headers, timeout=_SECONDS)
        found = answer.raise_for_status().json()
    except (GoogleAuthError, httpx2.HTTPError) as e:
        raise access_denied(
            f"Google does not say where the cluster {cluster.path} is",
            e,
            "set GOOGLE_WORKLOAD_IDENTITY_PROVIDER and GOOGLE_SERVICE_ACCOUNT (GitLab: Settings > CI/CD > Variables), "
            "and name that account in `apps[].ci` of the base stack: docs/gitlab.md, Credentials",
        ) from e
    names = found.get("controlPlaneEndpointsConfig", {}).get("dnsEndpointConfig", {})
    if names.get("allowExternalTraffic") and names.get("endpoint"):
        # Reached from everywhere, behind Google's own certificate and IAM.
        return ApiServer(server=f"https://{names['endpoint']}", authority="", bearer=bearer)
    return ApiServer(
        server=f"https://{found['endpoint']}",
        authority=found["masterAuth"]["clusterCaCertificate"],
        bearer=bearer,
    )
