"""Connections to the API server that KUBECONFIG names, or that of the cluster which this runs in."""

from threading import Lock
from typing import TYPE_CHECKING

from branchenv.model.errors import BranchenvError, ExitCode

if TYPE_CHECKING:
    import httpx2
    from lightkube.config.kubeconfig import SingleConfig

_reading = Lock()


def connect() -> "httpx2.Client":
    """Connect to the configured cluster; nothing is asked of it yet.

    Returns:
        A client with the cluster's address and credentials, which several threads may use at once.

    Raises:
        BranchenvError: no cluster is configured, or its configuration cannot be read.
    """
    from lightkube.core.exceptions import ConfigError

    try:
        config = chosen()
        if config is not None:
            return client(config)
        why, cause = "no context is chosen", None
    except (ConfigError, OSError) as e:
        why, cause = str(e), e
    raise BranchenvError(
        f"no cluster can be used: {why}",
        fix="set KUBECONFIG, or run this in the cluster",
        code=ExitCode.CLUSTER,
    ) from cause


def chosen() -> "SingleConfig | None":
    """Read which cluster is configured, one thread at a time.

    The library learns its types when it first needs them, and a second thread that meets a half-known one ends the
    whole process with a segmentation fault.

    Returns:
        Its address and credentials; None if there is no configuration.

    Raises:
        ConfigError: the configuration cannot be read.
        OSError: its file cannot be.
    """
    with _reading:
        from lightkube.config.kubeconfig import KubeConfig

        return KubeConfig.from_env().get()


def client(config: "SingleConfig") -> "httpx2.Client":
    """Connect to one cluster.

    The HTTP library names its protocol on the shared SSL context before every new connection. OpenSSL replaces the
    memory of that name while another thread's new connection copies it, as Python gives up its lock there: now and
    then a first message to the server is damaged, and ends in `tlsv1 alert decode error`. So the protocol is named
    once, before there are threads.

    Args:
        config: address and credentials.

    Returns:
        A client that several threads may use at once.
    """
    import httpx2
    from lightkube.config.client_adapter import ConnectionParams

    parameters = ConnectionParams().httpx_params(config)
    context = parameters["verify"]
    context.set_alpn_protocols(["http/1.1"])
    context.set_alpn_protocols = lambda _: None
    return httpx2.Client(**parameters)
