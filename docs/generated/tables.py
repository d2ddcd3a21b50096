"""The page of the tables in the database."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Table

import projections
from api.prepare import TABLES
from docs.generated.fields import kind_of
from docs.generated.markdown import LONG, code, paragraph, table
from eventstore import documentation
from eventstore.schema.log import EventType

FOLLOWS = {"projections", *(each.TABLE.name for each in projections.ALL)}


def tables() -> Iterator[str]:
    """Every table and column of the database."""
    yield from paragraph(
        "# Tables",
        "The tables of the [database](database.md), the same on SQLite and PostgreSQL. Times are text as in "
        "`2026-11-22T10:00:00.000000Z`; states are plain text; JSON is text, never a JSON type of the "
        "database. On SQLite `true` is 1 and `false` is 0.",
        "The database itself says all this, too: in the table [schema_documentation](#schema_documentation), "
        "with a JSON Schema for each column, and on PostgreSQL as comments (`\\d+ phases`). So `SELECT "
        "description, example, json_schema FROM schema_documentation WHERE column_name = 'scope'` tells what "
        "a scope is.",
    )
    yield from paragraph("## The log", "Made and changed by migrations (`eventstore/migrations/`).")
    yield from table_entries(each for each in TABLES if each.name not in FOLLOWS)
    yield from paragraph(
        "## The tables that follow from the log",
        "Written in the transaction that appends the events, and made anew from the log whenever their shape "
        "is not the program's: at the start of a service, or by `runnotary rebuild`. They hold nothing that "
        "the log does not.",
    )
    yield from table_entries(each for each in TABLES if each.name in FOLLOWS)


def table_entries(several: Iterable[Table]) -> Iterator[str]:
    """What there is to know of some tables."""
    for each in several:
        yield from paragraph(f"### {each.name}", each.comment or "")
        yield from table(("Column", "Holds", "Meaning", "Example"), map(column_row, each.columns))


def column_row(column: Column[Any]) -> Sequence[str]:
    """A row for a column."""
    kind = "primary key; " if column.primary_key else "unique; " if column.unique else ""
    example = documentation.example(column) or ""
    shown = code(example if len(example) <= LONG else f"{example[:LONG]}…")
    return code(column.name), f"{kind}{column_kind(column)}", column.comment or "", shown


def column_kind(column: Column[Any]) -> str:
    """What a column holds, in words."""
    told = documentation.schema(column)
    parts = told.get("$defs", {})
    null = " or null" if column.nullable else ""
    if "contentSchema" in told:
        return f"JSON{null}"
    if column.info.get("holds") is EventType:
        return f"[event type](events.md){null}"
    return f"{kind_of(told, parts)}{null}"
