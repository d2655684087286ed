"""Main is synced from a repository of git's, from a chart repository or from a registry, in Argo CD's words."""

import pytest

from components.app.argocd_application import (
    ArgoCdApplicationArgs,
    application_spec,
    project_spec,
    repository_data,
)


@pytest.mark.parametrize(
    ("repository", "chart", "url", "source", "secret"),
    [
        ("https://git.example.com/shop.git", "", None, {"path": "chart"}, {"type": "git"}),
        ("https://charts.example.com", "shop", None, {"chart": "shop"}, {"type": "helm", "name": "shop"}),
        (
            "oci://registry.example.com/charts",
            "shop",
            "registry.example.com/charts",
            {"chart": "shop"},
            {"type": "helm", "name": "shop", "enableOCI": "true"},
        ),
    ],
)
def test_main_comes_from(
    repository: str, chart: str, url: str | None, source: dict[str, str], secret: dict[str, str]
) -> None:
    args = ArgoCdApplicationArgs(
        app="shop",
        argocd_namespace="argocd",
        namespace="shop",
        repository=repository,
        revision="1.0.0",
        path="chart",
        chart=chart,
        values={},
        credentials={"password": "x"},
    )
    known = url or repository
    found = application_spec(args)["source"]
    assert {key: found[key] for key in found if key != "helm"} == {
        "repoURL": known,
        "targetRevision": "1.0.0",
        **source,
    }, "a folder or a chart, not both"
    assert project_spec(args)["sourceRepos"] == [known], "and from nowhere else"
    assert repository_data(args) == {"url": known, "password": "x", **secret}, "with the credentials of this one"
