"""Every refusal says what is the matter, and what to do now."""

import json

import pytest

from domain.moves import RECORDED_BY_SERVICE, TABLE
from domain.refusals import (
    ApprovalAnswered,
    ApprovalNotFound,
    AttemptRequired,
    AttemptsExhausted,
    BudgetExhausted,
    IdempotencyKeyReused,
    IllegalMove,
    InvalidBody,
    InvalidId,
    LeaseTooLong,
    NoLease,
    NothingToRepair,
    PhaseExists,
    PhaseNotFound,
    PhasesOpen,
    Quarantined,
    Refusal,
    RepairDecided,
    RepairNotFound,
    RepairOutOfDate,
    ReservedEvent,
    RunExists,
    RunHeld,
    RunNotExecuting,
    RunNotFound,
    RunPreserved,
    RunTerminal,
    SecondPersonNeeded,
    StaleAttempt,
    TooManyPhases,
    UnknownEvent,
    UnknownState,
    UnknownTier,
    VersionMismatch,
    every,
)

LONG = "x" * 10_000
SAMPLES: list[tuple[Refusal, list[str]]] = [
    (
        InvalidBody([{"pointer": "/data/outcome", "detail": "Field required"}]),
        ["/data/outcome", "Field required"],
    ),
    (
        InvalidBody([{"pointer": "", "detail": "a run_id or a goal is needed"}]),
        ["the body: a run_id or a goal"],
    ),
    (InvalidId("phase_id", "a b"), ["phase_id", "'a b'", "letters"]),
    (InvalidId("run_id", LONG), ["run_id"]),
    (UnknownEvent("phase.start", ["phase.started"]), ["phase.start", "Did you mean phase.started?"]),
    (UnknownEvent(LONG, []), ["machine"]),
    (UnknownState("READY", ["QUEUED", "RUN_CREATED"], []), ["'READY'", "QUEUED, RUN_CREATED"]),
    (UnknownState("QUEUD", ["QUEUED"], ["QUEUED"]), ["Did you mean QUEUED?"]),
    (UnknownState(LONG, ["QUEUED"], []), ["QUEUED"]),
    (UnknownState("FAILED", ["GATE"], [], "phase", "r1", "p1"), ["a state of phases", "phase_id"]),
    (UnknownState("DONE_SUCCESS", ["GATE"], [], "run", "r1"), ["a state of runs", "Leave phase_id out"]),
    (ReservedEvent("run.repaired", ["run.created"]), ["run.repaired", "run.created"]),
    (ReservedEvent("run.repaired", []), ["run.repaired"]),
    (ApprovalNotFound(41), ["the number 41"]),
    (ApprovalNotFound(7, "r1", [3, 5]), ["'r1'", "no request for approval 7", "3, 5"]),
    (ApprovalNotFound(None, "r1"), ["that the answer names", "waiting: none"]),
    (ApprovalAnswered("r1", 3, "granted", "cli:ann"), ["is granted already", "cli:ann", "final"]),
    (RunNotFound("r1"), ["'r1'"]),
    (RunNotFound("r1", ["r2", "r3"]), ["Did you mean r2 or r3?"]),
    (PhaseNotFound("r1", "p1"), ["'r1'", "'p1'"]),
    (PhaseNotFound("r1", "p1", ["p2"]), ["Did you mean p2?"]),
    (RunExists("r1", "GATE", 7), ["'r1'", "7", "Idempotency-Key"]),
    (PhaseExists("r1", "p1", "GATE"), ["'r1'", "'p1'"]),
    (Quarantined("r1"), ["Run 'r1'", "repair"]),
    (Quarantined("r1", "p1", 7), ["Phase 'p1' of run 'r1'", "repair"]),
    (Quarantined("r1", None, 7, "READY", "RUN_CREATED", []), ["'READY'", "RUN_CREATED is suggested"]),
    (RepairNotFound("9f2c"), ["'9f2c'", "list"]),
    (NothingToRepair("r1", "GATE"), ["Run 'r1' is GATE", "run.annotated"]),
    (NothingToRepair("r1", "GATE", "p1"), ["Phase 'p1' of run 'r1' is GATE"]),
    (RepairOutOfDate("9f2c", "r1", 3, 4, {"run_id": "r1"}), ["9f2c", "at version 3", "at 4", "again"]),
    (RepairDecided("9f2c", "r1", "approved", "grace", "2026"), ["9f2c", "approved by grace"]),
    (SecondPersonNeeded("9f2c", "r1", "ada", "ada"), ["ada has proposed", "somebody else than ada"]),
    (SecondPersonNeeded("9f2c", "r1", "ada", "anonymous"), ["without a name"]),
    (
        IllegalMove("r1", "run.created", "GATE", ["run.ci_started"], ["QUEUED"]),
        ["run 'r1' is GATE", "QUEUED", "run.ci_started"],
    ),
    (IllegalMove("r1", "phase.failed", "QUEUED", [], ["GATE"], "p1", 7), ["phase 'p1' is QUEUED", "GATE"]),
    (
        RunTerminal("r1", "phase.started", "DONE_FAILED_ENVIRONMENT", 7),
        ["DONE_FAILED_ENVIRONMENT", "phase.started", "run.reopened"],
    ),
    (RunTerminal("r1", "phase.started", "DONE_SUCCESS", 7), ["DONE_SUCCESS", "new run"]),
    (
        RunNotExecuting("r1", "p1", "QUEUED", ["run.created", "run.execution_started"]),
        ["QUEUED", "run.created, then run.execution_started"],
    ),
    (RunHeld("r1", "p1"), ["'r1'", "run.unheld"]),
    (StaleAttempt("r1", "p1", "phase.failed", 1, 2, "GATE"), ["phase.failed", "attempt 1", "'p1'", "2"]),
    (StaleAttempt("r1", "p1", "phase.failed", 2, 2, "QUEUED"), ["attempt 2", "over", "QUEUED"]),
    (StaleAttempt("r1", "p1", "heartbeat", 1, 2, "GATE", "its lease ran out."), ["its lease ran out."]),
    (NoLease("r1", "p1", 2), ["Attempt 2", "'p1'", "lease_seconds"]),
    (LeaseTooLong(900, 600), ["900 s", "600 s", "heartbeats", "RUNNOTARY_LEASE_SECONDS_MAX"]),
    (LeaseTooLong(900, 600, "r1", "p1", "phase.started"), ["900 s", "600 s"]),
    (AttemptRequired("r1", "p1", "phase.failed", 2), ["phase.failed", '"attempt"', "2"]),
    (AttemptsExhausted("r1", "p1", 5, 5), ["'p1'", "5 of 5", "phase.skipped"]),
    (TooManyPhases("r1", 25), ["'r1'", "25", "max_phases"]),
    (UnknownTier("r1", "T9", ["T1", "T2"]), ["'T9'", "T1, T2"]),
    (UnknownTier("r1", "T9", []), ["'T9'", "none"]),
    (PhasesOpen("r1", {"p1": "GATE", "p2": "FAILED"}), ["p1 is GATE", "p2 is FAILED", "run.failed_"]),
    (PhasesOpen("r1", {f"p{i}": "QUEUED" for i in range(1_000)}), ["p9 is QUEUED"]),
    (BudgetExhausted("r1", "p1", 101, 100), ["101 of 100", "run.failed_budget_exhausted"]),
    (RunPreserved("r1", None), ["'r1'", "run.unpreserved"]),
    (RunPreserved("r1", "evidence"), ["evidence"]),
    (VersionMismatch("r1", 3, 4, "GATE"), ["'r1'", "3", "4"]),
    (IdempotencyKeyReused("k1"), ["'k1'"]),
]
KINDS = [kind for kind in every() if kind.__module__.startswith("domain.")]


