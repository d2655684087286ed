"""Which backend it is, and how it is reached."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, urlsplit

from branchenv.clients.backend.protocol import Backend
from branchenv.model.errors import BranchenvError, ExitCode

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_TIMEOUT = "20s"
_RETRIES = 3
_READABLE_GOOGLE = ("service_account", "authorized_user")


def backend_url(environ: Mapping[str, str] = os.environ) -> str:
    """Find the backend as the Pulumi CLI does: its variable, else where the person is logged in.

    Raises:
        BranchenvError: neither says.
    """
    if url := environ.get("PULUMI_BACKEND_URL"):
        return url
    home = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        current = str(json.loads((home / "credentials.json").read_text()).get("current", ""))
    except (OSError, ValueError):
        current = ""
    if not current:
        raise BranchenvError(
            "nothing says where Pulumi's backend is",
            fix="set PULUMI_BACKEND_URL, e.g. s3://<bucket> (GitLab: Settings > CI/CD > Variables), or `pulumi login`",
            code=ExitCode.BACKEND,
            field="PULUMI_BACKEND_URL",
            value="(missing)",
        )
    return current


def open_backend(url: str | None = None, environ: Mapping[str, str] = os.environ) -> Backend:
    """Open Pulumi's backend; nothing is asked of it yet.

    Args:
        url: as Pulumi has it; None for the one that the CLI would use.
        environ: of this process, for its credentials.

    Raises:
        BranchenvError: there is none, or it cannot be opened.
    """
    url = url or backend_url(environ)
    parts = urlsplit(url)
    if not _direct(parts, environ):
        from branchenv.clients.backend.cli import CliBackend

        return CliBackend(url)
    from obstore.exceptions import BaseError

    from branchenv.clients.backend.object_store import ObjectStoreBackend, unreachable

    try:
        return ObjectStoreBackend(url, _store(parts, environ))
    except (BaseError, OSError, ValueError) as e:
        raise unreachable(url, e) from e


def _direct(parts: SplitResult, environ: Mapping[str, str]) -> bool:
    """Whether this program can read it by itself. What it cannot log in to is left to the CLI, which is slower."""
    match parts.scheme:
        case "file" | "azblob":
            return True
        case "s3":
            profile = environ.get("AWS_PROFILE") or parse_qs(parts.query).get("profile")
            return not profile or "AWS_ACCESS_KEY_ID" in environ
        case "gs":
            return "GOOGLE_CREDENTIALS" in environ or _readable_google(environ)
        case _:
            return False


def _readable_google(environ: Mapping[str, str]) -> bool:
    """Whether Google's credentials are of a kind that is read directly; federated ones (GitLab's OIDC) are not."""
    file = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not file:
        return True
    try:
        return json.loads(Path(file).read_text()).get("type") in _READABLE_GOOGLE
    except (OSError, ValueError):
        return False


def _store(parts: SplitResult, environ: Mapping[str, str]) -> "ObjectStore":
    from datetime import timedelta

    from obstore import store as stores

    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    prefix = parts.path.strip("/") or None
    retry: stores.RetryConfig = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=30)}
    client: stores.ClientConfig = {"timeout": _TIMEOUT, "connect_timeout": "5s"}
    match parts.scheme:
        case "file":
            # file://~ is the home folder, to Pulumi.
            return stores.LocalStore(Path(f"{parts.netloc}{parts.path}").expanduser())
        case "s3":
            s3: stores.S3Config = {}
            if (
                endpoint := query.get("endpoint")
                or environ.get("AWS_ENDPOINT_URL_S3")
                or environ.get("AWS_ENDPOINT_URL")
            ):
                scheme = "http" if query.get("disableSSL") == "true" else "https"
                s3["endpoint"] = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
                client["allow_http"] = s3["endpoint"].startswith("http://")
            if region := query.get("region"):
                s3["region"] = region
            path_style = "true" in (query.get("s3ForcePathStyle"), query.get("use_path_style"))
            s3["virtual_hosted_style_request"] = not (endpoint or path_style)
            return stores.S3Store(parts.netloc, prefix=prefix, config=s3, retry_config=retry, client_options=client)
        case "gs":
            gcs: stores.GCSConfig = {}
            if key := environ.get("GOOGLE_CREDENTIALS"):
                gcs["service_account_key"] = key
            return stores.GCSStore(parts.netloc, prefix=prefix, config=gcs, retry_config=retry, client_options=client)
        case _:
            azure: stores.AzureConfig = {}
            if account := query.get("storage_account") or environ.get("AZURE_STORAGE_ACCOUNT"):
                azure["account_name"] = account
            return stores.AzureStore(
                parts.netloc, prefix=prefix, config=azure, retry_config=retry, client_options=client
            )
