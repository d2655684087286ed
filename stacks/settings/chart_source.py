"""What an environment file says of the app's own Helm chart."""

import re
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from components.branch.spec.name import WorkloadName
from components.branch.spec.route import Route, claimed_twice
from components.branch.spec.written import Ambiguous, WrittenFloat, WrittenInt
from components.strict import Strict, broken
from core.http_client import is_local

_SEMVER = r"^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"
"""As https://semver.org has a version; Helm takes a v before it."""

ValuePath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$")]


class ImagePaths(Strict):
    """Which of the chart's values the parts of one image go to, as dotted paths."""

    registry: ValuePath | None = Field(None, examples=["image.registry"])
    """The registry's host and port. Left out: it stays in front of the repository."""
    repository: ValuePath = Field(examples=["image.repository"])
    """The image without tag and digest."""
    tag: ValuePath | None = Field(None, examples=["image.tag"])
    """The tag."""
    digest: ValuePath | None = Field(None, examples=["image.digest"])
    """The digest, as sha256:<64 hexadecimal digits>."""

    @model_validator(mode="after")
    def _a_version(self) -> Self:
        if self.tag is None and self.digest is None:
            raise broken(
                "an image has a tag or a digest beside its repository", "add e.g. tag: image.tag, or give one path"
            )
        return self


def _in_parts(value: object) -> str:
    return "<parts>" if isinstance(value, dict | ImagePaths) else "<text>"


ImagePlace = Annotated[
    Annotated[ValuePath, Tag("<text>")] | Annotated[ImagePaths, Tag("<parts>")], Discriminator(_in_parts)
]


ServiceName = Annotated[
    str,
    Field(
        pattern=r"^(\{\{ \.Release\.Name \}\})?[a-z0-9-]*(:[0-9]{1,5})?$",
        min_length=1,
        examples=["{{ .Release.Name }}-web:80"],
    ),
]
"""A Service of a chart's, as its templates would write it, with its port."""


class ValuePaths(Strict):
    """Which of the chart's values the branch's own go to, as dotted paths."""

    url: ValuePath | None = Field(None, examples=["app.publicUrl"])
    """The branch's public URL. Default: `url`, if the chart has such a value; `null` for nowhere."""
    host: ValuePath | None = Field(None, examples=["ingress.host"])
    """The host of that URL."""
    image: ImagePlace | None = Field(None, examples=["web.image"])
    """The image given in the stack's config, as one text or in parts. Default: `image`, or `image.repository` and its
    siblings, whichever the chart's values.yaml has; `null` for nowhere."""
    images: dict[WorkloadName, ImagePlace] = Field(default_factory=dict, examples=[{"web": "web.image"}])
    """The same for several images, by the names that `images` of the stack's config has."""
    branch: ValuePath | None = Field(None, examples=["branch"])
    """The full branch name."""
    data: ValuePath | None = Field(None, examples=["database.suffix"])
    """The name of the branch's data, which is another one after `branchenv reset-data`."""
    service_account: ValuePath | None = Field(None, examples=["serviceAccount.name"])
    """The ServiceAccount of the pods: the branch's own where it has one, else the app's. Default: where
    `helm create` has it, with `serviceAccount.create` set to false; `null` for nowhere."""


def _unambiguous(values: object, at: str = "") -> object:
    """Refuse values that another reader of YAML would take for others than they are here; give the others plainly."""
    match values:
        case dict():
            return {key: _unambiguous(value, f"{at}.{key}" if at else str(key)) for key, value in values.items()}
        case list():
            return [_unambiguous(value, f"{at}[{index}]") for index, value in enumerate(values)]
        case Ambiguous():
            raise broken(
                f"{at}: some readers of YAML take {values} for text, others for something else, and main may get that",
                f'write it in quotes, {at.rpartition(".")[2]}: "{values}"; or true or false, if that is meant',
            )
        case WrittenInt():
            return int(values)
        case WrittenFloat():
            return float(values)
        case _:
            return values


_EXAMPLES = {"repository": "https://stefanprodan.github.io/podinfo", "name": "podinfo", "version": "6.9.0"}
"""What names a published chart."""


class ServiceRoute(Route):
    """Requests that a Service of the chart's answers."""

    service: ServiceName
    """The Service, with its port."""


def _exact(value: object) -> object:
    written = value.written if isinstance(value, WrittenInt | WrittenFloat) else value
    if isinstance(written, str) and not re.match(_SEMVER, written):
        raise broken(
            "a version is exact, with three numbers: of a range, the next push may get another chart",
            "write e.g. version: 6.9.0, as Chart.yaml of the chart has it",
        )
    return written


