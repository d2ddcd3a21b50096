"""Repairs: who proposes, who approves, what stands against it, and what becomes of what was repaired."""

from typing import Any

import pytest
from sqlalchemy import Connection

from api.commands import Asked, Filed, filed
from api.ledger import Ledger
from domain.envelopes import Origin
from domain.refusals import (
    IdempotencyKeyReused,
    InvalidBody,
    NothingToRepair,
    PhaseNotFound,
    PhasesOpen,
    Quarantined,
    RepairDecided,
    RepairNotFound,
    RepairOutOfDate,
    RunNotFound,
    SecondPersonNeeded,
    StaleAttempt,
    UnknownState,
    VersionMismatch,
)
from domain.repairs import rejected
from domain.run import Run
from eventstore import repairs
from tests.databases import Digest
from tests.ledger.conftest import AtOnce, InOneBatch
from tests.ledgers import OpenLedger
from tests.runs import Record

READY = {
    "legacy": {"id": "old", "state": "READY"},
    "findings": [{"code": "run-without-tiers"}, {"code": "illegal-run-state", "value": "READY"}],
    "mapping": {"from": "READY", "kind": "semantic", "to": "RUN_CREATED"},
}
PAUSED = {
    "legacy": {"state": "PAUSED"},
    "findings": [{"code": "illegal-run-state", "value": "PAUSED"}],
    "mapping": {"from": "PAUSED", "kind": "ambiguous"},
}


def by(actor: str, key: str | None = None) -> Asked:
    return Asked(origin=Origin(actor=actor), key=key)


def wanted(run_id: str, state: str, phase_id: str | None = None, **more: Any) -> dict[str, Any]:
    about = {"phase_id": phase_id} if phase_id else {}
    return {"run_id": run_id, **about, "state": state, "reason": "found so by hand", **more}


def proposed(ledger: Ledger, *what: Any, actor: str = "ada", **more: Any) -> str:
    repair_id: str = ledger.repairs.propose(wanted(*what, **more), by(actor)).repair["repair_id"]
    return repair_id


def repair(ledger: Ledger, *what: Any) -> None:
    ledger.repairs.approve(proposed(ledger, *what), {}, by("grace"))


@pytest.fixture
def old(ledger: Ledger, record: Record) -> str:
    """A run that was imported as READY, with a phase in a state that nobody knows."""
    record(ledger, "old", ("run.quarantined", None, None, {**READY, "goal": "Predict output sizes"}))
    phase = {"legacy": {"state": "APPROVAL_PENDING"}, "findings": [{"code": "illegal-phase-state"}]}
    record(ledger, "old", ("phase.imported", "QUEUED", "p1", {"state": "QUEUED"}))
    record(ledger, "old", ("phase.quarantined", None, "p2", phase))
    return "old"


# --- quarantine ---


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


# --- proposing ---


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (wanted("nobody", "GATE"), RunNotFound),
        (wanted("a-run", "COMPLETE", "p9"), PhaseNotFound),
        (wanted("a-run", "READY"), UnknownState),
        (wanted("a-run", "COMPLETE"), UnknownState),
        (wanted("a-run", "GATE", "p1", expected_version=1), VersionMismatch),
        (wanted("a-run", "PHASE_EXECUTION"), NothingToRepair),
        (wanted("a-run", "QUEUED", "p1"), NothingToRepair),
        ({"run_id": "a-run", "state": "GATE"}, InvalidBody),
        ({"run_id": "a-run", "state": "GATE", "reason": " "}, InvalidBody),
        (wanted("a-run", "GATE", force=True), InvalidBody),
        (wanted("a-run", "GATE", evidence=["\x00"]), InvalidBody),
    ],
)
def test_what_cannot_be_proposed(ledger: Ledger, a_run: str, body: dict[str, Any], kind: Any) -> None:
    """A repair of nothing, to no state, to where it is, or without a reason is refused, and that is kept."""
    with pytest.raises(kind):
        ledger.repairs.propose(body, by("ada"))
    assert ledger.repairs.page(limit=10) == []
    (refused,) = ledger.refusals(run_id=body["run_id"], before=None, limit=10)
    assert refused["code"] == kind.code
    assert ledger.run(a_run)["version"] == 5


def test_a_proposal_changes_nothing(ledger: Ledger, a_run: str, raw: Any, digest: Digest) -> None:
    """Until it is approved there is nothing in the log, or in the tables made from it."""
    before = digest(raw, "repairs", "seals")
    repair_id = proposed(ledger, a_run, "DONE_SUCCESS", evidence=["seen"])
    ledger.repairs.reject(repair_id, {"reason": "it is not done"}, by("grace"))
    assert digest(raw, "repairs", "seals") == before


