"""Repairs: who proposes, who approves, what stands against it, and what becomes of what was repaired."""

from typing import Any

import pytest
from sqlalchemy import Connection

from api.commands import Filed, filed
from api.ledger import Ledger
from domain.envelopes import Origin
from domain.refusals import (
    IdempotencyKeyReused,
    InvalidBody,
    NothingToRepair,
    PhaseNotFound,
    PhasesOpen,
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
from tests.ledger.repairing import by, proposed, repair, wanted
from tests.ledgers import OpenLedger

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
