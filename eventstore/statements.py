"""Core statements on the driver's own cursor.

An SQLAlchemy execution costs several times what the driver's does; an append makes half a dozen. So the
statements of the write path are written in Core, compiled once a dialect, and run below it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.sql.base import Executable


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement as text for one dialect."""

    statement: Executable
    """Kept beside its text, so that its identity stays its own."""
    text: str
    parameters: Callable[[Mapping[str, Any]], Any]
    """A row in the form that the driver takes."""


Write = tuple[Executable, Sequence[Mapping[str, Any]]]
"""A statement, and the rows to run it with."""

FETCHED = 1_000
"""Rows that a stream takes from the database at once."""

_compiled: dict[tuple[str, int], Compiled] = {}


def compiled(dialect: Dialect, statement: Executable) -> Compiled:
    """The statement, compiled once for this dialect."""
    key = (dialect.name, id(statement))
    if key not in _compiled:
        made = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every executable compiles
        order = list(made.positiontup) if made.positional else None
        constants = {name: value for name, value in made.params.items() if value is not None}
        _compiled[key] = Compiled(statement, str(made), in_form(order, constants))
    return _compiled[key]


def in_form(order: Sequence[str] | None, constants: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """What brings a row into the form that the driver takes: by name, or by place."""
    if order is None:
        return (lambda row: {**constants, **row}) if constants else (lambda row: row)
    if constants or len(order) < 2:  # noqa: PLR2004  # an itemgetter of one gives no tuple
        return lambda row: tuple(row[name] if name in row else constants[name] for name in order)
    return itemgetter(*order)


def write(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement once for each row, in the connection's transaction."""
    ready = compiled(connection.dialect, statement)
    cursor = connection.connection.cursor()
    try:
        if len(rows) == 1:
            cursor.execute(ready.text, ready.parameters(rows[0]))
        else:
            cursor.executemany(ready.text, [ready.parameters(row) for row in rows])
    finally:
        cursor.close()


def read(connection: Connection, statement: Executable, **row: Any) -> list[Any]:  # driver values
    """The rows of a query, as the driver's tuples."""
    ready = compiled(connection.dialect, statement)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(ready.text, ready.parameters(row))
        return list(cursor.fetchall())
    finally:
        cursor.close()


def load(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Put many rows into a table, their values in the order of its columns."""
    quote = connection.dialect.identifier_preparer
    name, columns = quote.format_table(table), ", ".join(map(quote.format_column, table.columns))
    cursor: Any = connection.connection.cursor()
    try:
        if connection.dialect.name == "postgresql":
            with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join("?" * len(table.columns))
            cursor.executemany(f"INSERT INTO {name} ({columns}) VALUES ({places})", rows)  # noqa: S608  # our own names
    finally:
        cursor.close()


def stream(connection: Connection, statement: Executable, **row: Any) -> Iterator[Any]:  # driver values
    """The rows of a query as the driver's tuples, without holding them all in memory."""
    ready = compiled(connection.dialect, statement)
    named = {"name": "runnotary"} if connection.dialect.name == "postgresql" else {}
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor(**named)
    try:
        cursor.execute(ready.text, ready.parameters(row))
        while rows := cursor.fetchmany(FETCHED):
            yield from rows
    finally:
        cursor.close()


# On the way out of a block that fails, the pipeline complains that it was aborted. The failure itself is
# raised and dealt with, and is not even one where two writers met.
logging.getLogger("psycopg").setLevel(logging.ERROR)


def pipelined(connection: Connection) -> AbstractContextManager[Any]:
    """Send the statements of this block without waiting for each answer, where the driver can."""
    if connection.dialect.name != "postgresql":
        return nullcontext()
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # a connection that was begun has one
    pipeline: AbstractContextManager[Any] = driver.pipeline()
    return pipeline
