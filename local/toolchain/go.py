"""Programs built from pinned Go modules: one module of ours (go/go.mod) and one `go build` for almost all.

One module means that Kubernetes, Istio, CoreDNS, Helm and the Pulumi CLI compile what they share
only once; one command keeps every core busy while the others link. The add-ons have modules of their
own, because the Kubernetes libraries that they compile with are older, and so has what shares nothing with the cluster.
"""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.paths import CACHE
from local.progress import Detail
from local.toolchain.pins import ARGOCD_COMMANDS, KUBERNETES_COMMANDS
from local.toolchain.run import lines, log_of, run

_HERE = Path(__file__).resolve().parent
MODULE = _HERE / "go"


@dataclass(frozen=True, kw_only=True)
class Files:
    """Data files that come with a module: CRDs, templates."""

    module: str
    targets: tuple[tuple[str, str], ...]
    """What to copy (a glob, in the module), and to where beside the programs: a file, or a folder for several. A
    folder is copied with all in it."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One set of programs that are built together."""

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    module: Path = MODULE
    """The folder of our go.mod that pins them."""
    links: tuple[str, ...] = ()
    """Names that the first program answers to."""
    files: Files | None = None


CLUSTER = Build(
    name="cluster",
    packages=(
        "./kubernetes",
        "./coredns",
        "./network-policy",
        "istio.io/istio/pilot/cmd/pilot-discovery",
        "istio.io/istio/pilot/cmd/pilot-agent",
    ),
    programs=("kubernetes", "coredns", "network-policy", "pilot-discovery", "pilot-agent"),
    links=KUBERNETES_COMMANDS,
    files=Files(
        module="istio.io/istio",
        targets=(
            ("manifests/charts/base/files/crd-all.gen.yaml", "istio/crds.yaml"),
            ("tools/packaging/common/envoy_bootstrap.json", "istio/envoy_bootstrap.json"),
        ),
    ),
)
PULUMI = Build(
    name="pulumi",
    packages=("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "./pulumi-language-python"),
    programs=("pulumi", "pulumi-language-python"),
    files=Files(
        module="github.com/pulumi/pulumi/sdk/v3",
        targets=(("python/cmd/pulumi-language-python-exec", "bin/pulumi-language-python-exec"),),
    ),
)
PULUMI_KUBERNETES = Build(
    name="pulumi-kubernetes",
    packages=("./pulumi-resource-kubernetes",),
    programs=("pulumi-resource-kubernetes",),
    # Its Kubernetes libraries and its part of Pulumi are older than the cluster's and the CLI's.
    module=_HERE / "go-pulumi-kubernetes",
    files=Files(
        module="github.com/pulumi/pulumi-kubernetes/provider/v4",
        targets=(("cmd/pulumi-resource-kubernetes/schema.json", "bin/schema.json"),),
    ),
)
HELM = Build(name="helm", packages=("helm.sh/helm/v4/cmd/helm",), programs=("helm",))
CERT_MANAGER = Build(
    name="cert-manager",
    packages=("./cert-manager",),
    programs=("cert-manager",),
    module=_HERE / "go-cert-manager",
    files=Files(module="github.com/cert-manager/cert-manager", targets=(("deploy/crds/*.yaml", "crds/"),)),
)
CERT_MANAGER_PODS = Build(
    name="cert-manager-pods",
    packages=("./cert-manager", "./webhook", "./cainjector", "./startupapicheck"),
    programs=("cert-manager", "webhook", "cainjector", "startupapicheck"),
    module=_HERE / "go-cert-manager",
    files=Files(
        module="github.com/cert-manager/cert-manager",
        targets=(("deploy/charts/cert-manager", "charts/cert-manager"),),
    ),
)
ARGOCD = Build(
    name="argocd",
    packages=("./argocd",),
    programs=("argocd",),
    module=_HERE / "go-argocd",
    links=ARGOCD_COMMANDS,
    files=Files(
        module="github.com/argoproj/argo-cd/v3",
        targets=(
            ("manifests/crds/*-crd.yaml", "crds/"),
            ("manifests/base/config/*-cm.yaml", "config/"),
            # Called for every commit, whether signatures are asked for or not.
            ("hack/git-verify-wrapper.sh", "bin/git-verify-wrapper.sh"),
        ),
    ),
)

KWOK = Build(
    name="kwok",
    packages=("sigs.k8s.io/kwok/cmd/kwok",),
    programs=("kwok",),
    module=_HERE / "go-kwok",
    # What a node or pod that it plays goes through. It has none of its own.
    files=Files(
        module="sigs.k8s.io/kwok",
        targets=(
            ("kustomize/stage/node/fast/node-*.yaml", "stages/"),
            ("kustomize/stage/node/heartbeat-with-lease/node-*.yaml", "stages/"),
            ("kustomize/stage/pod/fast/pod-*.yaml", "stages/"),
        ),
    ),
)
GATEWAY_API = Build(
    name="gateway-api",
    packages=(),
    programs=(),
    files=Files(
        module="sigs.k8s.io/gateway-api",
        targets=tuple(
            (f"config/crd/standard/gateway.networking.k8s.io_{kind}.yaml", "gateway-api/crds/")
            for kind in ("gatewayclasses", "gateways", "grpcroutes", "httproutes", "referencegrants")
        ),
    ),
)
LOCAL_PATH = Build(
    name="local-path-provisioner",
    packages=("github.com/rancher/local-path-provisioner",),
    programs=("local-path-provisioner",),
    # Its Kubernetes libraries are older than the cluster's.
    module=_HERE / "go-local-path",
)
OAUTH2_PROXY = Build(
    name="oauth2-proxy",
    packages=("github.com/oauth2-proxy/oauth2-proxy/v7",),
    programs=("oauth2-proxy",),
    module=_HERE / "go-oauth2-proxy",
)
REGISTRY = Build(
    name="registry",
    packages=("github.com/distribution/distribution/v3/cmd/registry",),
    programs=("registry",),
    module=_HERE / "go-registry",
)
PODINFO = Build(
    name="podinfo",
    packages=("github.com/stefanprodan/podinfo/cmd/podinfo", "github.com/stefanprodan/podinfo/cmd/podcli"),
    programs=("podinfo", "podcli"),
    module=_HERE / "go-podinfo",
    files=Files(
        module="github.com/stefanprodan/podinfo",
        targets=(
            ("charts/podinfo/*.yaml", "chart/"),
            ("charts/podinfo/templates/*.*", "chart/templates/"),
            ("charts/podinfo/templates/redis/*", "chart/templates/redis/"),
            ("charts/podinfo/templates/tests/*", "chart/templates/tests/"),
        ),
    ),
)
ISTIO_CNI = Build(
    name="istio-cni",
    packages=("istio.io/istio/cni/cmd/istio-cni", "istio.io/istio/cni/cmd/install-cni"),
    programs=("istio-cni", "install-cni"),
    # Needed where Istio runs in pods alone, and asks for modules that the cluster's programs do without.
    module=_HERE / "go-istio-cni",
    files=Files(
        module="istio.io/istio",
        # By the names under which they are published.
        targets=(
            ("manifests/charts/base", "charts/base"),
            ("manifests/charts/istio-cni", "charts/cni"),
            ("manifests/charts/istio-control/istio-discovery", "charts/istiod"),
            ("manifests/charts/gateway", "charts/gateway"),
        ),
    ),
)
METRICS_SERVER = Build(
    name="metrics-server",
    packages=("sigs.k8s.io/metrics-server/cmd/metrics-server",),
    programs=("metrics-server",),
    module=_HERE / "go-metrics-server",
)
GITLEAKS = Build(
    name="gitleaks",
    packages=("github.com/zricethezav/gitleaks/v8",),
    programs=("gitleaks",),
    module=_HERE / "go-gitleaks",
)

ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=readonly -buildvcs=false",
    # The compiler is short-lived: memory is cheaper than collecting it.
    "GOGC": "400",
}

