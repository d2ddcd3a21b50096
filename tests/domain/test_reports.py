"""What a report means that names a state: the legal events that lead there, or a refusal."""

from datetime import timedelta
from itertools import product

import pytest

from domain.decide import decide
from domain.envelopes import Proposal, RecordedEvent
from domain.events.phase import PhaseAdded, PhaseAnnotated
from domain.moves import LEADS_TO, LEGAL, NONE, shortest_path
from domain.refusals import AttemptsExhausted, IllegalMove, PhaseNotFound, Refusal, RunNotFound, RunTerminal
from domain.reports import (
    issue_reported,
    phase_reported,
    result_reported,
    state_reported,
    usage_reported,
)
from domain.run import Run
from domain.states import DONE, ENDED, PhaseState, RunState
from domain.times import moment, stamp
from tests.domain.conftest import RUN_ID, Given, Story

WHEN = "2026-11-22T12:00:00.000000Z"
"""Hours after anything that the stories of these tests record."""

STATES = [*PhaseState]
OTHERS = ["QUEUED", "EXECUTING", "COMPLETE", "FAILED", "SKIPPED"]
STARTABLE = ["QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED", "PHASE_QUEUEING", "PHASE_EXECUTION", "GATE"]
TOO_LATE = {"COMPLETE", "SKIPPED"}


def led(story: Story, *proposals: Proposal) -> Story:
    """These are recorded, one after the other, all or none; the story's refusal is the first one's."""
    told = Story(story.run)
    for proposal in proposals:
        try:
            told.record(*decide(told.run, proposal))
        except Refusal as refusal:
            story.happened, story.refusal = [], refusal
            return story
    story.run, story.happened, story.refusal = told.run, told.events, None
    story.events += told.events
    return story


def reported(story: Story, state: str, phase: str = "p1", at: str = WHEN) -> Story:
    """A phase is said to be in this state."""
    try:
        plan = state_reported(story.run, phase, PhaseState(state), at=at)
    except Refusal as refusal:
        story.happened, story.refusal = [], refusal
        return story
    return led(story, *plan)


def standing(state: str, other: str | None = None) -> Story:
    """A run that executes, with a phase in this state and perhaps another one."""
    story = Story().when("run.created").when("run.execution_started")
    for phase, wanted in (("p1", state), ("p2", other)):
        if wanted is None:
            continue
        story.when("phase.added", phase)
        for event in shortest_path("phase", "QUEUED", wanted) or []:
            attempt = 1 if event not in ("phase.started", "phase.skipped", "phase.requeued") else None
            said = {"phase.failed": {"outcome": "X"}, "phase.skipped": {"reason": "x"}}.get(event, {})
            story.when(event, phase, attempt, **said)
            assert story.refusal is None, (event, story.refusal)
    return story


def said(events: list[RecordedEvent]) -> list[str]:
    """Event types; those that are implied in parentheses."""
    return [f"({event.type})" if event.implied else event.type for event in events]


PAIRS = [*product(STATES, STATES)]


@pytest.mark.parametrize("other", [None, *OTHERS])
@pytest.mark.parametrize(("state", "goal"), PAIRS)
def test_a_report_is_a_legal_path_or_is_refused(state: str, goal: str, other: str | None) -> None:
    """From every state to every other: legal events that lead there, or a refusal."""
    story = reported(standing(state, other), goal)
    if story.refusal is not None:
        assert state in TOO_LATE
        assert state != goal
        assert isinstance(story.refusal, IllegalMove)
        assert story.refusal.current_version == story.run.version
        return
    assert story.run.phases["p1"].state == goal
    for event in story.happened:
        assert (event.type, event.state_before, event.state_after) in LEGAL
    asked = [event for event in story.happened if not event.implied]
    if state == goal and state != "FAILED":
        assert story.happened == []
    else:
        (event,) = asked
        assert (event.phase_id, event.state_after) == ("p1", goal)


@pytest.mark.parametrize("other", [None, *OTHERS])
@pytest.mark.parametrize(("state", "goal"), PAIRS)
def test_nothing_is_made_up(state: str, goal: str, other: str | None) -> None:
    """No failure, completion or skip is implied; at most one attempt is opened; the other phase stays."""
    before = standing(state, other)
    known = before.run.phases.get("p2")
    attempts = before.run.phases["p1"].attempt
    story = reported(before, goal)
    implied = {event.type for event in story.happened if event.implied}
    assert implied.isdisjoint({"phase.failed", "phase.completed", "phase.skipped"})
    assert story.run.phases["p1"].attempt - attempts in {0, 1}
    assert story.run.phases.get("p2") is known


