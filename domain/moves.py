"""The tables of legal moves, and the only use of `transitions`.

Keyed by event: what happens, while what, leading where. `decide` reads these rows; so do the guard in
the database, the diagram, the reference page, `GET .../moves` and the tests. Nothing else lists a move.
"""

from collections import deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from transitions import Machine

from domain.states import ATTEMPT_OPEN, DONE, DONE_FAILED, EXECUTING, PhaseState, RunState

Entity = Literal["run", "phase"]

NONE = "(none)"
"""Stands for a run or phase that does not exist yet."""

QUARANTINED = "(quarantined)"
"""Stands for an imported run or phase that has no legal state until a repair gives it one."""

STAYS = "="
"""Leads to the state that it happens in."""

ANY = "*"
"""Leads to the state that its data name: the events that set a state outside the moves."""

P, R = PhaseState, RunState
EVERY_RUN = tuple(RunState)
EVERY_PHASE = tuple(PhaseState)
OPEN_RUN = tuple(state for state in RunState if state not in DONE)
OPEN_ATTEMPT = tuple(state for state in PhaseState if state in ATTEMPT_OPEN)


@dataclass(frozen=True, slots=True)
class Move:
    """One row: what happens, while the entity is in which states, and the state that it leads to."""

    event: str
    sources: tuple[str, ...]
    leads_to: str


RUN_MOVES = (
    Move("run.queued", (NONE,), R.QUEUED),
    Move("run.bootstrapped", (NONE, R.QUEUED), R.PLAN_BOOTSTRAP),
    Move("run.created", (NONE, R.QUEUED, R.PLAN_BOOTSTRAP), R.RUN_CREATED),
    Move("run.phases_queued", (R.RUN_CREATED, R.SNAPSHOT_CREATED), R.PHASE_QUEUEING),
    Move(
        "run.execution_started",
        (R.RUN_CREATED, R.PHASE_QUEUEING, R.GATE, R.CI_RUNNING, R.SNAPSHOT_CREATED),
        R.PHASE_EXECUTION,
    ),
    Move("run.gate_entered", (R.PHASE_EXECUTION,), R.GATE),
    Move("run.ci_started", (R.PHASE_EXECUTION, R.GATE), R.CI_RUNNING),
    Move("run.snapshot_created", (R.GATE, R.CI_RUNNING), R.SNAPSHOT_CREATED),
    Move("run.succeeded", tuple(state for state in RunState if state in EXECUTING), R.DONE_SUCCESS),
    Move("run.failed_budget_exhausted", OPEN_RUN, R.DONE_FAILED_BUDGET_EXHAUSTED),
    Move("run.failed_policy_violation", OPEN_RUN, R.DONE_FAILED_POLICY_VIOLATION),
    Move("run.failed_requires_human_review", OPEN_RUN, R.DONE_FAILED_REQUIRES_HUMAN_REVIEW),
    Move("run.failed_environment", OPEN_RUN, R.DONE_FAILED_ENVIRONMENT),
    Move("run.reopened", tuple(state for state in RunState if state in DONE_FAILED), R.PHASE_QUEUEING),
    Move("run.annotated", EVERY_RUN, STAYS),
    Move("run.usage_recorded", OPEN_RUN, STAYS),
    Move("run.labelled", EVERY_RUN, STAYS),
    Move("run.held", EVERY_RUN, STAYS),
    Move("run.unheld", EVERY_RUN, STAYS),
    Move("run.preserved", EVERY_RUN, STAYS),
    Move("run.unpreserved", EVERY_RUN, STAYS),
    Move("run.archived", EVERY_RUN, STAYS),
    Move("run.unarchived", EVERY_RUN, STAYS),
    Move("run.approval_requested", EVERY_RUN, STAYS),
    Move("run.approval_granted", EVERY_RUN, STAYS),
    Move("run.approval_denied", EVERY_RUN, STAYS),
    Move("run.approval_expired", EVERY_RUN, STAYS),
    Move("run.imported", (NONE,), ANY),
    Move("run.repaired", (*EVERY_RUN, QUARANTINED), ANY),
    Move("run.quarantined", (NONE,), QUARANTINED),
)

