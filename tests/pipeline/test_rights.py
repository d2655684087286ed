"""The rights that docs/gitlab.md gives the jobs in the backend are enough; those in the cluster are the deployer's."""

from fnmatch import fnmatchcase
from pathlib import Path

from tests.cluster.support.stacks import FIRST, SECOND, Base, Branches
from tests.pipeline.support.rights import writable_keys


def test_a_branch_writes_to_the_backend_only_where_the_documented_policy_lets_it(jobs_base: Base) -> None:
    root = Path(jobs_base.env["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0])

    def files() -> dict[str, int]:
        return {str(file.relative_to(root)): file.stat().st_mtime_ns for file in root.rglob("*") if file.is_file()}

    branches = Branches(jobs_base)
    branch = branches("feature/least-rights-state")
    before = files()
    branch.up(image=FIRST)
    branch.pulumi.run("stack", "tag", "set", "branch", branch.name, "--stack", branch.full_stack).ok()
    branch.up(image=SECOND)
    written = sorted(name for name, when in files().items() if before.get(name) != when)
    branches.remove()
    allowed = writable_keys(jobs_base.app)
    refused = [name for name in written if not any(fnmatchcase(name, pattern) for pattern in allowed)]
    assert written, "a deploy writes state"
    assert not refused, f"AWS would refuse these, by the policy of docs/gitlab.md: {refused}"
    other = f".pulumi/stacks/branch-environments/base-{jobs_base.app}.json"
    assert not any(fnmatchcase(other, pattern) for pattern in allowed), "the base stack is read only"
