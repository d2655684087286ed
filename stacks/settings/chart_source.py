"""What an environment file says of the app's own Helm chart."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from components.branch.spec.name import WorkloadName
from components.branch.spec.route import Route, claimed_twice
from components.branch.spec.written import Ambiguous, WrittenFloat, WrittenInt
from components.strict import Strict, broken

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


class ServiceRoute(Route):
    """Requests that a Service of the chart's answers."""

    service: ServiceName
    """The Service, with its port."""


class ChartSource(Strict):
    """The app's own Helm chart, the same that Argo CD syncs for the main branch."""

    path: str = Field(min_length=1, examples=["chart"])
    """Folder that holds Chart.yaml, seen from this file."""
    values: Annotated[dict[str, Any], BeforeValidator(_unambiguous)] = Field(default_factory=dict)
    """Values for every branch."""
    value_paths: ValuePaths = ValuePaths()
    """Where the branch's own values go."""
    service: ServiceName | None = None
    """Which Service answers at the URL, with its port, if the chart makes no route itself. Default: the only one."""
    routes: tuple[ServiceRoute, ...] = ()
    """The same for several Services, by path or by host, with retries and the like."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.service and self.routes:
            raise broken("service and routes are two ways to say which Service answers", "keep routes", at="service")
        if twice := claimed_twice(self.routes):
            raise broken(f"{twice} is claimed twice", "keep one route for it", at="routes")
        return self
