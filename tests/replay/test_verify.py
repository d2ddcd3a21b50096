"""What `verify` looks at, and what it does not; alone, beside writers, and in several processes."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import api.replay.verify
from api.ledger import Ledger
from api.replay import workers
from api.replay.findings import KEPT, Finding
from api.replay.report import Progress, Report
from api.replay.verify import verify
from api.settings import Settings
from domain.refusals import RunNotFound
from tests.replay.attacks import RUN
from tests.replay.logs import Log
from tests.replay.verified import found, verified

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")


# --- a part of the log ---


@pytest.fixture
def marred(log: Log) -> Iterator[dict[str, int]]:
    """A log with faults: where they are in the log, by what they are about."""
    early, late = log.run("to-gate"), log.run(RUN)
    faults = {"early": early[0].position, "late": late[1].position, "hole": late[5].position}
    with log.put_right():
        with log.unguarded():
            for event in (early[0], late[1]):
                log.change("UPDATE events SET actor = ? WHERE position = ?", "mallory", event.position)
            log.change("DELETE FROM events WHERE position = ?", faults["hole"])
            log.follow(RUN)
        yield faults


def test_the_whole_log_is_looked_at(log: Log, marred: dict[str, int]) -> None:
    """Every event is counted, and every fault is told, the first in the log first."""
    report = log.verified()
    assert (report.up_to, report.events) == (len(log.events), len(log.events) - 1)
    assert found(report) >= {
        ("content-changed", marred["early"]),
        ("content-changed", marred["late"]),
        ("position-missing", marred["hole"]),
    }
    assert report.first_bad_position == marred["early"]


def test_after_a_position_the_runs_that_went_on_are_looked_at(log: Log, marred: dict[str, int]) -> None:
    """From their first event; of the runs that did not go on nothing is, nor what the log lacks before."""
    report = log.verified(since=marred["hole"])
    assert report.first_bad_position == marred["late"]
    assert ("position-missing", marred["hole"]) not in found(report)
    assert report.runs == len({event.run_id for event in log.events[marred["hole"] :]})
    assert ("position-missing", marred["hole"]) in found(log.verified(since=marred["hole"] - 1))


def test_of_one_run_nothing_else_is_looked_at(log: Log, marred: dict[str, int]) -> None:
    """Its events and its rows are; other runs, and what the log lacks, are not."""
    assert found(log.verified(run_id="to-gate")) == {("content-changed", marred["early"])}
    of_run = log.verified(run_id=RUN)
    assert (of_run.runs, of_run.events) == (1, len(log.run(RUN)) - 1)
    assert "position-missing" not in {code for code, _ in found(of_run)}
    assert log.verified(run_id="imported").findings == []


@pytest.mark.parametrize("since", [0, 1, 10**18])
def test_there_is_no_end_to_look_beyond(log: Log, since: int) -> None:
    """A position that the log has not come to leaves nothing to look at, and nothing to find."""
    position = since and len(log.events) + since - 1
    steps = list(verify(log.engine, since=position))
    assert all(step.done <= step.total and step.total >= 0 for step in steps if isinstance(step, Progress))
    assert isinstance(steps[-1], Report)
    assert (steps[-1].found, steps[-1].events) == (0, 0 if since else len(log.events))


@on_sqlite
@pytest.mark.parametrize("run_id", ["x'6f6e65'", "CAST(x'6fff' AS TEXT)", "''"])
def test_a_run_that_no_query_can_name_is_not_overlooked(log: Log, run_id: str) -> None:
    """An id that is no text is found after a position, too, and in the tables."""
    last = log.events[-1]
    with log.put_right(), log.unguarded():
        log.change(f"UPDATE events SET run_id = {run_id} WHERE position = ?", last.position)
        log.change(f"UPDATE annotations SET run_id = {run_id} WHERE run_id = ?", RUN)
        for since in (0, last.position - 1):
            report = log.verified(since=since)
            assert ("content-changed", last.position) in found(report)
            assert {"row-too-many", "row-missing"} <= {code for code, _ in found(report)} or since
            assert report.view()["found"] == report.found


@on_sqlite
def test_text_that_is_none_may_be_anywhere(log: Log) -> None:
    """In the last event, of which more is asked than of others, or in the words of a guard."""
    last = log.events[-1]
    no_text = "CAST(x'ff' AS TEXT)"
    with log.put_right(), log.unguarded():
        log.change(f"UPDATE events SET recorded_at = {no_text} WHERE position = ?", last.position)
        log.change(f"UPDATE runs SET goal = {no_text} WHERE run_id = ?", last.run_id)
        log.change("CREATE TRIGGER runs_update BEFORE UPDATE ON runs BEGIN SELECT 1; END")
        log.change("PRAGMA writable_schema = ON")
        log.change(f"UPDATE sqlite_schema SET sql = sql || ' -- ' || {no_text} WHERE name = 'runs_update'")
        report = log.verified()
        log.change("DROP TRIGGER runs_update")
        log.change("PRAGMA writable_schema = OFF")
    assert report.first_bad_position == last.position
    assert found(report) >= {("content-changed", last.position), ("guards-missing", None)}


# --- what is known of a run ---


def test_a_run_is_known_by_what_is_left_of_it(log: Log) -> None:
    """By its events, or by a row: whoever took the other away does not make it unknown."""
    url = log.engine.url.render_as_string(hide_password=False)
    with Ledger.open(Settings(database_url=url)) as ledger, log.put_right():
        with log.unguarded():
            log.change("DELETE FROM runs WHERE run_id = ?", RUN)
            log.change("DELETE FROM events WHERE run_id = ?", "to-gate")
            log.change("UPDATE runs SET labels = ? WHERE run_id = ?", "no JSON", "to-gate")
        for run_id, code in ((RUN, "row-missing"), ("to-gate", "row-too-many")):
            *_, report = ledger.replay.verify(run_id=run_id)
            assert isinstance(report, Report)
            assert code in {finding.code for finding in report.findings}
        with pytest.raises(RunNotFound):
            list(ledger.replay.verify(run_id="ghost"))


# --- the tables as a whole ---


def test_tables_of_another_shape_are_not_compared(log: Log) -> None:
    """It is told, and the log is verified all the same."""
    log.change("UPDATE projections SET version = version + 1 WHERE name = ?", "phases")
    try:
        report = log.verified()
    finally:
        log.change("UPDATE projections SET version = version - 1 WHERE name = ?", "phases")
    assert (found(report), report.events) == ({("tables-outdated", None)}, len(log.events))


def test_a_table_that_was_dropped_is_told(log: Log) -> None:
    """As tables of another shape are, which a start makes anew."""
    log.change("ALTER TABLE annotations RENAME TO elsewhere")
    try:
        assert ("tables-outdated", None) in found(log.verified())
    finally:
        log.change("ALTER TABLE elsewhere RENAME TO annotations")


# --- reports ---


def test_a_report_holds_the_first_findings_and_counts_all() -> None:
    """In whichever order they come: those about the log by position, then those about the tables."""
    report = Report()
    for number in range(100):
        places = [(each * 7_919) % (2 * KEPT) + 1 for each in range(number, 2 * KEPT, 100)]
        report.add(Finding(code="table-differs", detail="", position=1) for _ in places)
        report.add(Finding(code="chain-broken", detail="", position=place) for place in places)
    assert report.found == 4 * KEPT
    assert [finding.position for finding in report.findings] == list(range(1, KEPT + 1))
    assert {finding.code for finding in report.findings} == {"chain-broken"}


def test_what_has_no_place_comes_between_log_and_tables() -> None:
    """The first bad position is the log's, or else the tables'."""
    report = Report()
    report.add([Finding(code="row-too-many", detail=""), Finding(code="row-missing", detail="", position=3)])
    report.add([Finding(code="guards-missing", detail="")])
    assert report.first_bad_position == 3
    report.add([Finding(code="unknown-event", detail="", position=9)])
    assert report.first_bad_position == 9
    assert [finding.position for finding in report.findings] == [9, None, 3, None]


# --- several parts, several processes ---


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_in_whatever_parts_the_report_is_the_same(
    log: Log, marred: dict[str, int], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part for every run, or one for all of them."""
    whole = log.verified().view()
    monkeypatch.setattr(api.replay.verify, "SHARD", size)
    monkeypatch.setattr(api.replay.verify, "NAMED", size)
    assert log.verified().view() == whole
    assert log.verified(since=1).view()["findings"] == whole["findings"]


