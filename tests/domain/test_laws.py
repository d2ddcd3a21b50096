"""Laws over every pair of state and event: what is decided is what the table says, and nothing else."""

from collections.abc import Iterator
from itertools import combinations_with_replacement, product

import pytest

from domain.decide import OF_OPEN_ATTEMPT, REPEATABLE, decide, repeats
from domain.envelopes import NewEvent, Proposal
from domain.events import EVENTS
from domain.evolve import evolve
from domain.judge import blocker
from domain.moves import (
    LEADS_TO,
    LEGAL_MOVES,
    NONE,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    Entity,
    legal_events,
    shortest_path,
)
from domain.proposals import proposed_event
from domain.refusals import (
    IllegalMove,
    PhaseExists,
    PhaseNotFound,
    Quarantined,
    Refusal,
    ReservedEvent,
    RunNotFound,
    RunTerminal,
    StaleAttempt,
)
from domain.run import Approval, Phase, Run
from domain.states import PhaseState, RunState
from tests.domain.conftest import NEEDED, RUN_ID, sealed

RUN_EVENTS = [event for event in EVENTS if event.startswith("run.")]
PHASE_EVENTS = [event for event in EVENTS if event.startswith("phase.")]
CONDITIONS: dict[Entity, list[str]] = {
    "run": [NONE, *RunState, QUARANTINED],
    "phase": [NONE, *PhaseState, QUARANTINED],
}
ROWS = {
    (move.event, move.state_before): move.state_after
    for move in LEGAL_MOVES
    if move.event not in RECORDED_BY_SERVICE
}


def state_of(condition: str) -> str | None:
    return None if condition in (NONE, QUARANTINED) else condition


def run_in(condition: str, phase: str = NONE) -> Run:
    """A run that stands so, with one phase that stands so, and with a request that waits for an answer."""
    p1 = Phase(phase_id="p1", index=1, state=state_of(phase), attempt=1)
    version = 0 if condition == NONE else 3
    phases = {} if phase == NONE else {"p1": p1}
    asked = Approval(version=2, position=2, asked={}, asked_by="tester", asked_at="")
    return Run(
        run_id=RUN_ID,
        state=state_of(condition),
        version=version,
        phases=phases,
        approvals={2: asked} if version else {},
    )


def proposal_of(event: str) -> Proposal:
    """A proposal of this event whose data nobody could find fault with."""
    raw: dict[str, object] = {"type": event, "data": EVENTS[event].example or NEEDED.get(event, {})}
    if event.startswith("phase."):
        raw |= {"phase_id": "p1"} | ({"attempt": 1} if event in OF_OPEN_ATTEMPT else {})
    return proposed_event(raw, RUN_ID)


def outcome(run: Run, event: str) -> tuple[NewEvent, ...] | Refusal:
    try:
        return decide(run, proposal_of(event))
    except Refusal as refusal:
        return refusal


def standing(entity: Entity) -> Iterator[tuple[str, Run]]:
    """Every condition that the entity can be in, in a run that lets its phases start."""
    for condition in CONDITIONS[entity]:
        yield condition, run_in(condition) if entity == "run" else run_in("PHASE_EXECUTION", condition)


def refused_as(event: str, condition: str) -> type[Refusal]:
    """How an event is refused that has no row for this condition."""
    if event in RECORDED_BY_SERVICE:
        return ReservedEvent
    if event == "phase.added":
        return PhaseExists
    if condition == NONE:
        return RunNotFound if event.startswith("run.") else PhaseNotFound
    if condition == QUARANTINED:
        return Quarantined
    if event == "run.usage_recorded" and condition.startswith("DONE_"):
        return RunTerminal
    # The attempt that it names is over, where the phase waits for another.
    is_over = condition == PhaseState.QUEUED and event in OF_OPEN_ATTEMPT
    return StaleAttempt if is_over else IllegalMove


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_decided_is_what_the_table_says(event: str) -> None:
    """In every state an event is accepted if the table has the row, and leads where the row says."""
    entity: Entity = "run" if event.startswith("run.") else "phase"
    for condition, run in standing(entity):
        decided = outcome(run, event)
        if (event, condition) not in ROWS:
            assert type(decided) is refused_as(event, condition), condition
            continue
        assert isinstance(decided, tuple), (condition, decided)
        assert [(e.type, e.state_before, e.state_after) for e in decided] == [
            (event, state_of(condition), ROWS[event, condition])
        ]
        assert decided[0].phase_id == ("p1" if entity == "phase" else None)
        assert decided[0].implied is False


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_refused_says_what_is_legal(event: str) -> None:
    """A refused move names the events that are legal, and the states that it may happen in itself."""
    entity: Entity = "run" if event.startswith("run.") else "phase"
    for condition, run in standing(entity):
        decided = outcome(run, event)
        if isinstance(decided, IllegalMove):
            assert decided.state == condition
            assert decided.legal == legal_events(entity, condition)
            assert {row[1] for row in ROWS if row[0] == event} == set(decided.sources)
            assert decided.current_version == run.version


@pytest.mark.parametrize("entity", ["run", "phase"])
def test_what_is_called_legal_is_accepted(entity: Entity) -> None:
    """The legal events of a state are those that are accepted in it, all of them and no other."""
    for condition, run in standing(entity):
        events = RUN_EVENTS if entity == "run" else PHASE_EVENTS
        accepted = {event for event in events if isinstance(outcome(run, event), tuple)}
        assert set(legal_events(entity, condition)) == accepted, condition
        assert len(legal_events(entity, condition)) == len(accepted)


