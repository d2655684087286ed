"""Which Pulumi and which cluster are used: those that are there already, or our own."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import plugins
from local.errors import LocalError
from local.paths import ADMIN_KUBECONFIG, CACHE, PULUMI_BACKEND_URL
from local.toolchain import go


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """The choice, and the environment in which `pulumi` and `kubectl` then run."""

    official_pulumi: Path | None
    """An installed official Pulumi CLI with its Python language host; None: ours is built."""
    kubeconfig: Path | None
    """The person's own cluster; None: the local cluster is started."""
    gateway_port: int
    gateway_https_port: int

    @property
    def ports(self) -> dict[str, int]:
        """The ports on the loopback, by the variable that chooses them."""
        return {"GATEWAY_PORT": self.gateway_port, "GATEWAY_HTTPS_PORT": self.gateway_https_port}

    @property
    def own_cluster(self) -> bool:
        """Whether the cluster is the person's."""
        return self.kubeconfig is not None

    def environment(self) -> dict[str, str]:
        """Variables to add, for `pulumi`, `kubectl` and `helm` to do the right thing."""
        added = {
            "KUBECONFIG": str(self.kubeconfig or ADMIN_KUBECONFIG),
            "PATH": os.pathsep.join([*self._programs(), os.environ.get("PATH", os.defpath)]),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        # A backend that the person chose is theirs; otherwise one that `make down` removes.
        if "PULUMI_BACKEND_URL" not in os.environ:
            added["PULUMI_BACKEND_URL"] = PULUMI_BACKEND_URL
            added["PULUMI_CONFIG_PASSPHRASE"] = os.environ.get("PULUMI_CONFIG_PASSPHRASE", "local")
        if self.official_pulumi is None:
            # There is nothing to acquire them from, and looking costs seconds.
            added["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
            added["PULUMI_HOME"] = str(plugins.home())
        return added

    def install_plugins(self) -> None:
        """Put the Kubernetes provider where our `pulumi` looks for it, unless the official one is used."""
        if self.official_pulumi is None:
            plugins.install(plugins.home())

    def _programs(self) -> list[str]:
        official = [str(self.official_pulumi.parent)] if self.official_pulumi else []
        return [*official, str(go.binaries())]


def choose(environment: Mapping[str, str]) -> Toolbox:
    """Look at what is there.

    A cluster is the person's own only if KUBECONFIG says so: the demo must never land on whatever
    cluster ~/.kube/config happens to point at.

    Raises:
        LocalError: KUBECONFIG, GATEWAY_PORT or GATEWAY_HTTPS_PORT cannot be used.
    """
    port = _port(environment, "GATEWAY_PORT", 8080)
    https_port = _port(environment, "GATEWAY_HTTPS_PORT", 8443)
    if port == https_port:
        raise LocalError(
            f"GATEWAY_PORT and GATEWAY_HTTPS_PORT are both {port}: HTTP and HTTPS need a port each",
            "e.g. GATEWAY_HTTPS_PORT=18443",
        )
    path = environment.get("PATH", "")
    pulumi, host = (shutil.which(name, path=path) for name in ("pulumi", "pulumi-language-python"))
    # `make env` puts ours on a shell's PATH.
    official = pulumi if pulumi and host and not Path(host).resolve().is_relative_to(CACHE) else None
    kubeconfig = environment.get("KUBECONFIG")
    if kubeconfig and Path(kubeconfig) == ADMIN_KUBECONFIG:
        kubeconfig = None
    if kubeconfig:
        _check_cluster(kubeconfig, path)
    return Toolbox(
        official_pulumi=Path(official).resolve() if official else None,
        kubeconfig=Path(kubeconfig) if kubeconfig else None,
        gateway_port=port,
        gateway_https_port=https_port,
    )


def _port(environment: Mapping[str, str], variable: str, default: int) -> int:
    port = environment.get(variable, str(default))
    if not (port.isdigit() and 1024 <= int(port) <= 65535):
        raise LocalError(f"{variable}={port}: must be a port from 1024 to 65535", f"e.g. {variable}={default + 10000}")
    return int(port)


def _check_cluster(kubeconfig: str, path: str) -> None:
    kubectl = shutil.which("kubectl", path=path)
    if kubectl is None:
        raise LocalError(
            f"KUBECONFIG={kubeconfig}: there is no kubectl to look at that cluster with",
            "install kubectl, or unset KUBECONFIG to have a local cluster made",
        )
    result = subprocess.run(
        [
            *(kubectl, f"--kubeconfig={kubeconfig}", "--request-timeout=10s"),
            # Whoever is known to the cluster may ask this: a deployer may not look at CRDs.
            *("get", "--raw=/apis/networking.istio.io"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    message = result.stderr.strip()
    if result.returncode != 0 and "NotFound" in message:
        raise LocalError(
            f"KUBECONFIG={kubeconfig}: this cluster has no Istio: {message}",
            "install Istio there, or unset KUBECONFIG to have a local cluster made",
        )
    if result.returncode != 0:
        raise LocalError(
            f"KUBECONFIG={kubeconfig}: this cluster does not answer, or not to these credentials: {message}",
            "look at `kubectl auth whoami`, or unset KUBECONFIG to have a local cluster made",
        )