@on_sqlite
def test_in_several_processes_the_report_is_the_same(
    log: Log, marred: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the events are counted as they are done."""
    whole = log.verified().view()
    monkeypatch.setattr(api.replay.verify, "SHARD", 40)
    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    *steps, report = verify(log.engine)
    assert isinstance(report, Report)
    assert report.view() == whole
    done = [step.done for step in steps if isinstance(step, Progress)]
    assert len(done) > 2
    assert done == sorted(done)
    assert done[-1] == report.events


# --- beside writers ---


def test_nothing_is_found_while_writers_append(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is recorded in the meantime, log and tables are seen at one moment."""
    monkeypatch.setattr(api.replay.verify, "SHARD", 20)
    with Ledger.open(Settings(database_url=database_url)) as ledger, ThreadPoolExecutor(3) as threads:

        def writes(name: str) -> None:
            for number in range(6):
                run_id = f"{name}-{number}"
                ledger.create_run({"run_id": run_id, "labels": {"a": "b"}, "phases": [{"phase_id": "p1"}]})
                ledger.propose(run_id, {"type": "run.execution_started"})
                ledger.propose(run_id, {"type": "phase.started", "phase_id": "p1"})
                ledger.propose(run_id, {"type": "run.annotated", "data": {"text": "x"}})
                ledger.propose(run_id, {"type": "run.failed_environment"})

        writing = [threads.submit(writes, name) for name in ("a", "b", "c")]
        seen: list[int] = []
        while not all(each.done() for each in writing):
            report = verified(database_url, since=len(seen) % 2 and seen[-1])
            assert report.findings == []
            seen.append(report.up_to)
        for each in writing:
            each.result()
    assert seen == sorted(seen)
    assert verified(database_url).view()["events"] == 3 * 6 * 7


def test_a_log_without_events_is_sound(database_url: str) -> None:
    """Nothing was recorded, and nothing is wrong."""
    assert verified(database_url).view() == {
        "ok": True,
        "up_to": 0,
        "events": 0,
        "runs": 0,
        "found": 0,
        "first_bad_position": None,
        "findings": [],
    }
