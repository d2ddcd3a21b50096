"""A refusal changes nothing, and is kept apart from the log, with why and what to do."""

from typing import Any

import pytest

from api.commands import Asked
from api.ledger import Ledger
from domain.envelopes import Origin
from domain.refusals import IllegalMove, InvalidBody, Refusal, RunNotFound, UnknownEvent, UnknownState
from tests.databases import Digest
from tests.ledgers import OpenLedger

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a-run", {"type": "run.created"}, "illegal-move"),
    ("a-run", {"type": "run.snapshot_created"}, "illegal-move"),
    ("a-run", {"type": "run.succeeded"}, "phases-open"),
    ("a-run", {"type": "run.ready"}, "unknown-event"),
    ("a-run", {"type": "run.repaired", "data": {"state": "GATE", "reason": "x"}}, "reserved-event"),
    ("a-run", {"type": "run.annotated", "data": {}}, "invalid-body"),
    ("a-run", {"type": "run.annotated", "data": {"text": "x"}, "state": "READY"}, "invalid-body"),
    ("a-run", {"type": "run.annotated", "data": {"text": "\x00"}}, "invalid-body"),
    ("a-run", {"type": "run.annotated", "data": {"text": "\ud800"}}, "invalid-body"),
    ("a-run", {"type": "run.annotated", "data": {"text": 2**60}}, "invalid-body"),
    ("a-run", {"type": "\x00"}, "invalid-body"),
    ("a-run", {"type": 5}, "invalid-body"),
    ("a-run", {}, "invalid-body"),
    ("a-run", {"type": "run.annotated", "data": {"text": "x"}, "expected_version": 99}, "version-mismatch"),
    ("a-run", {"type": "phase.completed", "phase_id": "p1", "attempt": 7}, "stale-attempt"),
    ("a-run", {"type": "phase.started", "phase_id": "p9"}, "phase-not-found"),
    ("a-run", {"type": "phase.started", "phase_id": "../p1"}, "invalid-id"),
    ("a-run", {"type": "phase.added", "phase_id": "p1"}, "phase-exists"),
    ("a-run", {"type": "phase.added", "data": {"tier_id": "T9"}}, "unknown-tier"),
    ("nowhere", {"type": "run.annotated", "data": {"text": "x"}}, "run-not-found"),
    ("no where", {"type": "run.annotated", "data": {"text": "x"}}, "invalid-id"),
]


def kept(ledger: Ledger, run_id: str | None = None, before: int | None = None) -> list[dict[str, Any]]:
    return ledger.refusals(run_id=run_id, before=before, limit=100)


def test_a_refusal_leaves_no_trace_but_itself(ledger: Ledger, a_run: str, raw: Any, digest: Digest) -> None:
    """Whatever is refused: events, tables and keys are as they were, and there is one refusal more."""
    before = digest(raw, "refusals")
    for i, (run_id, body, code) in enumerate(REFUSED, 1):
        with pytest.raises(Refusal) as refused:
            ledger.propose(run_id, body, Asked(key=f"k{i}"))
        assert refused.value.code == code, body
        assert digest(raw, "refusals") == before, body
        assert len(kept(ledger)) == i
        assert kept(ledger)[0]["code"] == code


def test_a_refused_creation_leaves_no_trace_either(
    ledger: Ledger, a_run: str, raw: Any, digest: Digest
) -> None:
    """A run that is there already, a state that is none, a body without a name."""
    before = digest(raw, "refusals")
    bodies: list[dict[str, Any]] = [
        {"run_id": a_run},
        {"run_id": "b", "state": "READY"},
        {},
        {"run_id": "b", "x": 1},
    ]
    for body in bodies:
        with pytest.raises(Refusal):
            ledger.create_run(body)
    assert digest(raw, "refusals") == before
    codes = [refusal["code"] for refusal in kept(ledger)]
    assert codes == ["invalid-body", "invalid-body", "unknown-state", "run-exists"]


