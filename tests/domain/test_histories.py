"""Whatever is proposed in whatever order: what must never happen never does."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.decide import REPEATABLE, blocker, repeats
from domain.envelopes import Proposal
from domain.events import EVENTS
from domain.moves import LEGAL_MOVES, NONE, QUARANTINED, RECORDED_BY_SERVICE, STAYS, TABLE, LegalMove
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
from domain.run import DEFAULT_CONFIG, Run, Usage, fold
from tests.domain.conftest import NEEDED, RUN_ID, UNHURRIED, Story

RUN_EVENTS = [event for event in EVENTS if event.startswith("run.") and event not in RECORDED_BY_SERVICE]
PHASE_EVENTS = [event for event in EVENTS if event.startswith("phase.") and event not in RECORDED_BY_SERVICE]
OPENING = {"config": {"max_phases": 3, "max_attempts": 2, "token_cap": 10}}
MOVES = set(LEGAL_MOVES)
Step = tuple[str, str | None, int | None, dict[str, Any]]


def data_of(event: str, amount: int) -> dict[str, Any]:
    if event.endswith("usage_recorded"):
        return {"tokens_used": amount, "ci_runs_used": 1}
    if event in ("run.queued", "run.bootstrapped", "run.created"):
        return OPENING
    return NEEDED.get(event) or EVENTS[event].example


def allowed(run: Run) -> list[tuple[str, str | None]]:
    """What may happen now, to the run, to its phases, and to the next one."""
    phases = [*run.phases, f"p{len(run.phases) + 1}"]
    events: list[tuple[str, str | None]] = [
        (event, None) for event in RUN_EVENTS if blocker(run, event) is None
    ]
    return events + [(e, p) for e in PHASE_EVENTS for p in phases if blocker(run, e, p) is None]


@st.composite
def steps(draw: st.DrawFn, run: Run) -> Step:
    """The next proposal: mostly a move of a phase or of the run that may happen now, sometimes anything."""
    anything: list[tuple[str, str | None]] = [(event, None) for event in RUN_EVENTS]
    anything += [(event, phase) for event in PHASE_EVENTS for phase in ("p1", "p2", "p3")]
    now = allowed(run)
    moves = [step for step in now if TABLE[step[0]].leads_to != STAYS]
    onward = [step for step in moves if not step[0].startswith(("run.failed_", "run.succeeded"))]
    work = [step for step in onward if step[1] and step[0] not in ("phase.added", "phase.skipped")]
    likely = draw(st.sampled_from([work, work, work, onward, onward, now, moves, anything]))
    event, phase = draw(st.sampled_from(likely or onward or anything))
    attempt = None
    if phase is not None and event not in ("phase.added", "phase.started"):
        current = run.phases[phase].attempt if phase in run.phases else 0
        attempt = draw(st.sampled_from([current, current, current, current - 1, current + 1]))
    return event, phase, attempt if attempt and attempt > 0 else None, data_of(event, draw(st.integers(0, 9)))


def proposal_of(step: Step) -> Proposal:
    event, phase, attempt, data = step
    return proposed_event({"type": event, "phase_id": phase, "attempt": attempt, "data": data}, RUN_ID)


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