_FIX = "run the command again: what was compiled is kept. Needs Go's module proxy and 8 GB of disk"


def folder(build: Build | None = None) -> Path:
    """Where the programs stand, by what they are built from: `build`'s, or those of the cluster itself."""
    module = build.module if build else MODULE
    digest = hashlib.sha256()
    for source in sorted([module / "go.mod", module / "go.sum", *module.glob("*/*.go")]):
        digest.update(source.read_bytes())
    digest.update(" ".join(flags({})).encode())
    if build and build.module != MODULE:
        digest.update(repr(build.files).encode())
    return CACHE / f"{module.name}-{digest.hexdigest()[:12]}"


def binaries(build: Build | None = None) -> Path:
    """The folder of the executables."""
    return folder(build) / "bin"


def istio_files() -> Path:
    """Istio's data files: CRDs and Envoy's bootstrap template."""
    return folder() / "istio"


def ready(build: Build) -> bool:
    """Whether its programs are all there."""
    return (folder(build) / f"{build.name}.complete").exists()


def flags(versions: dict[str, str]) -> list[str]:
    """Build flags, the same for every program here: what is compiled once then serves all of them."""
    stamps = " ".join(f"-X {variable}={value}" for variable, value in sorted(versions.items()))
    # No debugger will ever look at these binaries: compiling and linking are faster without its data.
    # Istio's own build leaves out Envoy's generated validators, too: nothing calls them.
    return ["-trimpath", "-tags=disable_pgv", "-pgo=off", "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {stamps}"]


