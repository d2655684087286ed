"""What a base stack promises to branch stacks: its outputs, with a version."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from stacks.problems import Problem, SettingsError, nearest, problems_of, shown

VERSION = 1
"""Counts up whenever a branch stack of the old kind could no longer stand on a new base, or the other way round."""


class _Promise(BaseModel):
    # Unlike settings: a newer base may promise more than this program knows of.
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, use_attribute_docstrings=True)


class AppContract(_Promise):
    """What a base stack made for one app."""

    namespace: str
    """Namespace of every branch."""
    domain: str
    """A branch's host is <slug>.<domain>."""
    service_account: str
    """ServiceAccount of every branch's pods."""
    default_branch: str
    """Branch that is no branch environment."""
    reserved_slugs: tuple[str, ...]
    """Slugs that no branch may take."""
    identity: str = ""
    """Cloud identity of the pods: a role's ARN, a Google service account or principal. Empty without one."""
    main_url: str = ""
    """URL of the default branch, where Argo CD syncs it. Empty where it does not."""


class BaseContract(_Promise):
    """The outputs of a base stack."""

    contract: Literal[1]
    """Version of this contract."""
    platform: str
    """What the cluster runs on."""
    gateway: str
    """Istio Gateway, as <namespace>/<name>."""
    scheme: Literal["http", "https"]
    """Scheme of the branches' URLs."""
    port: int = Field(ge=1, le=65535)
    """Port of the branches' URLs."""
    apps: dict[str, AppContract]
    """The apps, by name."""

    def host(self, app: str, slug: str) -> str:
        """Name a branch's host."""
        return f"{slug}.{self.apps[app].domain}"

    def url(self, app: str, slug: str) -> str:
        """Name a branch's URL, without a port where it goes without saying."""
        return public_url(self.scheme, self.host(app, slug), self.port)


def public_url(scheme: str, host: str, port: int) -> str:
    """Write a URL, without a port where it goes without saying."""
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"


def read_contract(outputs: Mapping[str, Any], *, base: str, app: str, stack: str) -> BaseContract:
    """Read a base stack's outputs for one app.

    Args:
        outputs: of the base stack.
        base: its name.
        app: app of the branch stack.
        stack: the branch stack, for the message.

    Raises:
        SettingsError: the base is not up, has another contract, or knows no such app.
    """

    def refuse(field: str, value: object, rule: str, fix: str) -> SettingsError:
        return SettingsError(stack, [Problem(field=field, value=shown(value), rule=rule, fix=fix)])

    up = f"pulumi up -s {base}"
    if not outputs:
        raise refuse(
            "base",
            base,
            f"the base stack {base} exists but is not up yet: it has no outputs",
            f"run: {up}",
        )
    version = outputs.get("contract")
    if version is None:
        rule = f"{base} has outputs, but no contract: it is no base stack of this project, or its `up` did not finish"
        raise refuse("base", base, rule, f"name a base stack (base-<cluster>), or run: {up}")
    if version != VERSION:
        older = isinstance(version, int | float) and version < VERSION
        fix = f"bring the base up to this program: {up}" if older else "use the newer program that the base was made by"
        rule = f"{base} has contract {shown(version)}, this program needs contract {VERSION}"
        raise refuse("base", base, rule, fix)
    try:
        contract = BaseContract.model_validate(outputs)
    except ValidationError as e:
        raise SettingsError(stack, problems_of(e, BaseContract, f"outputs of {base}")) from e
    if app not in contract.apps:
        known = nearest(app, contract.apps)
        rule = f"{base} has no app {app}"
        fix = f"{known} A branch stack is called <app>.<slug>; a new app is one entry in `apps` of {base}"
        raise refuse("app", app, rule, fix)
    return contract
