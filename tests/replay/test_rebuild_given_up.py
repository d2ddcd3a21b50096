"""Rebuilds that do not end: given up, overtaken, out of space. They change nothing and leave nothing."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, event

from api import prepare
from api.ledger import Ledger
from api.replay import rebuild as module
from api.replay.refusals import RebuildTakenOver, WorkerLost
from api.replay.report import Report
from api.settings import Settings
from api.unavailable import DatabaseBusy, DatabaseDown
from eventstore.database import lock_writers
from tests.databases import Digest
from tests.ledgers import OpenLedger
from tests.replay.rebuilding import a_history, assert_right, last, left_over, rebuilding, rows
from tests.runs import Record

SECONDS = 60
"""Longest that anything may take before the test gives up; nothing is expected to take so long."""


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_full_disk_changes_nothing(
    backend: str, database_url: str, ledger: Ledger, raw: Any, record: Record, digest: Digest
) -> None:
    """Wherever it runs full, the old tables serve, and the next rebuild is done."""
    a_history(ledger, record)
    for number in range(40):
        ledger.create_run({"run_id": f"run-{number}", "goal": "x" * 500, "phases": [{}] * 3})
    before = digest(raw)
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    refused = 0
    room = range(0, 80, 5)
    for more in room:
        with Ledger.open(Settings(database_url=database_url)) as full:
            limited(full.engine, pages + more)
            try:
                last(rebuilding(full))
            except DatabaseDown:
                refused += 1
                assert rows(raw) is not None
                assert full.run("busy")["version"] == 10
            assert digest(raw) == before
    assert 3 < refused < len(room)
    assert_right(ledger.engine, raw)


def limited(engine: Engine, pages: int) -> None:
    """Let the file of a database grow no further."""
    engine.dispose()

    @event.listens_for(engine, "connect")
    def limit(driver: Any, _: object) -> None:
        driver.execute(f"PRAGMA max_page_count={pages}").close()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_one_that_loses_a_worker_says_so(
    backend: str, ledger: Ledger, raw: Any, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that the system ends, as it does where memory runs out, ends the rebuild and no more."""
    ledger.propose_all([{"type": "run.created", "run_id": f"run-{number}"} for number in range(15)])
    before = digest(raw)
    with monkeypatch.context() as patched:
        patched.setattr(module, "SHARD", 1)
        patched.setattr(module, "cores", lambda _: 2)
        steps = rebuilding(ledger)
        next(steps)
        next(steps)
        for worker in multiprocessing.active_children():
            worker.kill()
        with pytest.raises(WorkerLost, match="Nothing was changed"):
            last(steps)
    assert digest(raw) == before
    assert last(rebuilding(ledger)).found == 0


def test_one_that_is_given_up_leaves_nothing(
    ledger: Ledger, record: Record, raw: Any, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After whichever step its caller goes away, the old tables serve as if nothing had been."""
    a_history(ledger, record)
    monkeypatch.setattr(module, "SHARD", 3)
    before = digest(raw)
    steps = len(list(rebuilding(ledger))) - 1
    assert steps > 5
    for number in range(1, steps + 1):
        given_up = rebuilding(ledger)
        for _ in range(number):
            next(given_up)
        assert left_over(raw) != []
        given_up.close()
        assert digest(raw) == before
    last(rebuilding(ledger))
    assert digest(raw) == before


def test_the_later_of_two_takes_over(
    ledger: Ledger, record: Record, open_ledger: OpenLedger, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far the earlier is, it leaves the tables to the later, says so, and disturbs it no more."""
    a_history(ledger, record)
    monkeypatch.setattr(module, "SHARD", 3)
    other = open_ledger()
    right = rows(raw)
    number = 0
    while True:
        number += 1
        earlier = rebuilding(ledger)
        done = [next(earlier) for _ in range(number)]
        if isinstance(done[-1], Report):
            break
        later = rebuilding(other, None if number % 2 else ["runs", "annotations"])
        for _ in range(number % 3 + 1):
            next(later)
        with pytest.raises(RebuildTakenOver, match="goes on alone"):
            last(earlier)
        raw.execute("DELETE FROM annotations")
        assert last(later).found == 0
        assert rows(raw) == right
        assert left_over(raw) == []
    assert number > 6


def test_one_that_was_overtaken_to_the_end_is_told_as_well(
    ledger: Ledger, open_ledger: OpenLedger, raw: Any
) -> None:
    """The later is done already, and its tables stay."""
    ledger.create_run({"run_id": "one"})
    earlier = rebuilding(ledger)
    next(earlier)
    last(rebuilding(open_ledger()))
    with pytest.raises(RebuildTakenOver):
        last(earlier)
    assert_right(ledger.engine, raw)


def test_an_upgrade_takes_over_from_a_rebuild(ledger: Ledger, raw: Any) -> None:
    """A newer program makes the tables in its shape: an older one does not put its own in their place."""
    ledger.create_run({"run_id": "one"})
    earlier = rebuilding(ledger)
    next(earlier)
    with ledger.engine.begin() as connection:
        lock_writers(connection)
        prepare.rebuild(connection)
    assert left_over(raw) == []
    with pytest.raises(RebuildTakenOver):
        last(earlier)
    assert_right(ledger.engine, raw)


def test_many_at_once_end_well(ledger: Ledger, open_ledger: OpenLedger, record: Record, raw: Any) -> None:
    """Whichever comes last does it; the others are told."""
    a_history(ledger, record)
    ledgers = [open_ledger() for _ in range(3)]
    barrier = Barrier(len(ledgers))

    def rebuilds(one: Ledger) -> list[str]:
        barrier.wait(SECONDS)
        return [outcome(lambda: last(rebuilding(one))) for _ in range(5)]

    with ThreadPoolExecutor(len(ledgers)) as threads:
        told = [each for found in threads.map(rebuilds, ledgers) for each in found]
    assert set(told) <= {"Report", "RebuildTakenOver"}
    assert "Report" in told
    last(rebuilding(ledger))
    assert_right(ledger.engine, raw)


def outcome(call: Callable[[], object]) -> str:
    """What came of it, by name."""
    try:
        return type(call()).__name__
    except (RebuildTakenOver, DatabaseBusy) as refusal:
        return type(refusal).__name__
