"""Backends that only the Pulumi CLI can speak to: Pulumi Cloud, and those whose log-in only the CLI knows.

Slower, as each stack takes a process of its own. Locks are not listed: `pulumi cancel` is the way to break them there.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from branchenv.clients.backend.checkpoint import read_stack
from branchenv.clients.backend.protocol import is_branch
from branchenv.model import tags as tag_texts
from branchenv.model.context import PULUMI_PROJECT
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import Lock, StackRecord, Tags

_PROCESSES = 8
_LONGEST = 120.0
_LONGEST_TAG = 256
"""Characters that Pulumi Cloud takes in a tag's value."""


class CliBackend:
    """Asks `pulumi stack ls`, `export` and `tag`."""

    def __init__(self, url: str) -> None:
        """Use a backend.

        Args:
            url: as Pulumi has it.
        """
        self._url = url

    @property
    def url(self) -> str:
        """As Pulumi has it."""
        return self._url

    def stacks(self) -> list[StackRecord]:
        """Return every stack of the project, by name; of base stacks the name alone."""
        listed = json.loads(self._run("stack", "ls", "--json", "--project", PULUMI_PROJECT))
        names = sorted(str(each["name"]).rpartition("/")[2] for each in listed)
        with ThreadPoolExecutor(_PROCESSES) as pool:
            found = pool.map(lambda name: self.stack(name) if is_branch(name) else StackRecord(name=name), names)
            return [record for record in found if record]

    def stack(self, name: str) -> StackRecord | None:
        """Return one stack; None if there is none."""
        try:
            exported = self._run("stack", "export", "--stack", self._full(name))
        except BranchenvError as e:
            if _is_missing(e):
                return None
            raise
        return read_stack(name, exported.encode(), tags=self.tags(name))

    def locks(self, name: str) -> tuple[Lock, ...]:  # noqa: ARG002 - the CLI does not tell
        """Return nothing: the CLI does not tell who holds a lock."""
        return ()

    def tags(self, name: str) -> Tags:
        """Return the tags of a stack; none if it is not there."""
        return tag_texts.decode(self._tags(name) or {})

    def write_tags(self, name: str, tags: Tags) -> None:
        """Set what has changed of our tags; a value that is too long for Pulumi Cloud is left out.

        A stack that is not there cannot have any.
        """
        present = self._tags(name)
        if present is None:
            return
        wanted = {key: text for key, text in tag_texts.merge(present, tags).items() if len(text) <= _LONGEST_TAG}
        for key in sorted(present.keys() - wanted.keys()):
            self._run("stack", "tag", "rm", key, "--stack", self._full(name))
        for key, text in sorted(wanted.items()):
            if present.get(key) != text:
                self._run("stack", "tag", "set", key, text, "--stack", self._full(name))

    def break_locks(self, name: str, locks: Iterable[Lock]) -> None:
        """Cancel the update that runs, if there is any to break."""
        if tuple(locks):
            self._run("cancel", "--yes", self._full(name))

    def forget(self, name: str) -> None:
        """Nothing to do: this backend removes a stack's tags with the stack."""

    def _tags(self, name: str) -> dict[str, str] | None:
        try:
            found: dict[str, str] = json.loads(self._run("stack", "tag", "ls", "--json", "--stack", self._full(name)))
        except BranchenvError as e:
            if _is_missing(e):
                return None
            raise
        return found

    def _full(self, name: str) -> str:
        return f"{self._organization()}/{PULUMI_PROJECT}/{name}"

    def _organization(self) -> str:
        return organization(self._url)

    def _run(self, *arguments: str) -> str:
        environment: dict[str, Any] = {**os.environ, "PULUMI_BACKEND_URL": self._url}
        try:
            done = subprocess.run(
                ["pulumi", *arguments, "--non-interactive", "--color=never"],  # noqa: S607 - as PATH has it
                cwd=tempfile.gettempdir(),  # no Pulumi.yaml there: it is asked about stacks by full name
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LONGEST,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            raise self._failed(str(e)) from e
        if done.returncode != 0:
            raise self._failed((done.stderr or done.stdout).strip())
        return done.stdout

    def _failed(self, message: str) -> BranchenvError:
        return BranchenvError(
            f"Pulumi's backend cannot be used: {message}",
            fix="look at PULUMI_BACKEND_URL and PULUMI_ACCESS_TOKEN, and at `pulumi whoami -v`",
            code=ExitCode.BACKEND,
            field="backend",
            value=self._url,
        )


def _is_missing(error: BranchenvError) -> bool:
    return "no stack named" in error.rule or "not found" in error.rule


def organization(url: str) -> str:
    """Return the organization of a stack's full name: Pulumi's own backends have one that is always called so.

    Args:
        url: of the backend. On Pulumi Cloud, `PULUMI_ORG` names the organization; without it, the person's own default.
    """
    if not url.startswith(("http://", "https://")):
        return "organization"
    return os.environ.get("PULUMI_ORG", "") or _default_organization()


def _default_organization() -> str:
    done = subprocess.run(
        ["pulumi", "org", "get-default"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
