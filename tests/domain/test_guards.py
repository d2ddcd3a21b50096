"""What stands in the way of an event although the table of moves allows it."""

from typing import Any

import pytest

from domain.events import EVENTS
from domain.judge import blocker
from domain.moves import PHASE_MOVES, RECORDED_BY_SERVICE, legal_events
from domain.refusals import (
    AttemptsExhausted,
    BudgetExhausted,
    IllegalMove,
    PhasesOpen,
    Quarantined,
    Refusal,
    ReservedEvent,
    RunHeld,
    RunNotExecuting,
    RunPreserved,
    RunTerminal,
    TooManyPhases,
    UnknownTier,
)
from tests.domain.conftest import EXECUTING, RUN_ID, WORKING, Given

READY = (*EXECUTING, "phase.added p1")
CAPPED = (("run.created", {"config": {"token_cap": 100}}), "run.execution_started", "phase.added p1")
OVER = (*WORKING, "run.failed_environment")
PHASE_EVENTS = [move.event for move in PHASE_MOVES if move.event not in RECORDED_BY_SERVICE]


WAYS_OUT: dict[type[Refusal], tuple[tuple[Any, ...], str, str | None]] = {
    RunNotExecuting: (("run.queued", "phase.added p1"), "phase.started", "p1"),
    RunHeld: ((*READY, "run.held"), "phase.started", "p1"),
    BudgetExhausted: ((*CAPPED, ("run.usage_recorded", {"tokens_used": 100})), "phase.started", "p1"),
    RunTerminal: (OVER, "phase.requeued", "p1"),
    RunPreserved: (("run.created", "run.preserved"), "run.archived", None),
    AttemptsExhausted: (
        (*EXECUTING, ("phase.added p1", {"max_attempts": 1}), "phase.started p1", "phase.released p1 1"),
        "phase.started",
        "p1",
    ),
}


@pytest.mark.parametrize("kind", WAYS_OUT, ids=lambda kind: kind.__name__)
def test_the_way_out_that_a_refusal_names_is_open(given: Given, kind: type[Refusal]) -> None:
    """Where a refusal names the event that clears the way, that event is accepted."""
    steps, event, phase = WAYS_OUT[kind]
    story = given(*steps).when(event, phase).refused(kind)
    assert story.refusal is not None
    way_out = story.refusal.next_event
    assert way_out is not None
    story.when(way_out["type"], way_out.get("phase_id"), **way_out.get("data", {}))
    assert [event.type for event in story.happened] == [way_out["type"]]


@pytest.mark.parametrize(
    ("steps", "state", "path"),
    [
        (["run.queued"], "QUEUED", ["run.created", "run.execution_started"]),
        (["run.bootstrapped"], "PLAN_BOOTSTRAP", ["run.created", "run.execution_started"]),
        (["run.created"], "RUN_CREATED", ["run.execution_started"]),
        (["run.created", "run.phases_queued"], "PHASE_QUEUEING", ["run.execution_started"]),
    ],
)
def test_no_phase_starts_before_its_run_executes(
    given: Given, steps: list[str], state: str, path: list[str]
) -> None:
    """A start that comes too early is told the way to execution."""
    story = given(*steps, "phase.added p1").when("phase.started", "p1")
    story.refused(RunNotExecuting, phase_id="p1", state=state, path=path)


@pytest.mark.parametrize(
    "steps", [[], ["run.gate_entered"], ["run.ci_started"], ["run.gate_entered", "run.snapshot_created"]]
)
def test_a_phase_starts_while_its_run_executes(given: Given, steps: list[str]) -> None:
    """Gate, CI and snapshot of the run do not keep other phases waiting."""
    given(*READY, *steps).when("phase.started", "p1").then(("phase.started", "QUEUED", "EXECUTING"))


def test_no_phase_starts_while_its_run_is_held(given: Given) -> None:
    """A held run opens no attempt, lets open ones end, and starts phases again when it is unheld."""
    story = given(*WORKING, "phase.added p2", "run.held").when("phase.started", "p2")
    story.refused(RunHeld, run_id=RUN_ID, phase_id="p2")
    story.when("phase.completed", "p1", 1).then(("phase.completed", "EXECUTING", "COMPLETE"))
    story.when("run.unheld").when("phase.started", "p2").then(("phase.started", "QUEUED", "EXECUTING"))


