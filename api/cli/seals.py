"""The command that lists the seals over the log, and keeps a copy of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import pages
from api.cli.calls import Service, service
from api.cli.options import PAGE_MAX, AsJson, Database, Limit, Server
from api.cli.output import fail, note, plain, say, say_json

if TYPE_CHECKING:  # it costs time to import
    from eventstore.seals import Seal


def seals(
    after: Annotated[int, typer.Option(min=0, help="Only those after this number.")] = 0,
    limit: Limit = 50,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all seals there, one a line, as JSON. What FILE holds has to be their beginning.",
        ),
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """List the seals over the log, or keep a copy of them.

    A copy that is kept where nobody who can change the database can change it too shows whether the log is
    what it was. Exits with 1 where FILE holds other seals than the database, and leaves FILE as it is.
    """
    if export is not None:
        if as_json or after:
            raise typer.BadParameter("all seals are written, as JSON", param_hint="--export")
        with service(server, database) as at:
            keep(all_of(at), export)
        return
    with service(server, database) as at:
        answer = at.get("/v1/seals", after=after, limit=limit)
    if as_json:
        say_json(answer.content)
        return
    page = answer.json()
    if not page["items"]:
        note("No seals." if not after else f"No seals after {after}.")
        return
    say(pages.seal_list(page["items"]))
    if page["next_cursor"]:
        note(f"There are more: --after {page['next_cursor']}")


def all_of(at: Service) -> "list[Seal]":
    """Every seal that the service has."""
    import orjson

    from eventstore.seals import parse

    found: list[Seal] = []
    while True:
        page = at.get("/v1/seals", after=len(found), limit=PAGE_MAX).json()
        for item in page["items"]:
            try:
                found.append(parse(orjson.dumps(item)))
            except ValueError:
                fail(f"Seal {item.get('number')} of this database is none. Nothing is written.")
        if page["next_cursor"] is None:
            return found


def keep(found: "list[Seal]", file: Path) -> None:
    """Write seals into a file, unless it holds others."""
    from eventstore.seals import UnreadableSeals, first_difference, flaws_of, read_file, write_file

    try:
        kept = read_file(file) if file.exists() else []
    except UnreadableSeals as error:
        fail(f"{error} Nothing is written.")
    if (lost := first_difference(kept, found)) is not None:
        fail(
            f"The seals in {file} are not those of this database: its history was replaced or cut. "
            f"The first that differs is seal {lost.number}, over positions {lost.first_position} to "
            f"{lost.position}, of {lost.sealed_at}. Nothing is written."
        )
    if (flaw := next(flaws_of(found), None)) is not None:
        fail(f"The seals of this database do not hold together: {flaw}. Nothing is written.")
    try:
        write_file(file, found)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")
    reach = f"up to position {found[-1].position:,}" if found else "nothing is sealed yet"
    say(plain(f"{file}: {len(found):,} seals, {len(found) - len(kept):,} of them new; {reach}."))
