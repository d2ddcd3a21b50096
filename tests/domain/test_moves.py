"""The table of moves says what the design says, row by row."""

import pytest
from transitions import Machine

from domain.events import EVENTS, OPENING
from domain.moves import (
    LEGAL_MOVES,
    MACHINES,
    NONE,
    PHASE_MOVES,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    RUN_MOVES,
    TABLE,
    entity_of,
    legal_events,
    shortest_path,
)
from domain.states import PhaseState, RunState

RUN_STATES = [
    *("QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED", "PHASE_QUEUEING", "PHASE_EXECUTION", "GATE", "CI_RUNNING"),
    *("SNAPSHOT_CREATED", "DONE_SUCCESS", "DONE_FAILED_BUDGET_EXHAUSTED", "DONE_FAILED_POLICY_VIOLATION"),
    *("DONE_FAILED_REQUIRES_HUMAN_REVIEW", "DONE_FAILED_ENVIRONMENT"),
]
PHASE_STATES = ["QUEUED", "EXECUTING", "GATE", "CI_RUNNING", "COMPLETE", "FAILED", "SKIPPED"]
GOING_ON = [state for state in RUN_STATES if not state.startswith("DONE_")]

# Written out once more, on purpose: a table that is compared with itself is always right.
MOVES = {
    "run.queued": (NONE, "QUEUED"),
    "run.bootstrapped": (f"{NONE} QUEUED", "PLAN_BOOTSTRAP"),
    "run.created": (f"{NONE} QUEUED PLAN_BOOTSTRAP", "RUN_CREATED"),
    "run.phases_queued": ("RUN_CREATED SNAPSHOT_CREATED", "PHASE_QUEUEING"),
    "run.execution_started": (
        "RUN_CREATED PHASE_QUEUEING GATE CI_RUNNING SNAPSHOT_CREATED",
        "PHASE_EXECUTION",
    ),
    "run.gate_entered": ("PHASE_EXECUTION", "GATE"),
    "run.ci_started": ("PHASE_EXECUTION GATE", "CI_RUNNING"),
    "run.snapshot_created": ("GATE CI_RUNNING", "SNAPSHOT_CREATED"),
    "run.succeeded": ("PHASE_EXECUTION GATE CI_RUNNING SNAPSHOT_CREATED", "DONE_SUCCESS"),
    "run.failed_budget_exhausted": (" ".join(GOING_ON), "DONE_FAILED_BUDGET_EXHAUSTED"),
    "run.failed_policy_violation": (" ".join(GOING_ON), "DONE_FAILED_POLICY_VIOLATION"),
    "run.failed_requires_human_review": (" ".join(GOING_ON), "DONE_FAILED_REQUIRES_HUMAN_REVIEW"),
    "run.failed_environment": (" ".join(GOING_ON), "DONE_FAILED_ENVIRONMENT"),
    "run.reopened": (" ".join(state for state in RUN_STATES if "FAILED" in state), "PHASE_QUEUEING"),
    "phase.added": (NONE, "QUEUED"),
    "phase.started": ("QUEUED", "EXECUTING"),
    "phase.submitted": ("EXECUTING", "GATE"),
    "phase.ci_started": ("EXECUTING GATE", "CI_RUNNING"),
    "phase.revised": ("GATE CI_RUNNING", "EXECUTING"),
    "phase.completed": ("EXECUTING GATE CI_RUNNING", "COMPLETE"),
    "phase.failed": ("EXECUTING GATE CI_RUNNING", "FAILED"),
    "phase.released": ("EXECUTING GATE CI_RUNNING", "QUEUED"),
    "phase.requeued": ("FAILED", "QUEUED"),
    "phase.skipped": ("QUEUED FAILED", "SKIPPED"),
}
STAYS = {
    **dict.fromkeys(["run.annotated", "run.labelled", "run.held", "run.unheld", "run.preserved"], RUN_STATES),
    **dict.fromkeys(["run.approval_requested", "run.approval_granted"], RUN_STATES),
    **dict.fromkeys(["run.approval_denied", "run.approval_expired"], RUN_STATES),
    **dict.fromkeys(["run.unpreserved", "run.archived", "run.unarchived"], RUN_STATES),
    "run.usage_recorded": GOING_ON,
    **dict.fromkeys(["phase.annotated", "phase.usage_recorded", "phase.result_recorded"], PHASE_STATES),
}
OUTSIDE = {
    "run.imported": ([NONE], RUN_STATES),
    "run.repaired": ([*RUN_STATES, QUARANTINED], RUN_STATES),
    "run.quarantined": ([NONE], [QUARANTINED]),
    "phase.imported": ([NONE], PHASE_STATES),
    "phase.repaired": ([*PHASE_STATES, QUARANTINED], PHASE_STATES),
    "phase.quarantined": ([NONE], [QUARANTINED]),
}
DESIGNED = {
    **{
        event: {(source, leads_to) for source in sources.split()}
        for event, (sources, leads_to) in MOVES.items()
    },
    **{event: {(state, state) for state in states} for event, states in STAYS.items()},
    **{
        event: {(source, leads_to) for source in sources for leads_to in states}
        for event, (sources, states) in OUTSIDE.items()
    },
}


