"""Phases are added, taken up, handed in, judged, and begun again."""

from typing import Any

import pytest

from domain.refusals import (
    AttemptRequired,
    AttemptsExhausted,
    IllegalMove,
    InvalidBody,
    InvalidId,
    PhaseExists,
    PhaseNotFound,
    StaleAttempt,
)
from domain.run import Phase
from tests.domain.conftest import EXECUTING, RUN_ID, WORKING, Given, Story

NAMES_ITS_ATTEMPT = [
    "phase.submitted",
    "phase.ci_started",
    "phase.completed",
    "phase.failed",
    "phase.released",
]


def p1(story: Story) -> Phase:
    return story.run.phases["p1"]


def data_of(event: str) -> dict[str, Any]:
    return {"outcome": "CI_FAILED"} if event == "phase.failed" else {}


def test_a_phase_is_added_and_waits(given: Given) -> None:
    """A phase that is added is queued, has no attempt yet, and takes its number in the run."""
    story = given("run.created", "phase.added p1").when(
        "phase.added", phase="p2", name="Build", scope={"goal": "g"}
    )
    story.then(("phase.added", None, "QUEUED"))
    phase = story.run.phases["p2"]
    assert (phase.index, phase.name, phase.scope, phase.attempt) == (2, "Build", {"goal": "g"}, 0)
    assert (phase.started_at, phase.completed_at, phase.last_outcome) == (None, None, None)


@pytest.mark.parametrize("said", [{}, {"max_attempts": None}])
def test_a_phase_has_the_attempts_of_its_run(given: Given, said: dict[str, Any]) -> None:
    """A phase that does not say how many attempts it has gets as many as its run's config says."""
    story = given(("run.created", {"config": {"max_attempts": 2}})).when("phase.added", phase="p1", **said)
    assert p1(story).max_attempts == 2
    assert story.happened[0].data["max_attempts"] == 2


def test_a_phase_may_have_attempts_of_its_own(given: Given) -> None:
    """A phase that says how many attempts it has gets those."""
    story = given("run.created").when("phase.added", phase="p1", max_attempts=7)
    assert p1(story).max_attempts == 7


@pytest.mark.parametrize(
    ("said", "phase_id"),
    [
        ({"name": "Build it"}, "phase2-build-it"),
        ({"scope": {"goal": "Make it compile"}}, "phase2-make-it-compile"),
        ({"name": "Build", "scope": {"goal": "Make it compile"}}, "phase2-build"),
        ({}, "phase2"),
    ],
)
def test_a_phase_without_an_id_is_named_after_what_it_is(
    given: Given, said: dict[str, Any], phase_id: str
) -> None:
    """The id is made from the phase's number and its name, else its goal."""
    story = given("run.created", "phase.added p1").when("phase.added", **said)
    assert story.happened[0].phase_id == phase_id
    assert list(story.run.phases) == ["p1", phase_id]


def test_a_phase_without_an_id_gets_one_that_is_free(given: Given) -> None:
    """Nobody is refused for an id that they did not choose: neither a phase's nor the run's."""
    story = (
        given("run.created", "phase.added phase2").when("phase.added").then(("phase.added", None, "QUEUED"))
    )
    assert list(story.run.phases) == ["phase2", "phase2-2"]
    given("run.created", run_id="phase1").when("phase.added").then(("phase.added", None, "QUEUED"))


def test_a_phase_is_added_once(given: Given) -> None:
    """A second phase of the same id is refused, with the state of the first."""
    given(*WORKING).when("phase.added", phase="p1").refused(PhaseExists, phase_id="p1", state="EXECUTING")


def test_a_phase_is_never_called_as_its_run(given: Given) -> None:
    """An id tells whether the run or one of its phases is meant."""
    given("run.created").when("phase.added", phase=RUN_ID).refused(InvalidId, field="phase_id", value=RUN_ID)


def test_a_run_is_never_taken_for_its_phase(given: Given) -> None:
    """Who names the run where a phase is meant is told so."""
    given(*EXECUTING).when("phase.started", phase=RUN_ID).refused(InvalidId, value=RUN_ID)


def test_a_phase_that_was_taken_over_keeps_its_name(given: Given) -> None:
    """A phase that was called as its run elsewhere goes on by that name."""
    story = given(*EXECUTING).recorded("phase.imported", None, "QUEUED", phase=RUN_ID, state="QUEUED")
    story.when("phase.started", phase=RUN_ID).then(("phase.started", "QUEUED", "EXECUTING"))


def test_a_phase_that_is_not_there_is_refused_with_those_that_are_like_it(given: Given) -> None:
    """A misspelt phase is answered with the phases that may be meant."""
    story = given(*EXECUTING, "phase.added phase1-build", "phase.added elsewhere")
    story.when("phase.started", phase="phase1-biuld")
    story.refused(PhaseNotFound, phase_id="phase1-biuld", similar=["phase1-build"])


