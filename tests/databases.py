"""Scratch databases of both kinds, and plain connections to them: fixtures."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from api.ledger import Ledger
from api.settings import Settings
from eventstore.database import open_engine

SERVER = os.environ.get("RUNNOTARY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")

REQUIRED = "RUNNOTARY_REQUIRE_POSTGRES"
SKIPPED = pytest.StashKey[int]()

# What a test may change about a database beside its rows. A database that is as it was made is emptied and
# used again, which takes a fifth of the time of making another, and a fifteenth on a busy disk.
SHAPE = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT concat('trigger ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION SELECT concat('function ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION SELECT concat('column ', table_name, ' ', column_name, ' ', data_type, is_nullable)
        FROM information_schema.columns WHERE table_schema = 'public'
    UNION SELECT concat('index ', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION SELECT concat('move ', m) FROM legal_moves m
    UNION SELECT concat('projection ', p) FROM projections p
    UNION SELECT concat('said ', d) FROM schema_documentation d
    UNION SELECT concat('revision ', r) FROM alembic_version r
    UNION SELECT concat('setting ', setconfig) FROM pg_db_role_setting
        JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()
) AS shape (line)
"""
EMPTY = """
DO $$ DECLARE each record; BEGIN
    FOR each IN SELECT tgrelid::regclass AS of, tgname FROM pg_trigger WHERE NOT tgisinternal LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', each.of, each.tgname);
    END LOOP;
    FOR each IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('legal_moves', 'projections', 'alembic_version', 'schema_documentation') LOOP
        EXECUTE format('DELETE FROM %I', each.tablename);
    END LOOP;
    FOR each IN SELECT tgrelid::regclass AS of, tgname FROM pg_trigger WHERE NOT tgisinternal LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', each.of, each.tgname);
    END LOOP;
    FOR each IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', each.sequencename);
    END LOOP;
END $$
"""


@cache
def absence() -> str | None:
    """Why there is no PostgreSQL to test on; None when there is one."""
    try:
        psycopg.connect(SERVER, connect_timeout=5).close()
    except psycopg.Error as error:
        where = make_url(SERVER).render_as_string(hide_password=True)
        return (
            f"no PostgreSQL at {where} ({str(error).splitlines()[0]}); RUNNOTARY_TEST_POSTGRES names another"
        )
    return None


@pytest.hookimpl(trylast=True)  # when it is known which tests are to run
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a server its tests are skipped; where it is required, nothing runs."""
    wanted = [item for item in items if needs_postgresql(item)]
    if not wanted or absence() is None:
        return
    if os.environ.get(REQUIRED) == "1":
        pytest.exit(f"{REQUIRED} is set, and there is {absence()}", returncode=1)
    config.stash[SKIPPED] = len(wanted)
    for item in wanted:
        item.add_marker(pytest.mark.skip(reason="no PostgreSQL"))


def needs_postgresql(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "postgresql" in parameters(item).values()


def parameters(item: pytest.Function) -> Mapping[str, object]:
    return item.callspec.params if hasattr(item, "callspec") else {}


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the summary, to come after it
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """What was skipped for want of a server is the last that is said."""
    yield
    if skipped := config.stash.get(SKIPPED, 0):
        terminalreporter.write_line(f"{skipped} tests were skipped: {absence()}", yellow=True)


class Databases:
    """Scratch databases, copied from one that was migrated once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"runnotary_test_{token_hex(4)}"
        self._numbers = count(1)
        self._templates: dict[str, str] = {}
        self._made: list[tuple[str, str]] = []
        self._empty: list[str] = []
        self._shape = ""

    @contextmanager
    def scratch(self, backend: str, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a database that is there for a while."""
        if migrated and backend not in self._templates:
            self._templates[backend] = self._template(backend)
        if migrated and backend == "postgresql" and self._empty:
            name = self._empty.pop()
        else:
            name = self._make(backend, self._templates[backend] if migrated else None)
        try:
            yield self._url(backend, name)
        finally:
            if migrated and backend == "postgresql" and self._emptied(name):
                self._empty.append(name)
            else:
                self._drop(backend, name)

    def close(self) -> None:
        """Take away whatever is left."""
        for backend, name in list(self._made):
            self._drop(backend, name)

    def _url(self, backend: str, name: str) -> str:
        if backend == "sqlite":
            return f"sqlite:///{self._folder / name}.db"
        return make_url(SERVER).set(database=name).render_as_string(hide_password=False)

    def _template(self, backend: str) -> str:
        name = self._make(backend, None)
        url = self._url(backend, name)
        Ledger.open(Settings(database_url=url)).close()
        if backend == "postgresql":
            with psycopg.connect(url) as connection:
                self._shape = shape_of(connection)
        return name

    def _make(self, backend: str, template: str | None) -> str:
        name = f"{self._name}_{next(self._numbers)}"
        self._made.append((backend, name))
        if backend == "postgresql":
            with psycopg.connect(SERVER, autocommit=True) as server:
                server.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        elif template is not None:
            shutil.copy(self._folder / f"{template}.db", self._folder / f"{name}.db")
        return name

    def _emptied(self, name: str) -> bool:
        """Empty a database; False when it is not as it was made, or not to be had."""
        with psycopg.connect(
            self._url("postgresql", name), options="-c lock_timeout=2s -c synchronous_commit=off"
        ) as connection:
            try:
                if shape_of(connection) != self._shape:
                    return False
                connection.execute(EMPTY)
            except psycopg.Error:
                return False
        return True

    def _drop(self, backend: str, name: str) -> None:
        if backend == "postgresql":
            with psycopg.connect(SERVER, autocommit=True) as server:
                server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for path in self._folder.glob(f"{name}.db*"):
            path.unlink()
        self._made.remove((backend, name))


def shape_of(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(SHAPE).fetchone()
    return str(row and row[0])


Scratch = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def scratch_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A database for as long as a `with` lasts: it takes a backend and, by name, whether it is migrated."""
    databases = Databases(tmp_path_factory.mktemp("databases"))
    yield databases.scratch
    databases.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each of the two kinds of database."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(backend: str, scratch_database: Scratch) -> Iterator[str]:
    """A database that is up to date, with nothing recorded."""
    with scratch_database(backend) as url:
        yield url


@pytest.fixture
def new_database_url(backend: str, scratch_database: Scratch) -> Iterator[str]:
    """A database without any table."""
    with scratch_database(backend, migrated=False) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The database as the event store opens it."""
    made = open_engine(database_url)
    yield made
    made.dispose()


Connect = Callable[[str], Any]


@pytest.fixture(scope="session")
def connect() -> Connect:
    """A plain connection of the driver, with the service's credentials and nothing else of the service."""

    def connected(url: str) -> Any:
        path = url.removeprefix("sqlite:///")
        if path == url:
            return psycopg.connect(url, autocommit=True)
        return sqlite3.connect(path, isolation_level=None)

    return connected


@pytest.fixture
def raw(database_url: str, connect: Connect) -> Iterator[Any]:
    """A plain connection of the driver to this test's database."""
    with closing(connect(database_url)) as connection:
        yield connection


Digest = Callable[..., str]


@pytest.fixture(scope="session")
def digest() -> Digest:
    """What all tables hold, seen through a plain connection, as one word; without those that are named."""

    def digested(raw: Any, *without: str) -> str:
        listed = (
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
            if isinstance(raw, sqlite3.Connection)
            else "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        tables = sorted({name for (name,) in raw.execute(listed)} - set(without))
        rows = [(table, sorted(map(repr, raw.execute(f"SELECT * FROM {table}")))) for table in tables]
        return sha256(repr(rows).encode()).hexdigest()

    return digested
