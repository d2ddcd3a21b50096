"""The schema comes about in one step or not at all, whoever makes it, and however often it is tried."""

import multiprocessing
from contextlib import closing
from itertools import count
from secrets import token_hex
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect

import projections
from api.checks import examine
from api.ledger import Ledger
from api.prepare import prepare
from api.settings import Settings
from eventstore import migrations, roles
from eventstore.database import open_engine
from eventstore.schema import legal_moves, metadata
from tests.databases import Connect, Digest

NOT_OF_THE_LOG = {"alembic_version", *projections.tables.metadata.tables}

ON_SQLITE_AN_INDEX_OVER_AN_EXPRESSION_IS_NOT_SEEN = pytest.mark.filterwarnings(
    "ignore:Skipped unsupported reflection of expression-based index",
    "ignore:autogenerate skipping metadata-specified expression-based index",
)


ADDED_LATER = ("seals", "schema_documentation", "heartbeats", "repairs", "webhook_letters", "webhooks")
"""Tables that revisions after the first have made."""


class Killed(Exception):
    """What a test throws in the middle of a migration."""


def tables_of(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


@ON_SQLITE_AN_INDEX_OVER_AN_EXPRESSION_IS_NOT_SEEN
def test_the_schema_is_the_sum_of_the_migrations(engine: Engine) -> None:
    """Nothing is in one that is not in the other."""

    def belongs(thing: object, name: str | None, kind: str, *_: object) -> bool:
        return not (kind == "table" and name in NOT_OF_THE_LOG)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": belongs})
        assert compare_metadata(context, metadata) == []


@ON_SQLITE_AN_INDEX_OVER_AN_EXPRESSION_IS_NOT_SEEN
def test_the_projections_are_made_as_they_are_declared(engine: Engine) -> None:
    """Nothing is migrated there: the tables are those that the program declares."""
    declared = projections.tables.metadata

    def belongs(thing: object, name: str | None, kind: str, *_: object) -> bool:
        return not (kind == "table" and name not in declared.tables)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": belongs})
        assert compare_metadata(context, declared) == []


def test_a_new_database_is_brought_to_the_newest_revision(new_database_url: str) -> None:
    """Tables, guards and legal moves are there, and preparing it again changes nothing."""
    engine = open_engine(new_database_url)
    assert tables_of(engine) == set()
    prepare(engine)
    assert tables_of(engine) == {*metadata.tables, *NOT_OF_THE_LOG}
    with engine.connect() as connection:
        assert migrations.revision(connection) == migrations.newest()
        assert len(connection.execute(legal_moves.select()).all()) == 522
    engine.dispose()


def test_preparing_twice_changes_nothing(database_url: str, raw: Any, digest: Digest) -> None:
    """What is up to date is left alone, rows and all."""
    with Ledger.open(Settings(database_url=database_url)) as ledger:
        ledger.create_run({"run_id": "a", "phases": [{}]})
        before = digest(raw)
        prepare(ledger.engine)
        assert digest(raw) == before


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_that_start_together_all_come_up(
    new_database_url: str, connect: Connect, processes: int
) -> None:
    """One makes the tables, the others wait for it and find them made."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["api.ledger"])
    settings = Settings(database_url=new_database_url)
    started = [context.Process(target=Ledger.open, args=(settings,)) for _ in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * processes
    with closing(connect(new_database_url)) as raw:
        assert raw.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        assert raw.execute("SELECT count(*) FROM legal_moves").fetchone() == (522,)
        assert raw.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_migration_that_is_killed_leaves_nothing(new_database_url: str) -> None:
    """Whichever statement it dies at, the next start begins anew and ends well."""
    engine = open_engine(new_database_url)
    left = 0

    @event.listens_for(engine, "before_cursor_execute")
    def kill(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    found = []
    every = 1 if engine.dialect.name == "sqlite" else 4  # each costs PostgreSQL a quarter of a second
    for statements in count(1, every):
        left = statements
        try:
            prepare(engine)
        except Killed:
            found.append(tables_of(engine))
        else:
            break
    left = 0
    assert len(found) * every > 40
    assert found == [set()] * len(found)
    assert tables_of(engine) == {*metadata.tables, *NOT_OF_THE_LOG}
    engine.dispose()


def test_a_log_from_before_there_were_seals_is_taken_over(
    database_url: str, raw: Any, connect: Connect, digest: Digest
) -> None:
    """The table is made, all guards are there, roles may use it, and what was in the log before is sealed."""
    role = f"runnotary_test_{token_hex(4)}"
    is_postgresql = database_url.startswith("postgresql")
    with Ledger.open(Settings(database_url=database_url)) as ledger:
        ledger.create_run({"run_id": "old", "phases": [{}]})
        if is_postgresql:
            with ledger.engine.begin() as connection:
                roles.harden(connection, role)
    for table in ADDED_LATER:
        raw.execute(f"DROP TABLE {table}")
    raw.execute("UPDATE alembic_version SET version_num = '0001'")
    before = digest(raw, *ADDED_LATER, "alembic_version")
    try:
        with Ledger.open(Settings(database_url=database_url)) as ledger:
            assert [
                check.detail for check in examine(ledger.engine) if not check.ok and check.stops_start
            ] == []
            assert ledger.seals(after=0, limit=9) == []
            assert digest(raw, *ADDED_LATER, "alembic_version") == before
            if is_postgresql:
                raw.execute(f"SET ROLE {role}")
                for table in ADDED_LATER:
                    raw.execute(f"SELECT * FROM {table}")
                raw.execute("RESET ROLE")
            ledger.propose("old", {"type": "run.execution_started"})
        with Ledger.open(Settings(database_url=database_url)) as ledger:
            assert [(seal.first_position, seal.position) for seal in ledger.seals(after=0, limit=9)] == [
                (1, 3)
            ]
    finally:
        if is_postgresql:
            raw.execute("RESET ROLE")
            raw.execute(f"DROP OWNED BY {role}")
            raw.execute(f"DROP ROLE {role}")
