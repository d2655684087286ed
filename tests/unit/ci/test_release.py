"""The download of Pulumi's releases while the jobs' image is built, and what it checks."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ci.image import release

ARCHIVE = b"what the release has"
CLI = "pulumi/releases/download/v3.1.0"
CLI_ARCHIVE = "pulumi-v3.1.0-linux-x64.tar.gz"
CLI_CHECKSUMS = "pulumi-3.1.0-checksums.txt"
PLUGIN = "pulumi-kubernetes/releases/download/v4.2.0"
Download = Callable[..., Path]


@pytest.fixture
def download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Download:
    """Downloads from a folder that is laid out as GitHub's releases are."""

    def run(name: str, version: str, sha256: str = "", releases: str = f"file://{tmp_path}") -> Path:
        to = tmp_path / "archive.tar.gz"
        options = [name, version, str(to), f"--releases={releases}", f"--sha256={sha256}"]
        monkeypatch.setattr("sys.argv", ["release.py", *options])
        assert release.main() == 0, "or it has ended with a message"
        return to

    return run


def _publish(root: Path, folder: str, files: Mapping[str, bytes]) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / folder / name).write_bytes(content)


def _sums(algorithm: str, archive: str, content: bytes = ARCHIVE, prefix: str = "") -> bytes:
    return f"{'0' * 64}  other.tar.gz\n{hashlib.new(algorithm, content).hexdigest()}  {prefix}{archive}\n".encode()


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_a_release_is_compared_with_its_own_checksums(
    tmp_path: Path, download: Download, capsys: pytest.CaptureFixture[str]
) -> None:
    _publish(tmp_path, CLI, {CLI_ARCHIVE: ARCHIVE, CLI_CHECKSUMS: _sums("sha256", CLI_ARCHIVE)})
    got = download("pulumi", "3.1.0")
    assert got.read_bytes() == ARCHIVE, "it is there"
    found = hashlib.sha256(ARCHIVE).hexdigest()
    assert got.with_name("archive.tar.gz.sha256").read_text() == found, "for the bill of materials"
    assert found in capsys.readouterr().out, "for the next build, which can insist on it"


@pytest.mark.parametrize(("algorithm", "prefix"), [("sha1", "./"), ("sha256", ""), ("sha512", "*")])
def test_checksums_are_read_as_releases_have_them(
    algorithm: str, prefix: str, tmp_path: Path, download: Download
) -> None:
    archive = "pulumi-resource-kubernetes-v4.2.0-linux-amd64.tar.gz"
    checksums = {"pulumi-kubernetes_4.2.0_checksums.txt": _sums(algorithm, archive, prefix=prefix)}
    _publish(tmp_path, PLUGIN, {archive: ARCHIVE, **checksums})
    assert download("kubernetes", "4.2.0").read_bytes() == ARCHIVE, "by the tools of their day"


def test_what_is_not_what_the_release_says_is_refused(tmp_path: Path, download: Download) -> None:
    _publish(tmp_path, CLI, {CLI_ARCHIVE: ARCHIVE[:-1], CLI_CHECKSUMS: _sums("sha256", CLI_ARCHIVE)})
    with pytest.raises(SystemExit, match=rf"is not what {CLI_CHECKSUMS} says"):
        download("pulumi", "3.1.0")
    assert not (tmp_path / "archive.tar.gz").exists(), "nothing could be installed from it"


def test_a_given_sum_counts_and_not_the_release_s_own(tmp_path: Path, download: Download) -> None:
    _publish(tmp_path, CLI, {CLI_ARCHIVE: ARCHIVE})
    assert download("pulumi", "3.1.0", hashlib.sha256(ARCHIVE).hexdigest()), "a mirror needs no checksums then"
    replaced = b"replaced, and its checksums with it"
    _publish(tmp_path, CLI, {CLI_ARCHIVE: replaced, CLI_CHECKSUMS: _sums("sha256", CLI_ARCHIVE, replaced)})
    with pytest.raises(SystemExit, match="is not what --build-arg says"):
        download("pulumi", "3.1.0", hashlib.sha256(ARCHIVE).hexdigest())


@pytest.mark.parametrize(
    ("checksums", "says"),
    [
        ({}, "checksums.txt"),
        ({CLI_CHECKSUMS: _sums("sha256", "another.tar.gz")}, "has no sum of pulumi-v3"),
    ],
)
def test_without_a_checksum_nothing_is_taken(
    checksums: dict[str, bytes], says: str, tmp_path: Path, download: Download
) -> None:
    _publish(tmp_path, CLI, {CLI_ARCHIVE: ARCHIVE, **checksums})
    with pytest.raises(SystemExit, match=says):
        download("pulumi", "3.1.0")


def test_what_cannot_be_downloaded_is_named(download: Download) -> None:
    with pytest.raises(SystemExit, match=r"127\.0\.0\.1:1/pulumi/releases"):
        download("pulumi", "3.1.0", releases="http://127.0.0.1:1")


def test_each_processor_has_a_release_of_its_own() -> None:
    assert release.names("pulumi", "3.1.0", "aarch64")[1] == "pulumi-v3.1.0-linux-arm64.tar.gz", "as it is called"
    assert "linux-arm64" in release.names("aws", "7.0.0", "aarch64")[1], "and so are plugins"
    with pytest.raises(SystemExit, match="no release for riscv64"):
        release.names("pulumi", "3.1.0", "riscv64")
