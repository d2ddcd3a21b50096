"""Commands that carry a log elsewhere: export, and restore."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from api.cli.options import Database, Server, an_id
from api.cli.output import fail
from api.cli.progress import progress

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from api.exports import Name

STANDARD = "-"
"""Stands for standard output or input."""


def export(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", show_default=False, help="Where to; left out, or -: standard output."),
    ] = STANDARD,
    form: Annotated[
        Literal["ndjson", "cloudevents", "ocel", "xes"],
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="ndjson, which is whole and can be restored; cloudevents, ocel or xes, for other programs.",
        ),
    ] = "ndjson",
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="The events of this run only.", callback=an_id)
    ] = None,
    server: Server = None,
    database: Database = None,
) -> None:
    """Write the log to a file, as it stands now.

    FILE is put in place when it is whole; until then what was there stays.
    """
    from api.cli.calls import server_of, service
    from api.cli.database import engine_to_read

    if at := server_of(server, database):
        with service(at, None) as answering:
            length = written(counted(answering.file("/v1/export", format=form, run_id=run), file), file)
    else:
        with engine_to_read(database) as engine:
            length = written(pieces_from(engine, form, run, file), file)
    if file != STANDARD:
        typer.echo(f"{file}: {length:,} bytes.")


def counted(pieces: Iterable[bytes], file: str) -> Iterator[bytes]:
    """The pieces that a server sends, with a bar that counts bytes: how many come, it does not say."""
    with progress("export", None, "bytes", shown=is_beside(file)) as advance:
        for piece in pieces:
            yield piece
            advance(len(piece))


def pieces_from(engine: "Engine", form: "Name", run: str | None, file: str) -> Iterator[bytes]:
    """The pieces of an export of this database, with a bar that counts events. Changes nothing in it."""
    from api.exports import FORMATS, blocks
    from eventstore.database import reading
    from eventstore.snapshot import Snapshot

    with reading(engine) as connection:
        readable(connection)
    snapshot = Snapshot.of(partial(reading, engine), run)
    if run is not None and not snapshot.total:
        fail(f"There is no run {run}. `runnotary runs` lists those that there are.")
    made = FORMATS[form]
    with progress("export", made.passes * snapshot.total, "events", shown=is_beside(file)) as advance:
        yield from blocks(made.pieces(replace(snapshot, on_read=advance)))


def readable(connection: "Connection") -> None:
    """A database of an earlier release can be exported before it is upgraded; one of a later cannot."""
    from api.prepare import newer
    from eventstore import migrations

    revision = migrations.revision(connection)
    if revision is None:
        fail("The database has no tables yet, so there is nothing to export.")
    if not migrations.known(revision):
        fail(newer(revision))


def is_beside(file: str) -> bool:
    """Whether a bar does not come between what is printed."""
    return file != STANDARD or not sys.stdout.isatty()


def written(pieces: Iterable[bytes], file: str) -> int:
    """Write the pieces where they are wanted; how many bytes they are."""
    with output_to(file) as out:
        return sum(out.write(piece) for piece in pieces)


@contextmanager
def output_to(file: str) -> Iterator[BinaryIO]:
    """What to write to: standard output, or a file that takes its place only when it is whole and on disk."""
    if file == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file).resolve()  # what a link leads to, not the link
    try:
        if path.exists() and not path.is_file():  # a pipe, a device
            with path.open("wb") as out:
                yield out
        else:
            with replacing(path) as out:
                yield out
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}. Name another file.")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside this one, which takes its place when it is whole."""
    beside = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        with beside.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
        settle(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """See that the names in a folder are on disk, where folders can be opened."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def restore(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="What `runnotary export` wrote; - reads standard input.")
    ],
    database: Database = None,
    server: Annotated[
        str | None, typer.Option(hidden=True, help="No: a log is restored into a database.")
    ] = None,
) -> None:
    """Put an exported log into an empty database.

    All of it, or nothing. The database is made if it is not there.
    """
    from api.cli.calls import server_of
    from api.cli.database import engine_for
    from api.prepare import prepare
    from api.restore import Unrestorable
    from api.restore import restore as restored_from

    if server_of(server, database):
        fail(
            "A log is restored into a database, not through a service: leave --server out, or unset "
            "RUNNOTARY_SERVER, and name an empty database with --database."
        )
    try:
        with lines_from(file) as lines, engine_for(database, there=False) as engine:
            prepare(engine)
            with engine.begin() as connection:
                restored = restored_from(connection, lines)
    except Unrestorable as error:
        fail(f"{'standard input' if file == STANDARD else file} is not restored. {error}")
    typer.echo(
        f"Restored {restored.events:,} events and {restored.keys:,} keys: "
        f"{restored.runs:,} runs and {restored.phases:,} phases."
    )


@contextmanager
def lines_from(file: str) -> Iterator[Iterator[bytes]]:
    """The lines of a file, or of standard input, with a bar that counts bytes."""
    from api.restore import lines_of

    with input_from(file) as source:
        path = None if file == STANDARD else Path(file)
        total = path.stat().st_size if path is not None and path.is_file() else None
        with progress("restore", total, "bytes") as advance:

            def told() -> Iterator[bytes]:
                for line in lines_of(source):
                    advance(len(line))
                    yield line

            yield told()


@contextmanager
def input_from(file: str) -> Iterator[BinaryIO]:
    """A file to read, or standard input."""
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115  # what goes wrong later is not told as here
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")
    with source:
        yield source
