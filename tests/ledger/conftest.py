"""Ways to bring about what seldom happens: one batch, many at once, a database that does not wait."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event

from api.commands import Command, Outcome
from api.ledger import Ledger
from tests.ledgers import OpenLedger

InOneBatch = Callable[[Ledger, Sequence[Command]], list[Outcome | BaseException]]


@pytest.fixture
def in_one_batch() -> InOneBatch:
    """What comes of commands that all wait when the committer takes the next ones."""

    async def together(ledger: Ledger, commands: Sequence[Command]) -> list[Outcome | BaseException]:
        with ledger.committer._lock:
            waiting = [asyncio.create_task(ledger.committer.commit_soon(command)) for command in commands]
            await asyncio.sleep(0)  # each of them gets into the queue
        return await asyncio.gather(*waiting, return_exceptions=True)

    return lambda ledger, commands: asyncio.run(together(ledger, commands))


AtOnce = Callable[[Sequence[Callable[[], Any]]], list[Any]]


@pytest.fixture
def at_once() -> AtOnce:
    """What comes of calls from as many threads, all let go at the same moment; errors are results."""

    def called(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        gate = Barrier(len(calls))

        def one(call: Callable[[], Any]) -> Any:
            gate.wait()
            try:
                return call()
            except Exception as error:  # noqa: BLE001  # the test looks at it
                return error

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(one, calls))

    return called


@pytest.fixture
def impatient(open_ledger: OpenLedger) -> Ledger:
    """A ledger of its own on this test's database, whose connections do not wait for a lock."""
    ledger = open_ledger()
    is_sqlite = ledger.engine.dialect.name == "sqlite"

    @event.listens_for(ledger.engine, "checkout")
    def configure(driver: Any, *_: object) -> None:
        driver.execute("PRAGMA busy_timeout=0" if is_sqlite else "SET lock_timeout='10ms'").close()
        driver.commit()

    return ledger


@pytest.fixture
def commits(ledger: Ledger) -> list[None]:
    """Has one entry for each transaction that the ledger committed since."""
    counted: list[None] = []
    event.listen(ledger.engine, "commit", lambda _: counted.append(None))
    return counted
