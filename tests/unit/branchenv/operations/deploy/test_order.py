"""Which pipeline may deploy a branch."""

from dataclasses import replace

import pytest

from branchenv.model.context import Pipeline, Target, pipeline
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.deploy import order
from branchenv.operations.deploy.tags import tags_of
from branchenv.operations.deploy.wanted import Checkout, Wanted

_TARGET = Target(app="shop", branch="feature")
_DEPLOYED = StackRecord(name="shop.feature", tags=Tags(pipeline_id=102, commit="c"), resources=5)


def _job(number: str) -> Pipeline:
    return Pipeline(project="acme/shop", branch="feature", number=number, commit="b")


def test_an_older_pipeline_is_refused_with_the_ways_out() -> None:
    with pytest.raises(BranchenvError, match="pipeline 101 is outdated: pipeline 102") as caught:
        order.check(_TARGET, _DEPLOYED, _job("101"))
    assert caught.value.code == ExitCode.OUTDATED, "a pipeline can allow this failure and no other"
    assert "branchenv rollback feature --app shop" in caught.value.fix, "a command that can be pasted"


@pytest.mark.parametrize(
    ("record", "job"),
    [
        pytest.param(_DEPLOYED, _job("102"), id="a retried job of the newest"),
        pytest.param(_DEPLOYED, _job("1000"), id="a newer one, whose id is compared as a number"),
        pytest.param(_DEPLOYED, None, id="a person"),
        pytest.param(_DEPLOYED, _job(""), id="a GitLab that does not say"),
        pytest.param(replace(_DEPLOYED, resources=0), _job("101"), id="after a stop"),
        pytest.param(replace(_DEPLOYED, tags=Tags()), _job("101"), id="what was deployed by hand alone"),
        pytest.param(None, _job("101"), id="a new branch"),
    ],
)
def test_all_others_are_let_through(record: StackRecord | None, job: Pipeline | None) -> None:
    order.check(_TARGET, record, job)


def test_an_app_s_pipeline_hands_its_own_id_over() -> None:
    environ = {"GITLAB_CI": "true", "CI_PIPELINE_ID": "300", "BRANCHENV_PIPELINE": "101"}
    with pytest.raises(BranchenvError, match="pipeline 101"):
        order.check(_TARGET, _DEPLOYED, pipeline(environ))
    wrong = pipeline({**environ, "BRANCHENV_PIPELINE": "$CI_PIPELINE_ID"})
    with pytest.raises(BranchenvError, match="a pipeline's id is a number") as caught:
        order.check(_TARGET, _DEPLOYED, wrong)
    assert caught.value.field == "BRANCHENV_PIPELINE", "which variable"


def test_the_newest_pipeline_is_noted_by_deploys_alone() -> None:
    def noted(number: str, *, deploys: bool = True, back: Checkout | None = None) -> int | None:
        wanted = Wanted(again=back, rollback=back is not None)
        return tags_of(_TARGET, wanted, _job(number), _DEPLOYED, None, deploys=deploys).pipeline_id

    assert noted("103") == 103, "it has begun"
    assert noted("103", deploys=False) == 102, "a preview deploys nothing, and must not keep others from it"
    assert noted("101", back=Checkout(commit="a", root="")) == 102, "a rollback does not let older ones in"
    assert tags_of(_TARGET, Wanted(), None, _DEPLOYED, None).pipeline_id == 102, "nor does a person"