def _repository(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        at = urlsplit(value)
        has_host = bool(at.hostname)
    except ValueError:
        has_host = False
    if not has_host or at.scheme not in ("https", "http", "oci") or at.query or at.fragment:
        raise broken(
            "a published chart comes from a chart repository or from a registry",
            "write its URL: https://<host>/<path>, as `helm repo add` takes it, or oci://<host>/<path>",
        )
    if at.username or at.password:
        raise broken(
            "credentials do not belong into a file of the repository",
            f"write {at.scheme}://{at.netloc.rpartition('@')[2]}{at.path}, and let whoever deploys have them: "
            + ("helm registry login, or DOCKER_AUTH_CONFIG" if at.scheme == "oci" else "a line in ~/.netrc"),
        )
    return value.rstrip("/")


def _folder(value: object) -> object:
    if isinstance(value, str) and "://" in value:
        repository, _, name = value.rstrip("/").rpartition("/")
        raise broken(
            "a path is a folder, seen from this file",
            f"write repository: {repository}, name: {name} and version: <version> instead of path",
        )
    return value


class PublishedChart(NamedTuple):
    """A chart that somebody has published."""

    repository: str
    name: str
    version: str
    digest: str | None

    @property
    def is_oci(self) -> bool:
        """Whether it lies in a registry, as images do."""
        return self.repository.startswith("oci://")

    @property
    def words(self) -> str:
        """What names it on the command line of Helm."""
        where = f"{self.repository}/{self.name}" if self.is_oci else f"{self.name} --repo {self.repository}"
        return f"{where} --version {self.version}"

    def __str__(self) -> str:
        return f"{self.name} {self.version} of {self.repository}"


class ChartSource(Strict):
    """A Helm chart: the app's own, the same that Argo CD syncs for the main branch, or a published one."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["path"]}, {"required": ["repository", "name", "version"]}]}
    )

    path: Annotated[str, BeforeValidator(_folder)] | None = Field(None, min_length=1, examples=["chart"])
    """Folder that holds Chart.yaml, seen from this file."""
    repository: Annotated[str, StringConstraints(pattern="^(https?|oci)://"), BeforeValidator(_repository)] | None = (
        Field(None, examples=["https://stefanprodan.github.io/podinfo", "oci://ghcr.io/stefanprodan/charts"])
    )
    """Instead of `path`: the chart repository that has the chart, or the folder of a registry (oci://)."""
    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", examples=["podinfo"])
    """The chart's name there."""
    version: Annotated[str, StringConstraints(pattern=_SEMVER), BeforeValidator(_exact)] | None = Field(
        None, examples=["6.9.0"]
    )
    """The chart's version, exactly."""
    digest: str | None = Field(None, pattern=r"^sha256:[0-9a-f]{64}$", examples=[f"sha256:{'0' * 64}"])
    """A chart with another digest is refused: of the packed chart, as index.yaml of a chart repository has it; in a
    registry of its manifest, as `helm pull` prints it."""
    values: Annotated[dict[str, Any], BeforeValidator(_unambiguous)] = Field(default_factory=dict)
    """Values for every branch."""
    value_paths: ValuePaths = ValuePaths()
    """Where the branch's own values go."""
    service: ServiceName | None = None
    """Which Service answers at the URL, with its port, if the chart makes no route itself. Default: the only one."""
    routes: tuple[ServiceRoute, ...] = ()
    """The same for several Services, by path or by host, with retries and the like."""

    @property
    def published(self) -> PublishedChart | None:
        """The published chart; None if it is a folder."""
        if not (self.repository and self.name and self.version):
            return None
        return PublishedChart(self.repository, self.name, self.version, self.digest)

    @model_validator(mode="after")
    def _one_chart(self) -> Self:
        said = {key: getattr(self, key) for key in (*_EXAMPLES, "digest") if getattr(self, key)}
        if self.path and said:
            raise broken(
                f"path and {next(iter(said))} stand side by side, but the chart is a folder of the checkout, or one "
                "that is published",
                f"keep path, or {' and '.join(_EXAMPLES)}",
                at="path",
            )
        missing = [key for key in _EXAMPLES if key not in said]
        if missing and not self.path:
            raise broken(
                "a chart is a folder of the checkout (path), or one that is published (repository, name, version)"
                if not said
                else "a published chart has a repository, a name and a version",
                "write e.g. path: chart" if not said else f"write e.g. {missing[0]}: {_EXAMPLES[missing[0]]}",
                at="path" if not said else missing[0],
            )
        return self

    @model_validator(mode="after")
    def _seen_by_nobody(self) -> Self:
        at = urlsplit(self.repository or "")
        if at.scheme == "http" and not self.digest and not is_local(at.netloc):
            raise broken(
                "without TLS, whoever is on the way can put in another chart",
                "write https:// or oci://, or give the digest that the chart must have: digest: sha256:...",
                at="repository",
            )
        return self

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.service and self.routes:
            raise broken("service and routes are two ways to say which Service answers", "keep routes", at="service")
        if twice := claimed_twice(self.routes):
            raise broken(f"{twice} is claimed twice", "keep one route for it", at="routes")
        return self
