"""The log as it stood at one moment, read page by page.

An event is never changed, and positions are given in the order of commits. So what is at or before a
position is a picture of one moment, even if it is read later and in many short transactions. Nobody who
reads slowly keeps one open.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import orjson
from sqlalchemy import Connection, Integer, bindparam, func, select

from domain.envelopes import RecordedEvent
from eventstore.schema import commands, events
from eventstore.statements import read
from eventstore.store import COLUMNS, KeptKey, recorded

PAGE = 500
"""Events that are read at once, and so the most that are held in memory; twice as many when read by run."""

OPENINGS = 5_000
"""Positions that are looked through at once for events that open a run."""

Reading = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction that reads."""
Row = Sequence[Any]
"""An event as it is stored: its columns, in their order."""


def ignore(_: int) -> None:
    """Nobody wants to know how many events were read."""


# Bounded on both sides in place of LIMIT, since both numbers are dense: no planner can read more than a page.
_PAGE = (
    select(*COLUMNS)
    .where(events.c.position.between(bindparam("first"), bindparam("last")))
    .order_by(events.c.position)
)
_OF_RUN = (
    select(*COLUMNS)
    .where(
        events.c.run_id == bindparam("run_id"),
        events.c.version.between(bindparam("first"), bindparam("last")),
    )
    .order_by(events.c.version)
)
_OPENED = (
    select(events.c.run_id)
    .where(events.c.version == 1, events.c.position.between(bindparam("first"), bindparam("last")))
    .order_by(events.c.position)
)
_LAST = select(func.coalesce(func.max(events.c.position), 0))
_LAST_OF_RUN = select(func.coalesce(func.max(events.c.version), 0)).where(
    events.c.run_id == bindparam("run_id")
)
_KEYS = (
    select(*commands.c)
    .where(commands.c.key > bindparam("after"))
    .order_by(commands.c.key)
    .limit(bindparam("most", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The log, or one run of it, as it stood at one moment."""

    reading: Reading
    position: int
    """The position of the last event of the log."""
    total: int
    """How many events there are in it."""
    run_id: str | None = None
    """The only run in it; None: all of them."""
    on_read: Callable[[int], None] = ignore
    """Is told how many more events were read, page by page."""

    @classmethod
    def of(cls, reading: Reading, run_id: str | None = None) -> Self:
        """The log, or one run of it, as it stands now."""
        with reading() as connection:
            ((position,),) = read(connection, _LAST)
            if run_id is None:
                return cls(reading, position, total=position)
            ((version,),) = read(connection, _LAST_OF_RUN, run_id=run_id)
        return cls(reading, position, total=version, run_id=run_id)

    def rows(self) -> Iterator[Row]:
        """The events as they are stored, in the order of their positions."""
        of_run = {} if self.run_id is None else {"run_id": self.run_id}
        query = _PAGE if self.run_id is None else _OF_RUN
        for first in range(1, self.total + 1, PAGE):
            last = min(first + PAGE - 1, self.total)
            with self.reading() as connection:
                page = read(connection, query, first=first, last=last, **of_run)
            yield from page
            self.on_read(len(page))

    def events(self) -> Iterator[RecordedEvent]:
        """The events, in the order of their positions."""
        return map(recorded, self.rows())

    def histories(self) -> Iterator[tuple[str, Iterator[RecordedEvent]]]:
        """The runs in the order in which they were opened, each with its events."""
        rows = self._rows_by_run() if self.run_id is None else self.rows()
        return groupby(map(recorded, rows), key=lambda event: event.run_id)

    def keys(self) -> Iterator[KeptKey]:
        """What idempotency keys stand for, in the database's order; none for one run alone."""
        after = "" if self.run_id is None else None
        while after is not None:
            with self.reading() as connection:
                page = [
                    KeptKey(key, fingerprint, orjson.loads(positions), recorded_at)
                    for key, fingerprint, positions, recorded_at in read(
                        connection, _KEYS, after=after, most=PAGE
                    )
                ]
            # A key comes with its events: one whose events are later is later. One that led to none, as that
            # of a proposed repair, stands for something that is not in the log.
            yield from (kept for kept in page if kept.positions and max(kept.positions) <= self.position)
            after = page[-1].key if len(page) == PAGE else None

    def _rows_by_run(self) -> Iterator[Row]:
        for first in range(1, self.position + 1, OPENINGS):
            last = min(first + OPENINGS - 1, self.position)
            with self.reading() as connection:
                waiting = deque(run_id for (run_id,) in read(connection, _OPENED, first=first, last=last))
            version, page = 0, list[Row]()
            while waiting:
                with self.reading() as connection:
                    while waiting and len(page) < PAGE:
                        place = {"run_id": waiting[0], "first": version + 1, "last": version + PAGE}
                        found = read(connection, _OF_RUN, **place)
                        page += [row for row in found if row[0] <= self.position]
                        version += PAGE
                        if len(found) < PAGE:
                            waiting.popleft()
                            version = 0
                yield from page
                self.on_read(len(page))
                page.clear()
