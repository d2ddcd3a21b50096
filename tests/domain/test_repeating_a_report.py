"""A report that is made twice is answered twice and recorded once."""

from typing import Any

import pytest

from domain.decide import REPEATABLE, repeats
from domain.events import EVENTS
from domain.moves import RECORDED_BY_SERVICE
from domain.proposals import proposed_event
from domain.refusals import IllegalMove, StaleAttempt
from tests.domain.conftest import EXECUTING, NEEDED, RUN_ID, WORKING, Given, Story

REPORTS = ["phase.submitted", "phase.completed", "phase.failed", "phase.released"]


def repeated(
    story: Story, type: str, attempt: int | None = 1, phase: str | None = "p1", **data: str
) -> int | None:
    """The version of the event that this report repeats."""
    raw = {"type": type, "phase_id": phase, "attempt": attempt, "data": data or NEEDED.get(type, {})}
    return repeats(story.run, proposed_event(raw, RUN_ID))


def test_four_reports_are_repeatable() -> None:
    """Executors without keys report these twice; nothing else is taken for a repeat."""
    assert sorted(REPEATABLE) == sorted(REPORTS)


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_a_repeat_of_itself(given: Given, report: str) -> None:
    """The same report on the same attempt is answered with the event that it was recorded as."""
    story = given(*WORKING)
    assert repeated(story, report) is None
    story = given(*WORKING, f"{report} p1 1")
    assert repeated(story, report) == story.run.version


@pytest.mark.parametrize("report", REPORTS)
def test_a_repeat_is_not_recorded(given: Given, report: str) -> None:
    """Whoever decides without asking whether it is a repeat gets a refusal, never a second event."""
    kind = StaleAttempt if report == "phase.released" else IllegalMove
    story = given(*WORKING, f"{report} p1 1").when(report, "p1", 1, **NEEDED.get(report, {}))
    story.refused(kind, phase_id="p1")


def test_a_repeat_may_tell_it_otherwise(given: Given) -> None:
    """Type, phase and attempt make a repeat; the first telling stands."""
    story = given(*WORKING, ("phase.failed p1 1", {"outcome": "CI_FAILED"}))
    assert repeated(story, "phase.failed", outcome="TIMEOUT") == story.run.version


@pytest.mark.parametrize("report", REPORTS)
def test_another_report_is_no_repeat(given: Given, report: str) -> None:
    """Another type, another attempt, no attempt or another phase is not the same report."""
    story = given(*WORKING, "phase.added p2", f"{report} p1 1")
    assert [repeated(story, other) for other in REPORTS if other != report] == [None, None, None]
    assert [repeated(story, report, attempt) for attempt in (None, 2)] == [None, None]
    assert [repeated(story, report, phase=phase) for phase in ("p2", "p3")] == [None, None]


def test_what_was_said_in_between_does_not_matter(given: Given) -> None:
    """Notes, usage, results and other phases come between a report and its repeat."""
    story = given(
        *WORKING,
        "phase.submitted p1 1",
        ("phase.annotated p1 1", {"text": "slow"}),
        ("phase.usage_recorded p1 1", {"tokens_used": 5}),
        ("phase.result_recorded p1 1", {"result": {}}),
        *("phase.added p2", "phase.started p2", "phase.submitted p2 1", "run.gate_entered"),
    )
    assert repeated(story, "phase.submitted") == 5


@pytest.mark.parametrize("move", ["phase.ci_started", "phase.revised", "phase.completed"])
def test_a_report_that_was_overtaken_is_no_repeat(given: Given, move: str) -> None:
    """When the attempt has moved on, an earlier report is judged like any other."""
    story = given(*WORKING, "phase.submitted p1 1", f"{move} p1 1")
    assert repeated(story, "phase.submitted") is None


def test_a_second_hand_in_is_recorded(given: Given) -> None:
    """Work that is handed in again after a revision is a new report."""
    story = given(*WORKING, "phase.submitted p1 1", "phase.revised p1 1").when("phase.submitted", "p1", 1)
    story.then(("phase.submitted", "EXECUTING", "GATE"))
    assert repeated(story, "phase.submitted") == story.run.version == 7


def test_a_new_attempt_ends_the_repeats_of_the_last(given: Given) -> None:
    """Once another executor took the phase over, a late report is stale."""
    story = given(*WORKING, "phase.released p1 1", "phase.started p1")
    assert repeated(story, "phase.released") is None
    story.when("phase.released", "p1", 1).refused(StaleAttempt)


@pytest.mark.parametrize("move", ["phase.requeued", "phase.skipped"])
@pytest.mark.parametrize("attempt", ["", "1"])
def test_what_becomes_of_a_failed_phase_does_not_matter(given: Given, move: str, attempt: str) -> None:
    """A failure that is reported again after retry or skip is a repeat: no attempt has begun since."""
    story = given(*WORKING, "phase.failed p1 1", f"{move} p1 {attempt}")
    assert repeated(story, "phase.failed") == 5


def test_a_failure_that_the_run_implied_may_be_reported(given: Given) -> None:
    """An executor that reports the failure of an attempt that failed with its run gets that event."""
    story = given(*WORKING, "run.failed_environment")
    assert repeated(story, "phase.failed") == 5


def test_a_report_after_a_repair_is_no_repeat(given: Given) -> None:
    """A phase that a repair set back to work is reported on anew: the old report does not speak for it."""
    story = given(*WORKING, "phase.completed p1 1")
    story.recorded(
        "phase.repaired", "COMPLETE", "EXECUTING", phase="p1", state="EXECUTING", reason="not done"
    )
    assert repeated(story, "phase.completed") is None
    story.when("phase.completed", "p1", 1).then(("phase.completed", "EXECUTING", "COMPLETE"))


@pytest.mark.parametrize("event", sorted(EVENTS.keys() - REPEATABLE - RECORDED_BY_SERVICE))
def test_nothing_else_is_a_repeat(given: Given, event: str) -> None:
    """Whatever was recorded last, an event that is none of the four reports is never taken as said before."""
    steps = [f"{event} p1 1" if event in ("phase.ci_started", "phase.revised") else f"{event} p1"]
    before = {"phase.revised": ["phase.submitted p1 1"], "phase.requeued": ["phase.failed p1 1"]}.get(
        event, []
    )
    run_event = event.startswith("run.")
    if event in ("phase.added", "phase.started", "phase.skipped"):
        story = given(*EXECUTING, "phase.added p1", *(steps if event != "phase.added" else []))
    else:
        story = given(*WORKING, *before, *([] if run_event else [(steps[0], EVENTS[event].example)]))
    raw: dict[str, Any] = {"type": event, "data": EVENTS[event].example}
    if not run_event:
        raw |= {"phase_id": "p1"} | ({"attempt": 1} if event != "phase.added" else {})
    assert repeats(story.run, proposed_event(raw, RUN_ID)) is None
