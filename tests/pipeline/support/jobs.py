"""Jobs of a pipeline, really run by gitlab-ci-local in shell mode."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.cluster.support.waiting import until
from tests.pipeline.support.manifests import COMPONENT, Checkout, git

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "ci/templates/branch-environment.yml"
_LONGEST = 180.0
_IDS = count(70_001)
_ENDED = re.compile(r" finished in .*(?:FAIL|WARN) (\d+)")
_AFTER = re.compile(r"^  after_script:\n(?:    .*\n)+", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class Result:
    """A job that has ended."""

    job: str
    id: int
    code: int
    output: str
    dotenv: Mapping[str, str]
    """What its dotenv report says: GitLab takes the environment's URL from it."""

    def ok(self) -> "Result":
        """Insist on success."""
        assert self.code == 0, f"{self.job} failed with {self.code}:\n{self.output}"
        return self

    def failed(self, *says: str) -> "Result":
        """Insist on a failure that says why, and shows no traceback."""
        assert self.code != 0, f"{self.job} should have failed:\n{self.output}"
        for text in says:
            assert text in self.output, f"the job's log should say {text!r}:\n{self.output}"
        assert "Traceback" not in self.output, f"a person reads this:\n{self.output}"
        return self


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A GitLab runner: the pipeline's variables, and a shell to run scripts in."""

    command: tuple[str, ...]
    """gitlab-ci-local."""
    env: Mapping[str, str]
    """Environment of every job: cluster, backend, PATH."""
    server_url: str
    """GitLab, as http://<host>:<port>."""
    project: str
    """Path of the project, as <group>/<name>."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What GitLab sets for every pipeline of the project."""

    def listed(
        self, checkout: Checkout, variables: Mapping[str, str], *, unset: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return the jobs that a pipeline would have, by name, with when they would run."""
        arguments = self._arguments(checkout, variables, unset)
        done = subprocess.run(
            [*self.command, "--list-json", *arguments],
            cwd=checkout.folder,
            env=dict(self.env),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"the pipeline is not valid:\n{done.stdout}{done.stderr}"
        # Warnings come before the data.
        found = json.loads(
            done.stdout[done.stdout.index("\n[") + 1 :] if not done.stdout.startswith("[") else done.stdout
        )
        return {job["name"]: job for job in found if job["when"] != "never"}

    @staticmethod
    def next_id() -> int:
        """Return an id for a job, which no other job has that uses the same backend."""
        return next(_IDS)

    def start(self, checkout: Checkout, job: str, number: int, **variables: str) -> "Running":
        """Start one job.

        Args:
            checkout: where.
            job: its name.
            number: its id.
            variables: what GitLab sets for this job, beside what it sets for all.
        """
        arguments = self._arguments(checkout, {"CI_JOB_ID": str(number), **variables}, ())
        process = subprocess.Popen(
            [*self.command, job, "--force-shell-executor", "--shell-isolation", "--no-color", *arguments],
            cwd=checkout.folder,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Running(process, checkout, job, number)

    def _arguments(self, checkout: Checkout, variables: Mapping[str, str], unset: tuple[str, ...]) -> list[str]:
        _place_component(checkout, self.server_url)
        _name_project(checkout, f"{self.server_url}/{self.project}.git")
        given = {**self.variables, "CI_COMMIT_REF_NAME": checkout.branch, **variables}
        pairs = [part for name, value in given.items() for part in ("--variable", f"{name}={value}")]
        return [*pairs, *(part for name in unset for part in ("--unset-variable", name))]


class Running:
    """A job that is still at work."""

    def __init__(self, process: "subprocess.Popen[str]", checkout: Checkout, job: str, number: int) -> None:
        self._process = process
        self._checkout = checkout
        self.job = job
        self.id = number
        self.branch = checkout.branch
        self.output = ""

    def read_until(self, *texts: str) -> None:
        """Read its log until a line has any of the texts."""
        assert self._process.stdout is not None, "its output is read"
        for line in self._process.stdout:
            self.output += _readable(line)
            if any(text in line for text in texts):
                return
        raise AssertionError(f"{self.job} ended without {' or '.join(texts)}:\n{self.output}")

    def wait(self) -> Result:
        """Let it come to its end."""
        try:
            output, _ = self._process.communicate(timeout=_LONGEST)
        except subprocess.TimeoutExpired as e:
            self.cancel(signal.SIGKILL)
            raise AssertionError(f"{self.job} did not end within {_LONGEST:g} s:\n{self.output}{e.stdout!r}") from e
        self.output += _readable(output)
        # gitlab-ci-local itself succeeds where a job is allowed to fail.
        ended = _ENDED.findall(self.output)
        return Result(
            job=self.job,
            id=self.id,
            code=int(ended[-1]) if ended else self._process.returncode,
            output=self.output,
            dotenv=_dotenv(self._checkout, self.job),
        )

    def cancel(self, *signals: signal.Signals) -> None:
        """Send signals to all processes of the job, as a runner does to a cancelled job's container, and see them end.

        Pulumi's plugins have process groups of their own; what they share with the job is the session.
        """
        session = self._process.pid
        for number in signals:
            for pid in _session(session):
                _kill(pid, number)
        self._process.wait(timeout=_LONGEST)
        until(lambda: not _session(session), what=f"the processes of {self.job} end", seconds=30)
        if self._process.stdout is not None:
            self.output += _readable(self._process.stdout.read())
            self._process.stdout.close()


def _readable(log: str) -> str:
    """Leave out colours, and what gitlab-ci-local says of itself."""
    lines = (_COLOUR.sub("", line) for line in log.splitlines(keepends=True))
    return "".join(line for line in lines if not line.startswith(" WARN "))


def _place_component(checkout: Checkout, server_url: str) -> None:
    """Put the component where gitlab-ci-local keeps what it has fetched, as there is no project to fetch it from.

    Without its after_script, which has a unit test: gitlab-ci-local empties the job's folder before one, where GitLab
    does not, and the dotenv report is gone with it.
    """
    path, _, version = COMPONENT.partition("@")
    project, _, name = path.rpartition("/")
    host = server_url.rpartition("/")[2].partition(":")[0]
    target = checkout.folder / ".gitlab-ci-local/includes" / host / project / version / "templates" / f"{name}.yml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_AFTER.sub("", TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")


def _name_project(checkout: Checkout, url: str) -> None:
    """Tell gitlab-ci-local what the project is called: it reads this from a remote of this name."""
    if "gcl-origin" not in git(checkout.folder, "remote").split():
        git(checkout.folder, "remote", "add", "gcl-origin", url)


def _dotenv(checkout: Checkout, job: str) -> dict[str, str]:
    folder = checkout.folder / ".gitlab-ci-local/artifacts" / job / ".gitlab-ci-reports/dotenv"
    lines = [line for file in sorted(folder.glob("*")) for line in file.read_text().splitlines()]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _session(session: int) -> list[int]:
    """Return the live processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if fields[0] != "Z" and int(fields[3]) == session:
            found.append(int(stat.parent.name))
    return found


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(pid, number)
