"""Quarantine: what waits, what is told of it, what is suggested, and all of that repaired at once."""

import pytest

from api.ledger import Ledger
from domain.refusals import (
    Quarantined,
    RepairOutOfDate,
    RunNotFound,
    SecondPersonNeeded,
)
from tests.ledger.repairing import PAUSED, READY, by, proposed, repair
from tests.ledgers import OpenLedger
from tests.runs import Record


@pytest.fixture
def old(ledger: Ledger, record: Record) -> str:
    """A run that was imported as READY, with a phase in a state that nobody knows."""
    record(ledger, "old", ("run.quarantined", None, None, {**READY, "goal": "Predict output sizes"}))
    phase = {"legacy": {"state": "APPROVAL_PENDING"}, "findings": [{"code": "illegal-phase-state"}]}
    record(ledger, "old", ("phase.imported", "QUEUED", "p1", {"state": "QUEUED"}))
    record(ledger, "old", ("phase.quarantined", None, "p2", phase))
    return "old"


def test_what_waits_is_told_with_what_was_found(ledger: Ledger, old: str, record: Record) -> None:
    """The list has runs and phases, the old value, the findings, what is suggested, and the call."""
    record(ledger, "paused", ("run.quarantined", None, None, PAUSED))
    first, second, third = ledger.repairs.quarantine(limit=10)
    assert [
        (each["run_id"], each["phase_id"], each["value"], each["suggested"]) for each in (first, second)
    ] == [
        (old, None, "READY", "RUN_CREATED"),
        (old, "p2", "APPROVAL_PENDING", None),
    ]
    assert first["findings"] == READY["findings"]
    assert first["kind"] == "semantic"
    assert first["version"] == 3
    assert first["call"]["body"] == {
        "run_id": old,
        "state": "RUN_CREATED",
        "reason": "say why",
        "expected_version": 3,
    }
    assert (third["run_id"], third["kind"], third["suggested"]) == ("paused", "ambiguous", None)
    assert ledger.repairs.quarantine(is_suggested=True, limit=10) == [first]
    assert ledger.repairs.quarantine(run_id=old, after=(old, ""), limit=1) == [second]
    with pytest.raises(RunNotFound):
        ledger.repairs.quarantine(run_id="nobody", limit=1)


def test_a_repair_ends_the_quarantine(ledger: Ledger, old: str) -> None:
    """A run and a phase are repaired each by itself; then they take events like any other."""
    repair(ledger, old, "RUN_CREATED")
    (waiting,) = ledger.repairs.quarantine(limit=10)
    assert waiting["phase_id"] == "p2"
    repair(ledger, old, "QUEUED", "p2")
    assert ledger.repairs.quarantine(limit=10) == []
    ledger.propose(old, {"type": "run.execution_started"})
    ledger.propose(old, {"type": "phase.started", "phase_id": "p2"})
    assert ledger.phase(old, "p2")["attempt"] == 1


def test_a_quarantined_run_is_refused_with_all_that_is_known(ledger: Ledger, old: str) -> None:
    """Whoever reads it or proposes an event is told what was found, and what repairs it."""
    for asking in (
        lambda: ledger.run(old),
        lambda: ledger.propose(old, {"type": "run.execution_started"}),
        lambda: ledger.propose(old, {"type": "phase.started", "phase_id": "p1"}),
        lambda: ledger.history.run(old, at_version=1),
    ):
        with pytest.raises(Quarantined) as refused:
            asking()
        assert refused.value.value == "READY"
        assert refused.value.suggested == "RUN_CREATED"
        assert refused.value.findings == READY["findings"]
    with pytest.raises(Quarantined) as refused:
        ledger.phase(old, "p2")
    assert (refused.value.phase_id, refused.value.value) == ("p2", "APPROVAL_PENDING")
    assert ledger.phase(old, "p1")["state"] == "QUEUED"


def test_everything_else_of_a_quarantined_run_is_told(ledger: Ledger, old: str) -> None:
    """Lists, events, moves, audit and history go on as for any run."""
    (listed,) = ledger.runs(limit=10)
    assert (listed["run_id"], listed["state"]) == (old, None)
    assert len(ledger.events_of(old, after_version=0, limit=10)) == 3
    assert ledger.moves(old)["state"] is None
    assert ledger.audit(old)["run"]["state"] is None
    assert ledger.history.diff(old, 1, 3)["to"]["state"] is None
    assert ledger.history.blame(old, "phases/p2/state")


