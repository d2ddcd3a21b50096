"""The swap gives way to whoever is in the way, and nobody sees half of it."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

import projections
from api.ledger import Ledger
from api.replay import rebuild as module
from api.replay.refusals import TablesInUse
from api.replay.report import Progress, Report
from eventstore import database
from eventstore.database import WRITER_LOCK, others_ended, reading
from projections import phases, runs
from tests.databases import Digest
from tests.ledgers import OpenLedger
from tests.replay.rebuilding import (
    TABLES,
    assert_right,
    last,
    rebuilding,
    up_to_stage,
)  # fmt: skip

SECONDS = 60
"""Longest that anything may take before the test gives up; nothing is expected to take so long."""

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"])
on_postgresql = pytest.mark.parametrize("backend", ["postgresql"])


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to be waited for as long as in earnest."""
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setattr(module, "WAIT", 0.05)


@contextmanager
def in_the_way(raw: Any, backend: str, statement: str = "SELECT count(*) FROM runs") -> Iterator[None]:
    """Somebody is in a transaction: on SQLite it writes, on PostgreSQL it has read."""
    raw.execute("BEGIN IMMEDIATE" if backend == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ")
    raw.execute(statement)
    yield
    raw.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, open_ledger: OpenLedger) -> Ledger:
    """A ledger that does not wait long for SQLite."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    return open_ledger()


def test_it_gives_up_in_the_end(
    impatient: Ledger, raw: Any, backend: str, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads the tables without end, or on SQLite holds the file, is not ended; the old tables serve."""
    impatient.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}]})
    before = digest(raw)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    steps = rebuilding(impatient)
    up_to_stage(steps, "swap")
    with in_the_way(raw, backend):
        with pytest.raises(TablesInUse, match=r"for too long\. The old ones serve"):
            last(steps)
        assert impatient.run("one")["version"] == 2
    if backend == "sqlite":  # it could not even take away what it had made
        last(rebuilding(impatient))
    assert digest(raw) == before
    impatient.propose("one", {"type": "run.execution_started"})
    assert_right(impatient.engine, raw)


def test_it_goes_on_when_the_way_is_free(impatient: Ledger, raw: Any, backend: str) -> None:
    """It is tried as often as it takes; every try begins with what was recorded since."""
    impatient.create_run({"run_id": "one"})
    steps = rebuilding(impatient)
    up_to_stage(steps, "swap")
    with in_the_way(raw, backend):
        for _ in range(3):
            assert next(steps) == Progress("swap", 1, 1)
    for name in ("two", "three"):
        impatient.create_run({"run_id": name})
    with in_the_way(raw, backend):
        assert isinstance(next(steps), Progress)
    report = last(steps)
    assert (report.events, report.runs, report.up_to) == (3, 3, 3)
    assert_right(impatient.engine, raw)


@on_postgresql
def test_nobody_is_refused_while_it_waits_for_a_long_reader(backend: str, ledger: Ledger, raw: Any) -> None:
    """Writers and other readers get on between the tries, and through them."""
    ledger.create_run({"run_id": "one"})
    steps = rebuilding(ledger)
    up_to_stage(steps, "swap")
    with ThreadPoolExecutor() as threads, in_the_way(raw, backend):
        for number in range(2, 22):
            written = threads.submit(ledger.propose, "one", {"type": "run.annotated", "data": {"text": "x"}})
            seen = threads.submit(ledger.run, "one")
            assert isinstance(next(steps), Progress)
            assert written.result(SECONDS)[0].event.version == number
            assert seen.result(SECONDS)["version"] >= number - 1
    last(steps)
    assert_right(ledger.engine, raw)