@pytest.mark.parametrize("other", [None, *OTHERS])
@pytest.mark.parametrize(("state", "goal"), PAIRS)
def test_a_run_is_over_when_its_phases_are(state: str, goal: str, other: str | None) -> None:
    """After a report that led to something the run is over if every phase has ended, and not otherwise."""
    story = reported(standing(state, other), goal)
    if not story.happened:
        return
    states = {phase.state for phase in story.run.phases.values()}
    if not states <= ENDED:
        assert story.run.state not in DONE
        return
    failed = "FAILED" in states
    assert story.run.state == ("DONE_FAILED_REQUIRES_HUMAN_REVIEW" if failed else "DONE_SUCCESS")
    assert story.run.ended_by_implication


@pytest.mark.parametrize("state", STARTABLE)
def test_a_run_starts_with_its_first_phase(given: Given, state: str) -> None:
    """Wherever a run stands before its work, a report of one leads it there, by implied events."""
    story = Story()
    for event in shortest_path("run", NONE, state) or []:
        story.when(event)
    story.when("phase.added", "p1").when("phase.added", "p2")
    reported(story, "COMPLETE")
    assert story.refusal is None
    assert said(story.happened)[-2:] == ["(phase.started)", "phase.completed"]
    assert story.run.state in ("PHASE_EXECUTION", "GATE")
    assert all(event.implied for event in story.happened[:-1])


def test_a_bare_complete_on_a_queued_phase(given: Given) -> None:
    """The run starts, an attempt opens and completes, and the run succeeds; only one of these was said."""
    story = reported(given("run.created", "phase.added p1"), "COMPLETE")
    assert said(story.happened) == [
        "(run.execution_started)",
        "(phase.started)",
        "phase.completed",
        "(run.succeeded)",
    ]
    assert story.run.phases["p1"].attempt == 1


def test_a_failure_after_a_failure_is_the_next_attempt(given: Given) -> None:
    """The run had ended with its only phase; it is reopened, and ends once more."""
    story = reported(reported(given("run.created", "phase.added p1"), "FAILED"), "FAILED")
    assert said(story.happened) == [
        "(run.reopened)",
        "(run.execution_started)",
        "(phase.requeued)",
        "(phase.started)",
        "phase.failed",
        "(run.failed_requires_human_review)",
    ]
    assert story.run.phases["p1"].attempt == 2


@pytest.mark.parametrize(("seconds", "repeated"), [(0, True), (5, True), (6, False), (3_600, False)])
def test_a_failure_that_is_told_twice_within_seconds_is_one(seconds: int, repeated: bool) -> None:
    """Within five seconds, with no attempt opened in between, it is answered, and nothing is added."""
    story = standing("FAILED", "QUEUED")
    failed_at = story.run.phases["p1"].last_move
    assert failed_at is not None
    at = stamp(moment(failed_at.occurred_at) + timedelta(seconds=seconds))
    reported(story, "FAILED", at=at)
    assert (story.happened == []) == repeated
    assert story.refusal is None


def test_a_failure_after_an_attempt_was_opened_is_no_repetition(given: Given) -> None:
    """However soon it comes: somebody has started again in between."""
    story = standing("FAILED", "QUEUED").when("phase.requeued", "p1").when("phase.started", "p1")
    reported(story, "FAILED", at="2026-11-22T00:00:07.000000Z")
    assert said(story.happened) == ["phase.failed"]
    assert story.run.phases["p1"].attempt == 2


def test_attempts_run_out(given: Given) -> None:
    """The sixth failure of a phase that has five attempts is refused, and says so."""
    story = given("run.created", "phase.added p1")
    for number in range(1, 6):
        assert reported(story, "FAILED").run.phases["p1"].attempt == number
    version = story.run.version
    reported(story, "FAILED").refused(AttemptsExhausted, attempt=5, max_attempts=5)
    reported(story, "COMPLETE").refused(AttemptsExhausted)
    assert story.run.version == version


@pytest.mark.parametrize("end", ["run.failed_environment", "run.failed_requires_human_review"])
def test_what_a_person_ended_stays_so(given: Given, end: str) -> None:
    """A run is reopened only where nobody had decided that it was over."""
    story = given("run.created", "phase.added p1", end)
    reported(story, "COMPLETE").refused(RunTerminal)
    assert phase_refused(story)


