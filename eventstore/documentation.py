"""What every table and column holds, kept in the database itself: for whoever has an SQL shell and no more.

The words are those of the tables in the code: `comment` says what a column holds, its `info` has an example,
and what JSON (`as_json`) or which values (`holds`) are in it. Nothing depends on what is written here.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, MetaData, String, Table, select
from sqlalchemy.schema import SetColumnComment, SetTableComment

from eventstore.schema import schema_documentation

ALEMBIC_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column(
        "version_num",
        String(32),
        primary_key=True,
        comment="The revision: the number of the last migration that was made.",
        info={"example": "0001"},
    ),
    comment="At which revision the schema of the log is. Written by migrations only.",
)
"""Made by alembic; here to be described."""


class Entry(NamedTuple):
    """A row: what there is to know of a table, or of one of its columns."""

    table_name: str
    column_name: str
    """Empty: the table itself."""
    description: str
    example: str | None
    """As the column holds it, as text."""
    json_schema: str | None


@cache
def entries(tables: tuple[Table, ...]) -> tuple[Entry, ...]:
    """What is to be said of these tables and all their columns, in their order."""
    return tuple(entry for table in tables for entry in of_table(table))


def of_table(table: Table) -> Iterable[Entry]:
    """What is to be said of a table and of its columns."""
    yield Entry(table.name, "", table.comment or "", None, None)
    for column in table.columns:
        yield Entry(table.name, column.name, column.comment or "", example(column), text(schema(column)))


def example(column: Column[Any]) -> str | None:
    """A value that the column may hold, as text; None where its table gives none, which a test finds."""
    value = column.info.get("example")
    return value if value is None or is_text(column) else text(value)


def is_text(column: Column[Any]) -> bool:
    """Whether the column holds text that is no JSON."""
    return column.type.python_type is str and "as_json" not in column.info


def schema(column: Column[Any]) -> dict[str, Any]:
    """The JSON Schema of what a column holds; of JSON in it, too."""
    holds = column.info.get("holds", column.type.python_type)
    made = TypeAdapter(holds | None if column.nullable else holds).json_schema()
    if "as_json" not in column.info:
        return made
    document = TypeAdapter(column.info["as_json"]).json_schema()
    return {**made, "contentMediaType": "application/json", "contentSchema": document}


def text(value: Any) -> str:
    """A JSON value as text."""
    return orjson.dumps(value).decode()


def is_current(connection: Connection, tables: tuple[Table, ...]) -> bool:
    """Whether the database says what the program does."""
    columns = (schema_documentation.c[name] for name in Entry._fields)
    return {tuple(row) for row in connection.execute(select(*columns))} == set(entries(tables))


def write(connection: Connection, tables: tuple[Table, ...]) -> None:
    """Write it anew; on PostgreSQL as comments on the tables and columns, too."""
    connection.execute(schema_documentation.delete())
    rows = [entry._asdict() for entry in entries(tables)]
    connection.execute(schema_documentation.insert(), rows)
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))
