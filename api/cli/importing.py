"""The command that takes over a database of the older system."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.calls import asked_by, server_of
from api.cli.carrying import output_to
from api.cli.options import Actor, AsJson, Database
from api.cli.output import fail, pairs, plain, say, say_json, table
from api.cli.progress import progress
from api.cli.repair_pages import text

if TYPE_CHECKING:
    from api.legacy.imports import History, Record
    from api.legacy.report import Report
    from domain.envelopes import RecordedEvent

Json = Mapping[str, Any]

NO_SERVER = (
    "A legacy database is imported into a database, not through a service: leave --server out, or unset "
    "RUNNOTARY_SERVER, and name the service's own with --database. The service may run meanwhile."
)
SHOWN = 20
"""Of what waits in quarantine, so many are printed; --json has all."""


def import_autopack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The SQLite file; it is only read.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report the same, and record nothing.")] = False,
    report: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report there too, as JSON.")
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
    database: Database = None,
    server: Annotated[
        str | None, typer.Option(hidden=True, help="No: a legacy database is imported into a database.")
    ] = None,
) -> None:
    """Take over the runs of an Autopack database. What has no legal state goes to quarantine.

    One transaction a run; what was imported before is left as it is. Findings are no failure: exits with 1
    only where the file or the database cannot be used.
    """
    from api.legacy import source
    from api.legacy.imports import take_over
    from api.legacy.plan import plan

    if server_of(server, database):
        fail(NO_SERVER)
    if report is not None and Path(report).exists() and file.exists() and file.samefile(report):
        fail(f"{report} is what is imported, and stays as it is. Name another file for the report.")
    try:
        legacy = source.read(file)
    except source.Unreadable as error:
        fail(str(error))
    planned = plan(legacy, datetime.now(UTC))
    with ExitStack() as stack:
        out = stack.enter_context(output_to(report)) if report is not None else None
        place = stack.enter_context(database_to_read(database) if dry_run else ledger(database, actor))
        advance = stack.enter_context(progress("import", len(planned.runs), "runs"))
        told = last(take_over(legacy, planned, *place), advance).view()
        if out is not None:
            out.write(json.dumps(told, indent=2, ensure_ascii=False).encode() + b"\n")
    if as_json:
        say_json(json.dumps(told, ensure_ascii=False).encode())
    else:
        tell(told, dry_run=dry_run)


def last(steps: "Iterator[Report | None]", advance: Callable[[int], None]) -> "Report":
    """What an import ends with; until then, one more run is done with each step."""
    from domain.refusals import Refusal

    try:
        for step in steps:
            if step is not None:
                return step
            advance(1)
    except Refusal as refusal:
        fail(f"{refusal.detail} What was imported stays. Run the command again: it goes on where it ended.")
    raise AssertionError  # the report is the last step


@contextmanager
def database_to_read(database: str | None) -> "Iterator[tuple[History, None]]":
    """The histories of a database, which is not changed; none where it is still to be made."""
    from api.cli.database import engine_to_read, file_of, settings_for
    from api.cli.upkeep import up_to_date
    from eventstore import migrations, store
    from eventstore.database import reading

    file = file_of(settings_for(database, there=False).database_url)
    if file is not None and not file.exists():
        yield (lambda _: ()), None
        return
    with engine_to_read(database) as engine:
        with reading(engine) as connection:
            if migrations.revision(connection) is None:
                is_new = True
            else:
                is_new = False
                up_to_date(connection)

        def history(run_id: str) -> "Sequence[RecordedEvent]":
            if is_new:
                return ()
            with reading(engine) as connection:
                return store.read_run(connection, run_id)

        yield history, None


@contextmanager
def ledger(database: str | None, actor: str | None) -> "Iterator[tuple[History, Record]]":
    """The histories of a database, and what records in it; it is made if it is not there."""
    from api.cli.database import settings_for, usable
    from api.commands import Asked
    from api.ledger import Ledger
    from api.legacy.imports import place_of
    from domain.envelopes import Origin

    asked = Asked(origin=Origin(actor=asked_by(actor)["X-Actor"]))
    with usable(), Ledger.open(settings_for(database, there=False)) as opened:
        yield place_of(opened, asked)


def tell(report: Json, *, dry_run: bool) -> None:
    """Print what came of it: what there was, what was odd, and what waits."""
    from api.legacy.findings import CODES

    would = "would be " if dry_run else ""
    say(
        pairs(
            [
                ("file", f"{report['file']}  sha256 {report['sha256']}"),
                ("rows", ", ".join(f"{report[name]:,} {name}" for name in ("runs", "tiers", "phases"))),
                (f"{would}imported", f"{report['imported']:,} runs"),
                ("unchanged", f"{report['unchanged']:,} runs"),
                ("changed", f"{report['changed']:,} runs"),
                ("not imported", f"{report['not_imported']:,} runs"),
                ("quarantined", f"{len(report['quarantined']):,} runs and phases"),
            ]
        )
    )
    if report["counts"]:
        rows = [(code, f"{count:,}", CODES[code].detail) for code, count in report["counts"].items()]
        say(plain(""), table(("finding", ">times", "which means"), rows))
    if waiting := report["quarantined"]:
        named = ((name_of(each), found(each["from"]), each["kind"], each["to"]) for each in waiting[:SHOWN])
        say(plain(""), table(("in quarantine", "found", "kind", "suggested"), named))
    if len(waiting) > SHOWN:
        say(plain(f"The first {SHOWN} are shown; --json has {len(waiting):,}."))
    if waiting and not dry_run:
        say(plain("`runnotary repair propose --all-suggested` proposes what is suggested."))
    if dry_run:
        say(plain("Nothing was recorded: this was a dry run."))


def found(state: Any) -> str | None:
    """A state as it was found; None where there was none."""
    return None if state is None else text(state)


def name_of(waiting: Json) -> str:
    """A run, or a phase within its run."""
    return "/".join(waiting[name] for name in ("run_id", "phase_id") if name in waiting)
