"""Rebuilt tables are those that were written event by event, whichever way they are rebuilt."""

import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect

import projections
from api import prepare
from api.ledger import Ledger
from api.replay import rebuild as module
from api.replay.report import Progress
from domain.refusals import Refusal
from eventstore import guards
from eventstore.database import lock_writers
from projections import fresh
from tests.databases import Digest
from tests.histories import bodies, likely
from tests.replay.rebuilding import (
    TABLES,
    a_history,
    assert_right,
    last,
    rebuilding,
    verified,
)  # fmt: skip
from tests.runs import Record

Ledgers = Callable[[], Ledger]


def whole(ledger: Ledger) -> None:
    last(rebuilding(ledger))


def one_by_one(ledger: Ledger) -> None:
    for name in TABLES:
        last(rebuilding(ledger, [name]))


def some(ledger: Ledger) -> None:
    last(rebuilding(ledger, TABLES[1:3]))


def twice(ledger: Ledger) -> None:
    whole(ledger)
    whole(ledger)


def at_an_upgrade(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        lock_writers(connection)
        prepare.rebuild(connection)


WAYS = (whole, one_by_one, some, twice, at_an_upgrade)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_rebuild_changes_no_byte(ledger: Ledger, raw: Any, digest: Digest, data: st.DataObject) -> None:
    """Whatever happened, whichever way it is rebuilt, and in however many parts."""
    number = ledger.replay.projections()[0]["rows"]
    ledger.create_run({"run_id": f"run-{number}", "phases": [{"phase_id": "p1"}], "labels": {"a": "b"}})
    for _ in range(data.draw(st.integers(0, 12))):
        is_likely = data.draw(st.booleans())
        body = likely(data.draw, ledger, f"run-{number}") if is_likely else data.draw(bodies())
        with suppress(Refusal):
            ledger.propose(f"run-{number}", body)
    before = digest(raw)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "SHARD", data.draw(st.sampled_from([1, 7, 20_000])))
        patched.setattr(fresh, "ROWS", data.draw(st.sampled_from([1, 2, 10_000])))
        patched.setattr(prepare, "RUNS", data.draw(st.sampled_from([1, 2, 1_000])))
        data.draw(st.sampled_from(WAYS))(ledger)
    assert digest(raw) == before


@pytest.mark.parametrize("way", WAYS)
def test_what_only_the_service_records_is_rebuilt_too(
    ledger: Ledger, record: Record, raw: Any, digest: Digest, way: Callable[[Ledger], None]
) -> None:
    """Imports, quarantines and repairs come back as they were; the guards are in place, and all goes on."""
    a_history(ledger, record)
    before = digest(raw)
    way(ledger)
    assert digest(raw) == before
    with ledger.engine.connect() as connection:
        assert guards.missing(connection) == set()
    ledger.propose("plain", {"type": "run.execution_started"})
    assert ledger.run("plain")["state"] == "PHASE_EXECUTION"
    assert verified(ledger.engine).found == 0


def held() -> int:
    """Parts of the log that are in memory, folded."""
    return sum(isinstance(each, module.Folded) for each in gc.get_objects())


@pytest.mark.parametrize("processes", [1, 2])
def test_many_parts_by_many_processes_make_what_one_makes(
    ledger: Ledger, raw: Any, digest: Digest, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """The work is shared out, the tables are the same, and no more parts are in memory than are worked at."""
    ledger.propose_all([{"type": "run.created", "run_id": f"run-{number}"} for number in range(15)])
    before = digest(raw)
    monkeypatch.setattr(module, "SHARD", 1)
    monkeypatch.setattr(module, "cores", lambda _: processes)
    most = [held() for _ in rebuilding(ledger)]
    assert len(most) == 1 + 15 + 2
    assert max(most) <= (1 if processes == 1 else 2 * processes + 2)
    assert digest(raw) == before


def test_an_empty_log_is_rebuilt(ledger: Ledger, raw: Any, digest: Digest) -> None:
    """There is nothing to do, and it is done."""
    before = digest(raw)
    report = last(rebuilding(ledger))
    assert (report.found, report.events, report.runs, report.up_to) == (0, 0, 0, 0)
    assert digest(raw) == before


def test_how_far_it_is_only_grows(ledger: Ledger, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The progress begins at nothing and ends with all; the report says how much that was."""
    a_history(ledger, record)
    monkeypatch.setattr(module, "SHARD", 4)
    *told, report = rebuilding(ledger)
    progress = [step for step in told if isinstance(step, Progress)]
    assert progress == told
    events = len(ledger.log(after=0, limit=1_000))
    done = [step.done for step in progress]
    assert (done[0], done[-1], done) == (0, events, sorted(done))
    assert all(step.done <= step.total for step in progress)
    assert [step.stage for step in progress] == ["fold"] * (len(told) - 1) + ["swap"]
    assert report == last(rebuilding(ledger))
    assert (report.view()["events"], report.view()["runs"], report.view()["up_to"]) == (events, 5, events)


def indexes(ledger: Ledger) -> dict[str, list[Any]]:
    """What is indexed, whatever the indexes are called."""
    found = {}
    for name in TABLES:
        there = inspect(ledger.engine)
        keys = there.get_pk_constraint(name)["constrained_columns"]
        columns = [(each["column_names"], each["unique"]) for each in there.get_indexes(name)]
        found[name] = [keys, *sorted(columns, key=repr)]
    return found


def test_indexes_are_kept_over_any_number_of_rebuilds(ledger: Ledger) -> None:
    """Their names alternate, for the old ones still stand when the new ones are made."""
    before = indexes(ledger)
    assert before["runs"] == [["run_id"], (["created_at", "run_id"], 0), (["state", "created_at"], 0)]
    for _ in range(3):
        last(rebuilding(ledger))
        last(rebuilding(ledger, ["runs"]))
        assert indexes(ledger) == before


def test_what_was_recorded_meanwhile_is_in_the_tables(
    ledger: Ledger, record: Record, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whatever step it came: runs that go on, runs that are new, and more of them than wait."""
    a_history(ledger, record)
    monkeypatch.setattr(module, "SHARD", 4)
    monkeypatch.setattr(module, "FEW", 2)
    more = 0
    for step in rebuilding(ledger):
        if isinstance(step, Progress):
            more += 1
            ledger.propose("plain", {"type": "run.annotated", "data": {"text": str(more)}})
            if more < 6:
                for number in range(4):
                    ledger.create_run(
                        {"run_id": f"new-{more}-{number}", "phases": [{}], "labels": {"a": "b"}}
                    )
        else:
            report = step
    assert more > 6
    assert_right(ledger.engine, raw)
    log = ledger.log(after=0, limit=1_000)
    assert (report.up_to, report.events) == (len(log), len(log))
    assert report.runs == len({event.run_id for event in log}) == 5 + 5 * 4


def test_a_projection_is_known_by_its_name(ledger: Ledger) -> None:
    """Every table that is made from the log is listed, with its number of rows."""
    ledger.create_run({"run_id": "one", "phases": [{}, {}], "labels": {"a": "b"}})
    told = {each["name"]: each["rows"] for each in ledger.replay.projections()}
    empty = dict.fromkeys((each.TABLE.name for each in projections.ALL), 0)
    assert told == {**empty, "runs": 1, "phases": 2, "run_labels": 1}
    assert [each["version"] for each in ledger.replay.projections()] == [
        each.VERSION for each in projections.ALL
    ]
