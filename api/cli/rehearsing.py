"""The command that asks what would happen, and has nothing recorded."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli.calls import Service, service
from api.cli.options import PAGE_MAX, AsJson, Database, RunId, Server
from api.cli.output import fail, indented, note, plain, say, say_json
from api.cli.timeline import attempt_of, change
from api.cli.writing import current_attempt, data_given

Json = Mapping[str, Any]


def dry_run(
    run: RunId,
    event: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="The event type, as phase.started.")
    ] = None,
    phase: Annotated[str | None, typer.Option(metavar="PHASE", help="The phase_id.")] = None,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="The attempt that reports; left out: the current one.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="JSON", help="What the event tells: `runnotary schema TYPE`.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
    expect: Annotated[
        int | None, typer.Option(metavar="VERSION", min=0, help="Only if the run is at this version.")
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Instead of TYPE: a JSON list of proposed events; - reads it here."
        ),
    ] = None,
    without: Annotated[
        int | None,
        typer.Option(
            metavar="VERSION",
            min=1,
            help="Instead of TYPE: the events that followed this one, as if it had been refused.",
        ),
    ] = None,
    at_version: Annotated[
        int | None,
        typer.Option(metavar="VERSION", min=0, help="Start from this version; left out: from the last one."),
    ] = None,
    atomic: Annotated[bool, typer.Option("--atomic", help="End with the first that is refused.")] = False,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Tell what would happen, and record nothing. Exits with 1 where something would be refused."""
    asked = {"TYPE": event, "--events": events, "--without": without}
    if sum(value is not None for value in asked.values()) != 1:
        raise typer.BadParameter(f"name one of {', '.join(asked)}")
    of_one = {"--phase": phase, "--attempt": attempt, "--data": data, "--reason": reason, "--expect": expect}
    if event is None and (stray := [name for name, value in of_one.items() if value is not None]):
        raise typer.BadParameter("it belongs to a TYPE", param_hint=stray[0])
    if without is not None and at_version is not None:
        raise typer.BadParameter("--without says where to start", param_hint="--at-version")
    with service(server, database) as at:
        if without is not None:
            at_version, proposed = followed(at, run, without)
        elif events is not None:
            proposed = events_given(events)
        else:
            if attempt is None and phase is not None and at_version is None:
                attempt = current_attempt(at, run, event or "", phase)
            told = data_given(data) | ({"reason": reason} if reason is not None else {})
            body = {"type": event, "phase_id": phase, "attempt": attempt, "data": told}
            proposed = [without_none({**body, "expected_version": expect})]
        body = without_none({"events": proposed, "at_version": at_version, "atomic": atomic or None})
        answer = at.ask(f"/v1/runs/{run}/dry-run", body)
    result = answer.json()
    say_json(answer.content) if as_json else say(*rehearsal_page(proposed, result))
    if result["refused"]:
        raise typer.Exit(1)


def without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """What was said."""
    return {name: value for name, value in body.items() if value is not None}


def events_given(file: str) -> list[Any]:
    """The proposed events in a file, or on standard input."""
    from api.http_refusals import NotJson
    from api.requests import parsed
    from domain.refusals import InvalidBody

    try:
        value = parsed(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="--events") from None
    except (NotJson, InvalidBody) as refusal:
        raise typer.BadParameter(refusal.detail, param_hint="--events") from None
    if not isinstance(value, list):
        raise typer.BadParameter('it is a JSON list, as [{"type": "run.held"}]', param_hint="--events")
    return value


# --- what if it had been refused ---


def followed(at: Service, run: str, version: int) -> tuple[int, list[dict[str, Any]]]:
    """The version before an event, and the events after it as they would be proposed again."""
    from domain.proposals import BATCH_MAX

    history = list(history_of(at, run))
    if version > len(history):
        fail(f"Run {run} is at version {len(history)}: it has no event {version}.")
    left_out = history[version - 1]
    ids = {event["event_id"]: event["version"] for event in history}
    if left_out["implied"]:
        cause = ids.get(left_out["causation_id"])
        fail(f"Event {version} was implied by event {cause}: leave that one out, --without {cause}.")
    implied = [each for each in history if each["implied"] and each["causation_id"] == left_out["event_id"]]
    proposed = [
        proposal_of(event)
        for event in history[version:]
        if event not in implied and not comes_by_itself(event)
    ]
    if not proposed:
        fail(f"Event {version} is the last: nothing followed it.")
    if len(proposed) > BATCH_MAX:
        note(f"{len(proposed):,} events followed it; the first {BATCH_MAX:,} are tried.")
    before = [each for each in implied if each["version"] < version]
    return version - 1 - len(before), proposed[:BATCH_MAX]


def comes_by_itself(event: Json) -> bool:
    """Whether proposing its cause brings it about again: an attempt that fails with its run."""
    return bool(event["implied"]) and event["type"] == "phase.failed"


def history_of(at: Service, run: str) -> Iterator[dict[str, Any]]:
    """Every event of a run."""
    after: int | None = 0
    while after is not None:
        page = at.get(f"/v1/runs/{run}/events", after_version=after, limit=PAGE_MAX).json()
        yield from page["items"]
        after = int(page["next_cursor"]) if page["next_cursor"] else None


def proposal_of(event: Json) -> dict[str, Any]:
    """A recorded event as it would be proposed; phase.started opens whichever attempt comes next."""
    attempt = event["attempt"] if event["type"] != "phase.started" else None
    return without_none(
        {"type": event["type"], "phase_id": event["phase_id"], "attempt": attempt, "data": event["data"]}
    )


# --- what people see of it ---


def rehearsal_page(proposed: Sequence[Json], told: Json) -> Iterator[RenderableType]:
    """What would come of each proposal, and the run as it would be."""
    run, refused = told["run"], told["refused"]
    yield plain(f"from version {told['at_version']} of run {told['run_id']}:")
    for body, result in zip(proposed, told["results"], strict=False):
        yield from result_of(body, result)
    left = len(proposed) - len(told["results"])
    if left:
        yield plain(f"  {left:,} more were not looked at")
    if refused:
        yield plain(f"{refused:,} of {len(proposed):,} would be refused")
    if run is None:
        yield plain("there would be no run")
    else:
        yield plain(f"run {run['run_id']} would be {run['state']}, version {run['version']}")


def result_of(body: Json, result: Json) -> Iterator[RenderableType]:
    """What would come of one proposal."""
    asked = f"{body.get('type')}  {attempt_of({'phase_id': None, 'attempt': None, **body})}".rstrip()
    if "problem" in result:
        problem = result["problem"]
        yield Text.assemble("  ", ("refused", "bold red"), plain(f"  {asked}  "), (problem["code"], "bold"))
        yield indented(plain(problem["detail"]), 6)
        yield indented(plain(f"remedy: {problem['remedy']}"), 6)
    elif "repeats" in result:
        yield plain(f"  repeats #{result['repeats']}  {asked}")
    for event in result.get("would", ()):
        what = plain(f"  {event['type']}  {attempt_of(event)}".rstrip())
        moved = change(event)
        yield Text.assemble("  ", (f"#{event['version']}", "bold"), what, "  " if moved else "", moved)
