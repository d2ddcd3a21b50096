"""Commands that replay the log: verify, rebuild."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from api.cli.calls import server_of, service
from api.cli.options import AsJson, Database, Server, an_id
from api.cli.output import console, fail, indented, plain, say, say_json
from api.cli.refused import tell

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from api.replay.report import Progress, Report
    from eventstore.seals import Seal

Json = Mapping[str, Any]

VERIFY = "/v1/verify"
SHOWN = 20
"""Findings that are printed; --json has more."""


def a_projection(name: str | None) -> str | None:
    """The name of a projection, or a word that says which there are."""
    from api.replay.wanted import known_projection

    try:
        return name if name is None else known_projection(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def verify(
    since: Annotated[
        int,
        typer.Option(min=0, metavar="POSITION", help="What came after it, and the runs that it is about."),
    ] = 0,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Only this run.", callback=an_id)] = None,
    seals: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A copy of the seals, as `seals --export` made it.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Whose signatures the copy is to bear: a public key in PEM."),
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Prove that the log and the tables of it are right. Exits with 1 where not.

    Without --server it reads the database itself and changes nothing, also where nothing can be written.
    """
    if run is not None and (since or seals):
        raise typer.BadParameter(
            "one run is verified whole, and no seal is about one run", param_hint="--run"
        )
    if key is not None and seals is None:
        raise typer.BadParameter("it is for the seals of a copy: name it with --seals", param_hint="--key")
    kept = read_seals(seals) if seals is not None else []
    with steps(VERIFY, {"since": since, "run_id": run, "seals": kept}, server, database) as told:
        report = watched(told)
    if key is not None:
        report = with_signatures(report, kept, key)
    tell_report(report, "verified", as_json=as_json)


def rebuild(
    projection: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this table.", callback=a_projection)
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Make the tables anew from the log, beside the service. Exits with 1 where it is not right."""
    with steps("/v1/projections/rebuild", {"projection": projection}, server, database) as told:
        report = watched(told)
    tell_report(report, "replayed", as_json=as_json)


def read_seals(file: Path) -> "list[Seal]":
    """The seals of a copy."""
    from eventstore.seals import UnreadableSeals, read_file

    try:
        return read_file(file)
    except UnreadableSeals as error:
        fail(str(error))


def with_signatures(report: Json, kept: "list[Seal]", file: Path) -> Json:
    """The report with what is wrong with the signatures of a copy."""
    from api.replay.findings import Finding
    from eventstore.seals import UnusableKey
    from eventstore.signing import PublicKey

    try:
        key = PublicKey.from_file(file)
    except UnusableKey as error:
        fail(str(error))
    wrong = [
        Finding(code="signature-wrong", detail=f"In the copy, {flaw}.", position=flaw.first_position).view()
        for flaw in key.flaws_of(kept)
    ]
    found = sorted([*report["findings"], *wrong], key=lambda each: each["position"] or 0)
    first = next((each["position"] for each in found if each["position"] is not None), None)
    return {
        **report,
        "ok": not found,
        "found": report["found"] + len(wrong),
        "first_bad_position": first,
        "findings": found,
    }


@contextmanager
def steps(path: str, body: Json, server: str | None, database: str | None) -> Iterator[Iterator[Json]]:
    """The lines of a replay, by a server or in this process."""
    wanted = {name: value for name, value in body.items() if value}
    if server_of(server, database):
        wanted |= {
            name: [asdict(seal) for seal in value] for name, value in wanted.items() if name == "seals"
        }
        with service(server, database) as at:
            yield at.lines(path, wanted)
        return
    from api.cli.database import engine_for, engine_to_read

    if path == VERIFY:
        with engine_to_read(database) as engine:
            yield verified(engine, wanted)
    else:
        with engine_for(database) as engine:
            yield rebuilt(engine, wanted)


def verified(engine: "Engine", wanted: Json) -> Iterator[Json]:
    """Verify in this process."""
    from api.cli.upkeep import up_to_date
    from api.replay.verify import knows, verify
    from eventstore.database import reading

    with reading(engine) as connection:
        up_to_date(connection)
    if "run_id" in wanted and not knows(engine, wanted["run_id"]):
        fail(f"There is no run {wanted['run_id']!r}. `runnotary runs --q TEXT` finds runs.")
    asked = {"kept" if name == "seals" else name: value for name, value in wanted.items()}
    yield from told(verify(engine, **asked))


def rebuilt(engine: "Engine", wanted: Json) -> Iterator[Json]:
    """Rebuild in this process."""
    from api.cli.upkeep import up_to_date
    from api.replay.rebuild import rebuild

    with engine.connect() as connection:
        up_to_date(connection)
    yield from told(rebuild(engine, [wanted["projection"]] if wanted else None))


def told(replay: "Iterator[Progress | Report]") -> Iterator[Json]:
    """A replay in this process, as a server would tell it."""
    from api.replay.report import Progress
    from domain.refusals import Refusal

    try:
        for step in replay:
            yield {"progress" if isinstance(step, Progress) else "report": step.view()}
    except Refusal as refusal:
        fail(f"{refusal.detail} {refusal.remedy}")


def watched(lines: Iterator[Json]) -> Json:
    """The report that a replay ends with; until then, on a terminal, how far it is."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    out = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} events, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    line: Json = {}
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("", total=None, rate=0)
        for line in lines:
            if (step := line.get("progress")) is not None:
                bar.update(task, description=step["stage"], completed=step["done"], total=step["total"])
                bar.update(task, rate=bar.tasks[0].speed or 0)
    if "problem" in line:
        tell(line["problem"])
        raise typer.Exit(1)
    if "report" not in line:
        fail("The service ended its answer in the middle. See whether it still runs, and ask again.")
    report: Json = line["report"]
    return report


def tell_report(report: Json, done: str, *, as_json: bool) -> None:
    """Print what a replay came to; what is wrong ends the command with 1."""
    if as_json:
        say_json(json.dumps(report).encode())
    else:
        say(*findings(report["findings"]))
        counted = f"{report['events']:,} events of {report['runs']:,} runs {done}"
        counted += f", up to position {report['up_to']:,}"
        if report["ok"]:
            typer.echo(f"{counted}: all as it has to be.")
        else:
            first = report["first_bad_position"]
            where = f", the first at position {first:,}" if first is not None else ""
            typer.echo(f"{counted}: {report['found']:,} findings{where}.")
    if not report["ok"]:
        raise typer.Exit(1)


def findings(found: Sequence[Json]) -> Iterator[RenderableType]:
    """What is wrong, each with what to do about it."""
    for each in found[:SHOWN]:
        place = f"position {each['position']}  " if each["position"] is not None else ""
        yield Text.assemble(plain(place), (each["code"], "bold red"), plain(f"  {each['run_id'] or ''}"))
        yield indented(plain(each["detail"]), 4)
    for remedy in dict.fromkeys(each["remedy"] for each in found):
        yield plain(f"remedy: {remedy}")
    if len(found) > SHOWN:
        yield plain(f"The first {SHOWN} are shown; --json lists {len(found)}.")
