"""Commands that have something recorded: create, propose."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from api.cli import pages
from api.cli.calls import Service, asked_by, service
from api.cli.options import Actor, AsJson, Database, Key, RunId, Server
from api.cli.output import note, plain, say, say_json
from api.cli.timeline import attempt_of, change


def create(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="The run_id; left out: made from the goal.")
    ] = None,
    goal: Annotated[str | None, typer.Option(help="What the run is to reach.")] = None,
    phase: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A phase, in order; may be repeated.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A label; may be repeated.")
    ] = None,
    state: Annotated[str | None, typer.Option(help="The opening state; left out: RUN_CREATED.")] = None,
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Create a run with its phases. All else has a default, and the answer shows it."""
    if run is None and goal is None:
        raise typer.BadParameter("name a RUN, or a --goal that its name is made from")
    body: dict[str, Any] = {"run_id": run, "goal": goal, "state": state}
    body["labels"] = dict(label_given(each) for each in label) if label else None
    body["phases"] = [{"name": name} for name in phase] if phase else None
    body = {name: value for name, value in body.items() if value is not None}
    with service(server, database, "made") as at:
        answer = at.post("/v1/runs", body, asked_by(actor, key))
    say_json(answer.content) if as_json else say(*pages.run_page(answer.json()))


def label_given(text: str, hint: str = "--label") -> tuple[str, str]:
    """A label, as it is written on a command line."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=hint)
    return name, value


def propose(
    run: RunId,
    event: Annotated[str, typer.Argument(metavar="TYPE", help="The event type, as phase.started.")],
    phase: Annotated[str | None, typer.Option(metavar="PHASE", help="The phase_id.")] = None,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="The attempt that reports; left out: the current one.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="JSON", help="What the event tells: `runnotary schema TYPE`.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in its data.")] = None,
    expect: Annotated[
        int | None, typer.Option(metavar="VERSION", min=0, help="Only if the run is at this version.")
    ] = None,
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Propose an event. It is recorded if it is legal now, or refused with a remedy."""
    told = data_given(data) | ({"reason": reason} if reason is not None else {})
    with service(server, database) as at:
        if attempt is None and phase is not None:
            attempt = current_attempt(at, run, event, phase)
        body = {
            "type": event,
            "phase_id": phase,
            "attempt": attempt,
            "data": told,
            "expected_version": expect,
        }
        body = {name: value for name, value in body.items() if value is not None}
        record(at, run, body, asked_by(actor, key), as_json=as_json)


def record(
    at: Service, run: str, body: Mapping[str, Any], headers: Mapping[str, str], *, as_json: bool
) -> None:
    """Have an event recorded, and print what came of it."""
    answer = at.post(f"/v1/runs/{run}/events", body, headers)
    if as_json:
        say_json(answer.content)
    else:
        tell(answer.json(), replayed=answer.headers.get("Idempotent-Replayed") == "true")


def data_given(text: str | None) -> dict[str, Any]:
    """The data of an event, as they are written on a command line."""
    from api.http_refusals import NotJson
    from api.requests import parsed
    from domain.refusals import InvalidBody

    try:
        value = parsed((text or "{}").encode(errors="surrogateescape"))
    except (NotJson, InvalidBody) as refusal:
        raise typer.BadParameter(refusal.detail, param_hint="--data") from None
    if not isinstance(value, dict):
        raise typer.BadParameter('it is one JSON object, as \'{"executor": "me"}\'', param_hint="--data")
    return value


def current_attempt(at: Service, run: str, event: str, phase: str) -> int | None:
    """The attempt that an event speaks for, where it has to name one; it is asked for, and said."""
    from domain.decide import OF_OPEN_ATTEMPT
    from domain.naming import is_id

    if event not in OF_OPEN_ATTEMPT or not is_id(phase):
        return None
    attempt: int = at.get(f"/v1/runs/{run}/phases/{phase}").json()["attempt"]
    if attempt:
        note(f"For attempt {attempt}, the current one of {phase}.")
    return attempt or None


def tell(recorded: Mapping[str, Any], *, replayed: bool) -> None:
    """Print what came of a proposal."""
    for event in (*recorded["implied"], recorded["event"]):
        moved = change(event)
        say(
            Text.assemble(
                (f"#{event['version']}", "bold"),
                plain(f"  {event['type']}  {attempt_of(event)}".rstrip()),
                "  " if moved else "",
                moved,
            )
        )
    run = recorded["run"]
    say(plain(f"run {run['run_id']} is {run['state']}, version {run['version']}"))
    if replayed:
        note("It had been recorded before; nothing was added.")
