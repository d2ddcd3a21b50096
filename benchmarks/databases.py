"""Databases to measure on: new ones, dropped afterwards."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

# The columns of an event and the two unique keys that no event store does without.
RAW_TABLE = """
    CREATE TABLE raw_events (position bigint PRIMARY KEY, event_id text NOT NULL UNIQUE, run_id text NOT NULL,
    version integer NOT NULL, type text NOT NULL, phase_id text, attempt integer, state_before text,
    state_after text, recorded_at text NOT NULL, actor text NOT NULL, body text NOT NULL,
    prev_hash text NOT NULL, hash text NOT NULL, UNIQUE (run_id, version))
"""
HASH, TIME = "9f2c" * 16, "2026-11-22T10:00:00.000000Z"


def raw_row(number: int) -> tuple[object, ...]:
    """A row of an event like the ones that the ledger writes."""
    states = ("QUEUED", "EXECUTING") if number % 2 else ("EXECUTING", "QUEUED")
    kind = "phase.started" if number % 2 else "phase.released"
    head = (
        number,
        f"019ab3c1-5f00-7000-8000-{number:012d}",
        "nightly-42",
        number,
        kind,
        "phase1-build",
        number,
    )
    return (*head, *states, TIME, "builder-7", '{"executor":"builder-7"}', HASH, HASH)


@contextmanager
def sqlite() -> Iterator[tuple[str, Callable[[int], None]]]:
    """A URL for the ledger, and a raw INSERT + COMMIT into a file of its own, set up alike."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(RAW_TABLE)
        insert = f"INSERT INTO raw_events VALUES ({','.join('?' * 14)})"
        last = 0

        def raw(_: int) -> None:
            nonlocal last
            last += 1
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(insert, raw_row(last))
            connection.execute("COMMIT")

        yield f"sqlite:///{folder}/ledger.db", raw
        connection.close()


@contextmanager
def postgresql(server: str) -> Iterator[tuple[str, Callable[[int], None]]]:
    """The same on PostgreSQL: a scratch database with both."""
    with postgresql_database(server) as url, psycopg.connect(url) as connection:
        connection.execute(RAW_TABLE)
        connection.commit()
        insert = f"INSERT INTO raw_events VALUES ({','.join(['%s'] * 14)})"
        last = 0

        def raw(_: int) -> None:
            nonlocal last
            last += 1
            connection.execute(insert, raw_row(last))
            connection.commit()

        yield url, raw


@contextmanager
def postgresql_database(server: str) -> Iterator[str]:
    """The URL of a scratch database."""
    name = f"runnotary_bench_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
