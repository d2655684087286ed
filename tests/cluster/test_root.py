"""Images that begin as root, where the base stack allows it."""

from pathlib import Path

import yaml

from tests.cluster.support.stacks import FIRST, Base, Branches


def test_an_image_that_must_begin_as_root_runs_with_one_line(
    closed: Base, closed_branches: Branches, workdir: Path
) -> None:
    branch = closed_branches("feature/root")
    file = workdir / "root.yaml"
    file.write_text(yaml.safe_dump({"image": FIRST, "port": 80, "env": {"PORT": 80}, "runAs": "root"}))
    branch.up(environment=str(file))
    assert closed.gateway.until_status(branch.host).status == 200, "it listens on port 80"
    (pod,) = branch.pods()
    assert pod["spec"]["securityContext"]["runAsUser"] == 0, "and is root"
    capabilities = pod["spec"]["containers"][0]["securityContext"]["capabilities"]
    assert "SETUID" in capabilities["add"], "that can become another user, as nginx does for its workers"
    assert capabilities["drop"] == ["ALL"], "and no more than that"
