"""`branchenv init`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from branchenv import console
from branchenv.cli.option import option
from branchenv.model.errors import bad_input
from branchenv.operations.config import first_config

_LOCAL_DOMAIN = "localhost"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What options say; the rest is asked."""

    cluster: Annotated[
        str, typer.Argument(show_default=False, metavar="CLUSTER", help="The cluster's name; its stack is base-<it>.")
    ] = ""
    platform: Annotated[str, option("--platform", "NAME", "eks, gke or local.")] = ""
    region: Annotated[str, option("--region", "NAME", "Region of EKS, location of GKE.")] = ""
    account: Annotated[str, option("--account", "ID", "AWS account, or Google Cloud project.")] = ""
    project_number: Annotated[str, option("--project-number", "NUMBER", "GKE: number of that project.")] = ""
    domain: Annotated[str, option("--domain", "DOMAIN", "Branches are <slug>.<app>.<domain>.")] = ""
    zone: Annotated[str, option("--zone", "ID", "The domain's zone: id in Route 53, name in Cloud DNS.")] = ""
    email: Annotated[str, option("--email", "ADDRESS", "GKE: for the certificates' authority.")] = ""
    app: Annotated[list[str] | None, option("--app", "NAME", "App; may be given several times.")] = None
    jobs: Annotated[
        str, option("--jobs", "WHO", "The jobs' role or account in the cloud, with {app} for the app's name.")
    ] = ""
    secrets_provider: Annotated[
        str, option("--secrets-provider", "URL", "What opens the stack's secrets. Default: a passphrase.")
    ] = ""


def command(given: Given) -> None:
    """Write the config file of a new base stack, and print the commands to run next.

    What no option says is asked, on a terminal. The file is checked as `pulumi up` checks it before it is written; an
    existing one is left alone. docs/bootstrap.md is the whole way, from nothing to the first branch's URL.
    """
    answers = _answers(given)
    file = first_config.write(answers)
    console.say(f"written: {file}\nnext, in {file.parent}:")
    for line in first_config.commands(answers):
        console.data(line)


def _answers(given: Given) -> first_config.Answers:
    cluster = _asked(given.cluster, "CLUSTER", "Name of the cluster")
    platform = _asked(given.platform, "--platform", f"What it runs on ({', '.join(first_config.PLATFORMS)})")
    if platform not in first_config.PLATFORMS:
        raise bad_input(
            "--platform",
            platform,
            "a cluster is of one of three kinds",
            f"give one of {', '.join(first_config.PLATFORMS)}",
        )
    local, gke = platform == "local", platform == "gke"
    region_is = "Location of the cluster" if gke else "AWS region"
    account_is = "Google Cloud project" if gke else "AWS account's number"
    zone_is = "The domain's zone in Cloud DNS" if gke else "Its hosted zone's id"
    return first_config.Answers(
        stack=f"base-{cluster}",
        platform=platform,
        cluster=cluster,
        region="" if local else _asked(given.region, "--region", region_is),
        account="" if local else _asked(given.account, "--account", account_is),
        project_number=_asked(given.project_number, "--project-number", "The project's number") if gke else "",
        domain=given.domain or (_LOCAL_DOMAIN if local else _asked("", "--domain", "Domain for all apps")),
        zone="" if local else _asked(given.zone, "--zone", zone_is),
        email=_asked(given.email, "--email", "E-mail address for the certificates' authority") if gke else "",
        apps=given.app or _asked("", "--app", "Apps, with spaces between them").split(),
        jobs=given.jobs,
        secrets_provider=given.secrets_provider,
    )


def _asked(given: str, flag: str, question: str) -> str:
    """Return what an option says, else ask a person, else refuse."""
    if given:
        return given
    if not console.interactive():
        raise bad_input(
            flag,
            "(missing)",
            "it is not given, and there is no terminal to ask on",
            f"give {flag}: branchenv init --help",
        )
    return str(typer.prompt(question, err=True)).strip()