def test_a_phase_that_starts_opens_its_first_attempt(given: Given) -> None:
    """The attempt is numbered from 1, and the event says it."""
    story = given(*EXECUTING, "phase.added p1").when("phase.started", phase="p1", executor="builder-7")
    story.then(("phase.started", "QUEUED", "EXECUTING"))
    assert (p1(story).attempt, p1(story).executor, story.happened[0].attempt) == (1, "builder-7", 1)
    assert p1(story).started_at == story.happened[0].recorded_at


def test_a_phase_is_taken_up_by_one_executor(given: Given) -> None:
    """A phase whose attempt is open does not start again."""
    given(*WORKING).when("phase.started", phase="p1").refused(
        IllegalMove, state="EXECUTING", sources=["QUEUED"]
    )


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_start_that_names_an_attempt_opens_that_one_or_none(given: Given, attempt: int) -> None:
    """An executor that means to open the second attempt does not open the first or the third."""
    story = given(*WORKING, "phase.released p1 1").when("phase.started", phase="p1", attempt=attempt)
    story.refused(StaleAttempt, attempt=attempt, current_attempt=1)
    story.when("phase.started", phase="p1", attempt=2).then(("phase.started", "QUEUED", "EXECUTING"))


def test_a_start_that_is_sent_twice_is_not_told_to_stop(given: Given) -> None:
    """Who starts the attempt that is open may be the one that opened it: it is not stale."""
    given(*WORKING).when("phase.started", phase="p1", attempt=1).refused(IllegalMove, state="EXECUTING")


def test_a_start_that_names_the_last_attempt_is_told_the_next(given: Given) -> None:
    """The refusal names the attempt that may be opened, not the one that was asked for as another."""
    story = given(*WORKING, "phase.released p1 1").when("phase.started", phase="p1", attempt=1)
    assert story.refusal is not None
    assert "2" in story.refusal.detail


def test_a_phase_goes_through_gate_and_ci_to_its_end(given: Given) -> None:
    """Work is handed in, judged, checked and done, all in one attempt."""
    story = given(*WORKING).when("phase.submitted", "p1", 1, result={"files_changed": ["a.py"]})
    story.then(("phase.submitted", "EXECUTING", "GATE"))
    story.when("phase.ci_started", "p1", 1).then(("phase.ci_started", "GATE", "CI_RUNNING"))
    story.when("phase.completed", "p1", 1, reason="all green").then(
        ("phase.completed", "CI_RUNNING", "COMPLETE")
    )
    assert (p1(story).attempt, p1(story).last_outcome) == (1, {"code": "COMPLETE", "detail": "all green"})
    assert p1(story).completed_at == story.happened[0].recorded_at


@pytest.mark.parametrize("back_from", ["phase.submitted", "phase.ci_started"])
def test_a_revision_is_the_same_attempt(given: Given, back_from: str) -> None:
    """Work that comes back from gate or CI goes on in its attempt, and counts no revision of the plan."""
    story = given(*WORKING, f"{back_from} p1 1").when("phase.revised", "p1", 1)
    story.then(("phase.revised", p1(given(*WORKING, f"{back_from} p1 1")).state, "EXECUTING"))
    assert (p1(story).attempt, p1(story).revision) == (1, 0)


def test_a_phase_that_failed_says_why(given: Given) -> None:
    """The outcome of the failed attempt is the phase's last outcome."""
    story = given(*WORKING).when("phase.failed", "p1", 1, outcome="CI_FAILED", detail="3 tests red")
    story.then(("phase.failed", "EXECUTING", "FAILED"))
    assert p1(story).last_outcome == {"code": "CI_FAILED", "detail": "3 tests red"}
    assert p1(story).completed_at == story.happened[0].recorded_at


def test_a_failure_needs_an_outcome(given: Given) -> None:
    """A failure without an outcome code is refused, with a pointer to it."""
    story = given(*WORKING).when("phase.failed", "p1", 1)
    story.refused(InvalidBody, errors=[{"pointer": "/data/outcome", "detail": "Field required"}])


def test_a_released_phase_waits_again_and_has_no_outcome(given: Given) -> None:
    """An attempt that is given back counts, leaves no outcome, and lets somebody else go on."""
    story = given(*EXECUTING, "phase.added p1", ("phase.started p1", {"executor": "builder-7"}))
    story.when("phase.released", "p1", 1, why="stopped").then(("phase.released", "EXECUTING", "QUEUED"))
    assert (p1(story).attempt, p1(story).last_outcome, p1(story).executor) == (1, None, None)
    story.when("phase.started", "p1", executor="builder-8").then(("phase.started", "QUEUED", "EXECUTING"))
    assert (p1(story).attempt, p1(story).executor) == (2, "builder-8")


@pytest.mark.parametrize(("said", "revision"), [({}, 0), ({"replan": False}, 0), ({"replan": True}, 1)])
def test_a_failed_phase_is_requeued(given: Given, said: dict[str, Any], revision: int) -> None:
    """A retry waits for the next attempt, remembers the last outcome, and counts a revision if replanned."""
    story = given(*WORKING, "phase.failed p1 1").when("phase.requeued", "p1", **said)
    story.then(("phase.requeued", "FAILED", "QUEUED"))
    assert (p1(story).attempt, p1(story).revision, p1(story).completed_at) == (1, revision, None)
    assert p1(story).last_outcome == {"code": "CI_FAILED", "detail": None}
    story.when("phase.started", "p1").then(("phase.started", "QUEUED", "EXECUTING"))
    assert p1(story).attempt == 2


