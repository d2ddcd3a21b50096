"""Bring a database up to date: the log by migration, the tables made from it by rebuilding."""

from itertools import islice
from secrets import token_hex

from sqlalchemy import Connection, Engine

import projections
from api.replay.histories import histories
from eventstore import documentation, guards, migrations, roles, schema, statements
from eventstore.database import UnusableDatabase, lock_writers
from eventstore.shards import Shard, rows
from projections import fresh, tables

TABLES = (
    *schema.metadata.tables.values(),
    documentation.ALEMBIC_VERSION,
    *projections.metadata.tables.values(),
)
"""All that the database consists of."""

RUNS = 1_000
"""Runs whose rows are written at once."""


def prepare(engine: Engine) -> None:
    """Make or upgrade the tables, in one transaction, with one process at it at a time.

    Raises:
        UnusableDatabase: a newer program made the database.
    """
    with engine.begin() as connection:
        lock_writers(connection)
        revision = migrations.revision(connection)
        if revision is not None and not migrations.known(revision):
            raise UnusableDatabase(newer(revision))
        if revision != migrations.newest():
            migrations.upgrade(connection)
            for role in roles.hardened(connection):
                roles.harden(connection, role)
        if not projections.current(connection):
            rebuild(connection)
        if not documentation.is_current(connection, TABLES):
            documentation.write(connection, TABLES)


def newer(revision: str) -> str:
    """What to say of a database that a newer program made."""
    return (
        f"The database is at schema revision {revision}, which this program does not know "
        f"(it knows up to {migrations.newest()}): a newer Runnotary made it. Install that version."
    )


def rebuild(connection: Connection) -> None:
    """Make every projection anew from the log, in the connection's transaction: nobody else writes meanwhile.

    `api.replay.rebuild` does so while others write.
    """
    with roles.kept(connection, projections.metadata.tables):
        fresh.clear(connection, projections.ALL, token_hex(4))
        while fresh.lessen(connection, projections.ALL):
            pass
        projections.create(connection)
        roles.owned_alike(connection, projections.metadata.tables)
        written = histories(rows(connection, Shard("", None, 0)))
        while some := list(islice(written, RUNS)):
            for each in projections.ALL:
                values = [row for told in some for row in tables.rows(each, told.run)]
                statements.load(connection, each.TABLE, values)
        guards.protect_states(connection)
