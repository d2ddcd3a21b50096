"""Figures: what happened is counted once and for all, and is what the events say."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.figures import Asked
from api.figures import figures as figures_of
from api.ledger import Ledger
from api.prepare import rebuild
from domain.events import EVENTS
from domain.evolve import fold
from domain.refusals import Refusal, RunPreserved
from domain.run import Run
from domain.tally import COUNTED
from eventstore import store
from eventstore.database import lock_writers
from projections.finding import Wanted
from tests.histories import Runs, likely
from tests.runs import Record, Sealed, Step


def happened(ledger: Ledger, **wanted: Any) -> dict[str, Any]:
    """What happened to these runs, all of them where nothing is said."""
    runs = Wanted(archived=wanted.pop("archived", None), labels=wanted.pop("labels", ()))
    told: dict[str, Any] = ledger.figures(Asked(runs=runs, **wanted))["happened"]
    return told


def failures(ledger: Ledger) -> dict[str, Any]:
    """The figures of failure."""
    told = ledger.figures()
    parts = {name: told["happened"][name] for name in ("runs", "ends", "attempts")}
    return {**parts, "outcomes": told["outcomes"]}


def attempt(ledger: Ledger, run_id: str, number: int, *ends: tuple[str, dict[str, Any]]) -> None:
    """An attempt at the phase p1 of a run, and how it ends."""
    ledger.propose(run_id, {"type": "phase.started", "phase_id": "p1"})
    for kind, data in ends:
        ledger.propose(run_id, {"type": kind, "phase_id": "p1", "attempt": number, "data": data})


@pytest.fixture
def failed(ledger: Ledger) -> str:
    """A run with a failed attempt, which has failed."""
    ledger.create_run({"run_id": "build-132", "labels": {"team": "core"}, "phases": [{"phase_id": "p1"}]})
    ledger.propose("build-132", {"type": "run.execution_started"})
    attempt(ledger, "build-132", 1, ("phase.failed", {"outcome": "CI_FAILED"}))
    ledger.propose("build-132", {"type": "run.failed_requires_human_review"})
    return "build-132"


def test_an_empty_log_has_figures(ledger: Ledger) -> None:
    """All are nothing, and there is no rate of nothing."""
    told = ledger.figures()
    assert told["position"] == 0
    assert told["now"]["runs"]["all"] == told["now"]["phases"]["all"] == 0
    assert set(told["now"]["runs"]["by_state"].values()) == {0}
    assert told["now"]["tokens"] == {"used": 0, "cap": 0, "runs_at_cap": 0, "runs_over_cap": 0}
    assert told["happened"]["runs"] == {"ended": 0, "failed": 0, "failure_rate": None, "reopened": 0}
    assert told["happened"]["attempts"]["failure_rate"] is None
    assert (told["outcomes"], told["by_day"], told["by_label"]) == ({}, [], [])


def test_completed_by_hand_is_a_note_and_no_success(ledger: Ledger, failed: str) -> None:
    """What is said about a failure, or done with it, leaves every figure of failure as it was."""
    before = failures(ledger)
    assert before["runs"] == {"ended": 1, "failed": 1, "failure_rate": 1.0, "reopened": 0}
    by_hand = {"text": "Completed by hand: all is delivered", "tags": ["completed-by-hand"]}
    ledger.propose(failed, {"type": "run.annotated", "data": by_hand})
    ledger.propose(failed, {"type": "phase.annotated", "phase_id": "p1", "data": by_hand})
    ledger.propose(failed, {"type": "run.labelled", "data": {"labels": {"done": "by-hand"}}})
    ledger.propose(failed, {"type": "run.preserved", "data": {"reason": "the baseline"}})
    with pytest.raises(RunPreserved, match="the baseline"):
        ledger.propose(failed, {"type": "run.archived"})
    ledger.propose(failed, {"type": "run.unpreserved"})
    ledger.propose(failed, {"type": "run.archived"})
    assert failures(ledger) == before
    assert happened(ledger)["annotated"] == {"runs": 1, "phases": 1}


def test_a_repair_is_counted_apart(ledger: Ledger, failed: str, record: Record) -> None:
    """A run whose state was set to DONE_SUCCESS still counts as the failure it was, and not as a success."""
    before = failures(ledger)
    record(ledger, failed, ("phase.repaired", "COMPLETE", "p1", {"state": "COMPLETE", "reason": "merged"}))
    record(
        ledger, failed, ("run.repaired", "DONE_SUCCESS", None, {"state": "DONE_SUCCESS", "reason": "merged"})
    )
    assert failures(ledger) == before
    assert happened(ledger)["repaired"] == {"runs": 1, "phases": 1}
    assert ledger.figures()["now"]["runs"]["by_state"]["DONE_SUCCESS"] == 1


def test_a_reopened_run_that_succeeds_ended_once_and_failed_once(ledger: Ledger, failed: str) -> None:
    """It is one of the runs that failed, and one of the runs that ended; both ends are told."""
    for kind in ("run.reopened", "run.execution_started"):
        ledger.propose(failed, {"type": kind, "data": EVENTS[kind].example})
    ledger.propose(failed, {"type": "phase.requeued", "phase_id": "p1"})
    attempt(ledger, failed, 2, ("phase.completed", {}))
    ledger.propose(failed, {"type": "run.succeeded"})
    told = happened(ledger)
    assert told["runs"] == {"ended": 1, "failed": 1, "failure_rate": 1.0, "reopened": 1}
    ends = {event: times for event, times in told["ends"].items() if times}
    assert ends == {"run.failed_requires_human_review": 1, "run.succeeded": 1}
    assert told["attempts"] == {"opened": 2, "completed": 1, "failed": 1, "released": 0, "failure_rate": 0.5}


def test_what_was_found_failed_is_counted_apart(ledger: Ledger, record: Record) -> None:
    """An import is no event of the machine: its failures are failures found, and end no run here."""
    found = ("run.imported", "DONE_FAILED_ENVIRONMENT", None, {"state": "DONE_FAILED_ENVIRONMENT"})
    record(ledger, "a", found, ("phase.imported", "FAILED", "p1", {"state": "FAILED", "attempt": 3}))
    record(ledger, "b", ("run.imported", "DONE_SUCCESS", None, {"state": "DONE_SUCCESS"}))
    record(ledger, "c", ("run.quarantined", None, None, {}), ("phase.quarantined", None, "p1", {}))
    told = happened(ledger)
    assert told["imported"] == {"runs": 2, "phases": 1, "failed_runs": 1, "failed_phases": 1}
    assert told["quarantined"] == {"runs": 1, "phases": 1}
    assert (told["runs"]["ended"], told["runs"]["failed"], told["attempts"]["opened"]) == (0, 0, 0)
    now = ledger.figures()["now"]
    assert (now["runs"]["all"], now["runs"]["quarantined"], now["phases"]["quarantined"]) == (3, 1, 1)


def test_what_fails_with_its_run_is_a_failed_attempt(ledger: Ledger) -> None:
    """Attempts that were lost have no outcome; one that its run ended has RUN_FAILED."""
    ledger.create_run({"run_id": "a", "phases": [{"phase_id": "p1"}]})
    ledger.propose("a", {"type": "run.execution_started"})
    attempt(ledger, "a", 1, ("phase.released", {}))
    attempt(ledger, "a", 2)
    ledger.propose("a", {"type": "run.failed_environment"})
    told = ledger.figures()
    assert told["happened"]["attempts"] == {
        "opened": 2, "completed": 0, "failed": 1, "released": 1, "failure_rate": 1.0,
    }  # fmt: skip
    assert told["outcomes"] == {"RUN_FAILED": 1}


def test_tokens_are_told_against_caps(ledger: Ledger) -> None:
    """Sums of runs, and those that have come to their cap or gone over it; however large the caps are."""
    large = 2**53 - 1
    for number, (cap, used) in enumerate([(100, 99), (100, 100), (100, 250), (large, 5), (large, 0), (0, 0)]):
        ledger.create_run({"run_id": f"r{number}", "config": {"token_cap": cap}})
        ledger.propose(f"r{number}", {"type": "run.usage_recorded", "data": {"tokens_used": used}})
    told = ledger.figures()["now"]["tokens"]
    assert told == {"used": 454, "cap": large, "runs_at_cap": 3, "runs_over_cap": 1}


def test_figures_are_told_by_label_and_of_a_label(ledger: Ledger, failed: str) -> None:
    """A name alone tells its values apart; with a value, only such runs count."""
    ledger.create_run({"run_id": "web-1", "labels": {"team": "web"}})
    ledger.propose("web-1", {"type": "run.failed_environment"})
    ledger.create_run({"run_id": "web-2", "labels": {"team": "web"}})
    ledger.create_run({"run_id": "none"})
    told = ledger.figures(Asked(runs=Wanted(archived=None, labels=[("team", None)])))
    assert told["now"]["runs"]["all"] == 3
    (label,) = told["by_label"]
    assert (label["name"], label["other_values"]) == ("team", 0)
    assert [
        (each["value"], each["runs"], each["happened"]["runs"]["failed"]) for each in label["values"]
    ] == [("web", 2, 1), ("core", 1, 1)]
    assert happened(ledger, labels=[("team", "web")])["ends"]["run.failed_environment"] == 1
    assert happened(ledger, labels=[("team", "x")])["runs"]["ended"] == 0


def test_archived_runs_count_unless_they_are_left_out(ledger: Ledger, failed: str) -> None:
    """Clearing up changes no figure."""
    ledger.propose(failed, {"type": "run.archived"})
    assert happened(ledger)["runs"]["failed"] == 1
    assert happened(ledger, archived=False)["runs"]["failed"] == 0
    assert happened(ledger, archived=True)["runs"]["failed"] == 1


def test_what_happened_is_told_by_day(ledger: Ledger, sealed: Sealed) -> None:
    """Each day has its own; a run that failed on two days failed on both, and is one that failed."""
    started: Step = ("phase.started", "EXECUTING", "p1", {})
    days: Sequence[tuple[str, list[Step]]] = [
        ("2026-11-20", [("run.created", "RUN_CREATED", None, {}), ("phase.added", "QUEUED", "p1", {})]),
        ("2026-11-21", [("run.execution_started", "PHASE_EXECUTION", None, {}), started]),
        ("2026-11-22", [("run.failed_environment", "DONE_FAILED_ENVIRONMENT", None, {})]),
        ("2026-11-23", [("run.reopened", "PHASE_QUEUEING", None, {"reason": "x"})]),
        ("2026-11-24", [("run.failed_environment", "DONE_FAILED_ENVIRONMENT", None, {})]),
    ]
    run = Run(run_id="a")
    with ledger.engine.begin() as connection:
        lock_writers(connection)
        for day, steps in days:
            events = sealed(run, run.position + 1, *steps, at=f"{day}T23:59:59.999999Z")
            run = fold(events, run) or run
            store.append(connection, events)
        rebuild(connection)
    told = ledger.figures()
    assert [each["day"][-2:] for each in told["by_day"]] == ["21", "22", "23", "24"]
    assert [each["happened"]["runs"]["failed"] for each in told["by_day"]] == [0, 1, 0, 1]
    assert told["happened"]["runs"]["failed"] == 1
    assert told["happened"]["ends"]["run.failed_environment"] == 2
    assert happened(ledger, since="2026-11-23")["ends"]["run.failed_environment"] == 1
    assert happened(ledger, until="2026-11-21")["attempts"]["opened"] == 1
    assert happened(ledger, until="2026-11-20")["attempts"]["opened"] == 0
    assert happened(ledger, since="2026-11-23", until="2026-11-23")["runs"]["reopened"] == 1


def test_only_so_many_groups_are_told(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is counted."""
    monkeypatch.setattr("api.figures.GROUPS_MAX", 1)
    monkeypatch.setattr("api.figures.OUTCOMES_MAX", 1)
    for number, team in enumerate(("core", "core", "web")):
        ledger.create_run({"run_id": f"r{number}", "labels": {"team": team}, "phases": [{"phase_id": "p1"}]})
        ledger.propose(f"r{number}", {"type": "run.execution_started"})
        attempt(ledger, f"r{number}", 1, ("phase.failed", {"outcome": team}))
    told = ledger.figures(Asked(runs=Wanted(archived=None, labels=[("team", None)])))
    assert (told["outcomes"], told["other_outcomes"]) == ({"core": 2}, 1)
    assert [each["value"] for each in told["by_label"][0]["values"]] == ["core"]
    assert told["by_label"][0]["other_values"] == 1


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_figures_are_what_the_events_say(ledger: Ledger, runs: Runs, data: st.DataObject) -> None:
    """Whatever happens, the figures are the events counted one by one."""
    run_id = runs.new()
    ledger.create_run({"run_id": run_id, "phases": [{"phase_id": "p1"}, {"phase_id": "p2"}]})
    for _ in range(data.draw(st.integers(0, 12))):
        body = likely(data.draw, ledger, run_id)
        with suppress(Refusal):
            ledger.propose(run_id, body)
    with ledger.reading() as connection:
        log = store.read_log(connection)
        told = figures_of(connection, Asked(runs=Wanted(archived=None)))
    times = Counter(event.type for event in log)
    by_run = {run: {event.type for event in log if event.run_id == run} for run in {e.run_id for e in log}}
    ends = told["happened"]["ends"]
    assert ends == {kind: times[kind] for kind in ends}
    assert told["happened"]["runs"]["ended"] == sum(bool(kinds & ends.keys()) for kinds in by_run.values())
    assert told["happened"]["runs"]["failed"] == sum(
        bool(kinds & (ends.keys() - {"run.succeeded"})) for kinds in by_run.values()
    )
    made = told["happened"]["attempts"]
    assert (made["opened"], made["completed"]) == (times["phase.started"], times["phase.completed"])
    assert (made["failed"], made["released"]) == (times["phase.failed"], times["phase.released"])
    assert sum(told["outcomes"].values()) + told["other_outcomes"] == made["failed"]
    tallies = [ledger.folded(run).tally for run in by_run]
    assert sum(sum(tally.values()) for tally in tallies) == sum(times[kind] for kind in COUNTED)
    assert told["now"]["runs"]["all"] == len(by_run)
