"""EKS knows an IAM role by a request that it has signed: `aws eks get-token`, without the AWS CLI."""

import base64
from typing import Any

from branchenv.clients.sign_in.api_server import ApiServer, EksCluster, access_denied

_PREFIX = "k8s-aws-v1."
_HEADER = "x-k8s-aws-id"
_SECONDS = 60
"""The signature's own life. EKS takes a token for 15 minutes from its date."""


def eks_api_server(cluster: EksCluster) -> ApiServer:
    """Ask AWS where a cluster is, and sign in to it with this process's AWS credentials.

    Raises:
        BranchenvError: there are no credentials, or the role may not see the cluster.
    """
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    session = botocore.session.get_session()
    try:
        found = session.create_client("eks", region_name=cluster.region).describe_cluster(name=cluster.name)["cluster"]
        return ApiServer(
            server=found["endpoint"],
            authority=found["certificateAuthority"]["data"],
            bearer=_bearer(session, cluster),
        )
    except (BotoCoreError, ClientError) as e:
        raise access_denied(
            f"AWS does not say where the cluster {cluster.name} is",
            e,
            "set AWS_ROLE_ARN and AWS_REGION (GitLab: Settings > CI/CD > Variables), and let that role "
            "eks:DescribeCluster of this cluster: docs/gitlab.md, Credentials",
        ) from e


def _bearer(session: Any, cluster: EksCluster) -> str:  # noqa: ANN401 - botocore has no types
    from botocore.signers import RequestSigner

    client = session.create_client("sts", region_name=cluster.region)
    signer = RequestSigner(
        client.meta.service_model.service_id,
        cluster.region,
        "sts",
        "v4",
        session.get_credentials(),
        session.get_component("event_emitter"),
    )
    request = {
        "method": "GET",
        "url": f"{client.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {_HEADER: cluster.name},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=cluster.region, expires_in=_SECONDS, operation_name="")
    return _PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
