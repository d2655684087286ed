"""Where a branch's URL and images go in the values of a chart."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.branch.chart_image import Reference, split
from stacks.branch.chart_plan import ChartPlan, plan_chart
from stacks.settings.branch import BranchSettings
from stacks.settings.chart_source import ChartSource
from stacks.settings.errors import SettingsError

DIGEST = f"sha256:{'a' * 64}"
CREATED = {"image": {"repository": "nginx", "tag": "", "pullPolicy": "IfNotPresent"}}


def plan(folder: Path, values: Mapping[str, Any], source: Mapping[str, Any] | None = None, **config: Any) -> ChartPlan:
    """Plan a chart with values of its own, as the environment file and config ask for it."""
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: webshop\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text(yaml.safe_dump(dict(values)))
    asked = ChartSource.model_validate({"path": ".", **(source or {})})
    settings = BranchSettings.model_validate({"base": "base-local", "environment": "environment.yaml", **config})
    return plan_chart(asked, folder, settings, "shop.x")


def message(error: SettingsError) -> str:
    """Return what a person reads."""
    return "\n".join(str(each) for each in error.problems)


@pytest.mark.parametrize(
    ("image", "parts"),
    {
        "shop": ("", "shop", "latest", ""),
        "shop:1.0": ("", "shop", "1.0", ""),
        "acme/shop:1.0": ("", "acme/shop", "1.0", ""),
        "shop.local/shop:1.0": ("shop.local", "shop", "1.0", ""),
        "localhost/shop": ("localhost", "shop", "latest", ""),
        "registry:5000/acme/shop": ("registry:5000", "acme/shop", "latest", ""),
        "registry:5000/shop:1.0": ("registry:5000", "shop", "1.0", ""),
        f"registry:5000/shop@{DIGEST}": ("registry:5000", "shop", "", DIGEST),
        f"registry:5000/shop:1.0@{DIGEST}": ("registry:5000", "shop", "1.0", DIGEST),
    }.items(),
)
def test_an_image_reference_has_its_parts(image: str, parts: tuple[str, str, str, str]) -> None:
    assert split(image) == Reference(*parts), "a port is no tag, and a digest's colon neither"


@pytest.mark.parametrize(
    ("values", "image", "expected"),
    [
        (CREATED, "registry:5000/shop:1.0", {"image.repository": "registry:5000/shop", "image.tag": "1.0"}),
        ({"image": "shop:0"}, f"shop:1.0@{DIGEST}", {"image": f"shop:1.0@{DIGEST}"}),
        (
            {"image": {"registry": "docker.io", "repository": "acme/shop", "tag": "1", "digest": DIGEST}},
            "shop:1.0",
            {"image.registry": "docker.io", "image.repository": "library/shop", "image.tag": "1.0", "image.digest": ""},
        ),
        (
            {"image": {"repository": "shop", "tag": "1", "digest": ""}},
            f"shop.local/shop@{DIGEST}",
            {"image.repository": "shop.local/shop", "image.digest": DIGEST},
        ),
    ],
    ids=["helm create's", "one text", "with a registry, and another image's digest", "by digest"],
)
def test_a_charts_usual_image_is_found_in_its_values(
    tmp_path: Path, values: Mapping[str, Any], image: str, expected: Mapping[str, str]
) -> None:
    assert plan(tmp_path, values, image=image).images == expected, "without a word in the environment file"


def test_several_images_go_each_to_its_place(tmp_path: Path) -> None:
    values = {"web": {"image": "a"}, "api": {"repo": "b", "version": "1"}}
    paths = {"images": {"web": "web.image", "api": {"repository": "api.repo", "tag": "api.version"}}}
    found = plan(tmp_path, values, {"valuePaths": paths}, images={"web": "shop:1", "api": "r:5000/api:2"})
    assert found.images == {"web.image": "shop:1", "api.repo": "r:5000/api", "api.version": "2"}, "as they are named"


def test_what_the_file_names_goes_before_what_is_found(tmp_path: Path) -> None:
    values = {**CREATED, "app": {"image": "x"}}
    assert plan(tmp_path, values, {"valuePaths": {"image": "app.image"}}, image="a:1").images == {"app.image": "a:1"}
    assert plan(tmp_path, values, {"valuePaths": {"image": None}}, image="a:1").images == {}, "null is for nowhere"


def test_a_value_of_a_chart_inside_counts_as_known(tmp_path: Path) -> None:
    (tmp_path / "charts" / "web").mkdir(parents=True)
    paths = {"image": "web.image"}
    assert plan(tmp_path, {}, {"valuePaths": paths}, image="a:1").images == {"web.image": "a:1"}, "it is not looked at"


REFUSED: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], list[str]]] = {
    # The chart's values, the environment file's paths, config; what the person is told.
    "no image in the chart": ({}, {}, {"image": "a:1"}, ["neither `image` nor", "valuePaths: {image:"]),
    "an empty mapping": ({"image": {}}, {}, {"image": "a:1"}, ["neither `image` nor"]),
    "a path that is not there": (CREATED, {"image": "web.image"}, {"image": "a:1"}, ["valuePaths.image", "web.image"]),
    "a part that is not there": (
        CREATED,
        {"image": {"repository": "image.repository", "tag": "image.version"}},
        {"image": "a:1"},
        ["chart.valuePaths.image.tag", "no image.version"],
    ),
    "a digest where there is a tag": (CREATED, {}, {"image": f"a@{DIGEST}"}, ["its digest", "by its tag"]),
    "both where there is a tag": (CREATED, {}, {"image": f"a:1@{DIGEST}"}, ["its digest"]),
    "a tag where there is a digest": (
        {"image": {"repository": "", "digest": ""}},
        {"image": {"repository": "image.repository", "digest": "image.digest"}},
        {"image": "a:1"},
        ["its tag", "by its digest"],
    ),
    "a whole image for a mapping": (
        CREATED,
        {"image": "image"},
        {"image": "a:1"},
        ["is a mapping", "valuePaths: {image: {repository: image.repository, tag: image.tag}}"],
    ),
    "a whole image for a part": (
        CREATED,
        {"image": "image.tag"},
        {"image": "a:1"},
        ["one part of it", "valuePaths: {image: {repository: image.repository, tag: image.tag}}"],
    ),
    "an image that the file does not name": (
        CREATED,
        {"images": {"api": "image.tag"}},
        {"images": {"web": "a:1"}},
        ["images.web", "named there: api", 'valuePaths: {images: {"web": "web.image"}}'],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_set_as_asked_is_refused(tmp_path: Path, case: str) -> None:
    values, paths, config, expected = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        plan(tmp_path, values, {"valuePaths": paths}, **config)
    assert len(caught.value.problems) == 1, "one mistake, one message"
    assert [text for text in expected if text not in message(caught.value)] == [], "with what to do"


def url_in(found: ChartPlan) -> Any:
    """Return the URL in the values, if it is there."""
    return found.values(url="http://x", host="x", branch="x", data="0", service_account="shop").get("url")


def test_the_url_is_set_only_where_the_chart_knows_it_or_the_file_names_it(tmp_path: Path) -> None:
    assert url_in(plan(tmp_path, {})) is None, "a schema may forbid what nobody asked for"
    assert url_in(plan(tmp_path, {"url": ""})) == "http://x", "the chart asks for it"
    assert url_in(plan(tmp_path, {}, {"values": {"url": "y"}})) == "http://x", "the file does"
    assert url_in(plan(tmp_path, {"url": {"path": "/"}})) is None, "that is another thing of the name"
    assert url_in(plan(tmp_path, {}, {"valuePaths": {"url": "url"}})) == "http://x", "the file names it"
    assert url_in(plan(tmp_path, {"url": ""}, {"valuePaths": {"url": None}})) is None, "null is for nowhere"
    (tmp_path / "values.schema.json").write_text(json.dumps({"properties": {"url": {"type": "string"}}}))
    assert url_in(plan(tmp_path, {})) == "http://x", "the schema says that the chart knows it"


def account_in(found: ChartPlan) -> Any:
    """Return what the values say of the ServiceAccount."""
    return found.values(url="http://x", host="x", branch="x", data="0", service_account="shop").get("serviceAccount")


def test_a_chart_is_told_which_service_account_its_pods_have_and_to_make_none(tmp_path: Path) -> None:
    created, own = {"serviceAccount": {"create": True, "name": ""}}, {"create": False, "name": "shop"}
    assert account_in(plan(tmp_path, created)) == own, "as `helm create` calls them"
    named = {"valuePaths": {"serviceAccount": "serviceAccount.name"}}
    assert account_in(plan(tmp_path, created, named)) == own, "one place says both"
    given = {"values": {"serviceAccount": {"create": True, "name": "mine"}}}
    assert account_in(plan(tmp_path, created, given)) == {"create": True, "name": "mine"}, "the file's own word stays"
    assert account_in(plan(tmp_path, {"serviceAccount": "x"})) is None, "that is another thing of the name"
    assert account_in(plan(tmp_path, {})) is None, "a schema may forbid what nobody asked for"


def test_a_chart_that_is_declared_but_not_there_is_named_with_what_brings_it(tmp_path: Path) -> None:
    dependencies = [{"name": "redis", "version": "1.0.0"}, {"name": "common", "version": "2.x"}, {"name": "web"}]
    (tmp_path / "charts" / "web").mkdir(parents=True)
    (tmp_path / "charts" / "common-2.1.0.tgz").touch()
    (tmp_path / "requirements.yaml").write_text(yaml.safe_dump({"dependencies": dependencies}))
    with pytest.raises(SettingsError) as caught:
        plan(tmp_path, {})
    (problem,) = caught.value.problems
    assert problem.value == "redis", "of three, two are there: as a folder, and packed"
    assert f"helm dependency build {tmp_path}" in problem.fix, "one command"
    (tmp_path / "charts" / "redis-1.0.0.tgz").touch()
    assert plan(tmp_path, {}), "then it is deployed"


def test_a_file_of_the_chart_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "values.schema.json").write_text("{")
    with pytest.raises(SettingsError) as caught:
        plan(tmp_path, {})
    assert "values.schema.json" in message(caught.value), "which file"
