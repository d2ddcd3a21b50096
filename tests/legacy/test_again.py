"""Importing again: the same file, a later one, and runs that have gone on here since."""

from pathlib import Path
from typing import Any

import pytest

from api.commands import by_service
from api.ledger import Ledger
from api.legacy.imports import place_of, take_over
from api.legacy.plan import plan
from api.legacy.report import Report
from api.legacy.source import read
from domain.envelopes import Proposal
from domain.events.run import RunRepaired
from domain.states import RunState
from tests.legacy.conftest import IMPORTER, NOW, codes, imported, is_proven
from tests.legacy.making import PHASE, RUN, TIER, made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "old.db"


def numbers(report: Report) -> tuple[int, int, int, int]:
    return report.imported, report.unchanged, report.changed, report.not_imported


def test_the_same_rows_are_imported_once(ledger: Ledger, file: Path) -> None:
    """The same file, or another one with the same rows, changes nothing; not to the last byte."""
    first = imported(ledger, made(file))
    log = ledger.log(after=0, limit=9)
    other = made(file.with_name("copy.db"), phases=[PHASE])
    for path in (file, other):
        assert numbers(imported(ledger, path)) == (0, 1, 0, 0)
    assert numbers(first) == (1, 0, 0, 0)
    assert ledger.log(after=0, limit=9) == log


def test_a_changed_row_is_told_and_not_overwritten(ledger: Ledger, file: Path) -> None:
    """The report says which columns hold something else now; the log and the tables stay as they are."""
    imported(ledger, made(file))
    log, stands = ledger.log(after=0, limit=9), ledger.run("one")
    phase = {**PHASE, "state": "COMPLETE", "name": "Other"}
    runs = [{**RUN, "failure_reason": "completed by hand"}]
    report = imported(ledger, made(file, runs=runs, phases=[phase]))
    assert numbers(report) == (0, 0, 1, 0)
    of_run, of_phase = [each for each in report.findings if each.code == "row-changed"]
    assert of_run.value == {"failure_reason": {"recorded": None, "found": "completed by hand"}}
    assert of_phase.value["state"] == {"recorded": "QUEUED", "found": "COMPLETE"}
    assert (of_phase.phase_id, of_phase.action) == ("p1", "not-overwritten")
    assert (ledger.log(after=0, limit=9), ledger.run("one")) == (log, stands)


def test_a_changed_row_of_a_tier_is_told(ledger: Ledger, file: Path) -> None:
    """A tier is part of its run: the run counts as changed."""
    imported(ledger, made(file))
    report = imported(ledger, made(file, tiers=[{**TIER, "name": "Other"}]))
    assert (numbers(report), codes(report)) == ((0, 0, 1, 0), ["row-changed"])
    assert report.findings[0].tier_id == "T1"


def test_a_row_that_is_gone_is_no_change(ledger: Ledger, file: Path) -> None:
    """What was imported stays, whatever a later file leaves out."""
    imported(ledger, made(file, phases=[PHASE, {**PHASE, "phase_id": "p2"}]))
    assert numbers(imported(ledger, made(file, tiers=[], phases=[]))) == (0, 1, 0, 0)
    assert len(ledger.run("one")["phases"]) == 2


def test_what_came_later_is_imported_too(ledger: Ledger, file: Path) -> None:
    """A run and a phase that the first file did not have."""
    imported(ledger, made(file))
    runs = [RUN, {**RUN, "id": "two"}]
    phases = [PHASE, {**PHASE, "phase_id": "p2", "state": "FAILED"}]
    assert numbers(imported(ledger, made(file, runs=runs, phases=phases))) == (2, 0, 0, 0)
    assert [phase["state"] for phase in ledger.run("one")["phases"]] == ["QUEUED", "FAILED"]
    assert is_proven(ledger)


def test_a_run_that_went_on_here_is_left_alone(ledger: Ledger, file: Path) -> None:
    """Rows are compared with those that were imported, not with what became of them."""
    imported(ledger, made(file))
    ledger.propose("one", {"type": "run.execution_started"})
    ledger.propose("one", {"type": "phase.started", "phase_id": "p1"})
    assert numbers(imported(ledger, file)) == (0, 1, 0, 0)
    assert ledger.run("one")["state"] == "PHASE_EXECUTION"


