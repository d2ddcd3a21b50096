"""The database: opened so that what was acknowledged stays, and so that writers come one after another."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_READONLY
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

BUSY_SECONDS = 5
"""Seconds to wait for another writer before the database counts as busy."""

READERS_MAX = 40
"""Connections of a process: as many as it has threads that read."""

WRITER_LOCK = 0x52554E4E  # "RUNN"
"""The advisory lock of PostgreSQL that appends hold until they commit: commit order is position order."""


LEASES_LOCK = 0x4C454153  # "LEAS"
"""The advisory lock of PostgreSQL between heartbeats, which share it,
and the release of an attempt for want of one."""


class UnusableDatabase(Exception):
    """The database cannot be used; the message says what to do."""


def open_engine(url: str) -> Engine:
    """An engine for SQLite (WAL, synchronous FULL, writers begin IMMEDIATE) or PostgreSQL (psycopg 3).

    Raises:
        UnusableDatabase: the URL names neither, or an SQLite database that is not a file.
    """
    parsed = parsed_url(url)
    return open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else open_postgresql(parsed)


def open_to_read(url: str, *, any_text: bool = False) -> Engine:
    """An engine that changes nothing; it works where nothing can be written, too.

    With `any_text`, text in SQLite that is not UTF-8 is read with surrogates instead of failing.

    Raises:
        UnusableDatabase: as `open_engine`; or a file cannot be read as it lies there.
    """
    parsed = parsed_url(url)
    if parsed.get_backend_name() != "sqlite":
        return open_postgresql(parsed, "-c default_transaction_read_only=on")
    path = file_of(parsed)

    def connect() -> sqlite3.Connection:
        driver = connect_to_read(path)
        driver.isolation_level = None
        if any_text:
            driver.text_factory = lambda text: text.decode(errors="surrogateescape")
        return driver

    engine = create_engine(parsed, creator=connect, pool_size=READERS_MAX, max_overflow=0)
    event.listen(engine, "begin", lambda connection: connection.connection.cursor().execute("BEGIN").close())
    return engine


def connect_to_read(path: str) -> sqlite3.Connection:
    """A connection that reads a file, in whatever place it lies."""
    url = f"file:{quote(path)}?mode=ro"
    driver = sqlite3.connect(url, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        driver.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except UnicodeDecodeError as error:  # of what SQLite says about names in the file
        driver.close()
        msg = f"{path} is damaged: SQLite cannot make out which tables it has. Restore a backup."
        raise UnusableDatabase(msg) from error
    except sqlite3.OperationalError as error:
        driver.close()
        log = Path(f"{path}-wal")
        if not Path(path).exists() or error.sqlite_errorcode & 0xFF not in (SQLITE_CANTOPEN, SQLITE_READONLY):
            raise
        if log.exists() and log.stat().st_size:
            msg = (
                f"{path} has changes in {log.name} that cannot be read where nothing can be written. "
                "Copy both files to a folder that can be written, and read the copy."
            )
            raise UnusableDatabase(msg) from error
        # Nobody writes here, so SQLite need not share memory with writers, for which it would make files.
        url = f"{url}&immutable=1"
        driver = sqlite3.connect(url, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
    return driver


def parsed_url(url: str) -> URL:
    """The URL of a database of a kind that we work with.

    Raises:
        UnusableDatabase: it is none.
    """
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError as error:
        msg = "RUNNOTARY_DATABASE_URL is no database URL; use sqlite:///FILE or postgresql://USER@HOST/NAME."
        raise UnusableDatabase(msg) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        msg = f"{parsed.get_backend_name()} is not supported; use sqlite:///FILE or postgresql://USER@HOST/NAME."
        raise UnusableDatabase(msg)
    return parsed


def file_of(url: URL) -> str:
    """The file of an SQLite database.

    Raises:
        UnusableDatabase: it is in memory.
    """
    if url.database in (None, "", ":memory:"):
        msg = "SQLite has to be a file, since several connections share it; use sqlite:///FILE."
        raise UnusableDatabase(msg)
    return url.database


def open_sqlite(url: URL) -> Engine:
    """SQLite in a file."""
    file_of(url)
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=READERS_MAX,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )

    @event.listens_for(engine, "connect")
    def configure(driver: Any, _: object) -> None:  # the driver's connection
        driver.isolation_level = None  # the driver would begin by itself, and too late
        switch_to_wal(driver)
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "recursive_triggers=ON",
            "trusted_schema=OFF",
        ):
            driver.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another wrote in between.
        reads = connection.get_execution_options().get("reads_only")
        connection.connection.cursor().execute("BEGIN" if reads else "BEGIN IMMEDIATE").close()

    return engine


def switch_to_wal(driver: Any) -> None:
    """Put the file into WAL mode, which stays with it.

    SQLite waits for most locks by itself, but not for this one: of several processes that open a new file at
    the same moment, all but one are told at once that it is locked.
    """
    give_up = monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != SQLITE_BUSY or monotonic() > give_up:
                raise
            sleep(0.005)
        else:
            return


def open_postgresql(url: URL, more: str = "") -> Engine:
    """PostgreSQL over psycopg 3, with more settings where these are given."""
    settings = f"-c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout=60s {more}"
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"options": settings, "connect_timeout": BUSY_SECONDS, "application_name": "runnotary"},
        pool_pre_ping=True,
        pool_size=READERS_MAX,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent picture of the database, whatever is written meanwhile."""
    options: dict[str, Any] = {"reads_only": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def lock_writers(connection: Connection) -> None:
    """Let no other process append until this transaction ends. SQLite did so when it began."""
    if connection.dialect.name == "postgresql":
        connection.connection.cursor().execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def lock_leases(connection: Connection, *, shared: bool = False) -> None:
    """Let no heartbeat come in between until this transaction ends; with `shared`, nothing but heartbeats.

    SQLite has one writer at a time, so there it is so in any case.
    """
    if connection.dialect.name == "postgresql":
        how = "_shared" if shared else ""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{how}({LEASES_LOCK})")


@contextmanager
def writers_stopped(connection: Connection) -> Iterator[None]:
    """Let no other process append, over several transactions of this connection.

    SQLite lets nobody in as long as one transaction writes: there it has to be one.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    with connection.begin():
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({WRITER_LOCK})")
    try:
        yield
        with connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({WRITER_LOCK})")
    except BaseException:
        connection.invalidate()  # the lock ends with its connection, in whatever state that is
        raise


UNDER_WAY = text(
    """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'virtualxid' AND pid <> pg_backend_pid() AND pid IN (
        SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL
    )
    EXCEPT SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND objid = :writers
    """
)
"""Those that append wait for the lock of writers, and read what is there once they have it."""


def others_ended(connection: Connection, seconds: float) -> None:
    """Wait until every transaction that reads in this database of PostgreSQL now has ended.

    What was committed before is then seen by all. CREATE INDEX CONCURRENTLY waits in the same way.

    Raises:
        TimeoutError: they have not within this time.
    """
    give_up = monotonic() + seconds
    waited_for = under_way(connection)
    while waited_for:
        if monotonic() > give_up:
            raise TimeoutError
        sleep(0.002)
        waited_for &= under_way(connection)


def under_way(connection: Connection) -> set[str]:
    """The transactions of others in this database of PostgreSQL, without those that append."""
    with connection.begin():
        return set(connection.execute(UNDER_WAY, {"writers": WRITER_LOCK}).scalars())
