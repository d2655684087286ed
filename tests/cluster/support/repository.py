"""A manifests repository with the sample app's chart, as the app's team would have one."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.support.cluster import REPOSITORY


@dataclass(frozen=True)
class Repository:
    """A git repository, and the folder it is in."""

    folder: Path

    @property
    def url(self) -> str:
        """Where Argo CD finds it, which runs on this machine."""
        return f"file://{self.folder}"

    def make(self) -> None:
        """Begin it with one commit on main."""
        shutil.copytree(REPOSITORY / "examples" / "shop" / "chart", self.folder / "chart")
        self._git("init", "--quiet", "--initial-branch=main")
        self._commit("the chart")

    def use(self, image: str) -> None:
        """Commit another image, and take away what `add` added."""
        values = self.folder / "chart" / "values.yaml"
        values.write_text(re.sub(r"^image: .*$", f"image: {image}", values.read_text(), flags=re.MULTILINE))
        (self.folder / "chart" / "templates" / "extra.yaml").unlink(missing_ok=True)
        self._commit(image)

    def add(self, template: str) -> None:
        """Commit one object more."""
        (self.folder / "chart" / "templates" / "extra.yaml").write_text(template)
        self._commit("one more")

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        self._git(*author, "commit", "--quiet", f"--message={message}")

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.folder), *arguments], check=True)
