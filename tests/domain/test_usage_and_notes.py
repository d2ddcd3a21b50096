"""What is spent, and what is noted down: neither moves anything."""

from typing import Any

import pytest

from domain.events.shared import INTEGER_MAX
from domain.refusals import InvalidBody
from domain.run import Annotation, Usage
from tests.domain.conftest import EXECUTING, WORKING, Given

FIELDS = ["tokens_used", "ci_runs_used", "minor_issues", "major_issues"]


def test_usage_adds_up(given: Given) -> None:
    """Each record is an increment; what it leaves out is nothing."""
    story = given("run.created").when("run.usage_recorded", tokens_used=5, ci_runs_used=1)
    story.then(("run.usage_recorded", "RUN_CREATED", "RUN_CREATED"))
    story.when("run.usage_recorded", tokens_used=7, minor_issues=2, major_issues=3).when("run.usage_recorded")
    assert story.run.usage == Usage(tokens_used=12, ci_runs_used=1, minor_issues=2, major_issues=3)


def test_what_a_phase_spends_its_run_spends(given: Given) -> None:
    """The usage of a phase counts for the phase and for the run, and for no other phase."""
    story = given(*WORKING, "phase.added p2", ("run.usage_recorded", {"tokens_used": 1}))
    story.when("phase.usage_recorded", "p1", 1, tokens_used=10, major_issues=1)
    story.then(("phase.usage_recorded", "EXECUTING", "EXECUTING"))
    story.when("phase.usage_recorded", "p2", tokens_used=100)
    assert story.run.phases["p1"].usage == Usage(tokens_used=10, major_issues=1)
    assert story.run.phases["p2"].usage == Usage(tokens_used=100)
    assert story.run.usage == Usage(tokens_used=111, major_issues=1)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("amount", [-1, 1.5, "1", True, None, INTEGER_MAX + 1])
def test_usage_is_never_negative_or_anything_but_a_number(given: Given, field: str, amount: Any) -> None:
    """An amount that cannot be added is refused where it stands."""
    story = given(*WORKING).when("phase.usage_recorded", "p1", **{field: amount}).refused(InvalidBody)
    assert isinstance(story.refusal, InvalidBody)
    assert f"/data/{field}" in [error["pointer"] for error in story.refusal.errors]


