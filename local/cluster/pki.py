"""The cluster's certificate authority and what it signs. Made once per cluster, deleted with it."""

import base64
import datetime as dt
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.cluster.network import API_SERVER, KUBERNETES_SERVICE, NODE_ADDRESS

_LIFETIME = dt.timedelta(days=3650)


METRICS_SERVER = "metrics-server"
FRONT_PROXY = "front-proxy-client"


@dataclass(frozen=True, kw_only=True)
class ClientCertificate:
    """Somebody who speaks to the API server: the certificate's user and group."""

    file: str
    user: str
    group: str = ""


# istiod and others get their rights from Helm charts in a real cluster; here they are the cluster's own.
CLIENTS = (
    ClientCertificate(file="admin", user="admin", group="system:masters"),
    ClientCertificate(file="kube-controller-manager", user="system:kube-controller-manager"),
    ClientCertificate(file="kube-scheduler", user="system:kube-scheduler"),
    ClientCertificate(file="kube-proxy", user="system:kube-proxy"),
    ClientCertificate(file="kubelet", user="system:node:local", group="system:nodes"),
    ClientCertificate(file="apiserver-kubelet-client", user="apiserver-kubelet-client", group="system:masters"),
    ClientCertificate(file="coredns", user="coredns", group="system:masters"),
    ClientCertificate(file="istiod", user="istiod", group="system:masters"),
    ClientCertificate(file="network-policy", user="network-policy", group="system:masters"),
    # The API server, when it passes a request on to an API that something else serves.
    ClientCertificate(file=FRONT_PROXY, user=FRONT_PROXY),
)


class Authority:
    """Signs keys into a folder; a key that is already there is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "branch-environments-local")])
        self._name = name
        self._certificate = (
            self._builder(name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._write("ca", self._key, self._certificate)

    def client(self, client: ClientCertificate) -> None:
        """A certificate by which a client shows the API server who it is."""
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, client.user)]
        if client.group:
            subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, client.group))
        self._sign(client.file, x509.Name(subject), ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def api_server(self) -> None:
        """The API server's own certificate, for every name and address it is called by."""
        names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
        ]
        addresses = [KUBERNETES_SERVICE, NODE_ADDRESS, "127.0.0.1"]
        alternatives = [x509.DNSName(name) for name in names] + [
            x509.IPAddress(ipaddress.ip_address(address)) for address in addresses
        ]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        self._sign("apiserver", subject, ExtendedKeyUsageOID.SERVER_AUTH, alternatives)

    def served_api(self, name: str) -> None:
        """The certificate of what serves an API behind the API server, by the name of its Service and namespace."""
        host = f"{name}.{name}.svc"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        self._sign(name, subject, ExtendedKeyUsageOID.SERVER_AUTH, [x509.DNSName(host)])

    def service_account_key(self) -> None:
        """The key that signs ServiceAccount tokens (no certificate)."""
        self._write("service-account", ec.generate_private_key(ec.SECP256R1()), None)

    def _sign(
        self,
        file: str,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        alternatives: Sequence[x509.GeneralName],
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        self._write(file, key, builder.sign(self._key, hashes.SHA256()))

    def _builder(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + _LIFETIME)
        )

    def _write(self, file: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate | None) -> None:
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        path = self._folder / f"{file}.key"
        path.touch(mode=0o600)
        path.write_bytes(pem)
        if certificate is not None:
            (self._folder / f"{file}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def make(folder: Path) -> None:
    """Make the whole PKI in `folder`, unless a complete one is there."""
    done = folder / "complete"
    if done.exists():
        return
    authority = Authority(folder)
    authority.api_server()
    authority.served_api(METRICS_SERVER)
    authority.service_account_key()
    for client in CLIENTS:
        authority.client(client)
    done.touch()


def kubeconfig(folder: Path, file: str) -> str:
    """A kubeconfig (JSON, which is YAML) with the credentials inside, for one of `CLIENTS`."""
    credentials = {
        "client-certificate-data": _data(folder / f"{file}.crt"),
        "client-key-data": _data(folder / f"{file}.key"),
    }
    return _kubeconfig(folder, file, credentials)


def token_kubeconfig(folder: Path, name: str, token: str) -> str:
    """The same for somebody who has a ServiceAccount's token instead of a certificate."""
    return _kubeconfig(folder, name, {"token": token})


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _kubeconfig(folder: Path, name: str, credentials: dict[str, str]) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "local",
                    "cluster": {
                        "server": API_SERVER,
                        "certificate-authority-data": _data(folder / "ca.crt"),
                    },
                }
            ],
            "users": [{"name": name, "user": credentials}],
            "contexts": [{"name": "branch-environments-local", "context": {"cluster": "local", "user": name}}],
            "current-context": "branch-environments-local",
        },
        indent=2,
    )