def test_a_run_takes_so_many_phases_and_no_more(given: Given) -> None:
    """The phase beyond max_phases is refused."""
    story = given(("run.created", {"config": {"max_phases": 2}}), "phase.added p1").when("phase.added", "p2")
    story.then(("phase.added", None, "QUEUED"))
    story.when("phase.added", "p3").refused(TooManyPhases, max_phases=2)


def test_a_run_succeeds_when_every_phase_is_settled(given: Given) -> None:
    """Complete and skipped phases let a run succeed; waiting, open and failed ones are named."""
    story = given(*WORKING, "phase.added p2", "phase.added p3", "phase.started p3", "phase.failed p3 1")
    story.when("run.succeeded")
    story.refused(PhasesOpen, open_phases={"p1": "EXECUTING", "p2": "QUEUED", "p3": "FAILED"})
    story.when("phase.completed", "p1", 1).when("phase.skipped", "p2", reason="r").when(
        "phase.skipped", "p3", reason="r"
    )
    story.when("run.succeeded").then(("run.succeeded", "PHASE_EXECUTION", "DONE_SUCCESS"))
    assert story.run.completed_at == story.happened[0].recorded_at


def test_a_run_without_phases_succeeds(given: Given) -> None:
    """No phase is open where there is none."""
    given(*EXECUTING).when("run.succeeded").then(("run.succeeded", "PHASE_EXECUTION", "DONE_SUCCESS"))


def test_a_phase_without_a_state_keeps_its_run_from_succeeding(given: Given) -> None:
    """A quarantined phase is open, and is called what it is."""
    story = given(*EXECUTING).recorded("phase.quarantined", None, None, phase="p1").when("run.succeeded")
    story.refused(PhasesOpen)
    assert story.refusal is not None
    assert "None" not in story.refusal.detail
    assert "quarantined" in story.refusal.detail


@pytest.mark.parametrize(("used", "starts"), [(99, True), (100, False), (101, False)])
def test_no_phase_starts_once_the_budget_is_spent(given: Given, used: int, starts: bool) -> None:
    """The token cap is reached when as many tokens are used; open attempts may still end."""
    story = given(*CAPPED, ("run.usage_recorded", {"tokens_used": used})).when("phase.started", "p1")
    if starts:
        story.then(("phase.started", "QUEUED", "EXECUTING"))
    else:
        story.refused(BudgetExhausted, tokens_used=used, token_cap=100)


def test_what_its_phases_spend_counts_for_the_budget(given: Given) -> None:
    """Tokens of one phase keep another from starting, and do not stop the open attempt."""
    story = given(*CAPPED, "phase.started p1", "phase.added p2").when(
        "phase.usage_recorded", "p1", tokens_used=100
    )
    story.when("phase.started", "p2").refused(BudgetExhausted, tokens_used=100)
    story.when("phase.completed", "p1", 1).then(("phase.completed", "EXECUTING", "COMPLETE"))


@pytest.mark.parametrize("event", [event for event in PHASE_EVENTS if event != "phase.annotated"])
def test_no_phase_moves_after_its_run_is_over(given: Given, event: str) -> None:
    """A run that failed takes no event of a phase but a note, known or not."""
    for phase in ("p2" if event == "phase.added" else "p1", "elsewhere"):
        story = given(*OVER).when(
            event, phase, **EVENTS[event].example | ({"reason": "r"} if event == "phase.skipped" else {})
        )
        story.refused(RunTerminal, event=event, state="DONE_FAILED_ENVIRONMENT", current_version=6)


def test_nothing_is_spent_after_the_run_is_over(given: Given) -> None:
    """A run that succeeded takes no usage, and there is no way back but a repair."""
    story = given(*EXECUTING, "run.succeeded").when("run.usage_recorded", tokens_used=1)
    story.refused(RunTerminal, event="run.usage_recorded", state="DONE_SUCCESS")
    assert story.refusal is not None
    assert story.refusal.next_event is None
    story.when("run.reopened", reason="r").refused(IllegalMove, state="DONE_SUCCESS")


def test_a_preserved_run_is_not_archived(given: Given) -> None:
    """A preserved run stays in sight until it is unpreserved, and says why."""
    story = given("run.created", ("run.preserved", {"reason": "evidence"})).when("run.archived")
    story.refused(RunPreserved, why="evidence")
    story.when("run.unpreserved").when("run.archived").then(("run.archived", "RUN_CREATED", "RUN_CREATED"))
    assert (story.run.archived, story.run.preserved, story.run.preserved_why) == (True, False, None)


