"""A chart of a chart repository or of a registry comes once, is what its publisher made, and stays in its folder."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from stacks.branch.published_chart import archive, repository
from stacks.branch.published_chart.cache import fetched
from stacks.settings.chart_source import ChartSource, PublishedChart
from stacks.settings.environment_file import load
from stacks.settings.errors import SettingsError, problems_of
from tests.unit.recording import run_program
from tests.unit.web_server import Asked, Reply, served

ABOUT = "apiVersion: v2\nname: web\nversion: 1.2.0\n"
CHART = {"web/Chart.yaml": ABOUT, "web/values.yaml": "url: ''\n", "web/templates/service.yaml": "kind: Service\n"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def packed(files: Mapping[str, str] = CHART, *more: tarfile.TarInfo) -> bytes:
    """Pack files as `helm package` does, and entries of other kinds."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archived:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archived.addfile(entry, io.BytesIO(text.encode()))
        for entry in more:
            archived.addfile(entry)
    # The same whenever it is packed.
    return gzip.compress(made.getvalue(), mtime=0)


def link(name: str, target: str) -> tarfile.TarInfo:
    """Return a symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def digest(content: bytes) -> str:
    """Return what a publisher lists."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Publisher:
    """A web server with charts, and what it was asked."""

    replies: dict[str, Reply | Callable[[Asked], Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    def answer(self, asked: Asked) -> Reply:
        """Answer what was asked."""
        self.asked.append(asked)
        reply = self.replies.get(asked.path, Reply(status=404))
        return reply(asked) if callable(reply) else reply

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [each.path for each in self.asked]

    def lists(self, chart: bytes, **more: Any) -> None:
        """Publish version 1.2.0 of `web` as a chart repository does."""
        release = {"version": "1.2.0", "urls": ["web-1.2.0.tgz"], "digest": digest(chart)[7:], **more}
        others = [{"version": each, "urls": ["x"]} for each in ("1.1.0", "1.1.9", "1.10.0", "2.0.0-rc.1")]
        index = {"apiVersion": "v1", "entries": {"web": [*others, release], "redis": others}}
        self.replies["/charts/index.yaml"] = Reply(yaml.safe_dump(index).encode())
        self.replies["/charts/web-1.2.0.tgz"] = Reply(chart)

    def holds(self, chart: bytes, *, tag: str = "1.2.0", kind: str = CONTENT, claimed: str = "") -> str:
        """Publish it as a registry does, and return the digest of its manifest."""
        part = claimed or digest(chart)
        manifest = json.dumps({"mediaType": MANIFEST, "layers": [{"mediaType": kind, "digest": part}]}).encode()
        self.replies[f"/v2/acme/web/manifests/{tag}"] = Reply(manifest)
        self.replies[f"/v2/acme/web/blobs/{part}"] = Reply(chart)
        self.replies["/v2/acme/web/tags/list"] = Reply(json.dumps({"tags": ["1.1.0", "1.2.0", "1.2.1_b"]}).encode())
        return digest(manifest)

    def chart(self, **more: Any) -> PublishedChart:
        """Return version 1.2.0 of `web` in its chart repository, but for what is changed."""
        usual = {"repository": f"http://localhost:{self.port}/charts", "name": "web", "version": "1.2.0"}
        found = ChartSource.model_validate({**usual, **more}).published
        assert found, "all that it needs is said"
        return found

    def oci(self, **more: Any) -> PublishedChart:
        """Return the same in its registry."""
        return self.chart(**{"repository": f"oci://localhost:{self.port}/acme", **more})


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    found = Publisher()
    with served(found.answer) as port:
        found.port = port
        yield found


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def refused(chart: PublishedChart, environ: Mapping[str, str]) -> str:
    """Return what a person reads, where a chart cannot be used; nothing of it is kept."""
    with pytest.raises(SettingsError) as caught:
        fetched(chart, "shop.x", environ)
    (problem,) = caught.value.problems
    charts = Path(environ["XDG_CACHE_HOME"]) / "branch-environments/charts"
    assert not charts.exists() or not list(charts.iterdir()), "a download that is not right is never used"
    return str(problem)


@pytest.mark.parametrize("way", ["repository", "registry"])
def test_a_chart_comes_once(way: str, publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.lists(packed())
    publisher.holds(packed())
    chart = publisher.chart() if way == "repository" else publisher.oci()
    folder = fetched(chart, "shop.x", environ)
    files = {str(each.relative_to(folder.parent)): each.read_text() for each in folder.rglob("*") if each.is_file()}
    assert files == CHART, "all of it, below the chart's name"
    assert len(publisher.asked) == 2, "where it is, and then the chart"
    publisher.replies.clear()
    assert fetched(chart, "shop.x", environ) == folder, "a push that changes nothing asks nobody"
    assert len(publisher.asked) == 2, "whether the publisher answers or not"


@pytest.mark.parametrize("url", ["http://localhost:{port}/charts/web-1.2.0.tgz", "/charts/web-1.2.0.tgz", "moved"])
def test_a_repository_says_where_its_charts_are(url: str, publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.lists(packed(), urls=[url.format(port=publisher.port)])
    publisher.replies["/charts/moved"] = Reply(status=302, headers={"Location": "/charts/web-1.2.0.tgz"})
    assert (fetched(publisher.chart(), "shop.x", environ) / "Chart.yaml").is_file(), "seen from the repository, or not"


def test_a_repository_may_list_charts_of_a_registry(publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.holds(packed())
    publisher.lists(packed(), urls=[f"oci://localhost:{publisher.port}/acme/web:1.2.0"])
    assert (fetched(publisher.chart(), "shop.x", environ) / "Chart.yaml").is_file(), "as large publishers do"


def test_two_at_once_get_the_same(publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.lists(packed())
    others = []

    def meanwhile(_: Asked) -> Reply:
        publisher.replies["/charts/web-1.2.0.tgz"] = Reply(packed())
        others.append(fetched(publisher.chart(), "shop.y", environ))
        return Reply(packed())

    publisher.replies["/charts/web-1.2.0.tgz"] = meanwhile
    assert [fetched(publisher.chart(), "shop.x", environ)] == others, "whoever comes second finds the first one's"
    charts = Path(environ["XDG_CACHE_HOME"]) / "branch-environments/charts"
    assert len(list(charts.iterdir())) == 1, "and nothing is left of its own"


def test_what_came_is_what_is_listed(publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.lists(packed())
    publisher.replies["/charts/web-1.2.0.tgz"] = Reply(packed({**CHART, "web/values.yaml": "image: evil\n"}))
    assert "the repository's index says that it has the digest" in refused(publisher.chart(), environ), "by its index"
    publisher.holds(packed({**CHART, "web/values.yaml": "image: evil\n"}), claimed=digest(packed()))
    assert "its manifest in the registry says" in refused(publisher.oci(), environ), "or by its manifest"


@pytest.mark.parametrize("way", ["repository", "registry"])
def test_a_digest_pins_a_chart(way: str, publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.lists(packed())
    right = publisher.holds(packed()) if way == "registry" else digest(packed())
    asked = publisher.oci if way == "registry" else publisher.chart
    said = refused(asked(digest=f"sha256:{'0' * 64}"), environ)
    assert f"write digest: {right}" in said, "with the other one, if that is right"
    assert (fetched(asked(digest=right), "shop.x", environ) / "Chart.yaml").is_file(), "and then it is used"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (packed({**CHART, "web/../../evil": ""}), "no plain file in the chart's folder"),
        (packed({**CHART, "/tmp/evil": ""}), "no plain file in the chart's folder"),
        (packed(CHART, link("web/templates/all.yaml", "/etc/passwd")), "no plain file in the chart's folder"),
        (packed({**CHART, "other/Chart.yaml": ABOUT}), "one folder that holds Chart.yaml"),
        (packed({"web/values.yaml": ""}), "one folder that holds Chart.yaml"),
        (b"<html>", "it cannot be unpacked"),
        (packed()[:-20], "it cannot be unpacked"),
        (gzip.compress(b"x" * 4096), "it cannot be unpacked"),
        (gzip.compress(gzip.decompress(packed())[:700]), "it cannot be unpacked"),
    ],
    ids=[
        "above it",
        "anywhere",
        "a link",
        "two folders",
        "no chart",
        "a page",
        "cut off",
        "no archive",
        "a cut archive",
    ],
)
def test_what_came_is_a_chart(content: bytes, says: str, publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.lists(content)
    assert says in refused(publisher.chart(), environ), "whatever its digest says"
    assert not list(Path(environ["HOME"]).rglob("evil")), "and nothing is written outside of its folder"


def test_a_chart_has_an_end(publisher: Publisher, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    publisher.lists(packed())
    monkeypatch.setattr(archive, "MOST", 1 << 10)
    assert "unpacked it has more than" in refused(publisher.chart(), environ), "little that unpacks to much"
    monkeypatch.setattr(repository, "MOST_PACKED", 10)
    assert "answers more than" in refused(publisher.chart(), environ), "nor does it fill the memory as it comes"


@pytest.mark.parametrize(
    ("replies", "more", "says"),
    [
        ({"/charts/index.yaml": Reply(status=404)}, {}, ["chart.repository", "answers 404", "helm repo add"]),
        ({"/charts/index.yaml": Reply(b"<html>")}, {}, ["chart.repository", "and something else"]),
        ({"/charts/index.yaml": Reply(b"{")}, {}, ["chart.repository", "and something else"]),
        ({}, {"name": "webb"}, ["chart.name", "no chart of this name", "did you mean web?"]),
        ({}, {"name": "nginx"}, ["chart.name", "it has redis, web"]),
        ({}, {"version": "1.1.8"}, ["chart.version", "near: 1.1.0, 1.1.9", "newest: 1.10.0", "version: 1.1"]),
        ({}, {"version": "99.0.0"}, ["chart.version", "the newest: 1.10.0", "write e.g. version: 1.10.0"]),
        ({"/charts/web-1.2.0.tgz": Reply(status=404)}, {}, ["chart.version", "web-1.2.0.tgz answers 404"]),
        ({"/charts/index.yaml": Reply(status=401)}, {}, ["wants credentials", "machine localhost login"]),
        ({"/charts/index.yaml": Reply(status=403)}, {}, ["wants credentials", "machine localhost login"]),
        ({"/charts/index.yaml": Reply(status=503)}, {}, ["answers 503"]),
    ],
)
def test_a_repository_that_does_not_have_it_says_what_helps(
    replies: dict[str, Reply], more: dict[str, str], says: list[str], publisher: Publisher, environ: dict[str, str]
) -> None:
    publisher.lists(packed())
    publisher.replies |= replies
    text = refused(publisher.chart(**more), environ)
    assert all(each in text for each in says), text


@pytest.mark.parametrize(
    ("replies", "more", "says"),
    [
        ({}, {"version": "1.2.1"}, ["chart.version", "near: 1.1.0, 1.2.0, 1.2.1+b"]),
        ({"/v2/acme/web/tags/list": Reply(status=404)}, {"version": "9.0.0"}, ["chart.name", "has no acme/web"]),
        ({}, {"repository": "oci://localhost:{port}/acme/web"}, ["chart.name", "/acme, without the chart's name"]),
        ({"/v2/acme/web/manifests/1.2.0": Reply(b'{"layers": []}')}, {}, ["chart.name", "is no chart"]),
        ({"/v2/acme/web/manifests/1.2.0": Reply(b"{")}, {}, ["chart.name", "is no chart"]),
        ({"/v2/acme/web/manifests/1.2.0": Reply(status=403)}, {}, ["chart.repository", "helm registry login"]),
        ({"/v2/acme/web/manifests/1.2.0": Reply(status=500)}, {}, ["chart.repository", "answers 500"]),
    ],
)
def test_a_registry_that_does_not_have_it_says_what_helps(
    replies: dict[str, Reply], more: dict[str, str], says: list[str], publisher: Publisher, environ: dict[str, str]
) -> None:
    publisher.holds(packed())
    publisher.replies |= replies
    asked = {key: value.format(port=publisher.port) for key, value in more.items()}
    text = refused(publisher.oci(**asked), environ)
    assert all(each in text for each in says), text


@pytest.mark.parametrize("scheme", ["http", "oci"])
def test_nobody_answers(scheme: str, publisher: Publisher, environ: dict[str, str]) -> None:
    text = refused(publisher.chart(repository=f"{scheme}://localhost:1/charts"), environ)
    assert "localhost:1 cannot be reached" in text, "who, and why"
    assert ("curl" if scheme == "http" else "helm show chart oci://localhost:1/charts/web --version 1.2.0") in text


def test_a_version_with_a_plus_has_a_tag(publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.holds(packed(), tag="1.2.0_build.1")
    assert fetched(publisher.oci(version="1.2.0+build.1"), "shop.x", environ).is_dir(), "as Helm writes it"


def test_credentials_of_a_repository_go_to_it_alone(publisher: Publisher, environ: dict[str, str]) -> None:
    publisher.lists(packed(), urls=[f"http://127.0.0.1:{publisher.port}/charts/web-1.2.0.tgz"])
    listed = publisher.replies["/charts/index.yaml"]
    allowed = f"Basic {base64.b64encode(b'ci:secret').decode()}"
    publisher.replies["/charts/index.yaml"] = lambda asked: (
        listed if asked.authorization == allowed and not callable(listed) else Reply(status=401)
    )
    netrc = Path(environ["HOME"]) / ".netrc"
    netrc.write_text("machine localhost login ci password wrong\n")
    said = refused(publisher.chart(), environ)
    assert "does not let in who has these credentials" in said, "they are there, and not the right ones"
    assert "wrong" not in said, "and nobody reads them"
    netrc.write_text("machine localhost login ci password secret\n")
    fetched(publisher.chart(), "shop.x", environ)
    assert [each.authorization for each in publisher.asked[1:]] == [allowed, ""], "the chart is on another server"


def test_a_netrc_that_cannot_be_read_is_named_without_what_is_in_it(
    publisher: Publisher, environ: dict[str, str]
) -> None:
    (Path(environ["HOME"]) / ".netrc").write_text("machine localhost login ci passwort secret\n")
    said = refused(publisher.chart(), environ)
    assert ".netrc" in said, "where to look"
    assert "secret" not in said, "a log is read by many"


def test_the_package_registry_of_the_job_s_gitlab_is_asked_with_its_token(
    publisher: Publisher, environ: dict[str, str]
) -> None:
    publisher.lists(packed())
    api = f"http://localhost:{publisher.port}/charts"
    fetched(publisher.chart(), "shop.x", {**environ, "CI_API_V4_URL": api, "CI_JOB_TOKEN": "token"})
    shown = {each.authorization for each in publisher.asked}
    assert shown == {f"Basic {base64.b64encode(b'gitlab-ci-token:token').decode()}"}, "without a word of anybody"


def test_a_cache_that_cannot_be_written_is_named(publisher: Publisher, environ: dict[str, str], tmp_path: Path) -> None:
    publisher.lists(packed())
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SettingsError, match="XDG_CACHE_HOME"):
        fetched(publisher.chart(), "shop.x", environ)


_REPOSITORY = "https://charts.example.com/stable"


@pytest.mark.parametrize(
    ("chart", "says"),
    [
        ({"version": "^1.2"}, ["chart.version", "exact", "version: 6.9.0"]),
        ({"version": "1.x"}, ["chart.version", "exact"]),
        ({"version": "latest"}, ["chart.version", "exact"]),
        ({"version": 1.2}, ["chart.version", "exact"]),
        ({"version": None}, ["chart.version", "a published chart has a repository, a name and a version"]),
        ({"name": "../web"}, ["chart.name"]),
        ({"path": "chart"}, ["chart.path", "side by side", "keep path, or repository and name and version"]),
        ({"repository": "charts.example.com"}, ["chart.repository", "https://<host>/<path>"]),
        (
            {"repository": "https://ci:secret@charts.example.com/a"},
            ["chart.repository", "https://charts.example.com/a"],
        ),
        ({"repository": "https://charts.example.com/a?token=x"}, ["chart.repository", "https://<host>/<path>"]),
        ({"repository": "http://charts.example.com"}, ["chart.repository", "without TLS", "give the digest"]),
        ({"digest": "sha256:1"}, ["chart.digest"]),
    ],
)
def test_what_cannot_name_a_chart_is_refused(chart: dict[str, Any], says: list[str], tmp_path: Path) -> None:
    usual = {"repository": _REPOSITORY, "name": "web", "version": "1.2.0"}
    whole = {key: value for key, value in {**usual, **chart}.items() if value is not None}
    (tmp_path / "environment.yaml").write_text(yaml.safe_dump({"chart": whole}))
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "environment.yaml", "shop.x")
    text = str(caught.value)
    assert all(each in text for each in says), text
    assert "secret" not in text, "a log is read by many"


def test_a_url_is_no_path() -> None:
    with pytest.raises(ValidationError) as caught:
        ChartSource.model_validate({"path": "oci://registry.example.com/charts/web"})
    (problem,) = problems_of(caught.value, ChartSource)
    assert "repository: oci://registry.example.com/charts, name: web and version: <version>" in problem.fix


def test_an_environment_is_made_of_a_published_chart(
    publisher: Publisher, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    publisher.holds(packed())
    named = publisher.oci()._asdict() | {"digest": None}
    chart = {key: value for key, value in named.items() if value}
    (tmp_path / "environment.yaml").write_text(yaml.safe_dump({"chart": chart}))
    made = run_program("shop.feature-x", {"environment": str(tmp_path / "environment.yaml")})
    (one,) = made.of_type(":Chart")
    assert Path(one.inputs["chart"]).is_relative_to(environ["XDG_CACHE_HOME"]), "outside of the checkout"
    assert one.inputs["values"]["url"] == "http://feature-x.shop.localhost:8080", (
        "its values.yaml was read: it knows url"
    )