def test_a_refusal_says_who_what_and_why(ledger: Ledger, a_run: str) -> None:
    """The proposal as it was sent, the facts of the case, and what would have been right."""
    asked = Asked(origin=Origin(actor="Zoë", actor_verified=True), request_id="r-1")
    body = {"type": "run.snapshot_created", "data": {"reason": "ü"}}
    with pytest.raises(IllegalMove) as refused:
        ledger.propose(a_run, body, asked)
    (refusal,) = kept(ledger)
    assert (refusal["run_id"], refusal["phase_id"], refusal["event"]) == (a_run, None, "run.snapshot_created")
    assert (refusal["detail"], refusal["remedy"]) == (refused.value.detail, refused.value.remedy)
    assert refusal["facts"] == refused.value.facts()
    assert refusal["facts"]["state"] == "PHASE_EXECUTION"
    assert "run.gate_entered" in refusal["facts"]["legal"]
    assert refusal["proposal"] == body
    assert (refusal["actor"], refusal["actor_verified"], refusal["request_id"]) == ("Zoë", True, "r-1")
    assert refusal["refused_at"] >= ledger.run(a_run)["updated_at"]


def test_what_was_not_understood_is_kept_too(ledger: Ledger, a_run: str) -> None:
    """A typing error is as telling as an illegal move."""
    with pytest.raises(UnknownEvent):
        ledger.propose(a_run, {"type": "run.finished", "phase_id": None})
    with pytest.raises(UnknownState):
        ledger.create_run({"run_id": "b", "state": "READY"})
    ready, finished = kept(ledger)
    assert (finished["run_id"], finished["event"], finished["code"]) == (
        a_run,
        "run.finished",
        "unknown-event",
    )
    assert (ready["run_id"], ready["code"]) == ("b", "unknown-state")


def test_refusals_are_read_newest_first_and_by_run(ledger: Ledger, a_run: str) -> None:
    """Page by page, of one run or of all."""
    for i in range(5):
        with pytest.raises(Refusal):
            ledger.propose(
                a_run if i % 2 else "nowhere", {"type": "run.succeeded", "data": {"reason": f"{i}"}}
            )
    reasons = [refusal["proposal"]["data"]["reason"] for refusal in kept(ledger)]
    assert reasons == ["4", "3", "2", "1", "0"]
    ids = [refusal["refusal_id"] for refusal in kept(ledger)]
    assert ids == sorted(ids, reverse=True)
    assert [refusal["refusal_id"] for refusal in kept(ledger, before=ids[1])] == ids[2:]
    assert [refusal["run_id"] for refusal in kept(ledger, a_run)] == [a_run] * 2
    assert [refusal["run_id"] for refusal in kept(ledger, "nowhere")] == ["nowhere"] * 3


def test_the_refusals_of_a_run_that_never_was_are_not_found(ledger: Ledger, a_run: str) -> None:
    """A run of which nothing was refused has none; a run that is not there is said not to be there."""
    assert kept(ledger, a_run) == []
    with pytest.raises(RunNotFound):
        kept(ledger, "nowhere")


def test_no_more_refusals_are_kept_than_is_wanted(open_ledger: OpenLedger) -> None:
    """The oldest go first, and nobody fills the disk with nonsense."""
    ledger = open_ledger(refusals_max=3)
    for i in range(7):
        with pytest.raises(Refusal):
            ledger.propose("nowhere", {"type": "run.succeeded", "data": {"reason": f"{i}"}})
    assert [refusal["proposal"]["data"]["reason"] for refusal in kept(ledger)] == ["6", "5", "4"]


def test_a_large_proposal_is_refused_without_being_kept(ledger: Ledger, a_run: str) -> None:
    """Why it was refused is kept, of bounded length."""
    with pytest.raises(InvalidBody):
        ledger.propose(a_run, {"type": "run.annotated", "data": {"text": "x" * 30_000, "y" * 30_000: 1}})
    (refusal,) = kept(ledger)
    assert refusal["proposal"] is None
    assert len(refusal["detail"]) <= 2_000


def test_a_refusal_does_not_move_the_clock_of_the_log(ledger: Ledger, a_run: str) -> None:
    """Positions and versions go on as if nothing had been asked."""
    last = ledger.log(after=0, limit=100)[-1]
    for _ in range(3):
        with pytest.raises(Refusal):
            ledger.propose(a_run, {"type": "run.created"})
    recorded = ledger.propose(a_run, {"type": "run.gate_entered"})[0].event
    assert (recorded.position, recorded.version) == (last.position + 1, last.version + 1)
    assert recorded.prev_hash == last.hash