def test_a_phase_keeps_the_time_of_its_first_start(given: Given) -> None:
    """Later attempts do not change when the phase was first taken up."""
    story = given(*WORKING)
    first = p1(story).started_at
    story.when("phase.released", "p1", 1).when("phase.started", "p1")
    assert p1(story).started_at == first
    assert p1(story).updated_at == story.happened[0].recorded_at != first


@pytest.mark.parametrize(
    "steps", [["phase.added p1"], ["phase.added p1", "phase.started p1", "phase.failed p1 1"]]
)
def test_a_phase_that_nobody_works_on_is_skipped_for_a_reason(given: Given, steps: list[str]) -> None:
    """A queued or failed phase is skipped, and the reason is its outcome."""
    story = given(*EXECUTING, *steps).when("phase.skipped", "p1", reason="done by hand")
    assert (p1(story).state, p1(story).last_outcome) == (
        "SKIPPED",
        {"code": "SKIPPED", "detail": "done by hand"},
    )
    assert p1(story).completed_at == story.happened[0].recorded_at


@pytest.mark.parametrize("said", [{}, {"reason": ""}, {"reason": "  \n"}, {"reason": None}])
def test_skipping_needs_a_reason(given: Given, said: dict[str, Any]) -> None:
    """A phase is not skipped without words."""
    story = given("run.created", "phase.added p1").when("phase.skipped", "p1", **said).refused(InvalidBody)
    assert isinstance(story.refusal, InvalidBody)
    assert [error["pointer"] for error in story.refusal.errors] == ["/data/reason"]


@pytest.mark.parametrize("event", NAMES_ITS_ATTEMPT)
def test_a_report_on_an_open_attempt_names_it(given: Given, event: str) -> None:
    """Without the number of its attempt a report is refused, and the open one is told."""
    story = given(*WORKING).when(event, "p1", **data_of(event))
    story.refused(AttemptRequired, event=event, phase_id="p1", current_attempt=1)


def test_a_revision_names_its_attempt(given: Given) -> None:
    """What goes back to work says which attempt does."""
    given(*WORKING, "phase.submitted p1 1").when("phase.revised", "p1").refused(
        AttemptRequired, current_attempt=1
    )


@pytest.mark.parametrize("event", NAMES_ITS_ATTEMPT)
@pytest.mark.parametrize("attempt", [1, 3])
def test_a_zombie_executor_does_not_advance_a_phase(given: Given, event: str, attempt: int) -> None:
    """A report on an attempt that is not the open one is refused, be it over or yet to come."""
    story = given(*WORKING, "phase.released p1 1", "phase.started p1").when(
        event, "p1", attempt, **data_of(event)
    )
    story.refused(StaleAttempt, event=event, attempt=attempt, current_attempt=2, state="EXECUTING")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("phase.usage_recorded", {"tokens_used": 5}),
        ("phase.result_recorded", {"result": {}}),
        ("phase.annotated", {"text": "slow"}),
    ],
)
def test_an_attempt_that_is_over_may_still_tell_of_the_past(
    given: Given, event: str, said: dict[str, Any]
) -> None:
    """A usage, a result or a note of an earlier attempt is taken; of one yet to come it is not."""
    story = given(*WORKING, "phase.released p1 1", "phase.started p1")
    story.when(event, "p1", 1, **said).then((event, "EXECUTING", "EXECUTING"))
    story.when(event, "p1", 3, **said).refused(StaleAttempt, attempt=3, current_attempt=2)


def test_attempts_stay_within_their_number(given: Given) -> None:
    """After the last attempt no other is opened, whether the attempts failed or were given back."""
    story = given(
        *EXECUTING, ("phase.added p1", {"max_attempts": 2}), "phase.started p1", "phase.released p1 1"
    )
    story.when("phase.started", "p1").when("phase.failed", "p1", 2, outcome="CI_FAILED").when(
        "phase.requeued", "p1"
    )
    story.when("phase.started", "p1").refused(AttemptsExhausted, attempt=2, max_attempts=2)


@pytest.mark.parametrize("event", ["phase.requeued", "phase.skipped"])
def test_who_names_an_attempt_names_the_current_one(given: Given, event: str) -> None:
    """A retry or a skip may name the attempt that failed; an earlier one it may not."""
    story = given(*WORKING, "phase.released p1 1", "phase.started p1", "phase.failed p1 2")
    story.when(event, "p1", 1, reason="r").refused(StaleAttempt, attempt=1, current_attempt=2)
    story.when(event, "p1", 2, reason="r").then(
        (event, "FAILED", "QUEUED" if event == "phase.requeued" else "SKIPPED")
    )
