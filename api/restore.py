"""Put an exported log into an empty database: the same events, byte for byte, or nothing.

Every line is checked here for its form, its position and its hash; the guards of the database check
version, chain and legality as they do for every event.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

import psycopg
from sqlalchemy import Connection, func, select

import projections
from api.exports.reading import (
    AGAIN,
    KNOWN,
    NEWER,
    UNCHANGED,
    BadLine,
    End,
    something_else,
    understood,
)
from api.prepare import rebuild
from domain.envelopes import RecordedEvent
from eventstore import guards, store
from eventstore.database import lock_writers
from eventstore.store import KeptKey

CHUNK = 500
"""Lines that are sent to the database at once."""

LINE_BYTES_MAX = 2**28
"""More than any line of an export has: the largest body has 64 MiB, at worst written in twice as many."""

REFUSED = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    psycopg.IntegrityError,
    psycopg.DataError,
    OverflowError,
)
"""What the drivers raise where the database does not take a row."""

PART = "An export of one run (--run) is a part of a log, and cannot be restored: export without --run."

T = TypeVar("T")


class Unrestorable(Exception):
    """It cannot be restored; the message is one line that says where it is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored."""

    events: int
    keys: int
    runs: int
    phases: int


def restore(connection: Connection, lines: Iterable[bytes]) -> Restored:
    """Append all events of an export to an empty log, and make the tables from them. Commits nothing.

    Raises:
        Unrestorable: the log is not empty, or the lines are not a whole export.
    """
    lock_writers(connection)
    if (last := store.tail(connection).position) > 0:
        msg = (
            f"The database holds {last:,} events already, and a log cannot be mixed with another. "
            "Restore into a new one: --database sqlite:///NEW.db, or a new database of PostgreSQL."
        )
        raise Unrestorable(msg)
    if connection.dialect.name == "postgresql":
        # Whoever writes the lines may take his time.
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    restoring = Restoring(connection)
    restoring.all(numbered(lines))
    rebuild(connection)
    counts = (select(func.count()).select_from(each.TABLE) for each in (projections.runs, projections.phases))
    runs, phases = (connection.execute(count).scalar_one() for count in counts)
    return Restored(restoring.events, restoring.keys, runs, phases)


def numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1; blank ones are left out.

    Raises:
        Unrestorable: the first does not look like the beginning of an export.
    """
    is_first = True
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if is_first and (other := something_else(line)) is not None:
            raise Unrestorable("It {}. {}.".format(*other))
        is_first = False
        yield number, line
    if is_first:
        raise Unrestorable(f"It is empty. {AGAIN}")


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, none longer than memory can take.

    Raises:
        Unrestorable: one is.
    """
    while line := file.readline(LINE_BYTES_MAX):
        if len(line) == LINE_BYTES_MAX and something_else(line) is None:
            raise Unrestorable(f"It has a line of more than {LINE_BYTES_MAX:,} bytes. {UNCHANGED}")
        yield line


@dataclass(slots=True)
class Restoring:
    """How far a log is restored."""

    connection: Connection
    events: int = 0
    keys: int = 0
    end: End | None = None

    def all(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Append what the lines say, chunk by chunk.

        Raises:
            Unrestorable: a line is wrong, or the last one is missing.
        """
        number = 0
        waiting_events: list[tuple[int, RecordedEvent]] = []
        waiting_keys: list[tuple[int, KeptKey]] = []
        for number, line in lines:
            try:
                said = self._in_order(understood(line))
            except BadLine as bad:
                raise at(number, bad) from None
            if isinstance(said, RecordedEvent):
                waiting_events.append((number, said))
            elif isinstance(said, KeptKey):
                waiting_keys.append((number, said))
            if len(waiting_events) + len(waiting_keys) == CHUNK or isinstance(said, End):
                self._write(waiting_events, store.append)
                self._write(waiting_keys, store.keep_keys)
                waiting_events, waiting_keys = [], []
        if self.end is None:
            raise at(number, BadLine("is the last, and no end follows: the file is cut off", AGAIN))

    def _in_order(self, said: RecordedEvent | KeptKey | End) -> RecordedEvent | KeptKey | End:
        """The same, where it may stand at this place.

        Raises:
            BadLine: it may not.
        """
        if self.end is not None:
            raise BadLine("comes after the end")
        if isinstance(said, RecordedEvent):
            if self.keys:
                raise BadLine("is an event, and comes after a key")
            if said.position != self.events + 1:
                remedy = UNCHANGED if self.events else PART
                raise BadLine(f"has position {said.position}, and {self.events + 1} is next", remedy)
            self.events += 1
        elif isinstance(said, KeptKey):
            if not said.positions or not all(
                type(each) is int and 1 <= each <= self.events for each in said.positions
            ):
                raise BadLine("has a key for positions at which there is no event")
            self.keys += 1
        else:
            self.end = said
            if said.format not in KNOWN:
                raise BadLine(f"names the format {said.format[:40]!a}, which is not known here", NEWER)
            if said.run_id is not None:
                raise BadLine("says that this is one run only", PART)
            if (said.events, said.keys) != (self.events, self.keys):
                why = (
                    f"says that there are {said.events:,} events and {said.keys:,} keys; "
                    f"before it are {self.events:,} and {self.keys:,}"
                )
                raise BadLine(why)
        return said

    def _write(self, waiting: list[tuple[int, T]], write: Callable[[Connection, list[T]], None]) -> None:
        """Write these; where the database refuses one, find out which.

        Raises:
            Unrestorable: it refuses one.
        """
        if not waiting:
            return
        savepoint = self.connection.begin_nested()
        try:
            write(self.connection, [each for _, each in waiting])
        except REFUSED as error:
            savepoint.rollback()
            if len(waiting) > 1:
                for each in waiting:
                    self._write([each], write)
            raise at(waiting[0][0], BadLine(f"is refused by the database: {why(error)}")) from error
        savepoint.commit()


def at(number: int, bad: BadLine) -> Unrestorable:
    """What is wrong, with the number of the line."""
    return Unrestorable(f"Line {number} {bad}")


def why(error: BaseException) -> str:
    """What the database said, in its first line."""
    return str(error).partition("\n")[0].removeprefix(guards.PREFIX)