def test_proposals_are_found(ledger: Ledger, a_run: str) -> None:
    """By id, by run, by status and by finding, the newest first, page by page."""
    one = proposed(ledger, a_run, "GATE", finding="done-with-queued-phases")
    two = proposed(ledger, a_run, "COMPLETE", "p1")
    ledger.repairs.reject(one, {"reason": "no"}, by("ada"))
    page = ledger.repairs.page(limit=10)
    assert [each["repair_id"] for each in page] == [two, one]
    assert ledger.repairs.get(one) == page[1]
    assert (page[1]["status"], page[1]["decided_why"], page[1]["event_version"]) == ("rejected", "no", None)
    assert ledger.repairs.page(before=(page[0]["proposed_at"], two), limit=10) == page[1:]
    assert ledger.repairs.page(status="rejected", limit=10) == page[1:]
    assert ledger.repairs.page(finding="done-with-queued-phases", limit=10) == page[1:]
    assert ledger.repairs.page(run_id="other", limit=10) == []
    with pytest.raises(RepairNotFound):
        ledger.repairs.get("nothing")


def test_a_proposal_under_a_key_is_made_once(ledger: Ledger, a_run: str) -> None:
    """The same key is answered with the same repair, and with another request refused."""
    first = ledger.repairs.propose(wanted(a_run, "GATE"), by("ada", "k"))
    again = ledger.repairs.propose(wanted(a_run, "GATE"), by("ada", "k"))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.repair == first.repair
    with pytest.raises(IdempotencyKeyReused):
        ledger.repairs.propose(wanted(a_run, "CI_RUNNING"), by("ada", "k"))
    assert len(ledger.repairs.page(limit=10)) == 1


# --- deciding ---


def test_a_decision_is_made_once(ledger: Ledger, a_run: str) -> None:
    """Who decides so again is answered again; another one, or another decision, is refused."""
    repair_id = proposed(ledger, a_run, "GATE")
    first = ledger.repairs.approve(repair_id, {}, by("grace", "k"))
    version = ledger.run(a_run)["version"]
    for asked in (by("grace"), by("grace", "k"), by("grace", "l")):
        again = ledger.repairs.approve(repair_id, {}, asked)
        assert (again.replayed, again.repair) == (True, first.repair)
    with pytest.raises(RepairDecided):
        ledger.repairs.approve(repair_id, {}, by("ada"))
    with pytest.raises(RepairDecided):
        ledger.repairs.reject(repair_id, {"reason": "no"}, by("grace"))
    other = proposed(ledger, a_run, "CI_RUNNING")
    ledger.repairs.reject(other, {"reason": "no"}, by("ada"))
    assert ledger.repairs.reject(other, {"reason": "still no"}, by("ada")).repair["decided_why"] == "no"
    with pytest.raises(RepairDecided) as refused:
        ledger.repairs.approve(other, {}, by("grace"))
    assert (refused.value.decision, refused.value.decided_by) == ("rejected", "ada")
    with pytest.raises(RepairNotFound):
        ledger.repairs.approve("nothing", {}, by("grace"))
    assert ledger.run(a_run)["version"] == version


def test_a_run_that_has_moved_on_is_not_repaired(ledger: Ledger, a_run: str) -> None:
    """Whatever happened to it meanwhile: its preview is out of date, and the list says so."""
    repair_id = proposed(ledger, a_run, "GATE")
    assert not ledger.repairs.get(repair_id)["is_out_of_date"]
    ledger.propose(a_run, {"type": "run.annotated", "data": {"text": "still at it"}})
    assert ledger.repairs.get(repair_id)["is_out_of_date"]
    with pytest.raises(RepairOutOfDate) as refused:
        ledger.repairs.approve(repair_id, {}, by("grace"))
    assert (refused.value.version, refused.value.current_version) == (5, 6)
    assert ledger.run(a_run)["state"] == "PHASE_EXECUTION"
    ledger.repairs.reject(repair_id, {"reason": "out of date"}, by("grace"))
    assert not ledger.repairs.get(repair_id)["is_out_of_date"]


def test_two_persons(open_ledger: OpenLedger) -> None:
    """Where two are asked for, who proposes does not approve, nor does anybody without a name."""
    ledger = open_ledger(repair_two_persons=True)
    ledger.create_run({"run_id": "one"})
    repair_id = proposed(ledger, "one", "GATE")
    for actor in ("ada", "anonymous"):
        with pytest.raises(SecondPersonNeeded) as refused:
            ledger.repairs.approve(repair_id, {}, by(actor))
        assert refused.value.approver == actor
    assert [each["code"] for each in ledger.refusals(run_id="one", before=None, limit=9)] == [
        "second-person-needed"
    ] * 2
    ledger.repairs.approve(repair_id, {}, by("grace"))
    assert ledger.run("one")["state"] == "GATE"
    mine = proposed(ledger, "one", "CI_RUNNING", actor="grace")
    ledger.repairs.reject(mine, {"reason": "a slip of the pen"}, by("grace"))