PHASE_MOVES = (
    Move("phase.added", (NONE,), P.QUEUED),
    Move("phase.started", (P.QUEUED,), P.EXECUTING),
    Move("phase.submitted", (P.EXECUTING,), P.GATE),
    Move("phase.ci_started", (P.EXECUTING, P.GATE), P.CI_RUNNING),
    Move("phase.revised", (P.GATE, P.CI_RUNNING), P.EXECUTING),
    Move("phase.completed", OPEN_ATTEMPT, P.COMPLETE),
    Move("phase.failed", OPEN_ATTEMPT, P.FAILED),
    Move("phase.released", OPEN_ATTEMPT, P.QUEUED),
    Move("phase.requeued", (P.FAILED,), P.QUEUED),
    Move("phase.skipped", (P.QUEUED, P.FAILED), P.SKIPPED),
    Move("phase.annotated", EVERY_PHASE, STAYS),
    Move("phase.usage_recorded", EVERY_PHASE, STAYS),
    Move("phase.result_recorded", EVERY_PHASE, STAYS),
    Move("phase.imported", (NONE,), ANY),
    Move("phase.repaired", (*EVERY_PHASE, QUARANTINED), ANY),
    Move("phase.quarantined", (NONE,), QUARANTINED),
)

TABLE: dict[str, Move] = {move.event: move for move in (*RUN_MOVES, *PHASE_MOVES)}
"""Every event type and its one row."""


@dataclass(frozen=True, slots=True, order=True)
class LegalMove:
    """One (event type, state before, state after) that may be recorded: a row of the database's table."""

    event: str
    state_before: str
    state_after: str


def build(moves: Iterable[Move], states: Iterable[str]) -> Machine:
    """The machine of one entity, as data: no model is ever added to it."""
    states = list(states)
    machine = Machine(model=None, states=[NONE, *states, QUARANTINED], initial=None, auto_transitions=False)
    for move in moves:
        for leads_to in states if move.leads_to == ANY else [move.leads_to]:
            machine.add_transition(move.event, list(move.sources), leads_to)
    return machine


MACHINES: dict[Entity, Machine] = {
    "run": build(RUN_MOVES, RunState),
    "phase": build(PHASE_MOVES, PhaseState),
}


def rows() -> Iterator[LegalMove]:
    """Every legal move, read out of the machines."""
    for machine in MACHINES.values():
        for event in machine.events.values():
            for transition in (t for ts in event.transitions.values() for t in ts):
                yield LegalMove(event.name, transition.source, transition.dest or transition.source)


LEGAL_MOVES: tuple[LegalMove, ...] = tuple(sorted(rows()))

LEGAL = frozenset((move.event, move.state_before, move.state_after) for move in LEGAL_MOVES)
"""The same, to be looked up."""

# Looked up for every proposal: a trigger of the machine costs a hundred times as much.
LEADS_TO: dict[tuple[str, str], str] = {
    (move.event, move.state_before): move.state_after
    for move in LEGAL_MOVES
    if TABLE[move.event].leads_to != ANY
}
RECORDED_BY_SERVICE: frozenset[str] = frozenset(
    move.event for move in TABLE.values() if move.leads_to in (ANY, QUARANTINED)
)
"""Events that only the service itself records; nobody may propose them."""


def entity_of(event: str) -> Entity:
    """Whether this event type is about a run or about a phase."""
    return "run" if event.startswith("run.") else "phase"


def legal_events(entity: Entity, state: str) -> list[str]:
    """Event types that may be proposed for an entity in this state, in the order of the table."""
    moves = RUN_MOVES if entity == "run" else PHASE_MOVES
    return [m.event for m in moves if state in m.sources and m.event not in RECORDED_BY_SERVICE]


def moves_to(entity: Entity, goal: str) -> list[Move]:
    """The moves that lead directly to a state, in the order of the table."""
    return [move for move in (RUN_MOVES if entity == "run" else PHASE_MOVES) if move.leads_to == goal]


def shortest_path(entity: Entity, state: str, goal: str, *, past: Container[str] = ()) -> list[str] | None:
    """The fewest events that lead from one state to the other; None when no legal moves do.

    It leads past these states, unless one of them is where it begins or ends.
    """
    seen, waiting = {state}, deque([(state, list[str]())])
    while waiting:
        here, path = waiting.popleft()
        if here == goal:
            return path
        for event in legal_events(entity, here):
            there = LEADS_TO[event, here]
            if there not in seen and (there == goal or there not in past):
                seen.add(there)
                waiting.append((there, [*path, event]))
    return None