@pytest.mark.parametrize("event", ["run.usage_recorded", "phase.usage_recorded"])
def test_usage_stays_a_number_that_every_reader_keeps(given: Given, event: str) -> None:
    """However often it is recorded, the sum stays within what JSON and the databases can hold."""
    story = given(*WORKING)
    for _ in range(3):
        story.when(event, "p1" if event.startswith("phase.") else None, tokens_used=INTEGER_MAX // 2)
    assert story.run.usage.tokens_used <= INTEGER_MAX


@pytest.mark.parametrize("state", ["run.failed_environment", "run.succeeded"])
def test_a_run_is_annotated_at_any_time(given: Given, state: str) -> None:
    """A note changes no state and no figure, and is taken after the end too."""
    story = given(*EXECUTING, state)
    before = story.run
    story.when("run.annotated", text="completed by hand", tags=["manual"]).then(
        ("run.annotated", before.state, before.state)
    )
    assert (story.run.state, story.run.usage, story.run.completed_at) == (
        before.state,
        before.usage,
        before.completed_at,
    )
    assert story.run.annotations == (
        Annotation(
            version=4,
            phase_id=None,
            text="completed by hand",
            tags=("manual",),
            actor="tester",
            at=story.events[-1].recorded_at,
        ),
    )


NOTED = (("run.annotated", {"text": "first"}), ("run.annotated", {"text": "again"}))


def test_a_phase_is_annotated_at_any_time(given: Given) -> None:
    """A note on a phase stands with its run's notes, in order, and is taken after the end too."""
    story = given(*WORKING, *NOTED, "run.failed_environment")
    failed = story.run.phases["p1"]
    story.when("phase.annotated", "p1", text="second").then(("phase.annotated", "FAILED", "FAILED"))
    assert [(note.text, note.phase_id, note.tags) for note in story.run.annotations] == [
        ("first", None, ()),
        ("again", None, ()),
        ("second", "p1", ()),
    ]
    phase = story.run.phases["p1"]
    assert (phase.last_outcome, phase.attempt, phase.usage) == (
        failed.last_outcome,
        failed.attempt,
        failed.usage,
    )


@pytest.mark.parametrize("text", ["", "  ", "\n", None, 5])
def test_a_note_says_something(given: Given, text: Any) -> None:
    """An empty note is refused."""
    given("run.created").when("run.annotated", text=text).refused(InvalidBody)


def test_a_result_is_kept_whole(given: Given) -> None:
    """A builder's or auditor's result stands in its event as it came, and moves nothing."""
    result = {"success": True, "files": ["a.py"], "coverage": 0.75, "nested": {"deep": [None, {"x": 1}]}}
    story = given(*WORKING).when("phase.result_recorded", "p1", 1, result=result)
    story.then(("phase.result_recorded", "EXECUTING", "EXECUTING"))
    assert story.happened[0].data == {"result": result}
    story.when("phase.submitted", "p1", 1, result=result)
    assert story.happened[0].data == {"result": result}


def test_labels_are_set_and_taken_away(given: Given) -> None:
    """A label that is set to null is gone, one that is set anew is changed, and the others stay."""
    story = given(("run.created", {"labels": {"team": "core", "old": "x", "stays": "y"}}))
    story.when("run.labelled", labels={"team": "web", "old": None, "new": "z", "never": None})
    story.then(("run.labelled", "RUN_CREATED", "RUN_CREATED"))
    assert story.run.labels == {"team": "web", "stays": "y", "new": "z"}


@pytest.mark.parametrize("labels", [None, {}, {"a": 1}, {"": "x"}, {"a": "x" * 501}, ["a"]])
def test_labels_are_words(given: Given, labels: object) -> None:
    """Labels that are none are refused, and so is to set none at all."""
    given("run.created").when("run.labelled", labels=labels).refused(InvalidBody)


@pytest.mark.parametrize(
    ("on", "off", "name"),
    [
        ("run.held", "run.unheld", "held"),
        ("run.preserved", "run.unpreserved", "preserved"),
        ("run.archived", "run.unarchived", "archived"),
    ],
)
def test_marks_are_set_and_taken_away(given: Given, on: str, off: str, name: str) -> None:
    """A run is held, preserved or archived until it is not; saying it again changes nothing."""
    for steps in (["run.queued"], [*EXECUTING, "run.succeeded"]):
        story = given(*steps)
        state = story.run.state
        assert getattr(story.run, name) is False
        for event, marked in ((on, True), (on, True), (off, False), (off, False)):
            story.when(event, reason="why").then((event, state, state))
            assert getattr(story.run, name) is marked


def test_every_event_may_say_why(given: Given) -> None:
    """A reason is taken everywhere and kept with the event."""
    story = given("run.created").when("run.execution_started", reason="all is ready")
    assert story.happened[0].data == {"reason": "all is ready"}


def test_an_event_holds_what_was_said_and_no_more(given: Given) -> None:
    """What was left out stays out: a default that changes later does not change what was recorded."""
    story = given(*WORKING)
    said: list[tuple[str, dict[str, Any]]] = [
        ("run.gate_entered", {}),
        ("run.usage_recorded", {"tokens_used": 1}),
        ("run.annotated", {"text": "t"}),
        ("phase.usage_recorded", {"ci_runs_used": 1}),
        ("phase.submitted", {"result": None}),
        ("phase.failed", {"outcome": "CI_FAILED"}),
        ("phase.requeued", {}),
    ]
    for event, data in said:
        phase: dict[str, Any] = {"phase": "p1", "attempt": 1} if event.startswith("phase.") else {}
        story.when(event, **phase, **data)
        assert story.happened[0].data == data
