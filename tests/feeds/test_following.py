"""Following in this process: nothing is lost between what is there and what comes, whoever appends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event

from api.ledger import Ledger
from eventstore import notices, store
from eventstore.store import Stretch, Wanted
from tests.feeds.reader import SECONDS
from tests.ledgers import OpenLedger

pytestmark = pytest.mark.anyio

NEVER = 3_600
"""Seconds: what a test does not wait for."""


def note(ledger: Ledger, text: str) -> None:
    ledger.propose("r", {"type": "run.annotated", "data": {"text": text}})


@asynccontextmanager
async def following(ledger: Ledger, after: int, wanted: Wanted = store.ALL) -> AsyncIterator[Any]:
    """What gives the next stretch of the log."""
    async with (
        asyncio.timeout(SECONDS),
        ledger.feeds.watched(),
        aclosing(ledger.feeds.follow(after, wanted)) as it,
    ):
        yield it.__anext__


def positions(stretch: Stretch) -> list[int]:
    return [event.position for event in stretch.events]


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Ledger:
    """A ledger that neither polls nor gives signs of life, so that only what is told in time is found."""
    opened = open_ledger(poll_seconds=60, stream_heartbeat_seconds=NEVER)
    opened.create_run({"run_id": "r"})
    return opened


def append_after_looks(ledger: Ledger, count: int) -> None:
    """After each of the next looks at the log, before anything is made of it, append what it did not see."""

    def append(connection: Connection) -> None:
        if connection.get_execution_options().get("reads_only") and len(done) < count:
            done.append(True)
            note(ledger, "unseen")

    done: list[bool] = []
    event.listen(ledger.engine, "commit", append)


async def test_an_event_between_the_look_and_the_waiting_is_not_lost(ledger: Ledger) -> None:
    """What is appended after the end of the log was seen, and before anybody waits, is told at once."""
    append_after_looks(ledger, 5)
    told: list[int] = []
    async with following(ledger, 1) as coming:
        while len(told) < 5:
            told += positions(await coming())
    assert told == [2, 3, 4, 5, 6]


async def test_every_ring_is_heard(ledger: Ledger) -> None:
    """However appends and looks fall together, each event comes once and in order."""
    total = 200

    def append() -> None:
        for number in range(total):
            note(ledger, str(number))

    async with following(ledger, 1) as coming:
        appending = asyncio.create_task(asyncio.to_thread(append))
        told: list[int] = []
        while len(told) < total:
            told += positions(await coming())
        await appending
    assert told == list(range(2, total + 2))


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
async def test_another_process_tells_on_postgresql(ledger: Ledger, open_ledger: OpenLedger) -> None:
    """What another process commits is told at once, not when the log is looked at next."""
    other = open_ledger()
    async with following(ledger, 1) as coming:
        for number in range(3):
            await listened(ledger)
            await asyncio.to_thread(note, other, str(number))
            assert positions(await coming()) == [number + 2]


async def listened(ledger: Ledger) -> None:
    """Until this process listens to its database."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %%'"
    while True:
        with ledger.reading() as connection:
            if connection.exec_driver_sql(query).first():
                return
        await asyncio.sleep(0)


async def test_what_others_append_is_found_by_looking(open_ledger: OpenLedger) -> None:
    """Where nobody tells, as on SQLite or when the listening connection is cut, the next look finds it."""
    ledger, other = open_ledger(poll_seconds=0.02, stream_heartbeat_seconds=NEVER), open_ledger()
    other.create_run({"run_id": "r"})
    is_postgresql = ledger.engine.dialect.name == "postgresql"
    async with following(ledger, 1) as coming:
        for number in range(3):
            if is_postgresql and number == 1:
                await listened(ledger)
                cut_listeners(ledger)
            await asyncio.to_thread(note, other, str(number))
            assert positions(await coming()) == [number + 2]


def cut_listeners(ledger: Ledger) -> None:
    url = ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN %'"
        )


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
async def test_a_false_notice_leads_nowhere(ledger: Ledger, database_url: str) -> None:
    """Anybody may send a notice: one about a position that is not there makes nobody run in circles."""
    async with following(ledger, 1) as coming:
        await listened(ledger)
        with psycopg.connect(database_url, autocommit=True) as stranger:
            for told in ("999999", "-1", "x" * 100, ""):
                stranger.execute("SELECT pg_notify(%s, %s)", [notices.CHANNEL, told])
        note(ledger, "after them")
        assert positions(await coming()) == [2]
    assert ledger.feeds.bell.position == 2


async def test_a_stretch_is_bounded_whatever_is_in_the_log(ledger: Ledger) -> None:
    """Of a long log, or one of large events, no more is in memory at once than a stretch."""
    from api.feeds.feeds import CHARS_AT_ONCE, EVENTS_AT_ONCE

    large = {"type": "run.annotated", "run_id": "r", "data": {"text": "x" * 19_000}}
    small = {"type": "run.annotated", "run_id": "r", "data": {"text": "x"}}
    ledger.propose_all([large] * 60)
    ledger.propose_all([small] * 500)
    told: list[int] = []
    async with following(ledger, 1) as coming:
        while len(told) < 560:
            stretch = await coming()
            sizes = [len(str(event.data["text"])) for event in stretch.events]
            assert len(sizes) <= EVENTS_AT_ONCE
            assert sum(sizes) - sizes[-1] < CHARS_AT_ONCE
            told += positions(stretch)
    assert told == list(range(2, 562))


async def test_who_wants_nothing_of_it_is_told_how_far_it_is(open_ledger: OpenLedger) -> None:
    """A sign of life carries the place up to which nothing wanted is left out."""
    ledger = open_ledger(stream_heartbeat_seconds=0.05)
    ledger.create_run({"run_id": "r"})
    async with following(ledger, 0, Wanted(types=("run.held",))) as coming:
        first = await coming()
        for number in range(5):
            note(ledger, str(number))
        second = await coming()
        while second.place < 6:
            second = await coming()
    assert (first.events, second.events) == ([], [])
