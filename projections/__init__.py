"""Tables made from events. Disposable: rebuilt from the log, never migrated.

A projection is a module with a TABLE, a VERSION that changes with its shape, `writes(changes)`, which says
what to write so that the table follows the log, `rows(run)`, which says all that it holds of a run, and its
queries.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from projections import (
    annotations,
    approvals,
    labels,
    phases,
    quarantine,
    runs,
    startable_phases,
    tags,
    tallies,
)
from projections.change import Change, Write
from projections.tables import VERSIONS, metadata

ALL = (runs, phases, startable_phases, labels, annotations, tags, tallies, quarantine, approvals)
"""Every projection, in the order in which they are written."""

__all__ = ["ALL", "Change", "Write", "create", "current", "metadata", "writes"]


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """What to write so that every table follows: statements, each with its rows."""
    for projection in ALL:
        yield from projection.writes(changes)


def create(connection: Connection) -> None:
    """Make the tables anew, empty."""
    metadata.drop_all(connection)
    metadata.create_all(connection)
    rows = [{"name": each.TABLE.name, "version": each.VERSION} for each in ALL]
    connection.execute(VERSIONS.insert(), rows)


def current(connection: Connection) -> bool:
    """Whether the tables are there, in the shape that this program works with."""
    tables = (VERSIONS, *(each.TABLE for each in ALL))
    if not all(connection.dialect.has_table(connection, table.name) for table in tables):
        return False
    found = {row.name: row.version for row in connection.execute(VERSIONS.select())}
    return found == {each.TABLE.name: each.VERSION for each in ALL}
