"""Fresh tables beside the ones that serve: filled at leisure, and put in their place at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, quoted_name, select

from projections.tables import VERSIONS

SUFFIX = "_fresh"
CLAIM = Table("projections_claim", MetaData(), Column("claim", Text, nullable=False))
"""Who fills the fresh tables: whoever began last. The one before notices, and leaves them to it."""


class TakenOver(Exception):
    """Another rebuild has begun since, and the fresh tables are its own now."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """Fresh tables of some projections."""

    claim: str
    projections: Sequence[ModuleType]
    tables: Mapping[str, Table]
    """By the name of the table that each is to replace."""


def begin(
    connection: Connection, every: Sequence[ModuleType], wanted: Sequence[ModuleType], claim: str
) -> Fresh:
    """Make fresh tables for those that are wanted, and take away what an earlier rebuild has left behind."""
    for leftover in (*(beside(connection, each) for each in every), CLAIM):
        leftover.drop(connection, checkfirst=True)
    fresh = Fresh(claim, wanted, {each.TABLE.name: beside(connection, each) for each in wanted})
    for table in (*fresh.tables.values(), CLAIM):
        table.create(connection)
    connection.execute(CLAIM.insert(), {"claim": claim})
    return fresh


def beside(connection: Connection, projection: ModuleType) -> Table:
    """The fresh table of a projection, its indexes under free names: the old ones still stand."""
    table: Table = projection.TABLE
    fresh = table.to_metadata(MetaData(), name=f"{table.name}{SUFFIX}")
    fresh.primary_key.name = None
    there = inspect(connection)
    taken = {each["name"] for each in there.get_indexes(table.name)} if there.has_table(table.name) else set()
    for index in fresh.indexes:
        if index.name in taken:
            index.name = quoted_name(f"{index.name}{SUFFIX}", quote=None)
    return fresh


def hold(connection: Connection, fresh: Fresh) -> None:
    """See that the tables are still ours.

    Raises:
        TakenOver: they are not.
    """
    if not connection.dialect.has_table(connection, CLAIM.name):
        raise TakenOver
    if connection.execute(select(CLAIM.c.claim)).scalar() != fresh.claim:
        raise TakenOver


def forget(connection: Connection, fresh: Fresh, run_id: str) -> None:
    """Take the rows of a run out."""
    for table in fresh.tables.values():
        connection.execute(table.delete().where(table.c.run_id == run_id))


def swap(connection: Connection, fresh: Fresh) -> None:
    """Put the fresh tables in place of the old ones, in the connection's transaction."""
    quoted = connection.dialect.identifier_preparer.format_table
    for each in fresh.projections:
        each.TABLE.drop(connection, checkfirst=True)
        table = fresh.tables[each.TABLE.name]
        connection.exec_driver_sql(f"ALTER TABLE {quoted(table)} RENAME TO {quoted(each.TABLE)}")
        connection.execute(VERSIONS.delete().where(VERSIONS.c.name == each.TABLE.name))
        connection.execute(VERSIONS.insert(), {"name": each.TABLE.name, "version": each.VERSION})
    CLAIM.drop(connection)


def drop(connection: Connection, fresh: Fresh) -> None:
    """Give the fresh tables up."""
    for table in (*fresh.tables.values(), CLAIM):
        table.drop(connection, checkfirst=True)
