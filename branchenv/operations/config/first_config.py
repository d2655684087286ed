"""The config file that a base stack begins with, from a few answers."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from branchenv.clients import program
from branchenv.clients.pulumi_cli import config_file
from branchenv.model.context import PULUMI_PROJECT
from branchenv.model.errors import BranchenvError, ExitCode, bad_input

PLATFORMS = ("eks", "gke", "local")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What only the platform team knows. Empty where the platform has no such thing."""

    stack: str
    """base-<cluster>"""
    platform: str
    """One of `PLATFORMS`."""
    domain: str
    """Below which each app gets its own: <app>.<domain>."""
    apps: Sequence[str]
    jobs: str = ""
    """Who the jobs of all these apps are in the cloud, with {app} for the app's name: a role's ARN, or an account."""
    cluster: str = ""
    region: str = ""
    """EKS: region. GKE: location."""
    account: str = ""
    """EKS: id of the account. GKE: id of the project."""
    project_number: str = ""
    """GKE."""
    zone: str = ""
    """Of the domain: id in Route 53, or name in Cloud DNS."""
    email: str = ""
    """GKE: for the certificates' authority."""
    secrets_provider: str = ""
    """What opens the stack's secrets. Empty: a passphrase."""


def config_of(answers: Answers) -> dict[str, Any]:
    """Write the config, by the keys of the program."""
    made: dict[str, Any] = {"platform": answers.platform}
    if answers.platform == "eks":
        made["eks"] = {"clusterName": answers.cluster, "region": answers.region, "accountId": answers.account}
    if answers.platform == "gke":
        number = answers.project_number
        made["gke"] = {"clusterName": answers.cluster, "project": answers.account, "projectNumber": number}
    if answers.platform != "local":
        email = {"acmeEmail": answers.email} if answers.email else {}
        made["ingress"] = {**email, "zones": [{"domain": answers.domain, "zone": answers.zone}]}
    made["apps"] = [_app(answers, app) for app in answers.apps]
    return made


def commands(answers: Answers) -> list[str]:
    """Write what is to be run next, in the program's folder, in order."""
    init = ["pulumi", "stack", "init", answers.stack]
    if answers.secrets_provider:
        init.append(f"--secrets-provider={answers.secrets_provider}")
    cluster, region = answers.cluster, answers.region
    reach = {
        "eks": [["aws", "eks", "update-kubeconfig", "--name", cluster, "--region", region]],
        "gke": [["gcloud", "container", "clusters", "get-credentials", cluster, "--location", region]],
        "local": [],
    }[answers.platform]
    rest = [["pulumi", verb, "--stack", answers.stack] for verb in ("preview", "up")]
    return [shlex.join(each) for each in (init, *reach, *rest)]


def write(answers: Answers) -> Path:
    """Write the config file, once it is checked, where Pulumi looks for it.

    Raises:
        BranchenvError: there is one already, or the answers make none that can be used.
    """
    file = config_file(answers.stack)
    if file.exists():
        raise bad_input(
            "stack",
            answers.stack,
            "this base stack already has a config file, which is not overwritten",
            f"change {file}, or give the stack another name",
        )
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    config = {f"{PULUMI_PROJECT}:{key}": value for key, value in config_of(answers).items()}
    head = f"# Base stack {answers.stack}: all keys are in docs/base-stack.md.\n"
    draft.write_text(head + yaml.safe_dump({"config": config}, sort_keys=False, allow_unicode=True), encoding="utf-8")
    try:
        _check(answers.stack, draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def _app(answers: Answers, app: str) -> Mapping[str, str]:
    made = {"name": app, "domain": f"{app}.{answers.domain}"}
    return {**made, "ci": answers.jobs.replace("{app}", app)} if answers.jobs else made


def _check(stack: str, file: Path) -> None:
    """Ask the program, in a process of its own: its models are nothing that a job's commands should load."""
    done = subprocess.run(
        [sys.executable, "-m", "stacks.check", stack, str(file)],
        cwd=program.folder(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BranchenvError(
            (done.stdout or done.stderr).strip(),
            fix="give other answers: nothing was written",
            code=ExitCode.BAD_INPUT,
        )
