"""Fresh tables beside the ones that serve: filled at leisure, and put in their place at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, quoted_name, select
from sqlalchemy.exc import ProgrammingError

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

    @property
    def everything(self) -> Sequence[Table]:
        """All that is there beside the tables that serve."""
        return [CLAIM, *self.tables.values()]


def begin(
    connection: Connection, every: Sequence[ModuleType], wanted: Sequence[ModuleType], claim: str
) -> Fresh:
    """Make fresh tables for those that are wanted, in place of what an earlier rebuild fills or has left."""
    clear(connection, every)
    fresh = Fresh(claim, wanted, {each.TABLE.name: beside(connection, each) for each in wanted})
    for table in fresh.everything:
        table.create(connection)
    connection.execute(CLAIM.insert(), {"claim": claim})
    return fresh


def clear(connection: Connection, every: Sequence[ModuleType]) -> None:
    """Take away whatever fresh tables there are; a rebuild that is filling them notices."""
    CLAIM.drop(connection, checkfirst=True)  # first: it waits there for a rebuild that has begun to write
    for projection in every:
        beside(connection, projection).drop(connection, checkfirst=True)


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
    try:
        found = connection.execute(select(CLAIM.c.claim)).scalar()
    except ProgrammingError:
        raise TakenOver from None  # it has gone between these two
    if found != fresh.claim:
        raise TakenOver


def forget(connection: Connection, fresh: Fresh, run_ids: Sequence[str]) -> None:
    """Take the rows of these runs out."""
    for table in fresh.tables.values():
        for run_id in run_ids:
            connection.execute(table.delete().where(table.c.run_id == run_id))


def lock(connection: Connection, every: Sequence[ModuleType], seconds: float) -> None:
    """On PostgreSQL, let nobody read the tables until the transaction ends; wait so long for each of them.

    On SQLite readers go on with what they see.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(seconds * 1000)}ms'")
        for name in (each.TABLE.name for each in every if inspect(connection).has_table(each.TABLE.name)):
            connection.exec_driver_sql(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")


def swap(connection: Connection, fresh: Fresh) -> None:
    """Put the fresh tables in place of the old ones, in the connection's transaction."""
    quoted = connection.dialect.identifier_preparer.format_table
    VERSIONS.create(connection, checkfirst=True)
    if connection.dialect.name == "sqlite":
        # Else a view of the old table, which is gone by now, would count as an error.
        connection.exec_driver_sql("PRAGMA legacy_alter_table=ON")
    for each in fresh.projections:
        each.TABLE.drop(connection, checkfirst=True)
        table = fresh.tables[each.TABLE.name]
        connection.exec_driver_sql(f"ALTER TABLE {quoted(table)} RENAME TO {quoted(each.TABLE)}")
        connection.execute(VERSIONS.delete().where(VERSIONS.c.name == each.TABLE.name))
        connection.execute(VERSIONS.insert(), {"name": each.TABLE.name, "version": each.VERSION})
    CLAIM.drop(connection)


def drop(connection: Connection, fresh: Fresh) -> None:
    """Give the fresh tables up."""
    for table in fresh.everything:
        table.drop(connection, checkfirst=True)
