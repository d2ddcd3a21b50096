"""What has to be true before the service starts, and what `runnotary doctor` prints."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError

import projections
from api.prepare import TABLES, newer
from domain.moves import LEGAL_MOVES, LegalMove
from domain.states import PhaseState, RunState
from eventstore import documentation, guards, migrations
from eventstore.database import UnusableDatabase, reading
from eventstore.schema import legal_moves

WAL_RESET_FIXED = (3, 51, 3)
"""The SQLite release that mended a corruption when two connections write and checkpoint at once."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    stops_start: bool = True


def require(engine: Engine) -> None:
    """Refuse to go on where a check that matters has failed.

    Raises:
        UnusableDatabase: one line that says what is wrong and what to do.
    """
    for check in examine(engine):
        if not check.ok and check.stops_start:
            msg = f"{check.name}: {check.detail} {check.remedy}"
            raise UnusableDatabase(msg)


def examine(engine: Engine) -> Iterator[Check]:
    """Look at everything, stopping only where nothing further can be seen."""
    try:
        with reading(engine) as connection:
            yield Check("database", ok=True, detail=described(connection))
            schema = check_schema(connection)
            yield schema
            if schema.ok:
                yield check_moves(connection)
                yield check_guards(connection)
                yield from check_states(connection)
            yield from check_durability(connection)
    except (DBAPIError, sqlite3.Error) as error:
        yield Check("database", ok=False, detail=unopened(engine, error))


def advise(engine: Engine) -> Iterator[Check]:
    """Look at what is better mended, and keeps nothing from working."""
    try:
        with reading(engine) as connection:
            if check_schema(connection).ok:
                yield check_documentation(connection)
    except (DBAPIError, sqlite3.Error):
        return  # `examine` tells it


def unopened(engine: Engine, error: Exception) -> str:
    """What to say of a database that cannot be used at all."""
    why = str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0]
    return (
        f"{engine.url.render_as_string()} cannot be used: {why}. "
        "See that it is there, and that RUNNOTARY_DATABASE_URL names it."
    )


def described(connection: Connection) -> str:
    """Which database this is."""
    url = connection.engine.url.render_as_string()
    version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
    return f"{url} ({connection.dialect.name} {version})"


def check_schema(connection: Connection) -> Check:
    """The log's schema revision and the shape of the tables made from it are this program's."""
    revision, newest = migrations.revision(connection), migrations.newest()
    remedy = "Run `runnotary db upgrade`, or start the service with RUNNOTARY_MIGRATE=true."
    if revision is None:
        return Check("schema", ok=False, detail="The database has no tables yet.", remedy=remedy)
    if not migrations.known(revision):
        return Check("schema", ok=False, detail=newer(revision))
    if revision != newest:
        return Check("schema", ok=False, detail=f"Revision {revision}, not {newest}.", remedy=remedy)
    if not projections.current(connection):
        detail = "The tables made from the log have another shape than this program's."
        return Check("schema", ok=False, detail=detail, remedy=remedy)
    return Check("schema", ok=True, detail=f"revision {revision}")


def check_moves(connection: Connection) -> Check:
    """The table of legal moves is the machine's."""
    query = select(legal_moves.c.event_type, legal_moves.c.state_before, legal_moves.c.state_after)
    found = {LegalMove(*row) for row in connection.execute(query)}
    wanted = set(LEGAL_MOVES)
    if found == wanted:
        return Check("legal moves", ok=True, detail=f"{len(wanted)}, equal to the machine's")
    parts = [
        f"{len(rows)} {what}, as {first.event} {first.state_before} -> {first.state_after}"
        for what, rows in (("missing", wanted - found), ("too many", found - wanted))
        for first in sorted(rows)[:1]
    ]
    return Check(
        "legal moves",
        ok=False,
        detail=f"The table legal_moves differs from domain/moves.py: {'; '.join(parts)}.",
        remedy="Use the program that migrated this database, or migrate it with this one.",
    )


def check_documentation(connection: Connection) -> Check:
    """What the database says of its own tables is what this program says of them."""
    if documentation.is_current(connection, TABLES):
        return Check("documentation", ok=True, detail="schema_documentation is up to date")
    return Check(
        "documentation",
        ok=False,
        detail="What schema_documentation says of the tables is not what this program says.",
        remedy="Have them written anew: `runnotary db upgrade`.",
        stops_start=False,
    )


def check_guards(connection: Connection) -> Check:
    """The guards of the database are all in place."""
    missing = guards.missing(connection)
    if not missing:
        return Check("guards", ok=True, detail="all in place")
    return Check(
        "guards",
        ok=False,
        detail=f"The database has lost triggers of its own: {', '.join(sorted(missing))}.",
        remedy="Find out who dropped them, and put them back with `runnotary db guard`.",
    )


def check_states(connection: Connection) -> Iterator[Check]:
    """Every state in the tables is one that the machine knows. None is a quarantined one."""
    for projection, states in ((projections.runs, set(RunState)), (projections.phases, set(PhaseState))):
        table = projection.TABLE
        found = set(connection.execute(select(table.c.state).distinct()).scalars()) - {None}
        if unknown := sorted(found - states):
            yield Check(
                f"states of {table.name}",
                ok=False,
                detail=f"The table {table.name} holds states that no code knows: {', '.join(unknown)}.",
                remedy="The log is right, the table is not: have it made anew with `runnotary rebuild`.",
            )
        else:
            yield Check(f"states of {table.name}", ok=True, detail="all known")


def check_durability(connection: Connection) -> Iterator[Check]:
    """What was acknowledged survives a loss of power, as far as the database is set up for it."""
    if connection.dialect.name == "sqlite":
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        synchronous = connection.execute(text("PRAGMA synchronous")).scalar_one()
        yield Check(
            "durability",
            ok=mode == "wal" and synchronous >= 2,  # noqa: PLR2004  # 2 is FULL, 3 EXTRA
            detail=f"journal_mode={mode}, synchronous={synchronous}",
            remedy="Put the file on a local disk, where write-ahead logging works.",
        )
        version = connection.dialect.server_version_info or ()
        yield Check(
            "SQLite release",
            ok=version >= WAL_RESET_FIXED,
            detail=".".join(map(str, version)),
            remedy="Below 3.51.3, let only one process write to the file.",
            stops_start=False,
        )
        return
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        value = connection.execute(text(f"SHOW {setting}")).scalar_one()
        yield Check(
            f"PostgreSQL {setting}",
            ok=value not in ("off", "local"),
            detail=value,
            remedy=f"Switch {setting} on: what is acknowledged could be lost in a crash.",
            stops_start=setting != "synchronous_commit",
        )
