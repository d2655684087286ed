"""Images are written as `docker save` writes them, byte for byte the same for the same files."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from local.images import archive


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "app").write_text("#!/bin/sh\n")
    path = tmp_path / "image.tar"
    archive(
        path,
        name="shop.local/shop:1.0",
        files={"bin/app": tmp_path / "app"},
        entrypoint=["/bin/app"],
        environment={"VERSION": "1.0"},
    )
    return path


def test_an_image_names_its_layers_by_their_digest(image: Path) -> None:
    with tarfile.open(image) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        config = json.load(tar.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        layer = tar.extractfile(manifest["Layers"][0]).read()  # type: ignore[union-attr]
    assert manifest["RepoTags"] == ["shop.local/shop:1.0"], "the name under which pods find it"
    digest = hashlib.sha256(layer).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}"], "containerd checks the digest"
    assert config["config"]["User"] == "65532:65532", "images do not run as root"
    assert config["config"]["Env"] == ["VERSION=1.0"], "the version is part of the image"


def test_the_same_files_give_the_same_image(image: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tar"
    archive(
        again,
        name="shop.local/shop:1.0",
        files={"bin/app": tmp_path / "app"},
        entrypoint=["/bin/app"],
        environment={"VERSION": "1.0"},
    )
    assert again.read_bytes() == image.read_bytes(), "no time, owner or order of this machine is in it"


def test_files_are_executable_and_their_folders_are_there(image: Path, tmp_path: Path) -> None:
    with tarfile.open(image) as tar:
        (tmp_path / "layer.tar").write_bytes(tar.extractfile("layer.tar").read())  # type: ignore[union-attr]
    with tarfile.open(tmp_path / "layer.tar") as layer:
        assert layer.getmember("bin").isdir(), "a layer names its folders before its files"
        assert layer.getmember("bin/app").mode == 0o755, "an entrypoint must be executable"
