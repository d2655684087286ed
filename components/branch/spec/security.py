"""The security context of a container."""

from typing import Literal, Self

from pydantic import Field, model_validator

from components.strict import Strict, broken


class Security(Strict):
    """What the container may do. The defaults meet the `restricted` Pod Security Standard."""

    run_as_user: int | None = Field(65532, ge=0)
    """User id. The default makes images run whose own user is root or has no number; `null` takes the image's user."""
    run_as_group: int | None = Field(65532, ge=0)
    """Group id; `null` takes the image's group."""
    run_as_non_root: bool = True
    """Refuse to start as user 0."""
    allow_privilege_escalation: bool = False
    """Let a process gain more rights than its parent (setuid, sudo)."""
    read_only_root_filesystem: bool = False
    """Make the image's files unwritable; /tmp stays writable."""
    add_capabilities: tuple[str, ...] = Field((), examples=[["NET_BIND_SERVICE"]])
    """Linux capabilities to add."""
    drop_capabilities: tuple[str, ...] = ("ALL",)
    """Linux capabilities to drop."""
    seccomp_profile: Literal["RuntimeDefault", "Unconfined"] = "RuntimeDefault"
    """Filter of system calls."""

    @model_validator(mode="after")
    def _root_is_meant(self) -> Self:
        if self.run_as_user == 0 and self.run_as_non_root:
            raise broken(
                "runAsUser 0 is root, and runAsNonRoot forbids root",
                "if the image really needs root, take both out and write runAs: root beside security",
                at="runAsUser",
            )
        return self


# What images that begin as root do before they give it up: own files, become another user, bind any port.
AS_ROOT = {
    "run_as_user": 0,
    "run_as_group": 0,
    "run_as_non_root": False,
    "add_capabilities": (
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "NET_BIND_SERVICE",
        "SETGID",
        "SETUID",
    ),
}