def test_one_person_is_enough_where_two_are_not_asked_for(ledger: Ledger, a_run: str) -> None:
    """Then the same one may propose and approve, and the log says that it was the same."""
    repair_id = proposed(ledger, a_run, "GATE", actor="ada")
    ledger.repairs.approve(repair_id, {}, by("ada"))
    told = ledger.log(after=0, limit=100)[-1].data["repair"]
    assert told["proposed_by"] == told["approved_by"] == "ada"


# --- many at once ---


def test_one_of_many_approves(ledger: Ledger, a_run: str, open_ledger: OpenLedger, at_once: AtOnce) -> None:
    """Of many who approve at the same moment, through two processes, one does; one event is appended."""
    other = open_ledger()
    repair_id = proposed(ledger, a_run, "GATE")
    calls = [
        lambda which=which, name=f"person-{number}": which.repairs.approve(repair_id, {}, by(name))
        for number, which in enumerate([ledger, other] * 8)
    ]
    outcomes = at_once(calls)
    assert sum(isinstance(each, RepairDecided) for each in outcomes) == 15
    (approved,) = [each for each in outcomes if not isinstance(each, Exception)]
    log = ledger.log(after=0, limit=100)
    assert [event.type for event in log].count("run.repaired") == 1
    assert approved.repair["decided_by"] == log[-1].actor


def test_decisions_in_one_transaction_see_each_other(
    ledger: Ledger, a_run: str, in_one_batch: InOneBatch
) -> None:
    """The second of two that wait together finds what the first has written."""
    repair_id = proposed(ledger, a_run, "GATE")
    seen: list[str] = []

    def rejects(connection: Connection, _run: Run, at: str) -> Filed:
        kept = repairs.get(connection, repair_id)
        assert kept is not None
        seen.append(kept.repair.status)
        made = rejected(kept.repair, Origin(actor="grace"), at, "no")
        return Filed(writes=[repairs.to_decide(made)])

    told = in_one_batch(ledger, [filed(a_run, rejects, {}, by("ada"))] * 2)
    assert told == [[], []]
    assert seen == ["proposed", "rejected"]


# --- what becomes of it ---


def test_a_phase_that_was_set_to_its_end_says_so(ledger: Ledger, a_run: str) -> None:
    """Its outcome is the repair, not the work of an executor; the failure that it had is in the log."""
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p1"})
    failed = {"type": "phase.failed", "phase_id": "p1", "attempt": 1, "data": {"outcome": "CI_FAILED"}}
    ledger.propose(a_run, failed)
    repair(ledger, a_run, "COMPLETE", "p1")
    phase = ledger.phase(a_run, "p1")
    assert phase["last_outcome"] == {"code": "REPAIRED", "detail": "found so by hand"}
    assert (phase["state"], phase["attempt"]) == ("COMPLETE", 1)
    assert phase["completed_at"] is not None
    (told,) = ledger.audit(a_run, phase_id="p1")["phases"]
    assert told["attempts"][0]["outcome"] == "CI_FAILED"


def test_a_phase_that_was_set_back_to_work_has_an_open_attempt(ledger: Ledger, a_run: str) -> None:
    """One that never began has its first; who reports on an earlier one is stale."""
    repair(ledger, a_run, "EXECUTING", "p2")
    assert ledger.phase(a_run, "p2")["attempt"] == 1
    ledger.propose(a_run, {"type": "phase.released", "phase_id": "p2", "attempt": 1})
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p2"})
    repair(ledger, a_run, "FAILED", "p2")
    repair(ledger, a_run, "EXECUTING", "p2")
    with pytest.raises(StaleAttempt):
        ledger.propose(a_run, {"type": "phase.completed", "phase_id": "p2", "attempt": 1})
    ledger.propose(a_run, {"type": "phase.completed", "phase_id": "p2", "attempt": 2})
    assert ledger.phase(a_run, "p2")["last_outcome"]["code"] == "COMPLETE"


def test_a_phase_that_was_set_back_to_waiting_is_nobody_s(ledger: Ledger, a_run: str) -> None:
    """A report of the attempt that it had is stale, and the next attempt is the next number."""
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p1", "data": {"executor": "builder-1"}})
    repair(ledger, a_run, "QUEUED", "p1")
    phase = ledger.phase(a_run, "p1")
    assert (phase["executor"], phase["last_outcome"], phase["completed_at"]) == (None, None, None)
    with pytest.raises(StaleAttempt):
        ledger.propose(a_run, {"type": "phase.completed", "phase_id": "p1", "attempt": 1})
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p1"})
    assert ledger.phase(a_run, "p1")["attempt"] == 2


def test_a_repair_gives_no_leave_for_the_next_move(ledger: Ledger, a_run: str) -> None:
    """From where a repair put it, the guards hold as ever."""
    repair(ledger, a_run, "GATE")
    with pytest.raises(PhasesOpen):
        ledger.propose(a_run, {"type": "run.succeeded"})
