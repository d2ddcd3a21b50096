"""The command that tells figures."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.cli.calls import service
from api.cli.options import AsJson, Database, Server
from api.cli.output import note, pairs, say, say_json, table
from api.cli.reading import Mark

Json = Mapping[str, Any]

COLUMNS = (">ended", ">failed", ">rate", ">attempts", ">failed", ">rate", ">repaired", ">imported", ">notes")


def stats(
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=VALUE]",
            help="Of runs with this label; NAME alone tells its values apart. May be repeated.",
        ),
    ] = None,
    archived: Annotated[Mark, typer.Option(help="Whether archived runs count.")] = "any",
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="What happened from this day on (UTC).")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="What happened up to this day (UTC).")
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Tell figures: states, failures, attempts, tokens.

    A run that failed counts as failed, whatever became of it: reopened, repaired, annotated or archived.
    """
    with service(server, database) as at:
        answer = at.get("/v1/stats", label=label, archived=archived, since=since, until=until)
    if as_json:
        say_json(answer.content)
        return
    told = answer.json()
    say(*page(told))
    if told["earlier_days"]:
        note(f"There are {told['earlier_days']:,} earlier days: --until names the last one.")


def page(told: Json) -> Iterator[RenderableType]:
    """The figures."""
    yield pairs((name, value) for name, value in facts(told) if value)
    yield Text()
    yield counts("day", ((each["day"], each["happened"]) for each in told["by_day"]), told["happened"])
    for label in told["by_label"]:
        yield Text()
        yield counts(label["name"], ((each["value"], each["happened"]) for each in label["values"]), None)


def facts(told: Json) -> Iterator[tuple[str, str]]:
    """What there is to know of all runs together."""
    now, happened, tokens = told["now"], told["happened"], told["now"]["tokens"]
    yield "runs", standing(now["runs"])
    marks = ("held", "preserved", "archived", "annotated")
    yield "", ", ".join(f"{now['runs'][mark]:,} {mark}" for mark in marks if now["runs"][mark])
    yield "phases", standing(now["phases"])
    yield (
        "tokens",
        f"{tokens['used']:,} of {tokens['cap']:,}; {tokens['runs_over_cap']:,} runs over their cap",
    )
    yield "runs that ended", rated(happened["runs"]["ended"], happened["runs"])
    attempts = happened["attempts"]
    yield "attempts that ended", rated(attempts["completed"] + attempts["failed"], attempts)
    outcomes = [f"{name or '(none)'}: {count:,}" for name, count in told["outcomes"].items()]
    others = [f"others: {told['other_outcomes']:,}"] if told["other_outcomes"] else []
    yield "failed with", ", ".join((*outcomes, *others))
    imported = happened["imported"]
    if imported["runs"] or imported["phases"]:
        found = f"{imported['failed_runs']:,} runs and {imported['failed_phases']:,} phases found failed"
        yield "imported", f"{both(imported)}; {found}"
    for name in ("quarantined", "repaired", "annotated"):
        yield name, both(happened[name]) if any(happened[name].values()) else ""


def standing(now: Json) -> str:
    """How many, and in which states."""
    states = [f"{count:,} {state}" for state, count in now["by_state"].items() if count]
    quarantined = [f"{now['quarantined']:,} (quarantined)"] if now["quarantined"] else []
    return f"{now['all']:,}" + (f": {', '.join((*states, *quarantined))}" if now["all"] else "")


def rated(ended: int, told: Json) -> str:
    """How many failed of those that ended."""
    return f"{ended:,}; {told['failed']:,} failed: {percent(told['failure_rate'])}" if ended else "0"


def percent(rate: float | None) -> str:
    """A rate for people."""
    return "" if rate is None else f"{rate:.1%}"


def both(told: Json) -> str:
    """How many of runs, and of phases."""
    return f"{told['runs']:,} runs, {told['phases']:,} phases"


def counts(name: str, groups: Any, total: Json | None) -> Table:
    """What happened, a group a line; the sum of days is no sum of runs, which may fail on several."""
    rows = [*groups, *([("all", total)] if total is not None else [])]
    return table((name, *COLUMNS), ((group, *cells(happened)) for group, happened in rows))


def cells(happened: Json) -> Iterator[object]:
    """What happened to a group."""
    runs, attempts = happened["runs"], happened["attempts"]
    yield from (runs["ended"], runs["failed"], percent(runs["failure_rate"]))
    yield from (attempts["opened"], attempts["failed"], percent(attempts["failure_rate"]))
    yield sum(happened["repaired"].values())
    yield happened["imported"]["runs"] + happened["imported"]["phases"]
    yield sum(happened["annotated"].values())
