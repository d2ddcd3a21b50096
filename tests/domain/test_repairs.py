"""What a repair would contradict: what the guards would say against the states that it leads to."""

import pytest
from hypothesis import given as with_any
from hypothesis import strategies as st

from domain.decide import decide
from domain.evolve import evolve
from domain.refusals import Refusal
from domain.repairs import Contradiction, Repair, after, contradictions
from domain.run import Run
from tests.domain.conftest import EXECUTING, RUN_ID, UNHURRIED, WORKING, Given, Story, sealed
from tests.domain.steps import proposal_of, steps

AT = "2026-11-22T12:00:00.000000Z"


def repair_of(run: Run, state: str, phase_id: str | None = None) -> Repair:
    return Repair(
        repair_id="9f2c",
        run_id=run.run_id,
        phase_id=phase_id,
        version=run.version,
        before=run.state if phase_id is None else run.phases[phase_id].state,
        state=state,
        reason="seen",
        evidence=[],
        finding=None,
        proposed_by="ada",
        proposed_by_verified=False,
        proposed_at=AT,
    )


def brought_about(story: Story, state: str, phase_id: str | None = None) -> set[tuple[str, str | None]]:
    """The codes of what a repair contradicts that was not so before, and the phases that they are about."""
    now = set(contradictions(story.run))
    then = contradictions(after(story.run, repair_of(story.run, state, phase_id), AT))
    return {(each.code, each.phase_id) for each in then if each not in now}


def test_success_with_open_phases(given: Given) -> None:
    """A run cannot have succeeded while a phase is open; nobody could go on with the phase."""
    assert brought_about(given(*WORKING), "DONE_SUCCESS") == {("phases-open", None), ("run-terminal", "p1")}
    failed = given(*WORKING, ("phase.failed p1 1", {"outcome": "X"}))
    assert brought_about(failed, "DONE_SUCCESS") == {("phases-open", None)}
    assert brought_about(given(*WORKING, "phase.completed p1 1"), "DONE_SUCCESS") == set()


@pytest.mark.parametrize("state", ["DONE_FAILED_ENVIRONMENT", "DONE_FAILED_BUDGET_EXHAUSTED"])
def test_a_run_that_is_over_has_nobody_at_work(given: Given, state: str) -> None:
    """Whichever of the two is repaired."""
    assert brought_about(given(*WORKING), state) == {("run-terminal", "p1")}
    over = given(*WORKING, "run.failed_environment")
    assert brought_about(over, "CI_RUNNING", "p1") == {("run-terminal", "p1")}
    assert brought_about(over, "QUEUED", "p1") == set()


@pytest.mark.parametrize("state", ["QUEUED", "RUN_CREATED", "PHASE_QUEUEING"])
def test_nobody_is_at_work_before_the_run_executes(given: Given, state: str) -> None:
    """Whichever of the two is repaired."""
    assert brought_about(given(*WORKING), state) == {("run-not-executing", "p1")}
    waiting = given("run.created", "phase.added p1")
    assert brought_about(waiting, "EXECUTING", "p1") == {("run-not-executing", "p1")}


def test_a_phase_that_has_had_its_attempts(given: Given) -> None:
    """Back in the queue it would wait for ever; one that is at work has had no more than it may."""
    story = given(*EXECUTING, ("phase.added p1", {"max_attempts": 1}), "phase.started p1")
    assert brought_about(story, "QUEUED", "p1") == {("attempts-exhausted", "p1")}
    assert brought_about(story, "GATE", "p1") == set()
    imported = given(*EXECUTING).recorded(
        "phase.imported", None, "FAILED", phase="p1", state="FAILED", attempt=3, max_attempts=2
    )
    assert ("attempts-exhausted", "p1") in brought_about(imported, "EXECUTING", "p1")


def test_an_open_run_whose_phases_have_all_ended(given: Given) -> None:
    """It may be so for a while, and whoever repairs is told."""
    ended = {("open-run-all-phases-ended", None)}
    assert brought_about(given(*WORKING), "SKIPPED", "p1") == ended
    over = given(*WORKING, "phase.completed p1 1", "run.succeeded")
    assert brought_about(over, "PHASE_EXECUTION") == ended
    assert brought_about(given(*EXECUTING), "GATE") == set()


def test_a_spent_budget(given: Given) -> None:
    """A run that executes again starts no phase."""
    spent = ("run.usage_recorded", {"tokens_used": 5_000_000})
    story = given("run.created", spent)
    assert brought_about(story, "PHASE_EXECUTION") == {("budget-exhausted", None)}


def test_what_is_in_quarantine_takes_no_event(given: Given) -> None:
    """A repair of one leaves the other where it was, and that is told as it was before."""
    story = given().recorded("run.quarantined", None, None)
    story.recorded("phase.quarantined", None, None, phase="p1")
    waiting = {(each.code, each.phase_id) for each in contradictions(story.run)}
    assert waiting == {("quarantined", None), ("quarantined", "p1")}
    assert brought_about(story, "RUN_CREATED") == set()
    run = after(story.run, repair_of(story.run, "RUN_CREATED"), AT)
    run = after(run, repair_of(run, "QUEUED", "p1"), AT)
    assert list(contradictions(run)) == []


def test_the_moves_lead_to_no_contradiction_that_ends_something(given: Given) -> None:
    """What is looked for is what a guard keeps from coming about: moves alone do not get there."""

    @UNHURRIED
    @with_any(data=st.data())
    def moved(data: st.DataObject) -> None:
        run = Run(run_id=RUN_ID)
        for event in given(*EXECUTING, "phase.added p1", "phase.added p2").events:
            run = evolve(run, event)
        for _ in range(data.draw(st.integers(1, 12))):
            try:
                for new in decide(run, proposal_of(data.draw(steps(run)))):
                    run = evolve(run, sealed(run, new))
            except Refusal:
                continue
            found: set[Contradiction] = set(contradictions(run))
            assert {each.code for each in found} & {"phases-open", "run-terminal", "quarantined"} == set()
            if run.state != "PHASE_QUEUEING":  # entered anew after a snapshot, while phases are at work
                assert "run-not-executing" not in {each.code for each in found}

    moved()
