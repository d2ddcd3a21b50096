"""An SQLite file of the older system, read as it is: whatever its columns are, and whatever they hold."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from domain.values import printable

TABLES = ("runs", "tiers", "phases")
OURS = {"events", "legal_moves"}
"""Tables that a database of Runnotary has; its others are called as those of the older system."""

ROWS_MAX = 1_000_000
"""Rows of a table that are read; a view can go on for ever."""

BESIDE = ("-wal", "-journal")
"""What SQLite keeps beside a file that is in use: without it, the file is not the database."""

GENERATED = (0, 2, 3)
"""What PRAGMA table_xinfo says of columns that `SELECT *` gives: plain ones, and two kinds of generated."""

NAME_LENGTH_MAX = 300


class Unreadable(Exception):
    """The file cannot be imported; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was found: names of columns in their order, and values as SQLite gives them."""

    table: str
    found: Mapping[str, Any]
    _by_name: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({name.lower(): value for name, value in self.found.items()})

    def __getitem__(self, column: str) -> Any:
        """What a column holds; None where there is no such column, as in the older schemas."""
        return self._by_name.get(column)

    def has(self, column: str) -> bool:
        """Whether there is such a column."""
        return column in self._by_name


@dataclass(frozen=True, slots=True)
class Legacy:
    """All that a file holds of runs, tiers and phases."""

    file: str
    sha256: str
    rows: Mapping[str, Sequence[Row]]
    """By the name of the table."""
    unread: Mapping[str, str | None]
    """Tables that could not be read, or not to their end, and why; None where there is no such table."""


def read(path: Path) -> Legacy:
    """Read a file, and change nothing of it or beside it.

    Raises:
        Unreadable: it is no such database, or not all of one.
    """
    try:
        digest = digest_of(path)
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.text_factory = lambda text: text.decode(errors="surrogateescape")
            names = tables_of(connection)
            rows: dict[str, Sequence[Row]] = {}
            unread: dict[str, str | None] = {}
            for table in TABLES:
                if (name := names.get(table)) is None:
                    rows[table], unread[table] = [], None
                    continue
                rows[table], why = rows_of(connection, table, name)
                if why is not None:
                    unread[table] = why
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from error
    except sqlite3.Error as error:
        raise Unreadable(f"{path} is no SQLite database that can be read: {error}.") from error
    if names.keys() >= OURS:
        raise Unreadable(f"{path} is a database of Runnotary. `runnotary export` and `restore` carry one.")
    if not any(name in names for name in TABLES):
        raise Unreadable(f"{path} has none of the tables {', '.join(TABLES)}: it is no database of Autopack.")
    return Legacy(printable(path.name), digest, rows, unread)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file that is a whole database.

    Raises:
        Unreadable: a part of it is in another file.
    """
    for ending in BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.is_file() and beside.stat().st_size:
            raise Unreadable(
                f"{path} is in use, and a part of it is in {beside.name}. Make one file of both, and import "
                f"that: sqlite3 {path} \"VACUUM INTO 'copy.db'\"."
            )
    hashed = sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            hashed.update(piece)
    return hashed.hexdigest()


def tables_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Tables and views, each by its name in lower case."""
    query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    return {name.lower(): name for (name,) in connection.execute(query) if isinstance(name, str)}


def rows_of(connection: sqlite3.Connection, table: str, name: str) -> tuple[list[Row], str | None]:
    """The rows of a table in their order, and why they are not all of them."""
    found: list[Row] = []
    try:
        columns = columns_of(connection, name)
        for values in connection.execute(f"SELECT * FROM {quoted(name)} LIMIT {ROWS_MAX + 1}"):  # noqa: S608  # a name
            if len(found) == ROWS_MAX:
                return found, f"only the first {ROWS_MAX:,} rows are read"
            found.append(Row(table, dict(zip(columns, values, strict=True))))
    except (sqlite3.Error, UnicodeError, ValueError, OverflowError) as error:
        return found, printable(str(error))
    return found, None


def columns_of(connection: sqlite3.Connection, name: str) -> list[str]:
    """The names of the columns, in the order in which `SELECT *` gives them; no name comes twice."""
    told = connection.execute(f"PRAGMA table_xinfo({quoted(name)})")
    names = [printable(str(column), NAME_LENGTH_MAX) for _, column, *_, hidden in told if hidden in GENERATED]
    return list(distinct(names))


def distinct(names: Sequence[str]) -> Iterator[str]:
    """The names, each that comes again with its number."""
    for number, name in enumerate(names):
        yield f"{name}#{number}" if name in names[:number] else name


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'
