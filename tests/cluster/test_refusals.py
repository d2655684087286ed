"""What is refused before anything is made: one message, exit code not 0, and no object in the cluster."""

from pathlib import Path

import pytest

from core.names import slug
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, Base, Branch, Branches

_NOTHING = "nothing was created or changed"


def _refused(branches: Branches, branch: Branch, *says: str, **config: str) -> None:
    branch.try_up(**config).refused(_NOTHING, "rule:", "fix:", *says)
    assert not branch.base.cluster.labelled(f"branch-environments/slug={branch.slug}"), "nothing was made"
    kept = branch.pulumi.json("stack", "export", "--stack", branch.stack)["deployment"].get("resources", [])
    assert not [each for each in kept if each["type"].startswith("kubernetes:")], "nor is anything in the state"
    branches.forget(branch)


def test_no_image(branches: Branches) -> None:
    _refused(branches, branches("feature/no-image"), "there is no image")


def test_an_unknown_app(base: Base, branches: Branches) -> None:
    branch = branches("feature/app", app="nobody")
    _refused(branches, branch, f"{base.stack} has no app nobody", f"known here: {base.app}", image=FIRST)


def test_a_base_stack_that_is_not_up_in_this_cluster(branches: Branches) -> None:
    branch = branches("feature/base", base_stack="base-nowhere")
    says = ("base-nowhere is not up in this cluster", "kubectl config use-context")
    _refused(branches, branch, *says, image=FIRST)


@pytest.mark.parametrize(
    ("branch", "says"),
    [
        ("-leading-dash", "git refuses branch names that start with a dash"),
        ("../etc", "git refuses branch names that contain `..`"),
        ("a b", "git refuses spaces"),
        ("x.lock", "ends with `.lock`"),
        ("main", "Argo CD syncs it, it is no branch environment"),
    ],
)
def test_a_branch_name_that_cannot_be_an_environment(branch: str, says: str, branches: Branches) -> None:
    made = branches(branch, slugged="refused" if branch != "main" else "main")
    _refused(branches, made, says, image=FIRST)


def test_an_empty_branch_name(branches: Branches) -> None:
    _refused(branches, branches("", slugged="refused"), "a branch name is not empty", image=FIRST)


def test_a_stack_without_a_slug(base: Base) -> None:
    pulumi = Pulumi(base.folder, base.env)
    pulumi.run("stack", "select", "--create", f"{base.app}.").ok()
    pulumi.run("up", "--yes", "--skip-preview", "--stack", f"{base.app}.").refused("<app>.<slug>")


def test_a_stack_that_belongs_to_another_branch(branches: Branches) -> None:
    wanted = slug("feature/mine")
    _refused(branches, branches("feature/mine", slugged="theirs"), f"the slug of this branch is {wanted}", image=FIRST)


@pytest.mark.parametrize(
    "branch",
    ["x" * 300, "feature/login/form", "release-1.2.3", "Feature-X", "🚀"],
    ids=["long", "slashes", "dots", "capitals", "emoji"],
)
def test_a_branch_name_that_has_to_be_changed_gets_a_host_of_its_own(branch: str, branches: Branches) -> None:
    made = branches(branch)
    shown = made.preview(image=FIRST).ok()
    assert made.url in shown.output, f"its URL follows from its name:\n{shown.output}"
    assert len(made.slug) <= 40, "and the host's first label is no longer than DNS takes"
    branches.forget(made)


def test_a_name_of_300_characters_runs(branches: Branches) -> None:
    branch = branches("feature/" + "🚀x" * 146)
    branch.up(image=FIRST)
    answer = branch.base.gateway.until_status(branch.host).json
    assert answer["branch"] == branch.name, "the app is told the whole name"
    (pod,) = branch.pods()
    assert pod["metadata"]["annotations"]["branch-environments/branch"] == branch.name, "and so is the cluster"


def test_every_mistake_in_an_environment_file_is_in_one_message(branches: Branches, workdir: Path) -> None:
    branch = branches("feature/mistakes")
    file = workdir / "environment.yaml"
    file.write_text(
        """\
workloads:
  web: {image: "shop:1.0", port: 99999, routes: [{path: /}]}
  api: {image: "shop:1.0", rotues: [{path: /}]}
"""
    )
    _refused(
        branches, branch, "2 mistakes", "workloads.web.port", "99999", "workloads.api.rotues", environment=str(file)
    )


def test_two_workloads_that_claim_one_path(branches: Branches, workdir: Path) -> None:
    branch = branches("feature/one-path")
    file = workdir / "environment.yaml"
    file.write_text("workloads:\n" + "".join(f"  {n}: {{image: a, routes: [{{path: /}}]}}\n" for n in ("api", "web")))
    _refused(branches, branch, "both claim the path /", environment=str(file))


def test_a_file_that_is_not_yaml(branches: Branches, workdir: Path) -> None:
    branch = branches("feature/no-yaml")
    file = workdir / "environment.yaml"
    file.write_text("image: [shop\n")
    _refused(branches, branch, "is YAML", str(file), environment=str(file))


def test_a_correct_up_after_a_refused_one_works(branches: Branches) -> None:
    branch = branches("feature/corrected")
    _refused(branches, branch, "there is no image")
    branches.made.append(branch)
    branch.up(image=FIRST)
    assert branch.base.gateway.until_status(branch.host).json["branch"] == branch.name, "it is live"
