"""Commands that note and keep: annotate, label, and the marks of a run. Each proposes one event."""

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import typer

from api.cli.calls import asked_by, service
from api.cli.options import Actor, AsJson, Database, Key, RunId, Server
from api.cli.writing import label_given, record

Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept with the event.")]


def annotate(
    run: RunId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note.")],
    phase: Annotated[str | None, typer.Option(metavar="PHASE", help="The phase that it is about.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A word to find it by; may be repeated.")] = None,
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Add a note to a run or a phase. It changes neither a state nor any figure of failure."""
    event = {"type": "run.annotated"} if phase is None else {"type": "phase.annotated", "phase_id": phase}
    told = {"text": text} | ({"tags": tag} if tag else {})
    with service(server, database) as at:
        record(at, run, {**event, "data": told}, asked_by(actor, key), as_json=as_json)


def label(
    run: RunId,
    labels: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="The labels to set.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A label to take away; may be repeated.")
    ] = None,
    key: Key = None,
    actor: Actor = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Set labels of a run, or take them away. The others stay."""
    told: dict[str, str | None] = dict(label_given(each, "NAME=VALUE") for each in labels or ())
    if twice := told.keys() & set(remove or ()):
        raise typer.BadParameter(f"{min(twice)} is to be set, too", param_hint="--remove")
    told |= dict.fromkeys(remove or ())
    if not told:
        raise typer.BadParameter("name a label: NAME=VALUE to set it, --remove NAME to take it away")
    event = {"type": "run.labelled", "data": {"labels": told}}
    with service(server, database) as at:
        record(at, run, event, asked_by(actor, key), as_json=as_json)


class Mark(NamedTuple):
    """A command that sets a mark of a run, or takes it away."""

    event: str
    help: str
    needs_reason: bool = False


MARKS: Mapping[str, Mark] = {
    "preserve": Mark("run.preserved", "Keep a run in sight: it cannot be archived.", needs_reason=True),
    "unpreserve": Mark("run.unpreserved", "Let a run be archived again."),
    "archive": Mark("run.archived", "Take a run out of the default lists. Everything is kept."),
    "unarchive": Mark("run.unarchived", "Put a run back into the default lists."),
    "hold": Mark("run.held", "Let no phase of a run start."),
    "unhold": Mark("run.unheld", "Let phases of a run start again."),
}


def marking(name: str) -> Callable[..., None]:
    """The command of a mark."""
    mark = MARKS[name]

    def command(
        run: RunId,
        reason: Reason = None,
        key: Key = None,
        actor: Actor = None,
        as_json: AsJson = False,
        server: Server = None,
        database: Database = None,
    ) -> None:
        if mark.needs_reason and reason is None:
            raise typer.BadParameter(
                "say why: whoever is refused because of it is told", param_hint="--reason"
            )
        event = {"type": mark.event, "data": {} if reason is None else {"reason": reason}}
        with service(server, database) as at:
            record(at, run, event, asked_by(actor, key), as_json=as_json)

    command.__name__, command.__doc__ = name, mark.help
    return command


MARKING: tuple[Callable[..., None], ...] = tuple(map(marking, MARKS))
"""The commands of all marks."""
