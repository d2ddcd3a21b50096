"""The log as it stood at one moment: whole, in order, whatever is appended meanwhile, page by page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from api.commands import Asked
from api.ledger import Ledger
from eventstore import snapshot, store
from eventstore.database import reading
from eventstore.snapshot import Snapshot


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that end in the middle of everything."""
    monkeypatch.setattr(snapshot, "PAGE", 3)
    monkeypatch.setattr(snapshot, "OPENINGS", 5)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Five runs whose events come by turns: of 1 to 9 events each."""
    runs = [f"{name}-{number}" for number, name in enumerate("zyxwv")]
    for number in range(9):
        for length, run_id in zip((1, 9, 3, 4, 6), runs, strict=True):
            if number < length:
                body = (
                    {"type": "run.annotated", "data": {"text": str(number)}}
                    if number
                    else {"type": "run.created"}
                )
                ledger.propose(run_id, body, Asked(key=f"{run_id}:{number}"))
    return ledger


def run_by_run(taken: Snapshot) -> Iterator[tuple[str, list[int]]]:
    for run_id, history in taken.histories():
        yield run_id, [event.version for event in history]


def test_the_log_is_read_whole_and_in_order(filled: Ledger) -> None:
    """Every event once, by position; or run by run, in the order in which they were opened."""
    taken = filled.snapshot()
    log = filled.log(after=0, limit=100)
    assert list(taken.events()) == log
    assert [position for position, *_ in taken.rows()] == list(range(1, 24))
    assert dict(run_by_run(taken)) == {
        run_id: list(range(1, length + 1))
        for run_id, length in zip(["z-0", "y-1", "x-2", "w-3", "v-4"], (1, 9, 3, 4, 6), strict=True)
    }
    assert [run_id for run_id, _ in run_by_run(taken)] == ["z-0", "y-1", "x-2", "w-3", "v-4"]
    by_run = [event for _, history in taken.histories() for event in history]
    assert sorted(by_run, key=lambda event: event.position) == log


def test_a_run_is_read_alone(filled: Ledger) -> None:
    """A snapshot of a run has its events and no key."""
    taken = filled.snapshot("y-1")
    with filled.reading() as connection:
        assert list(taken.events()) == store.read_run(connection, "y-1")
    assert list(run_by_run(taken)) == [("y-1", list(range(1, 10)))]
    assert (taken.total, list(taken.keys())) == (9, [])
    assert Snapshot.of(filled.reading, "none").total == 0


def test_what_comes_later_is_not_in_it(filled: Ledger) -> None:
    """Events and keys that are recorded while it is read are left out, in every order of reading."""
    whole, of_run = filled.snapshot(), filled.snapshot("v-4")
    before: list[list[Any]] = [
        list(whole.rows()),
        list(run_by_run(whole)),
        list(whole.keys()),
        list(of_run.rows()),
    ]
    reads: list[Iterator[Any]] = [whole.rows(), run_by_run(whole), whole.keys(), of_run.rows()]
    begun = [next(each) for each in reads]
    filled.propose("v-4", {"type": "run.held"}, Asked(key="a-later"))
    filled.propose("z-later", {"type": "run.created"}, Asked(key="z-later"))
    after = [[first, *rest] for first, rest in zip(begun, reads, strict=True)]
    assert after == before
    assert len(before[2]) == 23
    assert list(run_by_run(whole)) == before[1]


def test_no_more_is_read_than_is_wanted(filled: Ledger) -> None:
    """A page is read when its first event is wanted, and between pages no transaction is open."""
    read: list[int] = []
    opened: list[str] = []

    @contextmanager
    def watched() -> Iterator[Connection]:
        opened.append("open")
        with reading(filled.engine) as connection:
            yield connection
        opened[-1] = "closed"

    taken = replace(Snapshot.of(watched), on_read=read.append)
    rows = taken.rows()
    for transactions in (2, 2, 2, 3):
        next(rows)
        assert opened == ["closed"] * transactions
    assert read == [3]
    assert sum(1 for _ in rows) == 19
    assert sum(1 for _, history in taken.histories() for _ in history) == 23
    assert sum(read) == 46
    assert set(opened) == {"closed"}
