"""The command that tells how a run came to be as it is."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.cli.calls import service
from api.cli.options import AsJson, Database, PhaseId, RunId, Server
from api.cli.output import pairs, plain, say, say_json, table
from api.cli.pages import counted, seconds, state_of
from api.cli.timeline import attempt_of, change, in_time, said
from api.words import span

Json = Mapping[str, Any]


def audit(
    run: RunId,
    phase: PhaseId = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown, to be kept.")] = False,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Tell how a run came to be as it is. Events and refusals in order, attempts, time in each state."""
    if markdown and as_json:
        raise typer.BadParameter("name one of --json and --markdown", param_hint="--markdown")
    headers = {"Accept": "text/markdown"} if markdown else {}
    params = {"phase_id": phase} if phase else {}
    with service(server, database) as at:
        answer = at.call("GET", f"/v1/runs/{run}/audit", params=params, headers=headers)
    if markdown:
        typer.echo(answer.text, nl=False)
    elif as_json:
        say_json(answer.content)
    else:
        say(*story_page(answer.json(), datetime.now(UTC)))


def story_page(story: Json, now: datetime) -> Iterator[RenderableType]:
    """The story of a run, or of one of its phases. What goes on has gone on until now."""
    yield pairs((name, value) for name, value in facts(story) if value not in (None, ""))
    if story["refusals_since"]:
        oldest = seconds(story["refusals_since"])
        yield Text()
        yield plain(f"Refusals from before {oldest} may be missing: only the newest are kept.")
    yield Text()
    yield timeline_of(story["timeline"])
    if any(phase["attempts"] for phase in story["phases"]):
        yield Text()
        yield attempts_of(story["phases"])
    yield Text()
    yield time_in_states(story, now)


def facts(story: Json) -> Iterator[tuple[str, object]]:
    """What there is to know of the run as a whole."""
    run, caps = story["run"], story["run"]["caps"]
    yield "run", run["run_id"]
    for phase in story["phases"] if story["phase_id"] else ():
        yield "phase", f"{phase['phase_id']} is {state_of(phase)}"
        yield "", since(phase)
    yield "state", state_of(run)
    yield "", since(run)
    yield "version", run["version"]
    yield "goal", run["goal"]
    yield "labels", ", ".join(f"{name}={value}" for name, value in run["labels"].items())
    tokens, phases, minutes = caps["token_cap"], caps["max_phases"], caps["max_duration_minutes"]
    yield "used", f"{tokens['used']:,} of {tokens['cap']:,} tokens; {counted(run['usage'])}"
    yield "phases", f"{phases['used']:,} of at most {phases['cap']:,}"
    yield "created", seconds(run["created_at"])
    yield "started", seconds(run["started_at"])
    yield "ended", seconds(run["completed_at"])
    if minutes["used"] is not None:
        yield "minutes", f"{minutes['used']:,} of {minutes['cap']:,}"
    yield "told", ", ".join(f"{name}: {count:,}" for name, count in story["counts"].items())
    yield "head hash", run["head_hash"]


def since(told: Json) -> str | None:
    """The event that led to a state, and why."""
    if (event := told["state_by"]) is None:
        return None
    why = f": {event['why']}" if event["why"] else ""
    return f"since {named(event)} by {event['actor']}{why}"


def named(event: Json) -> str:
    """An event by its number; one that is no move is marked."""
    mark = " (outside the moves)" if event["outside_moves"] else ""
    return f"#{event['version']} {event['type']}{mark}"


def timeline_of(entries: Iterable[Json]) -> Table:
    """Events and refusals in order, with the time that was spent in the state that an event ended."""
    rows = ((entry["at"], cells_of(entry)) for entry in entries)
    return in_time(rows, ["event", "phase"], ["state", ">spent", "by", "said"])


def cells_of(entry: Json) -> Iterator[object]:
    """The cells of an event, or of a refusal."""
    if entry["kind"] == "refusal":
        refusal = entry["refusal"]
        words = f"{refusal['code']}: {refusal['detail']}"
        what = refusal["event"] or "(not understood)"
        yield from ("", what, refusal["phase_id"], Text("refused", "bold red"), "", who(refusal), words)
        return
    event, spent = entry["event"], entry["spent_seconds"]
    words = "; ".join((*said(event), *caused(entry)))
    lasted = span(timedelta(seconds=spent)) if spent is not None else ""
    yield from (event["version"], event["type"], attempt_of(event), change(event), lasted, who(event), words)


def who(told: Json) -> str:
    """The actor; one that a credential vouches for is marked."""
    return f"{told['actor']} (verified)" if told["actor_verified"] else str(told["actor"])


def caused(entry: Json) -> Iterator[str]:
    """Which event brought it about."""
    if (cause := entry["caused_by"]) is not None:
        yield f"caused by #{cause['version']} {cause['type']}"


def attempts_of(phases: Iterable[Json]) -> Table:
    """The attempts at phases, one a line."""
    return table(
        ("attempt", "executor", "started (UTC)", ">took", "ended by", "outcome", ">tokens", ">CI runs"),
        (
            (
                f"{phase['phase_id']} ({attempt['attempt']})",
                attempt["executor"] or attempt["started_by"]["actor"],
                seconds(attempt["started_at"]),
                span(timedelta(seconds=attempt["seconds"])) if attempt["ended_by"] else "",
                named(attempt["ended_by"]) if attempt["ended_by"] else "(open)",
                ": ".join(filter(None, (attempt["outcome"], attempt["detail"]))),
                f"{attempt['usage']['tokens_used']:,}",
                f"{attempt['usage']['ci_runs_used']:,}",
            )
            for phase in phases
            for attempt in phase["attempts"]
        ),
    )


def time_in_states(story: Json, now: datetime) -> Table:
    """The time in each state, of the run and of each phase; what goes on has its time so far."""
    of = [("the run", story["run"]), *((phase["phase_id"], phase) for phase in story["phases"])]
    return table(
        ("of", "state", ">times", ">together", ""),
        (
            (who, state_of(stay), stay["times"], span(together(stay, now)), "so far" if stay["since"] else "")
            for who, each in of
            for stay in each["states"]
        ),
    )


def together(stay: Json, now: datetime) -> timedelta:
    """The time in a state, until now where it goes on."""
    goes_on = now - datetime.fromisoformat(stay["since"]) if stay["since"] else timedelta()
    return timedelta(seconds=stay["seconds"]) + max(goes_on, timedelta())