def phase_refused(story: Story) -> bool:
    """Whether a phase cannot be added."""
    (added,) = phase_reported(story.run, proposal_of_phase("p2"))
    return isinstance(led(story, added).refusal, RunTerminal)


def proposal_of_phase(phase_id: str) -> Proposal:
    return Proposal(run_id=RUN_ID, phase_id=phase_id, event=PhaseAdded())


def test_a_phase_more_reopens_a_run_that_had_run_out_of_them(given: Given) -> None:
    """It had failed by implication; with a phase to do it goes on. A success stays one."""
    story = reported(given("run.created", "phase.added p1"), "FAILED")
    led(story, *phase_reported(story.run, proposal_of_phase("p2")))
    assert said(story.happened) == ["(run.reopened)", "phase.added"]
    story = reported(given("run.created", "phase.added p1"), "COMPLETE")
    assert phase_refused(story)


def test_a_report_of_what_is_not_there_is_refused(given: Given) -> None:
    """A run that is not there, a phase that its run does not have: nothing is created by the way."""
    reported(Story(), "COMPLETE").refused(RunNotFound)
    reported(given("run.created"), "COMPLETE").refused(PhaseNotFound)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("submits", [True, False])
def test_the_result_of_a_builder_opens_an_attempt(state: str, submits: bool) -> None:
    """Where none is open and one may be; it is kept whole, and with a patch the work is submitted."""
    story = standing(state, "QUEUED")
    before = story.run.phases["p1"].attempt
    plan = result_reported(story.run, "p1", {"a": 1}, tokens=7, works=True, submits=submits)
    led(story, *plan)
    assert story.refusal is None
    opens = state in ("QUEUED", "FAILED")
    phase = story.run.phases["p1"]
    assert phase.attempt == before + opens
    (kept,) = [event for event in story.happened if not event.implied]
    assert (kept.type, kept.data) == ("phase.result_recorded", {"result": {"a": 1}})
    works = opens or state == "EXECUTING"
    assert phase.state == ("GATE" if works and submits else "EXECUTING" if works else state)
    assert phase.usage.tokens_used == 7


def test_tokens_of_one_call_are_counted_once(given: Given) -> None:
    """The same number again in an attempt is the same call; another number or attempt is another one."""
    story = given("run.created", "phase.added p1", "phase.added p2")

    def spent(tokens: int) -> int:
        plan = result_reported(story.run, "p1", {}, tokens=tokens, works=True, submits=False)
        return led(story, *plan).run.usage.tokens_used

    assert [spent(100), spent(100), spent(40)] == [100, 100, 140]
    reported(story, "FAILED")
    assert spent(40) == 180


def test_totals_are_counted_by_what_is_more(given: Given) -> None:
    """A total that is known, or smaller, adds nothing."""
    story = given("run.created", "phase.added p1", "run.execution_started")
    for total, known in ((10, 10), (10, 10), (4, 10), (15, 15)):
        led(story, *usage_reported(story.run, "p1", {"tokens_used": total, "major_issues": 1}))
        assert story.run.usage.tokens_used == known
    assert story.run.usage.major_issues == 1


def test_an_issue_is_noted_also_of_a_run_that_is_over(given: Given) -> None:
    """It counts as long as the run goes on; a note is always taken."""
    story = given("run.created", "phase.added p1")
    plan = issue_reported(story.run, "p1", PhaseAnnotated(text="flaky"), "minor_issues")
    assert said(led(story, *plan).happened) == ["phase.annotated", "(phase.usage_recorded)"]
    reported(story, "COMPLETE")
    plan = issue_reported(story.run, "p1", PhaseAnnotated(text="flaky"), "minor_issues")
    assert said(led(story, *plan).happened) == ["phase.annotated"]
    assert story.run.usage.minor_issues == 1


def test_a_run_is_never_led_past_a_state_that_ends_it() -> None:
    """What has to have happened before a phase starts ends nothing."""
    for state in set(RunState) - DONE:
        run = Run(run_id=RUN_ID, state=state, version=3)
        here: str = run.condition
        for event in shortest_path("run", here, "PHASE_EXECUTION", past=DONE) or []:
            here = LEADS_TO[event, here]
            assert here not in DONE
