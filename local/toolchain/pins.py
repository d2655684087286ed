"""What is pinned outside go.mod and the requirements files.

Debian's pins are those of Debian 12 (bookworm), on which the project is tested. Another release
serves other versions: then its own candidate is taken, and the build says so.
"""

DEBIAN_PACKAGES = {
    "busybox-static": "1:1.35.0-4+deb12u1+b1",
    "containerd": "1.6.20~ds1-1+deb12u3",
    "containernetworking-plugins": "1.1.1+ds1-3+b5",
    "iptables": "1.8.9-2",
    "libgmp10": "2:6.2.1+dfsg1-1.1",
    "libjansson4": "2.14-2",
    "libmnl0": "1.0.4-3",
    "libnftables1": "1.0.6-2+deb12u2",
    "libnftnl11": "1.2.4-2",
    "libseccomp2": "2.5.4-1+deb12u1",
    "libxtables12": "1.8.9-2",
    "nftables": "1.0.6-2+deb12u2",
    "runc": "1.1.5+ds1-1+deb12u1",
}
"""What every local cluster needs."""

REDIS_PACKAGES = {
    "libatomic1": "12.2.0-14+deb12u1",
    "libjemalloc2": "5.3.0-1",
    "liblzf1": "3.6-3",
    "libssl3": "3.0.22-1~deb12u2",
    "redis-server": "5:7.0.15-1~deb12u10",  # only a name for a program of redis-tools
    "redis-tools": "5:7.0.15-1~deb12u10",
}
"""Argo CD's cache."""

GLIBC_PACKAGES = {"libc6": "2.36-9+deb12u14"}
"""What Envoy is linked with, for an image of it."""

RSYNC_PACKAGES = {
    "libpopt0": "1.19+dfsg-1",
    "libssl3": "3.0.22-1~deb12u2",
    "libxxhash0": "0.8.1-1",
    "rsync": "3.5.0+ds1-0+deb12u1",
}
"""What gitlab-ci-local copies files with."""

BUILDAH_PACKAGES = {
    "buildah": "1.28.2+ds1-3+deb12u1+b3",
    "libassuan0": "2.5.5-5",
    "libdevmapper1.02.1": "2:1.02.185-2",
    "libgpgme11": "1.18.0-3+deb12u1",
    "mmdebstrap": "1.3.5-7",
}
"""What builds the jobs' image, and the Debian that replaces the image that it begins with."""

NODE_VERSION = (20, 11)
"""The oldest Node that the packages in node/package.json run on."""

GO_VERSION = (1, 26)
"""The oldest Go that compiles the Kubernetes release in go.mod."""

KUBERNETES_COMMANDS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
"""Names that the one `kubernetes` binary answers to (go/kubernetes/main.go)."""

ARGOCD_COMMANDS = ("argocd-application-controller", "argocd-git-ask-pass", "argocd-repo-server")
"""Names that the one `argocd` binary answers to (go-argocd/argocd/main.go)."""
