"""Folding is total: what is in the log is never judged again."""

from typing import Any

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from domain.envelopes import NewEvent
from domain.events import EVENTS
from domain.evolve import evolve, fold
from domain.moves import NONE, QUARANTINED
from domain.run import Phase, Run
from domain.states import PhaseState, RunState
from tests.domain.conftest import RUN_ID, UNHURRIED, WORKING, Given, sealed

RUN_STATES: list[str | None] = [*RunState, "READY", None]
PHASE_STATES: list[str | None] = [*PhaseState, "ready", None]
UNKNOWN = ["run.frobnicated", "phase.frobnicated"]
NONSENSE: list[Any] = [
    None,
    True,
    -1,
    0.5,
    "",
    "READY",
    [],
    ["x"],
    [None],
    [{}],
    {},
    {"x": None},
    {"x": {"y": 1}},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = sorted({name for kind in EVENTS.values() for name in kind.model_fields})


def happened(
    type: str, before: str | None, after: str | None, data: Any = None, attempt: int | None = None
) -> NewEvent:
    """This happened, whether it may or not."""
    return NewEvent(
        type=type,
        type_version=1,
        phase_id="p1" if type.startswith("phase.") else None,
        attempt=attempt,
        state_before=before,
        state_after=after,
        data=data or {},
    )


def state_after(run: Run, event: NewEvent) -> str | None:
    """The state of what the event was about, after it."""
    after = evolve(run, sealed(run, event))
    assert (after.version, after.position, after.head_hash) == (
        run.version + 1,
        run.version + 1,
        f"h{run.version + 1}",
    )
    return after.phases["p1"].state if event.phase_id else after.state


@pytest.mark.parametrize("type", [*EVENTS, *UNKNOWN])
def test_every_event_folds_in_every_state(type: str) -> None:
    """From any state to any state, known or unknown, with or without its data, the event's word is taken."""
    of_run = type.startswith("run.")
    example = EVENTS[type].example if type in EVENTS else {"surprise": [1]}
    for before in RUN_STATES if of_run else PHASE_STATES:
        phase = Phase(phase_id="p1", index=1, state=None if of_run else before)
        run = Run(run_id=RUN_ID, state=before if of_run else "GATE", version=3, phases={"p1": phase})
        for after in RUN_STATES if of_run else PHASE_STATES:
            for data in ({}, example):
                assert state_after(run, happened(type, before, after, data)) == after


@pytest.mark.parametrize("type", [*EVENTS, *UNKNOWN])
def test_every_event_folds_into_nothing(type: str) -> None:
    """The first event of a run may be any: a log that begins oddly is still read."""
    run = Run(run_id=RUN_ID)
    assert run.condition == NONE
    assert state_after(run, happened(type, None, "GATE")) == "GATE"
    assert evolve(run, sealed(run, happened(type, None, "GATE"))).condition == (
        "GATE" if type.startswith("run.") else QUARANTINED
    )


def test_an_event_of_nothing_that_is_known_folds(given: Given) -> None:
    """An event of a later version, about neither run nor phase, leaves all but the version as it was."""
    run = given(*WORKING).run
    after = evolve(run, sealed(run, happened("tier.renamed", None, run.state, {"tier_id": "T1"})))
    assert (after.version, after.state, after.phases) == (5, run.state, run.phases)


@pytest.mark.parametrize("type", EVENTS)
def test_nonsense_in_its_data_does_not_keep_an_event_from_being_read(type: str) -> None:
    """Every field of the event may hold anything: it folds, and so does every event after it."""
    before, after = ("GATE", "CI_RUNNING")
    for value in NONSENSE:
        for field in EVENTS[type].model_fields:
            run = Run(
                run_id=RUN_ID,
                state=before,
                version=3,
                phases={"p1": Phase(phase_id="p1", index=1, state=before)},
            )
            event = happened(type, before, after, {field: value})
            assert state_after(run, event) == after, (field, value)
            run = evolve(run, sealed(run, event))
            for then in (
                "phase.started",
                "phase.usage_recorded",
                "phase.requeued",
                "run.usage_recorded",
                "run.labelled",
            ):
                assert state_after(run, happened(then, after, before)) == before, (field, value)


@hypothesis_given(
    st.sampled_from([*EVENTS, *UNKNOWN]),
    st.sampled_from([*RunState, *PhaseState, None]),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4),
    st.none() | st.integers(0, 9),
)
@settings(UNHURRIED, max_examples=300)
def test_anything_folds(type: str, after: str | None, data: dict[str, Any], attempt: int | None) -> None:
    """Whatever JSON an event holds, it folds."""
    run = Run(run_id=RUN_ID, state="GATE", version=3)
    assert state_after(run, happened(type, "GATE", after, data, attempt)) == after


