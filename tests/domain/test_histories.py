"""Whatever is proposed in whatever order: what must never happen never does."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.decide import REPEATABLE, repeats
from domain.events import EVENTS
from domain.evolve import fold
from domain.moves import LEGAL_MOVES, NONE, QUARANTINED, LegalMove
from domain.proposals import (
    Batch,
    NewPhase,
    NewRun,
    ProposedEventOfRun,
    added_phase,
    batch,
    new_run,
    proposed_event,
)
from domain.refusals import Refusal
from domain.run import DEFAULT_CONFIG, Run, Usage
from tests.domain.conftest import RUN_ID, UNHURRIED, Story
from tests.domain.steps import proposal_of, steps

MOVES = set(LEGAL_MOVES)


def check(story: Story, before: Run) -> None:
    """What holds after every event of every run."""
    run = story.run
    assert [event.version for event in story.events] == list(range(1, run.version + 1))
    states: dict[str | None, str | None] = {
        None: before.state,
        **{name: p.state for name, p in before.phases.items()},
    }
    for event in story.happened:
        known = before.version > 0 if event.phase_id is None else event.phase_id in before.phases
        assert event.state_before == states.get(event.phase_id)
        assert (
            LegalMove(
                event.type,
                event.state_before if known and event.state_before else NONE,
                str(event.state_after),
            )
            in MOVES
        )
        states[event.phase_id] = event.state_after
    assert run.condition != QUARANTINED
    if run.is_over:
        assert {"EXECUTING", "GATE", "CI_RUNNING"}.isdisjoint(phase.state for phase in run.phases.values())
    if run.state == "DONE_SUCCESS":
        assert {"COMPLETE", "SKIPPED"} >= {phase.state for phase in run.phases.values()}
    assert len(run.phases) <= run.config["max_phases"]
    assert [phase.index for phase in run.phases.values()] == list(range(1, len(run.phases) + 1))
    for phase in run.phases.values():
        assert phase.attempt <= phase.max_attempts == 2
        assert phase.attempt >= (phase.state in {"EXECUTING", "GATE", "CI_RUNNING", "COMPLETE", "FAILED"})
        starts = [
            e.attempt for e in story.events if (e.type, e.phase_id) == ("phase.started", phase.phase_id)
        ]
        assert starts == list(range(1, phase.attempt + 1))
        assert (phase.completed_at is not None) == (phase.state in {"COMPLETE", "FAILED", "SKIPPED"})
        assert (phase.started_at is not None) == (phase.attempt > 0)
    spent = [event.data for event in story.events if event.type.endswith("usage_recorded")]
    assert run.usage == Usage(sum(data["tokens_used"] for data in spent), len(spent))
    assert (run.completed_at is not None) == run.is_over
    assert run.created_at == (story.events[0].recorded_at if story.events else None)


@given(st.data())
@settings(UNHURRIED, max_examples=100)
def test_every_history_is_a_history(data: st.DataObject) -> None:
    """Versions are dense, no run ends with an open attempt, success means settled, usage adds up."""
    story = Story()
    for _ in range(30):
        step = data.draw(steps(story.run))
        before, proposal = story.run, proposal_of(step)
        told_before = repeats(before, proposal)
        story.when(step[0], step[1], step[2], **step[3])
        check(story, before)
        if story.refusal is not None:
            assert story.run is before
            continue
        assert told_before is None, "a repeat was recorded as a second event"
        if step[0] in REPEATABLE:
            assert repeats(story.run, proposal) == story.run.version
    assert (fold(story.events) or Run(run_id=RUN_ID)) == story.run


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.just("\ud800"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    sorted(
        {name for model in (ProposedEventOfRun, NewRun, NewPhase, Batch) for name in model.model_fields}
        | {name for kind in EVENTS.values() for name in kind.model_fields}
        | DEFAULT_CONFIG.keys()
    )
)
PLAUSIBLE = st.sampled_from([*EVENTS, "p1", "QUEUED", "2026-11-22T10:00:00Z", 1, {}, []])
BODIES = st.recursive(
    PLAUSIBLE | ANYTHING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=15,
)


@given(st.dictionaries(FIELDS, BODIES, max_size=8) | BODIES, st.sampled_from(list(EVENTS)))
@settings(UNHURRIED, max_examples=300)
def test_no_body_breaks_the_understanding(body: Any, event: str) -> None:
    """Whatever is sent is understood or refused, with text that can be sent back; nothing else happens."""
    typed = {**body, "type": event} if isinstance(body, dict) else body
    for read in (
        proposed_event,
        new_run,
        batch,
        lambda raw: added_phase(raw, RUN_ID),
        lambda raw: proposed_event(raw, RUN_ID),
    ):
        for raw in (body, typed):
            try:
                read(raw)
            except Refusal as refusal:
                f"{refusal} {refusal.remedy}".encode()