def test_every_refusal_has_a_sample() -> None:
    """What is said below is said of every kind of refusal that there is."""
    assert {type(sample) for sample, _ in SAMPLES} == set(KINDS)
    assert len(KINDS) == len(set(KINDS)) >= 24


@pytest.mark.parametrize(("refusal", "said"), SAMPLES)
def test_every_refusal_says_what_is_the_matter_and_what_to_do(refusal: Refusal, said: list[str]) -> None:
    """Detail and remedy are filled, name the facts, and stay short whatever the caller sent."""
    text = f"{refusal.detail} {refusal.remedy}"
    assert [part for part in said if part not in text] == []
    assert refusal.detail.strip()
    assert refusal.remedy.strip().endswith((".", "?"))
    assert "None" not in text
    assert len(text) < 1_000
    assert str(refusal) == f"{refusal.code}: {refusal.detail}"


@pytest.mark.parametrize("refusal", [sample for sample, _ in SAMPLES])
def test_every_refusal_carries_its_facts(refusal: Refusal) -> None:
    """The facts are plain JSON, without what is unknown."""
    facts = refusal.facts()
    assert facts
    assert None not in facts.values()
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("refusal", [sample for sample, _ in SAMPLES])
def test_a_way_out_is_an_event_that_can_be_proposed(refusal: Refusal) -> None:
    """Where one event clears the way, it is one that anybody may propose."""
    if refusal.next_event is not None:
        assert refusal.next_event["type"] in TABLE.keys() - RECORDED_BY_SERVICE
        assert refusal.next_event.keys() <= {"type", "phase_id", "data"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_refusal_has_a_code_and_a_title(kind: type[Refusal]) -> None:
    """A code is a stable word in small letters, a title a few words that fit every case."""
    assert kind.code == kind.__dict__["code"] == kind.code.lower()
    assert " " not in kind.code
    assert kind.title == kind.__dict__["title"]
    assert kind.title[0].isupper()


def test_no_two_kinds_have_the_same_code() -> None:
    """A program can tell refusals apart by their codes, a person by their titles."""
    assert len({kind.code for kind in KINDS}) == len({kind.title for kind in KINDS}) == len(KINDS)
