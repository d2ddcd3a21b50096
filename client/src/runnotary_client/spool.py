"""Proposals that could not be delivered, kept in an SQLite file until they are; with those refused then."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from runnotary_client.calls import Call
from runnotary_client.errors import RunnotaryError

VERSION = 1
BUSY_SECONDS = 30
SCHEMA = """
CREATE TABLE IF NOT EXISTS proposals (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id   TEXT NOT NULL,
    path     TEXT NOT NULL,
    body     TEXT NOT NULL,
    headers  TEXT NOT NULL,
    kept_at  TEXT NOT NULL,
    why      TEXT NOT NULL,
    problem  TEXT
) STRICT
"""
COLUMNS = "number, run_id, path, body, headers, kept_at, why, problem"

Which = Literal["waiting", "refused", "all"]
WHERE: dict[Which, str] = {"waiting": "problem IS NULL", "refused": "problem IS NOT NULL", "all": "TRUE"}


class SpoolUnusable(RunnotaryError):
    """The file cannot hold proposals: nothing was kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A proposal in the spool."""

    number: int
    run_id: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    kept_at: str
    why: str
    """Why it could not be delivered."""
    problem: Mapping[str, Any] | None
    """What it was refused with when it was delivered; None while it waits."""

    @property
    def call(self) -> Call:
        """The call that delivers it, with its own key."""
        return Call(method="POST", path=self.path, body=self.body, headers=self.headers, run_id=self.run_id)


class Spool:
    """A file of proposals. Several threads and processes may share it.

    Two that deliver at once may send the same proposal; its key has the service record it once. So nobody
    holds the file longer than a moment, and whoever is killed leaves nothing that others wait for.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self._open() as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > VERSION:
                raise SpoolUnusable(f"{self.path} was made by a newer runnotary-client; use that one.")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(SCHEMA)
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def keep(self, call: Call, why: str) -> None:
        """Keep a proposal behind those that are there."""
        row = (call.run_id, call.path, json.dumps(call.body), json.dumps(dict(call.headers)))
        with self._open() as connection:
            connection.execute(
                "INSERT INTO proposals (run_id, path, body, headers, kept_at, why) VALUES (?, ?, ?, ?, ?, ?)",
                (*row, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), why),
            )

    def waits(self) -> bool:
        """Whether anything waits to be delivered."""
        with self._open() as connection:
            return bool(
                connection.execute(
                    "SELECT EXISTS (SELECT 1 FROM proposals WHERE problem IS NULL)"
                ).fetchone()[0]
            )

    def first(self, which: Which = "waiting", after: int = 0) -> Kept | None:
        """The oldest one behind this number."""
        return next(iter(self.entries(which, after=after, limit=1)), None)

    def entries(self, which: Which = "all", *, after: int = 0, limit: int = -1) -> list[Kept]:
        """What is kept, oldest first."""
        query = f"SELECT {COLUMNS} FROM proposals WHERE {WHERE[which]} AND number > ? ORDER BY number LIMIT ?"  # noqa: S608  # our own words
        with self._open() as connection:
            return [kept_of(row) for row in connection.execute(query, (after, limit))]

    def get(self, number: int) -> Kept | None:
        """The one with this number."""
        found = self.entries(after=number - 1, limit=1)
        return found[0] if found and found[0].number == number else None

    def delivered(self, number: int) -> None:
        """It is recorded: the spool lets go of it."""
        with self._open() as connection:
            connection.execute("DELETE FROM proposals WHERE number = ?", (number,))

    def refused(self, number: int, problem: Mapping[str, Any]) -> None:
        """It was refused: it stays, and is passed by from now on."""
        with self._open() as connection:
            connection.execute(
                "UPDATE proposals SET problem = ? WHERE number = ?", (json.dumps(problem), number)
            )

    def drop(self, number: int) -> bool:
        """Let go of what was not recorded; whether it was there."""
        with self._open() as connection:
            return connection.execute("DELETE FROM proposals WHERE number = ?", (number,)).rowcount == 1

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one statement: none is kept, so none is shared by threads or forked processes.

        Raises:
            SpoolUnusable: the file cannot be used.
        """
        try:
            with closing(sqlite3.connect(self.path, BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            raise SpoolUnusable(f"The spool {self.path} cannot be used: {error}.") from error


def kept_of(row: tuple[Any, ...]) -> Kept:
    """A row as a proposal."""
    number, run_id, path, body, headers, kept_at, why, problem = row
    return Kept(
        number, run_id, path, json.loads(body), json.loads(headers), kept_at, why,
        json.loads(problem) if problem is not None else None,
    )  # fmt: skip