@pytest.mark.parametrize("event", EVENTS)
def test_what_stands_in_the_way_is_what_refuses(event: str) -> None:
    """In every state the blocker of an event is the refusal that proposing it meets, or nothing."""
    entity: Entity = "run" if event.startswith("run.") else "phase"
    for condition, run in standing(entity):
        refusal, decided = blocker(run, event, "p1" if entity == "phase" else None), outcome(run, event)
        refused_with = type(decided) if isinstance(decided, Refusal) else type(None)
        # That an attempt is over is seen only where one is named.
        expected = IllegalMove if refused_with is StaleAttempt else refused_with
        assert type(refusal) is expected, condition


@pytest.mark.parametrize("entity", ["run", "phase"])
def test_the_way_is_legal_and_no_shorter_one_is(entity: Entity) -> None:
    """A way leads by legal moves where it is to lead, with as few as any, if any do."""
    states = CONDITIONS[entity]
    steps = {(here, there) for (event, here), there in ROWS.items() if event.startswith(entity)}
    length = {
        pair: 0 if pair[0] == pair[1] else 1 if pair in steps else 99 for pair in product(states, states)
    }
    for between, here, there in product(states, states, states):
        length[here, there] = min(length[here, there], length[here, between] + length[between, there])
    for here, there in product(states, states):
        path, at = shortest_path(entity, here, there), here
        assert (path is None) == (length[here, there] >= 99), (here, there)
        for event in path or []:
            at = ROWS[event, at]
        assert path is None or (at, len(path)) == (there, length[here, there]), (here, there)


@pytest.mark.parametrize("condition", CONDITIONS["run"])
def test_every_run_can_still_succeed(condition: str) -> None:
    """From every state some way leads to success, but from quarantine, which only a repair ends."""
    assert (shortest_path("run", condition, RunState.DONE_SUCCESS) is None) == (condition == QUARANTINED)


@pytest.mark.parametrize("condition", CONDITIONS["phase"])
def test_every_phase_can_still_be_settled(condition: str) -> None:
    """From every state of a phase some way leads to one that lets its run succeed, but from quarantine."""
    settled = [
        shortest_path("phase", condition, state) for state in (PhaseState.COMPLETE, PhaseState.SKIPPED)
    ]
    assert (settled == [None, None]) == (condition == QUARANTINED)


def test_nobody_proposes_anything_into_quarantine() -> None:
    """No event that may be proposed leads to no state, nor out of nothing into a state that is not new."""
    assert QUARANTINED not in ROWS.values()
    assert QUARANTINED not in {
        state for (event, _), state in LEADS_TO.items() if event not in RECORDED_BY_SERVICE
    }
    assert {there for (_, here), there in ROWS.items() if here == NONE} == {
        "QUEUED",
        "PLAN_BOOTSTRAP",
        "RUN_CREATED",
    }
    for condition, phase in product(CONDITIONS["run"], CONDITIONS["phase"]):
        for event in EVENTS:
            decided = outcome(run_in(condition, phase), event)
            assert isinstance(decided, Refusal) or None not in [new.state_after for new in decided]


def test_no_run_ends_with_an_open_attempt() -> None:
    """Whatever state a run and its phase are in, once the run is over nobody works on the phase."""
    for condition, phase, event in product(RunState, PhaseState, RUN_EVENTS):
        run = run_in(condition, phase)
        decided = outcome(run, event)
        if run.is_over or isinstance(decided, Refusal):
            continue
        for new in decided:
            run = evolve(run, sealed(run, new))
        assert not run.is_over or run.phases["p1"].state not in {"EXECUTING", "GATE", "CI_RUNNING"}, (
            condition,
            phase,
        )
        assert run.state != "DONE_SUCCESS" or run.phases["p1"].state in {"COMPLETE", "SKIPPED"}, (
            condition,
            phase,
        )


@pytest.mark.parametrize("report", sorted(REPEATABLE))
@pytest.mark.parametrize("state", PhaseState)
def test_a_report_never_happens_twice(report: str, state: PhaseState) -> None:
    """In whichever state it was recorded, a report that is made again is a repeat, and no second event."""
    run = run_in("PHASE_EXECUTION", state)
    decided = outcome(run, report)
    assert isinstance(decided, Refusal) == ((report, state) not in ROWS)
    if isinstance(decided, tuple):
        run = evolve(run, sealed(run, decided[0]))
        assert repeats(run, proposal_of(report)) == run.version
        assert isinstance(outcome(run, report), Refusal)


CASES = [(state, attempt) for state in [*PhaseState, None] for attempt in (0, 1)]
TIERS = [case for size in range(4) for case in combinations_with_replacement(CASES, size)]


def test_the_state_of_a_tier_is_what_its_phases_make_of_it() -> None:
    """For all tiers of up to three phases: settled, else failed, else moved, else pending."""
    for case in TIERS:
        mine = [
            Phase(phase_id=f"p{i}", index=i, state=state, attempt=attempt, tier_id="T1")
            for i, (state, attempt) in enumerate(case, 1)
        ]
        other = Phase(phase_id="other", index=9, state="FAILED", attempt=1, tier_id="T2")
        states = {state for state, _ in case}
        if states == {"SKIPPED"}:
            expected = "SKIPPED"
        elif states and states <= {"COMPLETE", "SKIPPED"}:
            expected = "COMPLETE"
        elif "FAILED" in states:
            expected = "FAILED"
        elif states - {"QUEUED"} or any(attempt for _, attempt in case):
            expected = "IN_PROGRESS"
        else:
            expected = "PENDING"
        run = Run(run_id=RUN_ID, version=1, phases={phase.phase_id: phase for phase in [*mine, other]})
        assert run.tier_state("T1") == expected, case
