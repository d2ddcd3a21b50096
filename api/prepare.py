"""Bring a database up to date: the log by migration, the tables made from it by rebuilding."""

from itertools import groupby

from sqlalchemy import Connection, Engine

import projections
from domain.run import Run, fold
from eventstore import guards, migrations, roles, statements, store
from eventstore.database import UnusableDatabase, lock_writers


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
        if not projections.current(connection):
            rebuild(connection)


def newer(revision: str) -> str:
    """What to say of a database that a newer program made."""
    return (
        f"The database is at schema revision {revision}, which this program does not know "
        f"(it knows up to {migrations.newest()}): a newer Runnotary made it. Install that version."
    )


def rebuild(connection: Connection) -> None:
    """Make every projection anew from the log."""
    roles_before = roles.hardened(connection)
    projections.create(connection)
    roles.owned_alike(connection, projections.metadata.tables)
    guards.protect_states(connection)
    for role in roles_before:
        roles.harden(connection, role)
    for run_id, history in groupby(store.read_by_run(connection), key=lambda event: event.run_id):
        run = fold(history)
        assert run is not None  # noqa: S101  # a group holds at least one event
        for statement, rows in projections.writes([projections.Change(Run(run_id=run_id), run)]):
            statements.write(connection, statement, rows)