def test_the_states_are_those_of_the_design() -> None:
    """Thirteen states of a run, seven of a phase, and no other."""
    assert list(RunState) == RUN_STATES
    assert list(PhaseState) == PHASE_STATES


@pytest.mark.parametrize("event", sorted(DESIGNED.keys() | EVENTS.keys() | TABLE.keys()))
def test_every_event_may_happen_where_the_design_says(event: str) -> None:
    """Each event type leads from the states of its row to the state of its row, and no other way."""
    legal = {(move.state_before, move.state_after) for move in LEGAL_MOVES if move.event == event}
    assert legal == DESIGNED[event]


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_has_one_row_and_one_class(event: str) -> None:
    """An event type is written once in the table, once in the catalogue, and says what it means."""
    assert [move.event for move in (*RUN_MOVES, *PHASE_MOVES)].count(event) == 1
    assert [kind.type for kind in EVENTS.values()].count(event) == 1
    assert EVENTS[event].type == event
    assert (EVENTS[event].__doc__ or "").strip().endswith(".")
    assert EVENTS[event].type_version >= 1


def test_nothing_is_told_twice() -> None:
    """Table and catalogue know the same event types, each in words of its own, and no row is there twice."""
    assert list(TABLE) == [move.event for move in (*RUN_MOVES, *PHASE_MOVES)]
    assert sorted(TABLE) == sorted(EVENTS)
    assert len({kind.__doc__ for kind in EVENTS.values()}) == len(EVENTS)
    assert len(set(LEGAL_MOVES)) == len(LEGAL_MOVES)


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_an_event_is_of_a_run_or_of_a_phase(event: str) -> None:
    """The first word of its type says which, and the table it stands in agrees."""
    entity = event.split(".", maxsplit=1)[0]
    assert entity_of(event) == entity
    assert event in [move.event for move in (RUN_MOVES if entity == "run" else PHASE_MOVES)]


def test_the_service_alone_records_what_is_outside_the_moves() -> None:
    """Imports, repairs and quarantines, and nothing else."""
    assert sorted(RECORDED_BY_SERVICE) == sorted(OUTSIDE)


def test_each_opening_state_has_its_event() -> None:
    """The state that a creation may name is the one that its event leads to."""
    assert {state: kind.type for state, kind in OPENING.items()} == {
        "QUEUED": "run.queued",
        "PLAN_BOOTSTRAP": "run.bootstrapped",
        "RUN_CREATED": "run.created",
    }


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_the_machine_holds_no_model(machine: Machine) -> None:
    """The machines are data: no run is ever added to one, and no move comes of itself."""
    assert machine.models == []
    assert set(machine.events) <= set(TABLE)


def test_a_way_may_lead_through_several_events() -> None:
    """The shortest way is what a caller would have to propose, in order."""
    assert shortest_path("run", NONE, "DONE_SUCCESS") == [
        "run.created",
        "run.execution_started",
        "run.succeeded",
    ]
    assert shortest_path("run", "DONE_FAILED_ENVIRONMENT", "GATE") == [
        "run.reopened",
        "run.execution_started",
        "run.gate_entered",
    ]
    assert shortest_path("phase", "COMPLETE", "QUEUED") is None
    assert shortest_path("phase", "FAILED", "FAILED") == []
    assert legal_events("run", NONE) == ["run.queued", "run.bootstrapped", "run.created"]
    assert legal_events("phase", QUARANTINED) == []
