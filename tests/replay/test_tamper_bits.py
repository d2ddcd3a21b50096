"""Whatever bit is flipped in an event, it is found, and found where it was flipped."""

import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
import pytest

from api.replay.histories import history
from api.replay.order import Order
from api.replay.verify import verify_log, verify_order
from domain.envelopes import RecordedEvent
from eventstore import store
from eventstore.shards import Named, Part, Shard
from tests.replay.logs import Log

SEED = 20261122
COLUMNS = [name for name in store.NAMES if name != "position"]
WHOLE_LOG = Shard("", None, 0)
BITS = 64
"""Bits of a number."""

BEYOND = range(9, BITS)
"""Bits of a position that lead out of the log."""

Value = str | int | bytes | None

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
on_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True, scope="session")


def bits_of(value: Value) -> range:
    """The bits of a stored value; text has those of its bytes."""
    return range(8 * len(value.encode()) if isinstance(value, str) else BITS)


def flipped(value: Value, bit: int) -> Value:
    """A stored value with one bit flipped; text as its bytes."""
    if isinstance(value, str):
        changed = bytearray(value.encode())
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)
    assert isinstance(value, int)
    number = value ^ 1 << bit
    return number - (number >> BITS - 1 << BITS)


def is_text(value: Value) -> bool:
    """Whether a value is text still, if it was."""
    try:
        return not isinstance(value, bytes) or value.decode() is not None
    except UnicodeDecodeError:
        return False


