"""Commands that read: runs, show, log, moves, refusals."""

from typing import Annotated, Literal

import typer

from api.cli import pages
from api.cli.calls import service
from api.cli.options import (
    PAGE_MAX,
    AnyRunId,
    AsJson,
    Database,
    Limit,
    PhaseId,
    RunAt,
    RunId,
    Server,
    place,
)
from api.cli.output import note, say, say_json
from api.cli.timeline import timeline

Mark = Literal["false", "true", "any"]


def runs(
    state: Annotated[list[str] | None, typer.Option(help="In this state; may be repeated.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=VALUE]", help="With this label; may be repeated.")
    ] = None,
    q: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With this in the run_id or the goal.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="With this tag on a note; may be repeated.")] = None,
    archived: Annotated[Mark, typer.Option(help="Whether archived runs are listed.")] = "false",
    preserved: Annotated[Mark, typer.Option(help="Whether they are preserved.")] = "any",
    held: Annotated[Mark, typer.Option(help="Whether they are held.")] = "any",
    annotated: Annotated[Mark, typer.Option(help="Whether they or their phases have a note.")] = "any",
    quarantined: Annotated[Mark, typer.Option(help="Whether they wait without a state.")] = "any",
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List runs, newest first."""
    marks = {"preserved": preserved, "held": held, "annotated": annotated, "quarantined": quarantined}
    marks = {name: mark for name, mark in marks.items() if mark != "any"}
    chosen = {"state": state, "label": label, "tag": tag, "q": q, "cursor": cursor, **marks}
    with service(server, database) as at:
        answer = at.get("/v1/runs", **chosen, archived=archived, limit=limit)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("No such runs." if any(chosen.values()) else "No runs.")
        return
    say(pages.run_list(page["items"]))
    if page["next_cursor"]:
        note(f"There are more: --cursor {page['next_cursor']}")


def show(
    run: RunAt,
    at_time: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="As it was at this time, as 2026-11-22T10:00:00Z."),
    ] = None,
    at_position: Annotated[
        int | None, typer.Option(min=1, help="As it was when the log had come to this position.")
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Show a run with its phases and notes, now or as it was."""
    run_id, version = place(run)
    then = {"at_version": version, "at_time": at_time, "at_position": at_position}
    if len([moment for moment in then.values() if moment is not None]) > 1:
        raise typer.BadParameter("name one of RUN@VERSION, --at and --at-position")
    with service(server, database) as at:
        answer = at.get(f"/v1/runs/{run_id}", **then)
    say_json(answer.content) if as_json else say(*pages.run_page(answer.json()))


def log(
    run: AnyRunId = None,
    after: Annotated[int, typer.Option(min=0, help="Only what comes after this number.")] = 0,
    limit: Limit = PAGE_MAX,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Tell what happened, event by event. Without RUN, the whole log in commit order."""
    with service(server, database) as at:
        if run is None:
            answer = at.get("/v1/events", after=after, limit=limit)
        else:
            answer = at.get(f"/v1/runs/{run}/events", after_version=after, limit=limit)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("No events." if not after else f"No events after {after}.")
        return
    say(timeline(page["items"], of_run=run is not None))
    if page["next_cursor"]:
        note(f"There are more: --after {page['next_cursor']}")


def moves(
    run: RunId,
    to: Annotated[
        str | None, typer.Option(metavar="STATE", help="The shortest legal way to this state.")
    ] = None,
    phase: PhaseId = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List what may happen now, and what stands in the way."""
    with service(server, database) as at:
        answer = at.get(f"/v1/runs/{run}/moves", to=to, phase_id=phase)
    say_json(answer.content) if as_json else say(*pages.moves_page(answer.json()))


def refusals(
    run: AnyRunId = None,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List what was refused, and what to do about it. Newest first."""
    path = "/v1/refusals" if run is None else f"/v1/runs/{run}/refusals"
    with service(server, database) as at:
        answer = at.get(path, cursor=cursor, limit=limit)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("Nothing was refused.")
        return
    say(*pages.refusal_list(page["items"], of_run=run is not None))
    if page["next_cursor"]:
        note(f"There are more: --cursor {page['next_cursor']}")
