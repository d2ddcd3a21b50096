"""Fresh tables beside the ones that serve: filled at leisure, and put in their place at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, quoted_name, select
from sqlalchemy.exc import ProgrammingError

from projections.tables import VERSIONS

SUFFIX = "_fresh"

ROWS = 10_000
"""Rows of a table that are taken away at once."""

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
    clear(connection, every, claim)
    fresh = Fresh(claim, wanted, {each.TABLE.name: beside(each, claim) for each in wanted})
    for table in fresh.everything:
        table.create(connection)
    connection.execute(CLAIM.insert(), {"claim": claim})
    return fresh


def clear(connection: Connection, every: Sequence[ModuleType], claim: str) -> None:
    """Take away whatever fresh tables there are; a rebuild that is filling them notices."""
    CLAIM.drop(connection, checkfirst=True)  # first: it waits there for a rebuild that has begun to write
    for projection in every:
        put_aside(connection, f"{projection.TABLE.name}{SUFFIX}", claim)


def beside(projection: ModuleType, claim: str) -> Table:
    """The fresh table of a projection, with indexes of other names: the old ones still stand."""
    table: Table = projection.TABLE
    fresh = table.to_metadata(MetaData(), name=f"{table.name}{SUFFIX}")
    fresh.primary_key.name = None
    for index in fresh.indexes:
        index.name = quoted_name(f"{index.name}_{claim}", quote=None)
    return fresh


def put_aside(connection: Connection, name: str, claim: str) -> None:
    """Take a table away, if it is there.

    PostgreSQL drops a table of any size at once. SQLite lets nobody write for as long as it goes through all
    of it, so there it is only put aside, and `lessen` takes it away in parts.
    """
    if not connection.dialect.has_table(connection, name):
        return
    if connection.dialect.name == "sqlite":
        rename(connection, name, f"{name}_gone_{claim}")
    else:
        connection.exec_driver_sql(f"DROP TABLE {name}")


def rename(connection: Connection, name: str, other: str) -> None:
    """Give a table another name; on SQLite a view of it is then of whichever table gets the old one."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA legacy_alter_table=ON")
    connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {other}")


def lessen(connection: Connection, every: Sequence[ModuleType]) -> bool:
    """Take away a part of what was put aside; whether there was any."""
    names = "|".join(each.TABLE.name for each in every)
    for name in inspect(connection).get_table_names():
        if re.fullmatch(f"({names})({SUFFIX})?_gone_[0-9a-f]{{8}}", name):
            some = f"SELECT rowid FROM {name} LIMIT {ROWS}"  # noqa: S608  # our own names
            if connection.exec_driver_sql(f"{some} OFFSET {ROWS}").first():
                connection.exec_driver_sql(f"DELETE FROM {name} WHERE rowid IN ({some})")  # noqa: S608  # as above
            else:
                connection.exec_driver_sql(f"DROP TABLE {name}")
            return True
    return False


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
    VERSIONS.create(connection, checkfirst=True)
    for each in fresh.projections:
        put_aside(connection, each.TABLE.name, fresh.claim)
        rename(connection, fresh.tables[each.TABLE.name].name, each.TABLE.name)
        connection.execute(VERSIONS.delete().where(VERSIONS.c.name == each.TABLE.name))
        connection.execute(VERSIONS.insert(), {"name": each.TABLE.name, "version": each.VERSION})
    CLAIM.drop(connection)