@on_postgresql
@pytest.mark.parametrize("names", [None, ["phases"]])
def test_who_began_to_read_before_sees_what_was_there(
    backend: str, ledger: Ledger, raw: Any, names: list[str] | None
) -> None:
    """A run that is acknowledged does not go away for a reader who comes to the tables after the swap.

    On PostgreSQL a reader in one transaction sees the rows of its beginning, but the tables of today.
    """
    ledger.create_run({"run_id": "one"})
    steps = rebuilding(ledger, names)
    up_to_stage(steps, "swap")
    ledger.create_run({"run_id": "two", "phases": [{"phase_id": "p1"}]})
    with reading(ledger.engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM events")
        assert isinstance(next(steps), Progress)
        assert runs.get(connection, "two") is not None
        assert len(phases.of_run(connection, "two")) == 1
    last(steps)
    assert_right(ledger.engine, raw)


@pytest.mark.parametrize("name", [*TABLES, "events"])
def test_who_reads_across_the_swap_sees_one_picture(
    ledger: Ledger, raw: Any, monkeypatch: pytest.MonkeyPatch, backend: str, name: str
) -> None:
    """Whatever is read first, and though all tables are swapped before the rest is read."""
    ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}], "labels": {"a": "b"}})
    steps = rebuilding(ledger)
    up_to_stage(steps, "swap")
    ledger.create_run({"run_id": "two", "phases": [{"phase_id": "p1"}], "labels": {"a": "b"}})
    ledger.propose("two", {"type": "run.annotated", "data": {"text": "x", "tags": ["t"]}})
    ledger.propose("two", {"type": "run.execution_started"})
    expected = {each.TABLE.name: len(each.rows(ledger.folded("two"))) for each in projections.ALL}
    expected["events"] = 4
    counted = f"SELECT count(*) FROM {name} WHERE run_id = 'two'"
    with closing(ledger.engine.connect()) as connection:
        if backend == "sqlite":
            connection.execution_options(reads_only=True)
            assert connection.exec_driver_sql(counted).scalar() == expected[name]
            last(steps)
        else:  # the reader begins when there are no others left to wait for
            connection.execution_options(isolation_level="REPEATABLE READ")

            def begins_now(swapping: Connection, seconds: float) -> None:
                others_ended(swapping, seconds)
                connection.exec_driver_sql("SELECT count(*) FROM events")

            monkeypatch.setattr(module, "others_ended", begins_now)
            last(steps)
            assert connection.exec_driver_sql(counted).scalar() == expected[name]
        found = {
            each: connection.exec_driver_sql(f"SELECT count(*) FROM {each} WHERE run_id = 'two'").scalar()
            for each in expected
        }
        assert found == expected
    assert_right(ledger.engine, raw)


@on_postgresql
def test_a_writer_that_waits_with_a_table_in_hand_is_let_through(
    backend: str, ledger: Ledger, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append that looks for a free id in `runs` before it waits for its turn: the swap gives way."""
    ledger.create_run({"run_id": "one"})
    steps = rebuilding(ledger)
    up_to_stage(steps, "swap")

    def append() -> None:
        with raw.transaction():
            raw.execute("SELECT count(*) FROM runs")
            raw.execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")

    def somebody_appends(swapping: Connection, seconds: float) -> None:
        others_ended(swapping, seconds)
        begun.append(threads.submit(append))
        with swapping.begin():
            while not swapping.exec_driver_sql(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).first():
                pass

    begun: list[Future[None]] = []
    with ThreadPoolExecutor() as threads:
        with monkeypatch.context() as patched:
            patched.setattr(module, "others_ended", somebody_appends)
            assert isinstance(next(steps), Progress)
        begun[0].result(SECONDS)
        last(steps)
    assert_right(ledger.engine, raw)


@on_postgresql
def test_a_writer_that_waits_for_its_turn_is_not_waited_for(
    backend: str, ledger: Ledger, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the swap to end, and reads what is there then."""
    ledger.create_run({"run_id": "one"})
    steps = rebuilding(ledger)
    up_to_stage(steps, "swap")
    begun: list[Future[Any]] = []

    def somebody_appends(swapping: Connection, seconds: float) -> None:
        monkeypatch.setattr(module, "others_ended", others_ended)
        begun.append(threads.submit(ledger.create_run, {"run_id": "two"}))
        with swapping.begin():
            while not swapping.exec_driver_sql(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).first():
                pass
        others_ended(swapping, seconds)

    monkeypatch.setattr(module, "others_ended", somebody_appends)
    with ThreadPoolExecutor() as threads:
        assert isinstance(next(steps), Report)
        begun[0].result(SECONDS)
    assert ledger.run("two")["version"] == 1
    assert_right(ledger.engine, raw)
