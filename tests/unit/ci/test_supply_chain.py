"""Known vulnerabilities and secrets fail the check; what the image contains is listed."""

import datetime as dt
import json
import secrets
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from ci.supply_chain import advisories, bill, leaks
from local.toolchain import go
from tests.unit.recording import ROOT

HASH = f"--hash=sha256:{'0' * 64}"
# As POST /v1/query answers: https://google.github.io/osv.dev/post-v1-query/
KNOWN = {
    ("pyyaml", "5.3"): {
        "id": "GHSA-8q59-q68h-6hv4",
        "summary": "Improper Input Validation in PyYAML",
        "details": "A vulnerability was discovered in the PyYAML library in versions before 5.4.",
        "aliases": ["CVE-2020-14343"],
        "modified": "2024-11-18T16:26:27Z",
        "published": "2021-03-25T21:26:26Z",
        "affected": [
            {
                "package": {"name": "pyyaml", "ecosystem": "PyPI", "purl": "pkg:pypi/pyyaml"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5.4"}]}],
            }
        ],
        "schema_version": "1.6.0",
    }
}


class _Osv(BaseHTTPRequestHandler):
    """Answers as OSV does, or with the status that it is told to."""

    status: ClassVar[int] = 200
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = (query["package"]["name"], query["version"])
        self.asked.append(package)
        body = json.dumps({"vulns": [KNOWN[package]]} if package in KNOWN else {}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[_Osv]]:
    class Own(_Osv):
        asked: ClassVar[list[tuple[str, str]]] = []

    monkeypatch.setattr(advisories, "ROOT", tmp_path)
    monkeypatch.setattr(advisories, "IGNORED", tmp_path / "ignored.toml")
    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{server.server_port}/v1/query")
        yield Own
        server.shutdown()


def _check(folder: Path, pins: str, ignored: str = "") -> int:
    file = folder / "requirements.txt"
    file.write_text("".join(f"{pin} {HASH}\n" for pin in pins.split()))
    (folder / "ignored.toml").write_text(ignored)
    return advisories.check((file,), ignored=folder / "ignored.toml")


def _ignoring(until: dt.date) -> str:
    return f'[[advisory]]\nid = "CVE-2020-14343"\nreason = "only safe_load is called"\nuntil = {until}\n'


def test_a_known_vulnerability_fails_the_check_and_names_the_fix(
    osv: type[_Osv], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path, "jinja2==3.1.6 pyyaml==5.3") == 1, "a flaw that is known is not shipped"
    output = capsys.readouterr().out
    assert "pyyaml 5.3: CVE-2020-14343, GHSA-8q59-q68h-6hv4, fixed in 5.4: Improper" in output, "which, and the way out"
    assert ("jinja2", "3.1.6") in osv.asked, "every pin is asked about"


def test_no_known_vulnerability_passes_and_is_not_asked_again_at_once(
    osv: type[_Osv], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path, "jinja2==3.1.6") == 0, "nothing is known of it"
    asked = len(osv.asked)
    assert _check(tmp_path, "jinja2==3.1.6") == 0, "nor a minute later"
    assert len(osv.asked) == asked, "whoever commits twice a minute does not wait twice"
    assert _check(tmp_path, "pyyaml==5.3") == 1, "other pins are asked about at once"
    assert "advisories: none for 1 pinned packages" in capsys.readouterr().out, "said of how many"


def test_advisories_that_cannot_be_asked_are_told_and_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advisories, "ROOT", tmp_path)
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:9/v1/query")
    assert _check(tmp_path, "pyyaml==5.3") == 0, "a machine without that network can still commit"
    output = capsys.readouterr().out
    assert output.startswith("advisories: not asked, as http://127.0.0.1:9/v1/query does not answer"), "and it says so"
    assert output.count("\n") == 1, "in one line"