class Flipper:
    """Flips bits in the database, and flips them back."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.chance = random.Random(SEED)
        self._old: list[tuple[RecordedEvent, str, Value]] = []

    def flip(self, event: RecordedEvent, column: str, *, any_bytes: bool = False) -> None:
        """Flip some bit that the database lets be flipped; what has no bits is filled."""
        value = getattr(event, column)
        others: Iterator[Value] = iter([1 if column == "attempt" else "x"])
        if value not in (None, ""):
            bits = list(bits_of(value))
            self.chance.shuffle(bits)
            others = (flipped(value, bit) for bit in bits)
        for other in others:
            if (any_bytes or is_text(other)) and self._is_taken(event, column, other):
                self._old.append((event, column, value))
                return
        raise AssertionError(f"no bit of {column} of {event} can be flipped")

    def flip_back(self) -> None:
        """In the opposite order, since a value may have come to stand where another was."""
        while self._old:
            self._put(*self._old.pop())

    def _is_taken(self, event: RecordedEvent, column: str, value: Value) -> bool:
        try:
            self._put(event, column, value)
        except (sqlite3.IntegrityError, psycopg.Error):
            return False
        return True

    def _put(self, event: RecordedEvent, column: str, value: Value) -> None:
        if isinstance(value, bytes) and not self.log.is_sqlite:
            value = value.decode()
        elif isinstance(value, int) and not self.log.is_sqlite and column in ("implied", "actor_verified"):
            value = bool(value)
        place = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
        self.log.change(f"UPDATE events SET {column} = {place} WHERE position = ?", value, event.position)


def first_of_each(log: Log, positions: Iterable[int | None]) -> dict[str, int]:
    """Where something was found first in each run that something was found in."""
    run_of = {event.position: event.run_id for event in log.events}
    places: dict[str, list[int]] = defaultdict(list)
    for position in positions:
        if position in run_of:
            places[run_of[position]].append(position)
    return {run_id: min(found) for run_id, found in places.items()}


def in_turn(log: Log) -> Iterator[Sequence[RecordedEvent]]:
    """One event of each run, and another, until all were there: runs do not touch each other."""
    runs = [log.run(run_id) for run_id in dict.fromkeys(event.run_id for event in log.events)]
    for number in range(max(map(len, runs))):
        yield [run[number] for run in runs if number < len(run)]


@on_sqlite
@pytest.mark.parametrize("column", COLUMNS)
def test_a_flipped_bit_is_found_in_every_event(log: Log, column: str) -> None:
    """Every event of the log has one flipped in this column, and is the first that is named in its run."""
    flipper = Flipper(log)
    with log.put_right(), log.unguarded():
        for turn, events in enumerate(in_turn(log)):
            for event in events:
                flipper.flip(event, column, any_bytes=turn % 5 == 0)
            # An event may have got into any run when its run's id was changed.
            part: Part = WHOLE_LOG if column == "run_id" else Named(tuple(each.run_id for each in events))
            found = verify_log(log.engine, part).findings
            flipper.flip_back()
            assert first_of_each(log, (each.position for each in found)) == {
                event.run_id: event.position for event in events
            }


@pytest.mark.parametrize("column", COLUMNS)
def test_the_report_names_the_event_with_a_flipped_bit(log: Log, column: str) -> None:
    """`verify` as a whole, tables and all, on either database: it names no event before that one."""
    flipper = Flipper(log)
    with log.put_right(), log.unguarded():
        for event in flipper.chance.sample(log.events, 2 if log.is_sqlite else 1):
            flipper.flip(event, column, any_bytes=log.is_sqlite)
            assert log.verified().first_bad_position == event.position
            flipper.flip_back()


@pytest.mark.parametrize("parity", [0, 1])
def test_a_flipped_bit_of_a_position_leaves_a_hole(log: Log, parity: int) -> None:
    """Of every event, every other one at a time: it is told that nothing is where it was."""
    moved = [event.position for event in log.events if event.position % 2 == parity]
    with log.put_right(), log.unguarded():
        for number, position in enumerate(moved):
            move(log, position, BEYOND[number % len(BEYOND)])
        found = [
            each.position
            for each in verify_order(log.engine, Order(0, ())).findings
            if each.code == "position-missing"
        ]
    # A hole at the very end shows only in the tables.
    assert sorted(set(moved) - set(found)) in ([], [len(log.events)])


@pytest.mark.parametrize("bit", [9, 31, 62, 63])
def test_an_event_is_named_where_it_was_or_where_it_is_now(log: Log, bit: int) -> None:
    """A position that was flipped is named as the hole it leaves; as what it became where that is before."""
    position = log.run("story-2")[bit % 7].position
    with log.put_right(), log.unguarded():
        became = move(log, position, bit)
        assert log.verified().first_bad_position == min(position, became)


def move(log: Log, position: int, bit: int) -> int:
    """Flip a bit of a position: what becomes of it."""
    became = flipped(position, bit)
    assert isinstance(became, int)
    log.change("UPDATE events SET position = ? WHERE position = ?", became, position)
    return became


@on_sqlite
def test_every_bit_of_an_event_counts(log: Log) -> None:
    """All bits of all columns of a few events, as the database would give them back."""
    for run_id in ("one", "imported"):
        events = log.run(run_id)
        for number in (0, 1):
            for column in COLUMNS:
                if getattr(events[number], column) not in (None, ""):
                    every_bit_counts(events, number, column)


def every_bit_counts(events: Sequence[RecordedEvent], number: int, column: str) -> None:
    value = getattr(events[number], column)
    place = store.NAMES.index(column)
    rows: list[list[Any]] = [list(event[:-1]) for event in events]
    for bit in bits_of(value):
        other = flipped(value, bit)
        rows[number][place] = other.decode(errors="surrogateescape") if isinstance(other, bytes) else other
        # The database gives them in the order of their versions.
        found = history(events[0].run_id, sorted(rows, key=lambda row: row[store.NAMES.index("version")]))
        places = [each.position for each in found.findings if each.position is not None]
        assert min(places, default=None) == events[number].position, (column, bit)


SPELLED = {
    "as bytes": "CAST({0} AS BLOB)",
    "as other text": "{0} || ' x'",
    "as bytes that are no text": "CAST(x'ff' || CAST({0} AS BLOB) AS TEXT)",
    "as bytes that end too soon": "CAST(CAST({0} AS BLOB) || x'e2' AS TEXT)",
    "as text that ends early": "{0} || char(0) || 'x'",
    "as a real number": "length({0}) + 0.5",
    "as no finite number": "9e999",
    "as a huge number": "9223372036854775807",
    "as nothing": "NULL",
    "as empty": "''",
}
"""What SQLite stores in a column whatever its type, in SQL."""


@on_sqlite
@pytest.mark.parametrize("how", SPELLED)
def test_a_value_is_found_that_is_stored_in_another_way(log: Log, how: str) -> None:
    """In every column that takes it: SQLite keeps a value as it was given, whatever its column is for."""
    taken = []
    with log.put_right(), log.unguarded():
        for column, event in zip(COLUMNS, log.run("story-2")[12:], strict=False):
            old = getattr(event, column)
            if old is None and how != "as empty":
                continue
            try:
                where = f"WHERE position = {event.position}"
                log.change(f"UPDATE events SET {column} = {SPELLED[how].format(column)} {where}")
            except sqlite3.IntegrityError:
                continue
            report = log.verified()
            assert report.first_bad_position == event.position, column
            assert report.view()["found"] == report.found
            log.change(f"UPDATE events SET {column} = ? {where}", old)
            taken.append(column)
    assert len(taken) >= (1 if how == "as nothing" else 10)