def get(builds: list[Build], detail: Detail) -> None:
    """Download the modules and build `builds`: in one command, as far as they share a module of ours."""
    for module in dict.fromkeys(build.module for build in builds):
        _get([build for build in builds if build.module == module], module, detail)


def _get(builds: list[Build], module: Path, detail: Detail) -> None:
    target = folder(builds[0])
    (target / "bin").mkdir(parents=True, exist_ok=True)
    if packages := [package for build in builds for package in build.packages]:
        _compile(packages, builds, module, detail)
    for build in builds:
        for name in build.links:
            link = target / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(build.programs[0])
        if build.files:
            _copy(build.files, module, target)
        (target / f"{build.name}.complete").touch()


def _compile(packages: list[str], builds: list[Build], module: Path, detail: Detail) -> None:
    target = folder(builds[0])
    detail.text = "downloading modules"
    # `go list` fetches only what these packages import; `go mod download` would fetch everything.
    listed = run(
        ["go", "list", "-deps", "-f", "{{.ImportPath}}", *packages],
        what=f"{module.name} modules",
        fix=_FIX,
        folder=module,
        environment=ENVIRONMENT,
    )
    total = lines(listed)
    programs = ", ".join(name for build in builds for name in build.programs)
    compiled = log_of(f"{module.name} build")
    # Packages differ in size, but their number is what moves; what was compiled before is not counted again.
    detail.text = lambda: f"{programs}: compiled {lines(compiled)} of {total} packages"
    run(
        ["go", "build", "-v", *flags(_versions(module)), "-o", f"{target}/bin/", *packages],
        what=f"{module.name} build",
        fix=_FIX,
        folder=module,
        environment=ENVIRONMENT,
    )
    detail.text = programs


def _versions(module: Path = MODULE) -> dict[str, str]:
    """Version stamps of the programs that tell theirs, from go.mod."""
    listed = subprocess.run(
        ["go", "mod", "edit", "-json"], cwd=module, capture_output=True, text=True, check=True
    ).stdout
    required = {entry["Path"]: entry["Version"] for entry in json.loads(listed)["Require"]}
    stamps = {variable: required[path] for path, variable in _STAMPED.items() if path in required}
    if kubernetes := required.get("k8s.io/kubernetes"):
        major, minor, _ = kubernetes.removeprefix("v").split(".")
        stamps |= {
            "k8s.io/component-base/version.gitVersion": kubernetes,
            "k8s.io/component-base/version.gitMajor": major,
            "k8s.io/component-base/version.gitMinor": minor,
        }
    return stamps


_STAMPED = {
    "helm.sh/helm/v4": "helm.sh/helm/v4/internal/version.version",
    "github.com/pulumi/pulumi/pkg/v3": "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    "github.com/argoproj/argo-cd/v3": "github.com/argoproj/argo-cd/v3/common.version",
    "github.com/cert-manager/cert-manager": "github.com/cert-manager/cert-manager/pkg/util.AppVersion",
    "github.com/oauth2-proxy/oauth2-proxy/v7": "github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION",
    "github.com/zricethezav/gitleaks/v8": "github.com/zricethezav/gitleaks/v8/version.Version",
}
"""Modules whose programs tell a version, and the variable that holds it."""


def _copy(files: Files, module: Path, target: Path) -> None:
    listed = subprocess.run(
        ["go", "mod", "download", "-json", files.module],
        cwd=module,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        raise LocalError(f"{files.module} was not downloaded: {listed.stderr or listed.stdout}", _FIX)
    found = Path(json.loads(listed.stdout)["Dir"])
    for pattern, name in files.targets:
        for source in sorted(found.glob(pattern)):
            path = target / name / source.name if name.endswith("/") else target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                # The module cache is read-only, the copy is not.
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(source, path, copy_function=shutil.copyfile)
                continue
            shutil.copyfile(source, path)
            if path.parent.name == "bin":
                path.chmod(0o755)