def test_a_service_that_is_down_is_told_as_such(
    osv: type[_Osv], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    osv.status = 503
    assert _check(tmp_path, "pyyaml==5.3") == 0, "no answer is no finding"
    assert "answers 503" in capsys.readouterr().out, "why it could not be asked"


@pytest.mark.usefixtures("osv")
def test_an_advisory_is_passed_over_with_a_reason_until_its_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today = dt.datetime.now(tz=dt.UTC).date()
    tomorrow = today + dt.timedelta(days=1)
    assert _check(tmp_path, "pyyaml==5.3", _ignoring(tomorrow)) == 0, "it is known not to reach us"
    assert f"passed over until {tomorrow}: CVE-2020-14343: only safe_load" in capsys.readouterr().out, (
        "never in silence"
    )
    assert _check(tmp_path, "pyyaml==5.3", _ignoring(today)) == 1, "its date has come"


@pytest.mark.usefixtures("osv")
def test_a_requirement_without_a_hash_is_not_audited_as_if_it_were_pinned(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("jinja2\n")
    (tmp_path / "ignored.toml").write_text("")
    assert advisories.check((file,), ignored=tmp_path / "ignored.toml") == 1, "what would be installed is not known"


def test_every_file_of_pins_is_audited() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*requirements*.txt"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert sorted(advisories.FILES) == sorted(tracked), "a new file is named in ci/supply_chain/advisories.py"


def test_the_list_of_advisories_that_are_passed_over_can_be_read() -> None:
    today = dt.datetime.now(tz=dt.UTC).date()
    assert all(each.reason for each in advisories.still_ignored(advisories.IGNORED, today)), "each has a reason"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if not go.ready(go.GITLEAKS):
        pytest.skip("gitleaks is not built yet: `make check` builds it")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "README.md").write_text("nothing here\n")
    _commit(tmp_path)
    return tmp_path


def _commit(folder: Path) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", str(folder), "add", "--all"], check=True)
    subprocess.run(["git", "-C", str(folder), *author, "commit", "--quiet", "--message=x"], check=True)


def _planted() -> str:
    # Made when it is needed: the scan of this repository reads this file, too.
    return "".join(("gl", "pat-", secrets.token_hex(10)))


def test_a_planted_key_is_found_before_it_is_committed_and_not_shown(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leaks.check(checkout) == 0, "nothing is there"
    key = _planted()
    (checkout / "deploy.yaml").write_text(f"token: {key}\n")
    capsys.readouterr()
    assert leaks.check(checkout) == 1, "a key in a file that is not committed yet"
    output = capsys.readouterr().out
    assert "deploy.yaml" in output, "where it is"
    assert key not in output, "a log of the check is no second leak"


def test_a_planted_key_that_was_taken_out_again_is_found_in_its_commit(checkout: Path) -> None:
    (checkout / "deploy.yaml").write_text(f"token: {_planted()}\n")
    _commit(checkout)
    (checkout / "deploy.yaml").unlink()
    _commit(checkout)
    assert leaks.check(checkout) == 1, "git keeps it, so it must be revoked"


def test_what_the_image_contains_is_listed_in_the_standards_form(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("first.json", "second.json")]
    for file in files:
        assert bill.write(file) == 0, "it can be made from a checkout"
    text = files[0].read_text()
    assert text == files[1].read_text(), "the same checkout gives the same bytes"
    problem = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(text)
    assert problem is None, f"it is no CycloneDX 1.6: {problem}"
    purls = {component["purl"] for component in json.loads(text)["components"]}
    given = bill.arguments()
    others = {
        f"pkg:github/pulumi/pulumi@v{given['PULUMI_VERSION']}",
        f"pkg:github/pulumi/pulumi-kubernetes@v{given['KUBERNETES_PLUGIN_VERSION']}",
        f"pkg:docker/{given['BASE'].replace(':', '@')}",
        "pkg:deb/debian/git",
        "pkg:deb/debian/ca-certificates",
    }
    assert others <= purls, f"what is no Python package is listed as well: {sorted(others - purls)}"
    listed = {purl.removeprefix("pkg:pypi/") for purl in purls if purl.startswith("pkg:pypi/")}
    assert {"pulumi", "pulumi-kubernetes", "lightkube"} <= {each.partition("@")[0] for each in listed}, "and what is"


def test_the_list_made_in_the_image_has_versions_and_sums() -> None:
    from ci.image import sbom

    git = sbom._debian("git=1:2.39.5-0+deb12u2")
    assert git["purl"] == "pkg:deb/debian/git@1:2.39.5-0+deb12u2", "a scanner looks it up by this"
    base = sbom._base("python:3.11.13-slim-bookworm@sha256:abc")
    assert base["purl"] == "pkg:docker/python@sha256:abc?tag=3.11.13-slim-bookworm", "bit for bit which one"
    cli = sbom._release("pulumi", "3.259.0", "ab12")
    assert cli["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "ab12"}], "of what was downloaded"
