"""A run that fails takes its open attempts with it."""

import pytest

from domain.refusals import IllegalMove, InvalidBody, RunTerminal
from domain.states import ATTEMPT_OPEN
from tests.domain.conftest import EXECUTING, WORKING, Given

FAILING = {
    "run.failed_budget_exhausted": "DONE_FAILED_BUDGET_EXHAUSTED",
    "run.failed_policy_violation": "DONE_FAILED_POLICY_VIOLATION",
    "run.failed_requires_human_review": "DONE_FAILED_REQUIRES_HUMAN_REVIEW",
    "run.failed_environment": "DONE_FAILED_ENVIRONMENT",
}
OF_EVERY_KIND = (
    *EXECUTING,
    *(
        f"phase.added {name}"
        for name in ("waiting", "working", "judged", "checked", "done", "failed", "left-out")
    ),
    *(f"phase.started {name}" for name in ("working", "judged", "checked", "done", "failed")),
    *(
        "phase.submitted judged 1",
        "phase.ci_started checked 1",
        "phase.completed done 1",
        "phase.failed failed 1",
    ),
    "phase.skipped left-out",
)
"""A run with a phase in every state."""


@pytest.mark.parametrize(("event", "state"), FAILING.items())
def test_open_attempts_fail_before_their_run_does(given: Given, event: str, state: str) -> None:
    """Each open attempt fails in the same append, before its run; other phases stay as they are."""
    story = given(*OF_EVERY_KIND).when(event, reason="enough")
    story.then(
        ("phase.failed", "EXECUTING", "FAILED"),
        ("phase.failed", "GATE", "FAILED"),
        ("phase.failed", "CI_RUNNING", "FAILED"),
        (event, "PHASE_EXECUTION", state),
    )
    assert [(e.phase_id, e.attempt, e.implied) for e in story.happened] == [
        ("working", 1, True),
        ("judged", 1, True),
        ("checked", 1, True),
        (None, None, False),
    ]
    assert {name: phase.state for name, phase in story.run.phases.items()} == {
        "waiting": "QUEUED",
        "working": "FAILED",
        "judged": "FAILED",
        "checked": "FAILED",
        "done": "COMPLETE",
        "failed": "FAILED",
        "left-out": "SKIPPED",
    }
    assert not ATTEMPT_OPEN & {phase.state for phase in story.run.phases.values()}
    assert story.run.completed_at == story.happened[-1].recorded_at


@pytest.mark.parametrize("event", FAILING)
def test_an_implied_failure_has_an_outcome_of_its_own(given: Given, event: str) -> None:
    """Whoever counts outcomes can tell attempts that failed from those that their run took along."""
    story = given(*WORKING).when(event)
    assert story.happened[0].data == {"outcome": "RUN_FAILED", "detail": event}
    assert story.run.phases["p1"].last_outcome == {"code": "RUN_FAILED", "detail": event}


@pytest.mark.parametrize("event", FAILING)
def test_a_run_without_open_attempts_fails_alone(given: Given, event: str) -> None:
    """Nothing is implied where nobody works, be the run ever so new."""
    given("run.queued", "phase.added p1").when(event).then((event, "QUEUED", FAILING[event]))


def test_a_later_attempt_fails_by_its_number(given: Given) -> None:
    """The implied failure names the attempt that was open."""
    story = given(*WORKING, "phase.released p1 1", "phase.started p1").when("run.failed_environment")
    assert [(e.type, e.attempt) for e in story.happened] == [
        ("phase.failed", 2),
        ("run.failed_environment", None),
    ]


def test_an_executor_that_comes_late_is_told_that_the_run_is_over(given: Given) -> None:
    """The attempt that failed with its run cannot be completed any more."""
    story = given(*WORKING, "run.failed_environment").when("phase.completed", "p1", 1)
    story.refused(RunTerminal, event="phase.completed", state="DONE_FAILED_ENVIRONMENT")


def test_a_run_ends_once(given: Given) -> None:
    """A run that is over neither fails nor succeeds again."""
    story = given(*WORKING, "run.failed_environment")
    for event in (*FAILING, "run.succeeded"):
        story.when(event).refused(IllegalMove, event=event, state="DONE_FAILED_ENVIRONMENT")


@pytest.mark.parametrize("event", FAILING)
def test_a_failed_run_is_reopened_for_a_reason(given: Given, event: str) -> None:
    """A reopened run queues its phases again; what failed with it can be tried once more."""
    story = given(*WORKING, event).when("run.reopened").refused(InvalidBody)
    story.when("run.reopened", reason=" ").refused(InvalidBody)
    story.when("run.reopened", reason="mended").then(("run.reopened", FAILING[event], "PHASE_QUEUEING"))
    assert story.run.completed_at is None
    started_at = story.run.started_at
    story.when("run.execution_started").when("phase.requeued", "p1").when("phase.started", "p1")
    story.then(("phase.started", "QUEUED", "EXECUTING"))
    assert (story.run.phases["p1"].attempt, story.run.started_at) == (2, started_at)


def test_a_run_that_succeeded_stays_so(given: Given) -> None:
    """Success is not taken back by a move."""
    story = given(*EXECUTING, "run.succeeded")
    story.when("run.reopened", reason="r").refused(IllegalMove, state="DONE_SUCCESS")
    story.when("run.failed_environment").refused(IllegalMove, state="DONE_SUCCESS")
