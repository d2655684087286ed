"""The note on the merge request: what it tells in each state, and that names in it are shown and not obeyed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt

from branchenv.note import facts as note_facts
from branchenv.note import text as note
from branchenv.note.facts import Facts, NoteState, PipelineJob

_GITLAB = "https://gitlab.example.com/group/shop/-"
_URL = "https://feature-login.shop.example.com"
_AT = datetime(2026, 11, 28, 0, 10, tzinfo=UTC)
_UP = Facts(
    app="shop",
    slug="feature-login",
    branch="feature/login",
    base="base-eks-dev",
    at=_AT,
    url=_URL,
    answered="200",
    commit="1a2b3c4d5e6f",
    title="Add a login",
    live="1a2b3c4d5e6f",
    images={"web": "shop:2.0", "worker": "worker:1.0"},
    before={"web": "shop:1.0", "worker": "worker:1.0"},
    pipeline=f"{_GITLAB}/pipelines/7",
    pipeline_id=7,
    job=f"{_GITLAB}/jobs/43",
    job_name="branch-deploy",
    started=_AT,
    page=f"{_GITLAB}/environments/5",
    dashboard=True,
    jobs="branch-",
    since_push=62.4,
    since_job=12.0,
    expires=datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
)
_STATES = [
    _UP,
    replace(_UP, soon=True, mention="carol"),
    replace(_UP, state=NoteState.DEPLOYING),
    replace(_UP, state=NoteState.FAILED, reasons=("web: it crashes", "db: no image"), answers=True),
    replace(_UP, state=NoteState.NO_ANSWER, answered="the app answers with an error: 500"),
    replace(_UP, state=NoteState.ASLEEP, why="nobody asked for it", by="the sweep"),
    replace(_UP, state=NoteState.ASLEEP, soon=True),
    replace(_UP, state=NoteState.REMOVED, why="its branch was deleted", by="the sweep"),
    Facts(app="shop", slug="x", branch="x", state=NoteState.FAILED),
]


def _shown(facts: Facts) -> str:
    """Return what a reader sees: the HTML of the Markdown, without comments."""
    text = "\n".join(line for line in note.write(facts).splitlines() if not line.startswith("<!--"))
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def _row(facts: Facts, name: str) -> str:
    found = [line for line in note.write(facts).splitlines() if line.startswith(f"| {name} |")]
    return found[0].removeprefix(f"| {name} | ").removesuffix(" |") if found else ""


def _head(facts: Facts) -> str:
    return note.write(facts).splitlines()[1]


def test_an_environment_that_answers_is_told_at_the_first_glance() -> None:
    assert _head(_UP) == f"✅ **Up**: <{_URL}> answers `200`", "the mark, the URL and what it answers"
    assert _row(_UP, "Commit") == "`1a2b3c4d` `Add a login`", "which version"
    assert _row(_UP, "Took") == "1 min 02 s from push to URL, 12 s of these in the job", "how long"
    assert _row(_UP, "Expires") == "2026-12-01 09:30 UTC", "until when"


def test_pipeline_job_and_environment_are_links_with_words() -> None:
    pipeline, job = f"[pipeline 7](<{_GITLAB}/pipelines/7>)", f"[`branch-deploy`](<{_GITLAB}/jobs/43>)"
    assert _row(_UP, "Run") == f"{pipeline}, {job}", "no bare addresses"
    assert _row(_UP, "In GitLab") == f"[environment, pods and logs](<{_GITLAB}/environments/5>)", "where the logs are"
    without = replace(_UP, dashboard=False)
    assert _row(without, "In GitLab").startswith("[environment]"), "no logs are promised where GitLab shows none"


def test_the_images_that_changed_are_told() -> None:
    assert _row(_UP, "Images") == "`web`: `shop:2.0` (was `shop:1.0`)<br>1 unchanged", "what is new in this version"
    first = replace(_UP, before={})
    assert _row(first, "Images") == "`web`: `shop:2.0`<br>`worker`: `worker:1.0`", "all, of the first version"
    added = replace(_UP, before={"worker": "worker:1.0"})
    assert "`web`: `shop:2.0` (new)" in _row(added, "Images"), "a workload that was not there"


def test_the_other_hosts_of_an_environment_are_links() -> None:
    url = "https://x--admin.shop.example.com"
    assert _row(replace(_UP, urls={"admin": url}), "Also at") == f"[admin](<{url}>)", "reviewers find them"


def test_many_images_are_a_number() -> None:
    many = replace(_UP, before={}, images={f"w{number:02}": "shop:1" for number in range(30)})
    assert _row(many, "Images").endswith("<br>22 more"), "a note is read, not scrolled"


def test_a_deploy_that_begins_tells_which_commit_and_what_answers_until_then() -> None:
    begun = replace(_UP, state=NoteState.DEPLOYING, commit="2b2b2b2b2b", title="Next")
    assert _head(begun) == "🚀 **Deploying** `2b2b2b2b` `Next`, 2026-11-28 00:10 UTC", "what, since when"
    assert f"Until then <{_URL}> is the version of `1a2b3c4d`." in note.write(begun), (
        "and what a reviewer sees meanwhile"
    )
    assert "`branch-deploy`" in _row(begun, "Run"), "with its job"
    assert "200" not in _shown(begun), "nothing is promised of what is not there yet"


def test_a_failure_tells_its_reasons_its_job_and_what_still_answers() -> None:
    failed = replace(
        _UP, state=NoteState.FAILED, commit="2b2b2b2b2b", title="", reasons=("web: `x` | <b>",), answers=True
    )
    written = note.write(failed)
    assert _head(failed).startswith("❌ **Failed**: `2b2b2b2b` is not up ([see the job](<"), "what failed, and where"
    assert "- ``web: `x` | <b>``" in written, "why, as plain text"
    assert f"**The version of `1a2b3c4d` is still up**: <{_URL}> answers `200`." in written, "what a reviewer can use"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"live": "", "answers": True}, "**An earlier version is still up**"),
        ({"answers": False, "answered": "no healthy pod"}, f"<{_URL}> does not answer as it should: `no healthy pod`."),
        ({"answers": None}, "was not asked; before this it was the version of `1a2b3c4d`"),
    ],
)
def test_after_a_failure_no_more_is_said_than_is_known(facts: dict[str, object], expected: str) -> None:
    failed = replace(_UP, state=NoteState.FAILED, **facts)  # type: ignore[arg-type]
    assert expected in note.write(failed), "never that an old version is up unasked"


def test_a_first_deploy_that_fails_promises_no_url() -> None:
    failed = Facts(app="shop", slug="x", branch="x", state=NoteState.FAILED, reasons=("web: no room",))
    assert "http" not in _shown(failed), "there never was one"


def test_a_url_that_answers_wrongly_is_told_as_such() -> None:
    facts = replace(
        _UP, state=NoteState.NO_ANSWER, answered="the app answers with an error: 500", reasons=("web: said no",)
    )
    assert _head(facts).startswith(f"❌ **No answer**: <{_URL}> does not answer as it should: `the app"), "at once"
    assert "- `web: said no`" in note.write(facts), "with what the cluster knows"


def test_a_sleeping_environment_tells_why_and_how_it_is_woken() -> None:
    asleep = replace(_UP, state=NoteState.ASLEEP, why="nobody asked for it", by="the sweep")
    assert _head(asleep) == "💤 **Asleep**, put to sleep by the sweep, 2026-11-28 00:10 UTC: `nobody asked for it`"
    wake = f"To wake it: start the job `branch-wake` of [its pipeline](<{_GITLAB}/pipelines/7>), or push to the branch"
    assert wake in note.write(asleep), "without a command line first"
    assert "`branchenv wake feature/login --app shop --base base-eks-dev`" in note.write(asleep), "and with one"


def test_an_end_that_is_near_is_told_to_who_pushed_last() -> None:
    soon = replace(_UP, soon=True, mention="carol")
    assert _head(soon) == f"⏳ **Expires soon**: <{_URL}> will be removed at 2026-12-01 09:30 UTC", (
        "at the first glance"
    )
    assert "@carol, to keep it longer: start the job `branch-extend`" in note.write(soon), "GitLab notifies them"
    assert "@" not in _shown(replace(soon, mention="all the world")), "nobody else"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            {"by": "the job branch-stop", "by_url": f"{_GITLAB}/jobs/44", "user": "ada"},
            f"by [the job branch-stop](<{_GITLAB}/jobs/44>), `ada`, 2026-11-28 00:10 UTC",
        ),
        (
            {"by": "the sweep", "why": "its branch was deleted"},
            "by the sweep, 2026-11-28 00:10 UTC: `its branch was deleted`",
        ),
        ({"by": "hand", "user": "ada"}, "by hand, `ada`, 2026-11-28 00:10 UTC"),
    ],
)
def test_a_removal_tells_by_what_and_how_to_have_it_back(facts: dict[str, str], expected: str) -> None:
    removed = replace(_UP, state=NoteState.REMOVED, **facts)  # type: ignore[arg-type]
    assert _head(removed) == f"🗑️ **Removed** {expected}", "who or what did it"
    assert "start the job `branch-redeploy`" in note.write(removed), "without a command line"
    assert "push the branch again" in note.write(removed), "or as every environment is made"
    assert _URL not in _shown(removed), "and no dead URL"


def test_a_deploy_by_hand_is_told_as_such() -> None:
    assert _row(replace(_UP, by="hand", user="ada"), "Run") == "by hand, `ada`", "an older job is not named for it"


@pytest.mark.parametrize("facts", _STATES)
def test_every_note_is_whole(facts: Facts) -> None:
    written, html = note.write(facts), _shown(facts)
    assert written.splitlines()[0] == note.marker(facts.app, facts.slug), "it is found again by its first line"
    assert note_facts.read(written) == facts, "and keeps all that the next one must know"
    assert "<th></th>" not in html, "no empty row"
    assert "<td></td>" not in html, "no empty cell"
    assert html.count("<table>") == 1, "one table"
    assert "&lt;details" not in html, "what is folded away is"
    assert "** " not in html, "no Markdown is left over"


def test_what_is_not_known_is_left_out() -> None:
    written = note.write(Facts(app="shop", slug="x", branch="x", url=_URL, answered="200"))
    for row in ("Commit", "Images", "Run", "In GitLab", "Took", "Expires", "Manual jobs"):
        assert f"| {row} |" not in written, f"no empty row {row}"


def test_jobs_that_are_not_there_are_not_named() -> None:
    assert "branch-" not in _shown(replace(_UP, jobs=None, job_name="")), "an older component has none"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<img/src=x>", "`<img/src=x>`"),
        ("a`b", "``a`b``"),
        ("`a``b`", "``` `a``b` ```"),
        ("@all/#1/!2", "`@all/#1/!2`"),
        ("a\n/close", "`a /close`"),
        ("[x](javascript:0)", "`[x](javascript:0)`"),
    ],
)
def test_a_name_is_shown_as_it_is(name: str, shown: str) -> None:
    assert note.code(name) == shown, "inside a code span neither Markdown, HTML, mentions nor quick actions count"


_NASTY = "--> @all <img src=x>\n/close `|"


@pytest.mark.parametrize("state", NoteState)
def test_nothing_that_others_wrote_is_obeyed(state: NoteState) -> None:
    facts = replace(
        _UP,
        state=state,
        branch=_NASTY,
        title=_NASTY,
        why=_NASTY,
        answered=_NASTY,
        reasons=(_NASTY,),
        images={_NASTY: _NASTY},
        user=_NASTY,
        pipeline=f"javascript:{_NASTY}",
        page=f"https://x/ {_NASTY}",
    )
    written = note.write(facts)
    assert "<img" not in _shown(facts).replace("&lt;img", ""), "no HTML"
    assert not [line for line in written.splitlines() if line.startswith("/")], "no quick action"
    assert "javascript:" not in _shown(facts), "no link to a script"
    assert note_facts.read(written) == facts, "what is kept is what it was"
    (kept,) = [line for line in written.splitlines() if line.startswith("<!-- branchenv-facts")]
    assert kept.count("-->") == 1, "and nothing ends the comment that keeps it"


def test_a_bar_does_not_end_the_tables_cell() -> None:
    assert _row(replace(_UP, title="a|b"), "Commit") == r"`1a2b3c4d` `a\|b`", "GitLab's tables know it by its backslash"


def test_a_branch_is_quoted_for_the_shell() -> None:
    written = note.write(replace(_UP, branch="a;reboot"))
    assert "`branchenv down 'a;reboot' --app shop --base base-eks-dev`" in written, "safe to paste"


def test_a_note_is_found_by_its_own_environment_alone() -> None:
    assert note.marker("shop", "a") not in note.write(replace(_UP, slug="a-b")), "no marker is the beginning of another"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "a note of an older version",
        "<!-- branchenv-facts {broken} -->",
        '<!-- branchenv-facts {"app": "x"} -->',
        '<!-- branchenv-facts {"app": "x", "slug": "x", "branch": "x", "state": "odd"} -->',
        '<!-- branchenv-facts {"app": "x", "slug": "x", "branch": "x", "at": 7} -->',
    ],
)
def test_facts_that_cannot_be_read_are_none(body: str) -> None:
    assert note_facts.read(body) is None, "the note is written anew"


def _job(number: int, start: int | None) -> PipelineJob:
    started = datetime(2026, 11, 28, start, tzinfo=UTC) if start is not None else None
    return note_facts.of_job(
        {"CI_PIPELINE_ID": str(number), **({"CI_JOB_STARTED_AT": started.isoformat()} if started else {})}
    )


@pytest.mark.parametrize(
    ("there", "job", "newer"),
    [
        ((7, 3), (8, 4), False),
        ((8, 4), (7, 3), True),
        ((7, 3), (7, 3), False),
        ((8, 3), (7, 4), False),
        ((8, None), (7, None), True),
        ((7, None), (8, None), False),
    ],
    ids=[
        "a later one",
        "an older one",
        "the same",
        "an older one that is deployed again",
        "no start",
        "no start, later",
    ],
)
def test_an_older_job_does_not_overwrite_what_a_later_one_told(
    there: tuple[int, int | None], job: tuple[int, int | None], newer: bool
) -> None:
    last = note_facts.by_job(_UP, _job(*there))
    assert note_facts.is_newer(last, _job(*job)) == newer, "the last that began to work on it knows"
