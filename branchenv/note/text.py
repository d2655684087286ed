"""The note on the merge request: facts in, text out. Whatever a branch or commit is called, it is shown, not obeyed."""

import re
from collections.abc import Iterator, Mapping

from branchenv.console import moment
from branchenv.model.context import Target
from branchenv.note.facts import Facts, NoteState, kept
from core.defaults import DEFAULT_BASE

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_LINK = re.compile(r"https?://[^\s<>()\[\]|`\"\\]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DIGEST = re.compile(r"(?<=@)(sha256:[0-9a-f]{12})[0-9a-f]{52}$")
_MINUTE = 60
MANUAL_JOBS = ("redeploy", "rollback", "wake", "extend", "stop")
"""The component's, as they are called without their prefix."""
_SHOWN = 8
"""Images that are listed; of more there is the number."""
_MARKS = {
    NoteState.DEPLOYING: "🚀",
    NoteState.FAILED: "❌",
    NoteState.UP: "✅",
    NoteState.NO_ANSWER: "❌",
    NoteState.ASLEEP: "💤",
    NoteState.REMOVED: "🗑️",
}
_SOON = "⏳"


def marker(app: str, slug: str) -> str:
    """Return the comment, seen by nobody, by which an environment's note is found again."""
    return f"<!-- branchenv:{app}.{slug} -->"


def write(facts: Facts) -> str:
    """Write the note, as GitLab's Markdown."""
    head = [each for each in _HEADS[facts.state](facts) if each]
    if facts.soon and facts.expires and facts.state in (NoteState.FAILED, NoteState.NO_ANSWER):
        head += [f"{_SOON} **Expires soon**: it will be removed at {moment(facts.expires)}", _longer(facts)]
    rows = [(name, value) for name, value in _rows(facts) if value]
    # The first row is the table's head: an empty one would be shown as an empty line.
    table = [f"| {name} | {_cell(value)} |" for name, value in rows]
    table[1:1] = ["|---|---|"]
    parts = ["\n".join([marker(facts.app, facts.slug), head[0]]), *head[1:], "\n".join(table)]
    parts += [_by_hand(facts), kept(facts)]
    return "\n\n".join(part for part in parts if part) + "\n"


def code(text: str) -> str:
    """Show text as it is: neither Markdown nor HTML in it counts, and nobody is mentioned."""
    plain = _CONTROL.sub(" ", text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", plain)), default=0) + 1)
    pad = " " if plain.startswith(("`", " ")) or plain.endswith(("`", " ")) else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def _deploying(facts: Facts) -> Iterator[str]:
    what = f" {_commit(facts)}" if facts.commit else ""
    doing = f"**Rolling back** to{what}" if facts.rolled_back and what else f"**Deploying**{what}"
    yield f"{_MARKS[facts.state]} {doing}{_doer(facts)}{_since(facts)}"
    if facts.live and facts.url:
        yield f"Until then {_url(facts)} is the version of {code(facts.live[:8])}."


def _failed(facts: Facts) -> Iterator[str]:
    what = f"{_commit(facts)} is not up" if facts.commit else "the environment is not up"
    job = "" if facts.by else _job(facts, "see the job")
    yield f"{_MARKS[facts.state]} **Failed**: {what}{f' ({job})' if job else _doer(facts)}{_since(facts)}"
    if facts.reasons:
        yield "\n".join(f"- {code(reason)}" for reason in facts.reasons)
    version = f"the version of {code(facts.live[:8])}" if facts.live else "an earlier version"
    if facts.url and facts.answers:
        yield f"**{version[0].upper()}{version[1:]} is still up**: {_url(facts)} answers {code(facts.answered)}."
    elif facts.url and facts.answers is False:
        yield f"{_url(facts)} does not answer as it should: {code(facts.answered)}."
    elif facts.live:
        yield f"What {_url(facts)} answers was not asked; before this it was {version}."


def _up(facts: Facts) -> Iterator[str]:
    if facts.soon and facts.expires:
        yield f"{_SOON} **Expires soon**: {_url(facts)} will be removed at {moment(facts.expires)}"
        yield _longer(facts)
        return
    answered = f" answers {code(facts.answered)}" if facts.answered else ""
    state = f"**Up, rolled back** from {code(facts.rolled_back[:8])}" if facts.rolled_back else "**Up**"
    yield f"{_MARKS[facts.state]} {state}: {_url(facts)}{answered}"
    yield "The branch itself is as it was: its next push is deployed as usual." if facts.rolled_back else ""


def _no_answer(facts: Facts) -> Iterator[str]:
    yield f"{_MARKS[facts.state]} **No answer**: {_url(facts)} does not answer as it should: {code(facts.answered)}"
    if facts.reasons:
        yield "\n".join(f"- {code(reason)}" for reason in facts.reasons)
    yield f"{_commit(facts)} was deployed ({_job(facts, 'see the job')})." if _job(facts, "") else ""


def _asleep(facts: Facts) -> Iterator[str]:
    if facts.soon and facts.expires:
        yield f"{_SOON} **Asleep, and expires soon**: {_url(facts)} will be removed at {moment(facts.expires)}"
        yield _longer(facts)
    else:
        why = f": {code(facts.why)}" if facts.why else ""
        doer = f", put to sleep{_doer(facts)}" if facts.by else ""
        yield f"{_MARKS[facts.state]} **Asleep**{doer}{_since(facts)}{why}"
        yield f"{_url(facts)} answers a page that says so." if facts.url else ""
    yield f"To wake it: {_ways(facts, 'wake', 'wake')}."


def _removed(facts: Facts) -> Iterator[str]:
    why = f": {code(facts.why)}" if facts.why else ""
    yield f"{_MARKS[facts.state]} **Removed**{_doer(facts)}{_since(facts)}{why}"
    yield f"To have it back: {_ways(facts, 'redeploy', 'up')}."


_HEADS = {
    NoteState.DEPLOYING: _deploying,
    NoteState.FAILED: _failed,
    NoteState.UP: _up,
    NoteState.NO_ANSWER: _no_answer,
    NoteState.ASLEEP: _asleep,
    NoteState.REMOVED: _removed,
}


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    """Return the table's rows; the first is never empty."""
    yield "Branch", code(facts.branch)
    there = facts.state != NoteState.REMOVED
    if facts.state in (NoteState.UP, NoteState.ASLEEP, NoteState.NO_ANSWER):
        yield "Also at", ", ".join(_link(url, name) for name, url in facts.urls.items())
        yield "Commit", _commit(facts)
        yield "Images", _images(facts)
    runs = [_link(facts.pipeline, f"pipeline {facts.pipeline_id or ''}".strip()), _job(facts, code(facts.job_name))]
    by_hand = facts.by and facts.state in (NoteState.DEPLOYING, NoteState.FAILED, NoteState.UP, NoteState.NO_ANSWER)
    yield "Run", _doer(facts).strip() if by_hand else ", ".join(each for each in runs if each)
    if there:
        page = "environment, pods and logs" if facts.dashboard else "environment"
        yield "In GitLab", _link(facts.page, page)
    if facts.state == NoteState.UP:
        yield "Took", _took(facts)
    if facts.state in (NoteState.UP, NoteState.ASLEEP, NoteState.NO_ANSWER):
        yield "Expires", moment(facts.expires) if facts.expires else ""
    yield "Manual jobs", _jobs(facts)


def _jobs(facts: Facts) -> str:
    """Return the names of the manual jobs that help in this state; GitLab shows them in the pipeline."""
    names = {
        NoteState.UP: ("redeploy", "rollback", "extend", "stop"),
        NoteState.NO_ANSWER: ("redeploy", "rollback", "stop"),
        NoteState.FAILED: ("redeploy", "rollback", "stop"),
        NoteState.ASLEEP: ("wake", "extend", "stop"),
        NoteState.REMOVED: ("redeploy",),
    }.get(facts.state, ())
    pipeline = _link(facts.pipeline, "the pipeline")
    if facts.jobs is None or not pipeline or not names:
        return ""
    shown = [name for name in names if name != "extend" or facts.expires]
    return f"in {pipeline}: {', '.join(_manual_job(facts, name) for name in shown)}"


def _manual_job(facts: Facts, name: str) -> str:
    """Name one of the component's jobs, with the page that has its button."""
    full = f"{facts.jobs or ''}{name}"
    return _link(facts.job_urls.get(full, ""), code(full)) or code(full)


def _ways(facts: Facts, job: str, command: str) -> str:
    """Say how something is done: without a command line first."""
    pipeline = _link(facts.pipeline, "its pipeline")
    ways = [f"start the job {_manual_job(facts, job)} of {pipeline}"] if facts.jobs is not None and pipeline else []
    push = "push the branch again" if facts.state == NoteState.REMOVED else "push to the branch"
    return ", or ".join([*ways, push, _command(facts, command)])


def _longer(facts: Facts) -> str:
    begin = f"@{facts.mention}, to" if _USER.fullmatch(facts.mention) else "To"
    return f"{begin} keep it longer: {_ways(facts, 'extend', 'extend --by 3d')}."


def _by_hand(facts: Facts) -> str:
    """Return commands for those who have a command line, folded away from those who have not."""
    commands = {
        NoteState.FAILED: ("why", "logs", "rollback", "down"),
        NoteState.NO_ANSWER: ("why", "logs", "rollback", "down"),
        NoteState.UP: ("logs", "rollback", "extend --by 3d", "sleep", "down"),
        NoteState.ASLEEP: ("wake", "extend --by 3d", "down"),
    }.get(facts.state, ())
    shown = [each for each in commands if facts.expires or not each.startswith("extend")]
    if not shown:
        return ""
    lines = "\n".join(f"- {_command(facts, each)}" for each in shown)
    return f"<details><summary>On a command line</summary>\n\n{lines}\n\n</details>"


def _command(facts: Facts, name: str) -> str:
    target = Target(app=facts.app, branch=facts.branch, base=facts.base or DEFAULT_BASE)
    return code(target.command(name))


def _images(facts: Facts) -> str:
    """List the images that changed, with what they were before, else all."""
    changed = {name: image for name, image in facts.images.items() if facts.before.get(name) != image}
    shown = changed if facts.before and changed else facts.images
    cells = [
        f"{code(name)}: {code(_image(image))}{_was(facts.before, name, image)}" for name, image in sorted(shown.items())
    ]
    more = len(cells) - _SHOWN
    rest = len(facts.images) - len(shown)
    parts = cells[:_SHOWN] + ([f"{more} more"] if more > 0 else []) + ([f"{rest} unchanged"] if rest else [])
    return "<br>".join(parts)


def _was(before: Mapping[str, str], name: str, image: str) -> str:
    if not before or before.get(name) == image:
        return ""
    return f" (was {code(_image(before[name]))})" if name in before else " (new)"


def _image(image: str) -> str:
    """Return an image with as much of its digest as tells it from others."""
    return _DIGEST.sub(r"\1", image)


def _doer(facts: Facts) -> str:
    by = _link(facts.by_url, facts.by) or facts.by
    user = f", {code(facts.user)}" if facts.user else ""
    return f" by {by}{user}" if by else ""


def _commit(facts: Facts) -> str:
    return " ".join(code(part) for part in (facts.commit[:8], facts.title) if part)


def _url(facts: Facts) -> str:
    return f"<{facts.url}>" if _LINK.fullmatch(facts.url) else code(facts.url)


def _job(facts: Facts, words: str) -> str:
    return _link(facts.job, words or "job")


def _link(url: str, words: str) -> str:
    return f"[{words}](<{url}>)" if _LINK.fullmatch(url) else ""


def _cell(value: str) -> str:
    # A bar would end the cell, in code as well; with a backslash it stands for itself.
    return value.replace("|", "\\|")


def _took(facts: Facts) -> str:
    parts = []
    if facts.since_push is not None:
        parts.append(f"{_seconds(facts.since_push)} from push to URL")
    if facts.since_job is not None:
        parts.append(f"{_seconds(facts.since_job)} of these in the job" if parts else f"{_seconds(facts.since_job)}")
    return ", ".join(parts)


def _since(facts: Facts) -> str:
    return f", {moment(facts.at)}" if facts.at else ""


def _seconds(value: float) -> str:
    if value < _MINUTE:
        return f"{value:.0f} s"
    return f"{int(value) // _MINUTE} min {int(value) % _MINUTE:02d} s"