def test_only_a_legal_state_is_ever_suggested(ledger: Ledger, record: Record) -> None:
    """What an import suggests and is no state here is not passed on."""
    for number, mapping in enumerate([{"to": "READY"}, {"to": 1}, {"from": 7}, "x", {"to": "COMPLETE"}]):
        record(ledger, f"r{number}", ("run.quarantined", None, None, {"mapping": mapping, "findings": "x"}))
    waiting = ledger.repairs.quarantine(limit=10)
    assert [(each["suggested"], each["value"]) for each in waiting] == [
        (None, value) for value in (None, None, "7", None, None)
    ]


# --- what is suggested ---


def test_all_that_is_suggested_is_proposed_at_once(ledger: Ledger, old: str, record: Record) -> None:
    """Each suggestion becomes a proposal of its own, once; what has none is left alone."""
    record(ledger, "paused", ("run.quarantined", None, None, PAUSED))
    record(ledger, "ready", ("run.quarantined", None, None, READY))
    told = ledger.repairs.propose_suggested({}, by("ada"))
    made = [each.repair for each in told]  # type: ignore[union-attr]  # none is refused
    assert [(each["run_id"], each["state"], each["finding"]) for each in made] == [
        (old, "RUN_CREATED", "illegal-run-state"),
        ("ready", "RUN_CREATED", "illegal-run-state"),
    ]
    assert made[0]["reason"] == "The import suggests RUN_CREATED for READY."
    again = ledger.repairs.propose_suggested({"reason": "another"}, by("grace"))
    assert [(each.repair, each.replayed) for each in again] == [(each, True) for each in made]  # type: ignore[union-attr]
    (first, *_) = ledger.repairs.quarantine(limit=10)
    assert first["proposed"] == [made[0]["repair_id"]]


def test_all_that_answer_a_finding_are_approved(ledger: Ledger, old: str, record: Record) -> None:
    """What cannot be approved is told, and does not hold up the others."""
    record(ledger, "ready", ("run.quarantined", None, None, READY))
    ledger.repairs.propose_suggested({"reason": "READY meant created"}, by("ada"))
    proposed(ledger, old, "QUEUED", "p2", finding="illegal-phase-state")
    repair(ledger, old, "SKIPPED", "p1")
    out_of_date, approved = ledger.repairs.approve_all({"finding": "illegal-run-state"}, by("grace"))
    assert isinstance(out_of_date, RepairOutOfDate)
    assert ledger.run("ready")["state"] == "RUN_CREATED"
    assert ledger.log(after=0, limit=100)[-1].data["repair"]["finding"] == "illegal-run-state"
    assert approved.repair["status"] == "approved"  # type: ignore[union-attr]
    assert len(ledger.repairs.page(status="proposed", finding="illegal-phase-state", limit=10)) == 1
    assert ledger.repairs.approve_all({"finding": "nothing"}, by("grace")) == []


def test_several_of_a_run_are_approved_in_one_append(ledger: Ledger, old: str, record: Record) -> None:
    """None of them moves the run on before another; a second one for the same phase comes too late."""
    lost = {"legacy": {"state": "ready"}, "findings": [{"code": "illegal-phase-state"}]}
    record(ledger, old, ("phase.quarantined", None, "p3", lost))
    for phase_id, state in (("p2", "QUEUED"), ("p3", "COMPLETE"), ("p2", "SKIPPED")):
        proposed(ledger, old, state, phase_id, finding="illegal-phase-state")
    told = ledger.repairs.approve_all({"finding": "illegal-phase-state"}, by("grace"))
    *approved, late = told
    assert [(each.repair["phase_id"], each.repair["event_version"]) for each in approved] == [  # type: ignore[union-attr]
        ("p2", 5),
        ("p3", 6),
    ]
    assert isinstance(late, RepairOutOfDate)
    events = ledger.events_of(old, after_version=4, limit=10)
    assert [(each["phase_id"], each["state_after"]) for each in events] == [
        ("p2", "QUEUED"),
        ("p3", "COMPLETE"),
    ]
    assert ledger.repairs.approve_all({"finding": "illegal-phase-state"}, by("grace"))[0].code == late.code  # type: ignore[union-attr]


def test_of_several_in_a_run_none_is_approved_by_who_proposed_them(
    open_ledger: OpenLedger, old: str, record: Record
) -> None:
    """Where two persons are needed, also for all at once."""
    ledger = open_ledger(repair_two_persons=True)
    for phase_id in ("p1", "p2"):
        proposed(ledger, old, "COMPLETE", phase_id, finding="illegal-phase-state")
    refused = ledger.repairs.approve_all({"finding": "illegal-phase-state"}, by("ada"))
    assert [type(each) for each in refused] == [SecondPersonNeeded, SecondPersonNeeded]
    approved = ledger.repairs.approve_all({"finding": "illegal-phase-state"}, by("grace"))
    assert [each.repair["status"] for each in approved] == ["approved", "approved"]  # type: ignore[union-attr]
