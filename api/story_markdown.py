"""The story of a run as Markdown, which reads well as it is and rendered.

What others wrote stays in its place: it is brought into one line and escaped, so that no text can look like
a line, a cell, a heading or a tag of the report. A line never begins with such text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from api.origin import origin
from api.words import span, visible
from domain.story import WHY

MEDIA_TYPE = "text/markdown"

Json = Mapping[str, Any]

PLAIN_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
"""What may stand between backticks as it is."""

SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
"""What means something within a line of Markdown. An underscore within a word means nothing."""

ENTITIES = {"&": "&amp;", "<": "&lt;"}
QUARANTINED = "(quarantined)"
OUTSIDE = "**outside the moves**"

USAGE = ("tokens_used", "ci_runs_used", "minor_issues", "major_issues")
NOTE = "Times are in UTC, by the clock of the service. An actor is who they say, unless marked verified."
TOLD = {*USAGE, *WHY}
"""What a line tells of the data of an event; of the rest it tells that it is there."""

OF_REPAIR = {"state", "repair"}
"""What is told of the data of a repair by itself."""


def markdown(story: Json) -> str:
    """The story of a run, or of one of its phases, as `api.audit` tells it."""
    run, phase_id = story["run"], story["phase_id"]
    title = f"# Audit of run {word(run['run_id'])}"
    lines = [f"{title}, phase {word(phase_id)}" if phase_id else title, ""]
    lines += table(("", ""), facts(story))
    if story["refusals_since"]:
        since = moment_of(story["refusals_since"])
        lines += [f"Refusals from before {since} may be missing: only the newest are kept.", ""]
    lines += ["## What happened", "", NOTE, ""]
    for day, entries in groupby(story["timeline"], key=lambda entry: entry["at"][:10]):
        lines += [f"### {day}", "", *(f"- {entry_line(entry)}" for entry in entries), ""]
    attempts = [(phase, attempt) for phase in story["phases"] for attempt in phase["attempts"]]
    if attempts:
        lines += ["## Attempts", "", *table(ATTEMPT, (attempt_row(*each) for each in attempts))]
    lines += ["## Time in each state", "", *table(STAY, stay_rows(story))]
    return "\n".join(lines)


# --- parts ---


def facts(story: Json) -> Iterator[tuple[str, str]]:
    """What there is to know of the run as a whole."""
    run, counts = story["run"], story["counts"]
    caps, usage = run["caps"], run["usage"]
    for phase in story["phases"] if story["phase_id"] else ():
        yield "Phase", state_since(phase)
        if phase["name"]:
            yield "Name", text(phase["name"])
    yield "Run", state_since(run)
    if run["goal"]:
        yield "Goal", text(run["goal"])
    yield "Version", f"{run['version']:,}"
    if run["labels"]:
        yield "Labels", text(", ".join(f"{name}={value}" for name, value in run["labels"].items()))
    for name, at in (("Created", "created_at"), ("Started", "started_at"), ("Ended", "completed_at")):
        if run[at]:
            yield name, moment_of(run[at])
    if (minutes := caps["max_duration_minutes"])["used"] is not None:
        yield "Minutes", f"{minutes['used']:,} of {minutes['cap']:,}"
    yield "Tokens", f"{usage['tokens_used']:,} of {caps['token_cap']['cap']:,}"
    yield "CI runs", f"{usage['ci_runs_used']:,}"
    yield "Issues", f"{usage['minor_issues']:,} minor, {usage['major_issues']:,} major"
    yield "Phases", f"{caps['max_phases']['used']:,} of at most {caps['max_phases']['cap']:,}"
    yield "Told here", ", ".join(f"{name}: {count:,}" for name, count in counts.items())
    yield "Head hash", word(run["head_hash"])


def state_since(told: Json) -> str:
    """A state, and the event that led to it."""
    if (event := told["state_by"]) is None:
        return state(told["state"])
    parts = [
        f"{state(told['state'])} since **{event['version']}** {word(event['type'])} by {text(event['actor'])}"
    ]
    parts += [OUTSIDE] if event["outside_moves"] else []
    parts += [f"says: {text(event['why'])}"] if event["why"] else []
    return "; ".join(parts)


def entry_line(entry: Json) -> str:
    """An event or a refusal, in one line."""
    return refusal_line(entry["refusal"]) if entry["kind"] == "refusal" else event_line(entry)


def event_line(entry: Json) -> str:
    """An event: number, time, what happened to what, by whom, what moved, after how long, and why."""
    event = entry["event"]
    parts = [f"**{event['version']}** {clock(event['recorded_at'])} {what(event)} by {by(event)}"]
    if entry["moved"] or entry["outside_moves"]:
        before = f"{state(event['state_before'])} → " if event["state_before"] else ""
        after = f", after {span_of(entry['spent_seconds'])}" if entry["spent_seconds"] is not None else ""
        parts.append(f"{before}{state(event['state_after'])}{after}")
    if entry["outside_moves"]:
        parts.append(OUTSIDE)
    if (cause := entry["caused_by"]) is not None:
        implied = "implied" if event["implied"] else "brought about"
        parts.append(f"{implied} by **{cause['version']}** {word(cause['type'])}")
    parts += [f"{name.replace('_', ' ')} +{amount:,}" for name, amount in spent(event["data"])]
    parts += found(event["data"])
    parts += behind(entry["repair"]) if entry["repair"] else ()
    told = TOLD | OF_REPAIR if entry["repair"] else TOLD
    if more := [word(name) for name in event["data"] if name not in told]:
        parts.append(f"holds {', '.join(more)}")
    if entry["why"]:
        # The last, so that nothing that follows it can be anything else.
        parts.append(f"says: {text(entry['why'])}")
    return "; ".join(parts)


def found(data: Json) -> Iterator[str]:
    """Where an import found something, in which state, and what was odd about it."""
    if (told := origin(data)) is None:
        return
    yield f"{word(told.state)} in {word(told.file)}" if told.state else f"from {word(told.file)}"
    if told.findings:
        yield f"found {', '.join(map(word, told.findings))}"


def behind(repair: Json) -> Iterator[str]:
    """Who proposed a repair and who approved it, when, to answer what, and on what evidence."""
    yield f"repair {word(repair['repair_id'])}"
    for done in ("proposed", "approved"):
        if repair[f"{done}_by"]:
            at = f" on {moment_of(repair[f'{done}_at'])}" if repair[f"{done}_at"] else ""
            yield f"{done} by {text(repair[f'{done}_by'])}{at}"
    if repair["finding"]:
        yield f"answers {word(repair['finding'])}"
    yield from (f"evidence: {text(each)}" for each in repair["evidence"])


def refusal_line(refusal: Json) -> str:
    """A refusal: time, what was asked by whom, why not, and what to do instead."""
    asked = refusal["event"] and what({**refusal, "type": refusal["event"], "attempt": None})
    return (
        f"**refused** {clock(refusal['refused_at'])} {asked or 'a proposal'} by {by(refusal)}; "
        f"{word(refusal['code'])}: {text(refusal['detail'])} Remedy: {text(refusal['remedy'])}"
    )


ATTEMPT = ("Phase", "Attempt", "Executor", "Started", "Ended", "Took", "Outcome", "Tokens", "CI runs")


def attempt_row(phase: Json, attempt: Json) -> Sequence[str]:
    """An attempt; one that is open has no end."""
    ended, usage = attempt["ended_by"], attempt["usage"]
    outcome = "open"
    if ended is not None:
        said = [text(each) for each in (attempt["outcome"], attempt["detail"]) if each]
        how = [] if attempt["outcome"] else [word(ended["type"])]
        outcome = ": ".join([*how, *([OUTSIDE] if ended["outside_moves"] else []), *said])
    return (
        word(phase["phase_id"]),
        f"{attempt['attempt']} of {phase['max_attempts']:,}",
        text(attempt["executor"] or attempt["started_by"]["actor"]),
        moment_of(attempt["started_at"]),
        moment_of(attempt["ended_at"]) if attempt["ended_at"] else "",
        span_of(attempt["seconds"]) if ended is not None else "",
        outcome,
        f"{usage['tokens_used']:,}",
        f"{usage['ci_runs_used']:,}",
    )


STAY = ("Of", "State", "Times", "Together", "Goes on since")


def stay_rows(story: Json) -> Iterator[Sequence[str]]:
    """The time in each state, of the run and of each phase."""
    of = [("the run", story["run"]), *((word(each["phase_id"]), each) for each in story["phases"])]
    for who, each in of:
        for stay in each["states"]:
            since = moment_of(stay["since"]) if stay["since"] else ""
            # What goes on and was there for the first time is not over once.
            over = span_of(stay["seconds"]) if stay["times"] > bool(since) else ""
            yield who, state(stay["state"]), f"{stay['times']:,}", over, since


# --- words ---


def what(event: Json) -> str:
    """What happened, to which phase, in which attempt."""
    attempt = f" ({event['attempt']})" if event["attempt"] else ""
    about = f" {word(event['phase_id'])}{attempt}" if event["phase_id"] else ""
    return f"{word(event['type'])}{about}"


def by(told: Json) -> str:
    """Who it was, and whether anything vouches for it."""
    return text(told["actor"]) + (" (verified)" if told["actor_verified"] else "")


def spent(data: Json) -> Iterator[tuple[str, int]]:
    """What an event of usage adds."""
    for name in USAGE:
        if isinstance(amount := data.get(name), int) and amount:
            yield name, amount


def state(name: str | None) -> str:
    """A state; what has none is in quarantine."""
    return word(name) if name else QUARANTINED


def moment_of(time: str) -> str:
    """A time to the second."""
    return time[:19].replace("T", " ")


def clock(time: str) -> str:
    """A time of the day, to the millisecond."""
    return time[11:23]


def span_of(seconds: float) -> str:
    """A span of time."""
    return span(timedelta(seconds=seconds))


def word(name: str) -> str:
    """A name as code, if it is no more than a name."""
    return f"`{name}`" if PLAIN_WORD.match(name) else text(name)


def text(words: str) -> str:
    """What others wrote, as one line that means nothing to Markdown."""
    line = " ".join(visible(words).split())
    escaped = SPECIAL.sub(lambda found: f"\\{found[0]}", line)
    return re.sub("[&<]", lambda found: ENTITIES[found[0]], escaped)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