def test_what_the_table_forbids_today_still_folds(given: Given) -> None:
    """A table that became stricter does not make yesterday unreadable."""
    story = given(*WORKING, "phase.completed p1 1").recorded(
        "phase.started", "COMPLETE", "EXECUTING", phase="p1"
    )
    assert story.run.phases["p1"].state == "EXECUTING"
    assert story.run.phases["p1"].attempt == 2
    story.recorded("run.queued", "PHASE_EXECUTION", "QUEUED")
    assert story.run.state == "QUEUED"


def test_folding_does_not_change_what_was(given: Given) -> None:
    """A run is a value: the run before an event stands as it stood."""
    story = given(*WORKING)
    before = story.run
    copy = before._replace(phases=dict(before.phases), labels=dict(before.labels))
    story.when("phase.completed", "p1", 1).when("run.labelled", labels={"a": "b"}).when(
        "run.annotated", text="t"
    )
    assert before == copy


def test_a_run_is_what_its_events_made_of_it(given: Given) -> None:
    """Folding all at once, in two parts or one by one gives the same; of no events there is no run."""
    story = given(
        *WORKING, "phase.submitted p1 1", ("run.annotated", {"text": "t"}), "run.failed_environment"
    )
    assert fold(story.events) == story.run
    for cut in range(len(story.events)):
        assert fold(story.events[cut:], fold(story.events[:cut])) == story.run
    assert fold([]) is None
    assert fold([], story.run) is story.run


@pytest.mark.parametrize("state", RunState)
def test_an_imported_run_stands_where_it_was_found(given: Given, state: RunState) -> None:
    """What was taken over has the state that it came with, its phases too, and times of its own."""
    story = given().recorded(
        "run.imported", None, state, state=state.value, goal="g", config={"max_phases": 1}
    )
    story.recorded(
        "phase.imported", None, "FAILED", phase="p1", state="FAILED", attempt=3, max_attempts=4, name="n"
    )
    assert (
        story.run.state,
        story.run.goal,
        story.run.config["max_phases"],
        story.run.config["max_attempts"],
    ) == (state, "g", 1, 5)
    phase = story.run.phases["p1"]
    assert (phase.state, phase.attempt, phase.max_attempts, phase.name) == ("FAILED", 3, 4, "n")
    assert (story.run.completed_at is not None) == state.startswith("DONE_")


@pytest.mark.parametrize("said", [{}, {"attempt": 0}])
@pytest.mark.parametrize("state", ["EXECUTING", "GATE", "CI_RUNNING"])
def test_an_imported_open_attempt_can_be_named(given: Given, state: str, said: dict[str, int]) -> None:
    """An attempt that was open elsewhere has a number from 1, so that somebody can end it here."""
    story = given("run.created").recorded("phase.imported", None, state, phase="p1", state=state, **said)
    assert story.run.phases["p1"].attempt == 1
    story.when("phase.completed", "p1", 1).then(("phase.completed", state, "COMPLETE"))


def test_a_repaired_run_stands_where_it_was_put(given: Given) -> None:
    """A repair sets a state outside the moves; from there the moves go on."""
    story = given("run.created").recorded(
        "run.repaired", "RUN_CREATED", "DONE_SUCCESS", state="DONE_SUCCESS", reason="r"
    )
    assert (story.run.state, story.run.completed_at) == ("DONE_SUCCESS", story.events[-1].recorded_at)
    story.recorded("run.repaired", "DONE_SUCCESS", "GATE", state="GATE", reason="r")
    assert story.run.completed_at is None
    story.when("run.ci_started").then(("run.ci_started", "GATE", "CI_RUNNING"))