def test_a_phase_is_in_a_tier_of_its_run(given: Given) -> None:
    """A phase names one of the tiers that its run has, or none."""
    story = given(("run.created", {"tiers": [{"tier_id": "T1"}, {"tier_id": "T2"}]}))
    story.when("phase.added", "p1", tier_id="T9").refused(UnknownTier, tier_id="T9", tiers=["T1", "T2"])
    story.when("phase.added", "p1", tier_id="T2").then(("phase.added", None, "QUEUED"))
    assert story.run.phases["p1"].tier_id == "T2"


@pytest.mark.parametrize("event", sorted(RECORDED_BY_SERVICE))
def test_nobody_proposes_what_only_the_service_records(given: Given, event: str) -> None:
    """Imports, quarantines and repairs are refused, and the moves that are legal instead are named."""
    story = given(*WORKING, "run.gate_entered")
    if event.startswith("run."):
        story.when(event, **EVENTS[event].example)
        story.refused(ReservedEvent, event=event, legal=legal_events("run", "GATE"))
    else:
        story.when(event, "p1", **EVENTS[event].example)
        story.refused(ReservedEvent, event=event, legal=legal_events("phase", "EXECUTING"))


@pytest.mark.parametrize("event", sorted(RECORDED_BY_SERVICE))
def test_nobody_is_asked_to_complete_what_only_the_service_records(given: Given, event: str) -> None:
    """What only the service records is refused for that, and not for data that it would need."""
    given(*WORKING).when(event, "p1" if event.startswith("phase.") else None, nonsense=1).refused(
        ReservedEvent
    )


@pytest.mark.parametrize("attempt", [1, 9])
def test_what_only_the_service_records_is_refused_whatever_attempt_it_names(
    given: Given, attempt: int
) -> None:
    """A repair cannot be proposed, and the attempt that it names is not what is wrong with it."""
    given(*WORKING).when("phase.repaired", "p1", attempt, state="COMPLETE", reason="r").refused(ReservedEvent)


@pytest.mark.parametrize(
    ("event", "phase"),
    [("run.annotated", None), ("run.created", None), ("phase.added", "p1"), ("phase.annotated", "p1")],
)
def test_a_quarantined_run_takes_no_event(given: Given, event: str, phase: str | None) -> None:
    """A run without a state waits for its repair, and its phases with it."""
    story = given().recorded("run.quarantined", None, None, legacy={"state": "READY"})
    story.when(event, phase, **EVENTS[event].example).refused(Quarantined, run_id=RUN_ID, current_version=1)
    story.recorded("run.repaired", None, "RUN_CREATED", state="RUN_CREATED", reason="READY meant created")
    story.when("run.execution_started").then(("run.execution_started", "RUN_CREATED", "PHASE_EXECUTION"))


@pytest.mark.parametrize("event", [event for event in PHASE_EVENTS if event != "phase.added"])
@pytest.mark.parametrize("attempt", [None, 1])
def test_a_quarantined_phase_takes_no_event(given: Given, event: str, attempt: int | None) -> None:
    """A phase without a state waits for its repair, whatever attempt is named; the run goes on."""
    story = given(*EXECUTING).recorded("phase.quarantined", None, None, phase="p1")
    data: dict[str, Any] = EVENTS[event].example
    story.when(event, "p1", attempt, **data).refused(Quarantined, phase_id="p1")
    story.when("run.gate_entered").then(("run.gate_entered", "PHASE_EXECUTION", "GATE"))


def test_what_stands_in_the_way_is_known_before_anybody_asks(given: Given) -> None:
    """The blocker of an event is the refusal that proposing it would meet, or nothing."""
    story = given(*READY, "run.held", "run.preserved")
    assert isinstance(blocker(story.run, "phase.started", "p1"), RunHeld)
    assert isinstance(blocker(story.run, "run.succeeded"), PhasesOpen)
    assert isinstance(blocker(story.run, "run.archived"), RunPreserved)
    assert isinstance(blocker(story.run, "phase.completed", "p1"), IllegalMove)
    assert blocker(story.run, "phase.skipped", "p1") is None
    assert blocker(story.run, "phase.added") is None
    assert blocker(story.run, "run.gate_entered") is None