def test_what_was_repaired_since_stays_repaired(ledger: Ledger, file: Path) -> None:
    """It is in quarantine no more, and an import does not put it there again."""
    imported(ledger, made(file, runs=[{**RUN, "state": "READY"}]))
    repaired = Proposal(
        run_id="one", event=RunRepaired(state=RunState.RUN_CREATED, reason="READY meant created")
    )
    ledger.committer.commit(by_service("one", [repaired], IMPORTER))
    report = imported(ledger, file)
    assert (numbers(report), report.quarantined) == ((0, 1, 0, 0), [])
    assert ledger.run("one")["state"] == "RUN_CREATED"


def test_a_run_of_the_same_name_that_came_about_here_is_not_touched(ledger: Ledger, file: Path) -> None:
    """It is told, and nothing of the file gets into it."""
    ledger.create_run({"run_id": "one", "goal": "mine"})
    report = imported(ledger, made(file))
    assert (numbers(report), codes(report)) == ((0, 0, 0, 1), ["exists-here"])
    assert (ledger.run("one")["goal"], ledger.run("one")["phases"]) == ("mine", [])


def test_a_phase_of_the_same_name_that_came_about_here_is_not_touched(ledger: Ledger, file: Path) -> None:
    """It was added to the run after that had been imported."""
    imported(ledger, made(file, phases=[]))
    ledger.add_phase("one", {"phase_id": "p1", "name": "mine"})
    report = imported(ledger, made(file))
    assert (numbers(report), codes(report)) == ((0, 1, 0, 0), ["exists-here"])
    assert ledger.phase("one", "p1")["name"] == "mine"


def test_the_row_of_a_run_that_was_missing_is_told(ledger: Ledger, file: Path) -> None:
    """The run waits in quarantine all the same: what was recorded is not overwritten."""
    imported(ledger, made(file, runs=[]))
    report = imported(ledger, made(file))
    assert numbers(report) == (0, 0, 1, 0)
    assert [run["state"] for run in ledger.runs(limit=1)] == [None]


def test_a_dry_run_says_the_same_and_records_nothing(ledger: Ledger, file: Path) -> None:
    """Also on a database that knows some of it."""
    phases = [{**PHASE, "state": "ready"}, {**PHASE, "phase_id": "p2", "scope": "{"}]
    for path in (
        made(file, phases=phases),
        made(file.with_name("later.db"), runs=[{**RUN, "state": "READY"}]),
    ):
        before = ledger.log(after=0, limit=99)
        told = imported(ledger, path, dry_run=True)
        assert ledger.log(after=0, limit=99) == before
        assert imported(ledger, path) == told


def test_what_happens_to_a_run_in_between_is_looked_at_again(ledger: Ledger, file: Path) -> None:
    """Somebody else records something between the comparison and the recording: nothing is lost, or twice."""
    imported(ledger, made(file))
    path = made(file, phases=[PHASE, {**PHASE, "phase_id": "p2"}])
    history, record = place_of(ledger, IMPORTER)
    calls: list[Any] = []

    def meanwhile(run_id: str) -> Any:
        events = history(run_id)
        if not calls:
            ledger.propose("one", {"type": "run.annotated", "data": {"text": "meanwhile"}})
        calls.append(run_id)
        return events

    *_, report = take_over(read(path), plan(read(path), NOW), meanwhile, record)
    assert report is not None
    assert (report.imported, len(calls)) == (1, 2)
    assert [event.type for event in ledger.log(after=2, limit=9)] == ["run.annotated", "phase.imported"]


def test_a_run_is_one_transaction(ledger: Ledger, file: Path) -> None:
    """A reader sees it with all its phases, or not at all; every event names who imported it."""
    phases = [{**PHASE, "phase_id": f"p{n}"} for n in range(5)]
    imported(ledger, made(file, phases=phases))
    events = ledger.log(after=0, limit=9)
    assert len({event.recorded_at for event in events}) == 1
    assert {event.actor for event in events} == {"importer"}
