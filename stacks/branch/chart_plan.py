"""What is known of a branch's chart before the base stack is asked: its files, and where the branch's images go."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.branch.chart import chart_values
from stacks.branch.chart_account import AccountValues, account_values
from stacks.branch.chart_image import image_values
from stacks.branch.chart_known import KnownValues, known_values
from stacks.settings.branch import BranchSettings
from stacks.settings.chart_source import ChartSource
from stacks.settings.errors import Problem, SettingsError, shown


@dataclass(frozen=True, kw_only=True)
class ChartPlan:
    """A chart, and what is set in its values."""

    source: ChartSource
    folder: Path
    """That holds Chart.yaml."""
    url_path: str | None
    """Where in the values the branch's URL goes; none for nowhere."""
    images: Mapping[str, str]
    """The branch's images and their parts, by dotted path."""
    account: AccountValues
    """What its values say of the pods' ServiceAccount."""

    def values(self, *, url: str, host: str, branch: str, data: str, service_account: str) -> dict[str, Any]:
        """Return the environment file's values with the branch's own set."""
        paths = self.source.value_paths
        own = [
            (self.url_path, url),
            (paths.host, host),
            (paths.branch, branch),
            (paths.data, data),
            (self.account.name, service_account),
        ]
        places = {path: value for path, value in own if path}
        return chart_values(self.source.values, {**places, **self.images, **self.account.fixed})


def plan_chart(source: ChartSource, folder: Path, settings: BranchSettings | None, stack: str) -> ChartPlan:
    """Look at a chart's files, and find where the branch's own values go.

    Args:
        source: what the environment file says of it.
        folder: where it is.
        settings: of the branch; none if they are mistaken themselves.
        stack: for the message.

    Raises:
        SettingsError: there is no chart, or an image cannot be set as asked.
    """
    if not (folder / "Chart.yaml").is_file():
        problem = Problem(
            field="chart",
            value=shown(str(folder)),
            rule="a chart is a folder that holds Chart.yaml",
            fix="correct the path: config's is seen from the project's folder, an environment file's from the file",
        )
        raise SettingsError(stack, [problem])
    known, paths = known_values(folder, source.values, stack), source.value_paths
    _check_dependencies(folder, known, source, stack)
    # Nothing is added that was not asked for: a schema may forbid it.
    is_known = known.has("url") and not isinstance(known.at("url"), Mapping)
    url_path = paths.url if "url" in paths.model_fields_set else "url" if is_known else None
    images = {}
    if settings:
        images = image_values(paths, known, image=settings.image, images=settings.images, stack=stack)
    account = account_values(source, known)
    return ChartPlan(source=source, folder=folder, url_path=url_path, images=images, account=account)


def _check_dependencies(folder: Path, known: KnownValues, source: ChartSource, stack: str) -> None:
    if known.missing:
        where = f"its folder charts ({source.published})" if source.published else folder / "charts"
        problem = Problem(
            field="chart: dependencies",
            value=", ".join(known.missing),
            rule=f"a chart that Chart.yaml depends on lies in {where}: none is downloaded for a branch by itself",
            fix="its publisher packs them: helm package --dependency-update; write a version that has them"
            if source.published
            else f"commit that folder, or let the job run `helm dependency build {folder}` first",
        )
        raise SettingsError(stack, [problem])
