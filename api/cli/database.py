"""The database that commands use when they use one directly."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import typer
from pydantic import ValidationError
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from api.checks import unopened
from api.cli.output import fail
from api.settings import Settings
from eventstore.database import UnusableDatabase, open_engine, open_to_read
from eventstore.seals import UnusableKey


def settings_from(**given: object) -> Settings:
    """The settings of the environment, and over them those that were given."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # judged by pydantic
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        hint = f"--{name}" if given.get(name) is not None else f"RUNNOTARY_{name.upper()}"
        raise typer.BadParameter(str(first["msg"]), param_hint=hint) from None


def settings_for(database: str | None, *, there: bool) -> Settings:
    """The settings with this database; with `there`, one that exists."""
    settings = settings_from(database_url=database)
    if there and (file := file_of(settings.database_url)) is not None and not file.exists():
        fail(
            f"There is no database {file}. `runnotary serve` and `runnotary create` make one; "
            "--database or --server names another."
        )
    return settings


def file_of(url: str) -> Path | None:
    """The file of an SQLite database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or "uri" in parsed.query:
        return None
    return Path(parsed.database)


@contextmanager
def usable() -> Iterator[None]:
    """What is wrong with the database, or with the key for its seals, is told in one line."""
    try:
        yield
    except (UnusableDatabase, UnusableKey) as error:
        fail(str(error))


@contextmanager
def engine_to_read(database: str | None) -> Iterator[Engine]:
    """An engine that changes nothing, on a database that exists."""
    with engine_for(database, there=True, opened=open_to_read) as engine:
        yield engine


@contextmanager
def engine_for(
    database: str | None, *, there: bool = True, opened: Callable[[str], Engine] = open_engine
) -> Iterator[Engine]:
    """An engine on the database itself; with `there`, on one that exists."""
    settings = settings_for(database, there=there)
    with usable():
        engine = opened(settings.database_url)
        try:
            yield engine
        except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
            fail(unopened(engine, error))
        finally:
            engine.dispose()
