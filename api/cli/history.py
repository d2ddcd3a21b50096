"""Commands that ask the history of a run: diff, blame, bisect."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import orjson
import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.cli.calls import service
from api.cli.options import AsJson, Database, Place, RunAt, RunId, Server, is_number, place
from api.cli.output import note, pairs, plain, say, say_json, table
from api.cli.pages import seconds, state_of

Json = Mapping[str, Any]

EVENTS_MAX = 20
"""Events that `diff` lists; `log` has them all."""


def diff(
    run: RunAt,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="A|OTHER[@VERSION]",
            help="Digits: a version to compare from. Else another run; one whose id is digits needs its @.",
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Argument(metavar="B", help="A version to compare to; left out: as it stands.")
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Compare two versions of a run or two runs, by field.

    With RUN alone: what its last event changed. Version 0 is before the first event.
    """
    this = place(run)
    asked = sides(this, what, to)
    with service(server, database) as at:
        answer = at.get(f"/v1/runs/{this.run_id}/diff", **asked)
    if as_json:
        say_json(answer.content)
        return
    told = answer.json()
    say(*diff_page(told))
    if not told["changes"]:
        note("No difference.")
    if (more := len(told["events"] or ()) - EVENTS_MAX) > 0:
        low = min(told["from"]["version"], told["to"]["version"])
        note(f"And {more:,} more events: runnotary log {this.run_id} --after {low + EVENTS_MAX}")


def sides(this: Place, what: str | None, to: str | None) -> dict[str, str | None]:
    """What is to be compared, as the service takes it."""
    if what is not None and not is_number(what):
        if to is not None:
            raise typer.BadParameter(f"{to!r} is one too many: write the version as {what}@{to}.")
        other = place(what)
        return {"from": this.version, "with": other.run_id, "to": other.version}
    versions = [version for version in (this.version, what, to) if version is not None]
    if len(versions) > 2:  # noqa: PLR2004  # from and to
        raise typer.BadParameter(f"{to!r} is one too many: two versions are compared.")
    if not all(map(is_number, versions)):
        raise typer.BadParameter(f"{to!r} is no version.")
    return dict(zip(("from", "to"), versions, strict=False))


def diff_page(told: Json) -> Iterator[RenderableType]:
    """What is different, and what happened in between."""
    start, end = told["from"], told["to"]
    headings = [f"{side['run_id']}@{side['version']}" for side in (start, end)]
    arrow = " \N{RIGHTWARDS ARROW} "
    yield Text(arrow).join(
        Text.assemble((name, "bold"), f" {state_of(side) if side['version'] else '(new)'}")
        for name, side in zip(headings, (start, end), strict=True)
    )
    if told["changes"]:
        yield Text()
        yield table(("field", *headings), filter(None, map(change_row, told["changes"])))
    if told["events"]:
        yield Text()
        yield brief_list(told["events"][:EVENTS_MAX])


def change_row(change: Json) -> tuple[str, str, str] | None:
    """A field and its values; none where it is new, or gone, and holds nothing."""
    match change["kind"]:
        case "added" | "removed" if change["from"] is change["to"] is None:
            return None
        case "added":
            return change["field"], "", value_of(change["to"])
        case "removed":
            return change["field"], value_of(change["from"]), ""
        case _:
            return change["field"], value_of(change["from"]), value_of(change["to"])


def brief_list(events: Sequence[Json]) -> Table:
    """Events in few words, one a line."""
    names = ("version", "type", "phase_id", "actor", "reason")
    return table(
        (">#", "event", "phase", "by", "reason", "at (UTC)"),
        ((*(event[name] for name in names), seconds(event["recorded_at"])) for event in events),
    )


def value_of(value: object) -> str:
    """A value of a field; a text without quotes."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def blame(
    run: RunAt,
    field: Annotated[
        str | None,
        typer.Argument(metavar="FIELD", help="As usage/tokens_used, or tokens_used; left out: all."),
    ] = None,
    phase: Annotated[str | None, typer.Option(metavar="PHASE", help="Fields of this phase only.")] = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Tell which event set each field last."""
    run_id, version = place(run)
    with service(server, database) as at:
        answer = at.get(f"/v1/runs/{run_id}/blame", field=field, phase_id=phase, at_version=version)
    if as_json:
        say_json(answer.content)
        return
    settings = answer.json()["fields"]
    say(blame_list(settings) if field is None else blame_page(settings[0]))


def blame_list(settings: Sequence[Json]) -> Table:
    """The event that set each field, one a line."""
    return table(
        (">#", "at (UTC)", "by", "event", "field", "value"),
        (
            (
                setting["event"]["version"],
                seconds(setting["event"]["recorded_at"]),
                setting["event"]["actor"],
                setting["event"]["type"],
                setting["field"],
                value_of(setting["value"]),
            )
            for setting in settings
        ),
    )


def blame_page(setting: Json) -> Table:
    """The event that set a field, and what the field was until then."""
    event, times = setting["event"], setting["times_set"]
    facts = [
        ("field", setting["field"]),
        ("value", "(removed)" if setting["removed"] else value_of(setting["value"])),
        ("before", value_of(setting["before"]) if times > 1 else "(not there)"),
        ("set by", f"#{event['version']}  {event['type']}"),
        ("by", event["actor"]),
        ("at", seconds(event["recorded_at"])),
        ("reason", event["reason"]),
        ("times set", times),
    ]
    return pairs((name, value) for name, value in facts if value is not None)


def bisect(
    run: RunId,
    expr: Annotated[
        str, typer.Option(metavar="EXPRESSION", help="JMESPath, as \"state == 'GATE'\"; see the docs.")
    ],
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Find the first version at which an expression holds. Exit 1 where it never does."""
    with service(server, database) as at:
        answer = at.get(f"/v1/runs/{run}/bisect", expr=expr)
    told = answer.json()
    if as_json:
        say_json(answer.content)
    else:
        say(*bisect_page(told))
        if told["unfound"]:
            note(
                f"There was no field called {', '.join(told['unfound'])}. Texts stand in 'single quotes'; "
                "numbers, true, false and null in `backticks`."
            )
    if told["version"] is None:
        raise typer.Exit(1)


def bisect_page(told: Json) -> Iterator[RenderableType]:
    """When an expression became true, and whether it still is."""
    if told["version"] is None:
        yield plain(f"It never holds, from version 1 to {told['current_version']}.")
        return
    yield plain(f"It first holds at version {told['version']}:")
    yield brief_list([told["event"]])
    last = told["last_version_without"] or 0
    if not told["holds_now"]:
        yield plain(f"It does not hold now, at version {told['current_version']}.")
    elif last < told["version"]:
        yield plain(f"It has held ever since, up to version {told['current_version']}.")
    else:
        yield plain(f"It holds now, since version {last + 1}; not always in between.")
