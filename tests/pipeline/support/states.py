"""An S3 bucket for Pulumi's states, which pods of the local cluster reach as well as this machine does."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

from local.cluster.network import HOST_ADDRESS

_BUCKET = "states"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "states", "AWS_SECRET_ACCESS_KEY": "states", "AWS_REGION": "us-east-1"}
# What is served here has no checksums, which the CLI would say at every answer.
_SILENT = {"AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"}


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """Make one, and give the variables by which Pulumi uses it."""
    # A line for every request: a failing test would show nothing else.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address=HOST_ADDRESS, port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name=_CREDENTIALS["AWS_REGION"],
            aws_access_key_id=_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=_BUCKET)
        url = f"s3://{_BUCKET}?endpoint={host}:{port}&disableSSL=true&s3ForcePathStyle=true"
        yield {**_CREDENTIALS, **_SILENT, "PULUMI_BACKEND_URL": url}
    finally:
        server.stop()
