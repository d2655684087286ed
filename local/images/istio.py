"""Istio's images, as its charts ask for them: what Istio's own are made of, with Envoy of the wheel.

Left out: the shell and the iptables of Istio's images. What redirects a pod's requests is the CNI plugin, which runs on
the node and uses the node's own.
"""

import hashlib
from pathlib import Path

from local.cluster.processes import Programs
from local.images import archive
from local.paths import CACHE
from local.toolchain import debian, go
from local.toolchain.pins import GLIBC_PACKAGES

HUB = "istio.local"
_PROXY_USER = "1337:1337"
_PATH = "/usr/local/bin:/opt/cni/bin"
# What Envoy is linked with.
_LIBRARIES = ("libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1")


def tag(programs: Programs) -> str:
    """Return the images' tag, by what is in them: another content has another. Envoys differ in size."""
    envoy = programs.envoy.stat()
    made_of = [Path(__file__).read_text(), go.folder(go.CLUSTER).name, go.folder(go.ISTIO_CNI).name]
    made_of += [debian.folder(GLIBC_PACKAGES).name, f"{envoy.st_size}"]
    return hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:12]


def archives(programs: Programs) -> dict[str, Path]:
    """Return the archives as `docker save` would write them, by the images' names."""
    folder = CACHE / f"istio-images-{tag(programs)}"
    return {f"{HUB}/{name}:{tag(programs)}": folder / f"{name}.tar" for name in ("pilot", "proxyv2", "install-cni")}


def build(programs: Programs) -> None:
    """Write the archives, from programs that are built. An archive that is there is whole.

    Raises:
        LocalError: Debian's packages could not be had.
    """
    if not debian.ready(GLIBC_PACKAGES):
        debian.get(GLIBC_PACKAGES)
    for name, path in archives(programs).items():
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        files, entrypoint, user = _content(path.stem, programs)
        archive(path, name=name, files=files, entrypoint=entrypoint, environment={"PATH": _PATH}, user=user)


def _content(image: str, programs: Programs) -> tuple[dict[str, Path], list[str], str]:
    """Return an image's files, its command and its user."""
    if image == "pilot":
        program = "usr/local/bin/pilot-discovery"
        return {program: programs.go / "pilot-discovery"}, [f"/{program}"], _PROXY_USER
    if image == "install-cni":
        programs_of_cni = go.binaries(go.ISTIO_CNI)
        program = "usr/local/bin/install-cni"
        files = {program: programs_of_cni / "install-cni", "opt/cni/bin/istio-cni": programs_of_cni / "istio-cni"}
        return files, [f"/{program}"], "0:0"
    program = "usr/local/bin/pilot-agent"
    files = {
        program: programs.go / "pilot-agent",
        "usr/local/bin/envoy": programs.envoy,
        "var/lib/istio/envoy/envoy_bootstrap_tmpl.json": programs.istio / "envoy_bootstrap.json",
        **_libraries(),
    }
    return files, [f"/{program}"], _PROXY_USER


def _libraries() -> dict[str, Path]:
    """Return Envoy's libraries and their loader, by where it looks for them."""
    unpacked = debian.folder(GLIBC_PACKAGES)
    (folder,) = unpacked.glob("lib/*-linux-gnu")
    (loader,) = folder.glob("ld-linux-*.so.*")
    # The loader's own path is part of the program, by machine.
    places = {f"lib64/{loader.name}" if loader.name.startswith("ld-linux-x86") else f"lib/{loader.name}": loader}
    return places | {f"lib/{folder.name}/{name}": folder / name for name in _LIBRARIES}
