"""A manifests repository, as a team that uses the component keeps it: a bare remote, a fresh clone for every job."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_BRANCH = "main"
COMPONENT = "platform/branch-environments/branch-environment@1.0.0"
_IDENTITY = ("-c", "user.name=Ada Developer", "-c", "user.email=ada@example.com")


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """What a runner has checked out for one pipeline."""

    folder: Path
    branch: str
    commit: str

    def take_files_away(self) -> None:
        """Leave what a job with GIT_STRATEGY none finds: nothing.

        gitlab-ci-local checks out nevertheless. It gives a job the files that git knows of, so git forgets them; those
        on disk are only read to find the pipeline's jobs.
        """
        git(self.folder, "rm", "--cached", "-r", "--quiet", "--ignore-unmatch", ".")


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """One repository with its remote."""

    remote: Path
    work: Path
    """Where commits are made and clones are put."""

    @classmethod
    def create(cls, folder: Path, pipeline: str) -> "Manifests":
        """Make the repository, with a pipeline on its default branch.

        Args:
            folder: where to put it.
            pipeline: content of .gitlab-ci.yml.
        """
        made = cls(remote=folder / "remote.git", work=folder / "work")
        made.work.mkdir(parents=True)
        git(folder, "init", "--quiet", "--bare", f"--initial-branch={DEFAULT_BRANCH}", str(made.remote))
        git(folder, "init", "--quiet", f"--initial-branch={DEFAULT_BRANCH}", str(made.work / "author"))
        git(made.work / "author", "remote", "add", "origin", str(made.remote))
        made.push(DEFAULT_BRANCH, {".gitlab-ci.yml": pipeline})
        return made

    def push(self, branch: str, files: Mapping[str, str]) -> Checkout:
        """Commit files to a branch, which may be new, and push it; give what its pipeline checks out."""
        author = self.work / "author"
        if branch in self._branches():
            git(author, "checkout", "--quiet", branch)
        else:
            git(author, "checkout", "--quiet", "-B" if branch == DEFAULT_BRANCH else "-b", branch)
        for name, text in files.items():
            file = author / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        git(author, "add", "--all")
        git(author, *_IDENTITY, "commit", "--quiet", "--allow-empty", "--message", f"Change {', '.join(files)}")
        git(author, "push", "--quiet", "origin", branch)
        if branch != DEFAULT_BRANCH:
            checkout = self.checkout(branch)
            git(author, "checkout", "--quiet", DEFAULT_BRANCH)
            return checkout
        return self.checkout(branch)

    def checkout(self, branch: str) -> Checkout:
        """Clone a branch afresh, as a runner does for every job."""
        folder = Path(tempfile.mkdtemp(prefix="job-", dir=self.work))
        git(self.work, "clone", "--quiet", "--branch", branch, str(self.remote), str(folder))
        commit = git(folder, "rev-parse", "HEAD").strip()
        return Checkout(folder=folder, branch=branch, commit=commit)

    def delete(self, branch: str) -> None:
        """Delete a branch on the remote, as GitLab does when it is merged."""
        git(self.work / "author", "push", "--quiet", "origin", "--delete", branch)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.remote.parent)

    def _branches(self) -> list[str]:
        return git(self.work / "author", "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


def git(folder: Path, *arguments: str) -> str:
    """Run git, which must succeed, without the settings of whoever runs the tests."""
    # A branch environment is not made from the tests' own repository, even if a hook of it started them.
    environment = {"PATH": _PATH, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)} failed: {done.stderr}"
    return done.stdout


_PATH = str(Path(shutil.which("git") or "git").parent)
