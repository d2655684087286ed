"""The config of a deploy: what options say, and of what they do not say, what was deployed before."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from branchenv.clients import history, pulumi_cli
from branchenv.model.context import Pipeline, Target
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.config import remembered, stack_config
from branchenv.operations.config.digests import Asking
from branchenv.operations.deploy.wanted import Wanted, checkout_of
from core.contract import Base


class LastDeployed:
    """What a stack was last deployed with: asked once, and again only if somebody has deployed it meanwhile."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._known: dict[datetime | None, Mapping[str, Any] | None] = {}

    def at(self, update: datetime | None) -> Mapping[str, Any] | None:
        """Return the config, as of the stack's last update."""
        if update not in self._known:
            self._known[update] = history.last_deployed(self._stack)
        return self._known[update]


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """A deploy, whatever its stack is like."""

    target: Target
    """With the slugs that the base stack reserves."""
    wanted: Wanted
    base: Base
    last: LastDeployed
    job: Pipeline | None = None
    """None: it is a person who deploys."""
    asking: Asking | None = None
    """Registries that are asked for digests. None: nobody is asked."""

    def chosen(self, record: StackRecord | None) -> remembered.Config:
        """Return what is to run.

        Args:
            record: of the stack, as it is.
        """
        folder = {key: str(path.resolve()) for key, path in self.wanted.folder.items()}
        return remembered.config(
            self.wanted.config(),
            folder,
            new=record is None,
            in_job=self.job is not None,
            deployed=lambda: self.last.at(record.last_update if record else None),
        )


def configured(deploy: Deploy, record: StackRecord | None, tags: Tags) -> dict[str, Any]:
    """Return the config file for `pulumi up`, as its content.

    Args:
        deploy: what is to be deployed.
        record: of the stack, as it is.
        tags: that the deploy writes to it.
    """
    target, wanted, job, asking = deploy.target, deploy.wanted, deploy.job, deploy.asking
    chosen = deploy.chosen(record)
    before = record.outputs.get("config") if record else None
    local = deploy.base.platform == "local"
    pinned = asking.answers(chosen.values, before or {}, local=local) if asking else dict(wanted.digests)
    source: dict[str, object] = {key: value for key, value in asdict(checkout_of(wanted, job)).items() if value}
    if wanted.rollback or tags.rolled_back:
        source["rollback"] = True
    noted = {stack_config.SOURCE: source, stack_config.DIGESTS: pinned, stack_config.DATA: tags.data}
    return stack_config.composed(
        pulumi_cli.config_file(target.stack),
        {
            "base": target.base,
            "branch": target.branch,
            **{key: value for key, value in noted.items() if value},
            **chosen.values,
        },
        # A deploy wakes what sleeps.
        without=(*chosen.without, *stack_config.SLEEP, *noted),
        secrets=record.secrets if record else {},
    )
