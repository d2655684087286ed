"""Which images are asked for, and what becomes of those that nothing tells of."""

import threading
from pathlib import Path

import pytest

from branchenv.operations.config import digests
from branchenv.operations.config.digests import Asking
from components.branch.digests import pinned, pinned_pods
from core.labels import COMMIT_ANNOTATION
from core.registry import RegistryError

_ONE, _TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
_FIXED = f"shop@sha256:{'3' * 64}"


def _unknown(_image: str) -> str:
    raise RegistryError("it is closed")


def test_every_image_that_is_named_by_a_tag_is_asked_for_once(tmp_path: Path) -> None:
    file = tmp_path / "environment.yaml"
    file.write_text(
        "workloads:\n"
        "  web: {image: 'web:main', canary: {image: 'web:next', weight: 5}, env: {image: 'not:one'}}\n"
        f"  api: {{image: '{_FIXED}'}}\n"
    )
    asked: list[str] = []

    def ask(image: str) -> str:
        asked.append(image)
        return _ONE

    asking = Asking(["db:1"], ask=ask)
    config = {"image": "", "images": {"db": "db:1"}, "environment": str(file)}
    found = asking.answers(config, {}, local=False)
    assert found == dict.fromkeys(["db:1", "web:main", "web:next"], _ONE), "also what the file names"
    assert sorted(asked) == ["db:1", "web:main", "web:next"], "and none that is named by digest"


def test_what_a_registry_does_not_tell_stays_as_it_is_deployed(capsys: pytest.CaptureFixture[str]) -> None:
    asking = Asking([], ask=_unknown)
    found = asking.answers({"image": "web:main"}, {"digests": {"web:main": _TWO}}, local=False)
    assert found == {"web:main": _TWO}, "a registry that is down rolls nothing"
    output = capsys.readouterr().err
    assert "web:main" in output, "which image"
    assert "it is closed" in output, "why"
    assert "BRANCHENV_MOVING_TAGS=" in output, "and what to do"
    assert asking.answers({"image": "web:main"}, {}, local=True) == {}, "an image that was loaded into the cluster"
    assert not capsys.readouterr().err, "has no registry, and nobody is told so"


def test_a_registry_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_MAX_WAIT", 0.05)
    never = threading.Event()

    def hang(_image: str) -> str:
        never.wait(30)
        return _ONE

    assert Asking([], ask=hang).answers({"image": "web:main"}, {}, local=False) == {}
    never.set()


def test_without_a_registry_every_commit_is_another_image(capsys: pytest.CaptureFixture[str]) -> None:
    asking = Asking([], commit="c" * 40, ask=_unknown)
    found = asking.answers({"image": "web:main"}, {"digests": {"web:main": _TWO}}, local=False)
    assert found == {"web:main": f"commit:{'c' * 40}"}, "as it was asked for"
    assert not capsys.readouterr().err, "which is no news"
    template = {"spec": {"containers": [{"image": "web:main"}, {"image": "db:1", "imagePullPolicy": "Never"}]}}
    pods = pinned_pods({"spec": {"template": template}}, ["spec", "template"], found)["spec"]["template"]
    assert pods["metadata"]["annotations"] == {COMMIT_ANNOTATION: "c" * 40}, "other pods for another commit"
    first, second = pods["spec"]["containers"]
    assert first == {"image": "web:main", "imagePullPolicy": "Always"}, "a node may have what the tag named before"
    assert second["imagePullPolicy"] == "Never", "of others nothing is known"
    assert pinned("web:main", found) == "web:main", "and so it is told"


def test_a_chart_s_pods_run_what_their_tags_named() -> None:
    pod = {"initContainers": [{"image": "db:1"}], "containers": [{"image": "web:main"}, {"name": "none"}]}
    found = pinned_pods({"spec": {"template": {"spec": pod}}}, ["spec", "template"], {"web:main": _ONE})
    assert found["spec"]["template"]["spec"] == {
        "initContainers": [{"image": "db:1"}],
        "containers": [{"image": f"web:main@{_ONE}"}, {"name": "none"}],
    }, "those that are known"
    assert pinned_pods({"spec": pod}, [], {"db:1": _TWO})["spec"]["initContainers"] == [{"image": f"db:1@{_TWO}"}]
    assert pinned_pods({"spec": {}}, ["spec", "template"], {"web:main": _ONE}) == {"spec": {}}, "no pods"
