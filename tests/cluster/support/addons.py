"""What a base stack has from the add-ons, and what a run leaves of it."""

from tests.cluster.support.cluster import Cluster


def remove_leftovers(cluster: Cluster, app: str) -> None:
    """Remove what a run that was killed left, and the secrets that cert-manager always leaves."""
    for kind, namespace, name in (
        ("applications.argoproj.io", "argocd", app),
        ("appprojects.argoproj.io", "argocd", app),
        ("certificates.cert-manager.io", "istio-system", f"{app}-tls"),
        ("certificates.cert-manager.io", "cert-manager", f"{app}-issuer-ca"),
        ("clusterissuers.cert-manager.io", "", f"{app}-issuer"),
        ("clusterissuers.cert-manager.io", "", f"{app}-issuer-root"),
        ("gateways.networking.istio.io", "istio-system", f"{app}-redirect"),
        ("virtualservices.networking.istio.io", "istio-system", f"{app}-redirect"),
        ("secrets", "istio-system", f"{app}-tls"),
        ("secrets", "cert-manager", f"{app}-issuer-ca"),
    ):
        where = (f"--namespace={namespace}",) if namespace else ()
        cluster.kubectl("delete", kind, name, "--ignore-not-found", *where)
