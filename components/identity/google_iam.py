"""What Google Cloud's half of an identity says: members and addresses, as pure functions."""

GOOGLE_SERVICE_ACCOUNT_ANNOTATION = "iam.gke.io/gcp-service-account"
MAY_BE_USED = "roles/iam.workloadIdentityUser"


def pool(project: str) -> str:
    """Return the cluster's workload identity pool."""
    return f"{project}.svc.id.goog"


def pod_member(*, project: str, namespace: str, service_account: str) -> str:
    """Name a Kubernetes ServiceAccount as one that may act as a Google service account."""
    return f"serviceAccount:{pool(project)}[{namespace}/{service_account}]"


def google_service_account_member(email: str) -> str:
    """Name a Google service account as one that holds a role."""
    return f"serviceAccount:{email}"


def project_of(email: str) -> str:
    """Return the project of a Google service account, which need not be the cluster's, from its address.

    Args:
        email: <id>@<project>.iam.gserviceaccount.com; of a project <domain>:<name>, <id>@<name>.<domain>.iam...
    """
    name, _, domain = email.partition("@")[2].removesuffix(".iam.gserviceaccount.com").partition(".")
    return f"{domain}:{name}" if domain else name


def principal(*, project: str, project_number: str, namespace: str, service_account: str) -> str:
    """Name a Kubernetes ServiceAccount itself as one that holds a role, without a Google service account."""
    return (
        f"principal://iam.googleapis.com/projects/{project_number}/locations/global/workloadIdentityPools/"
        f"{pool(project)}/subject/ns/{namespace}/sa/{service_account}"
    )


def namespace_principals(*, project: str, project_number: str, namespace: str) -> str:
    """Name all Kubernetes ServiceAccounts of a namespace as those that hold a role."""
    return (
        f"principalSet://iam.googleapis.com/projects/{project_number}/locations/global/workloadIdentityPools/"
        f"{pool(project)}/namespace/{namespace}"
    )
