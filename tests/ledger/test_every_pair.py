"""The law of the machine: the domain, the ledger and the database accept the same events."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from api.ledger import Ledger
from domain.decide import OF_OPEN_ATTEMPT, decide, repeats
from domain.events import EVENTS
from domain.evolve import ANSWERS, fold
from domain.moves import (
    LEADS_TO,
    NONE,
    PHASE_MOVES,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    RUN_MOVES,
    Entity,
    legal_events,
)
from domain.proposals import proposed_event
from domain.refusals import Refusal
from domain.run import Run
from domain.states import PhaseState, RunState
from eventstore import store
from eventstore.database import reading
from eventstore.schema import legal_moves
from tests.runs import PhaseInState, RunInState, ask

PROPOSABLE: dict[Entity, list[str]] = {
    "run": [move.event for move in RUN_MOVES if move.event not in RECORDED_BY_SERVICE],
    "phase": [move.event for move in PHASE_MOVES if move.event not in RECORDED_BY_SERVICE],
}


def body_of(kind: str, phase_id: str | None, attempt: int) -> dict[str, Any]:
    body: dict[str, Any] = {"type": kind, "data": EVENTS[kind].example}
    if phase_id is not None:
        body["phase_id"] = phase_id
    if kind in OF_OPEN_ATTEMPT:
        body["attempt"] = max(attempt, 1)
    return body


def accepted(ledger: Ledger, run_id: str, body: dict[str, Any]) -> bool:
    """Whether the ledger records this, where it has not been recorded before."""
    try:
        (outcome,) = ledger.propose(run_id, body)
    except Refusal:
        return False
    return not outcome.replayed


def decided(ledger: Ledger, run_id: str, body: dict[str, Any]) -> bool:
    """Whether the domain alone would accept it, and not as something that was said before."""
    with reading(ledger.engine) as connection:
        run = fold(store.read_run(connection, run_id)) or Run(run_id=run_id)
    proposal = proposed_event(body, run_id)
    try:
        return repeats(run, proposal) is None and bool(decide(run, proposal))
    except Refusal:
        return False


def taken(ledger: Ledger, kind: str, condition: str) -> bool:
    """Whether the database's own table has such a move."""
    query = select(legal_moves).where(
        legal_moves.c.event_type == kind, legal_moves.c.state_before == condition
    )
    with reading(ledger.engine) as connection:
        return connection.execute(query).first() is not None


@pytest.mark.parametrize("state", [NONE, *RunState, QUARANTINED])
def test_every_event_in_every_state_of_a_run(ledger: Ledger, run_in_state: RunInState, state: str) -> None:
    """The ledger, the domain and the database agree about each of them."""
    found = {}
    for kind in PROPOSABLE["run"]:
        run_id = run_in_state(ledger, state)
        if kind in ANSWERS:
            ask(ledger, run_id)
        body = body_of(kind, None, 0)
        expected = decided(ledger, run_id, body)
        found[kind] = (accepted(ledger, run_id, body), expected, taken(ledger, kind, state))
        if expected:
            assert ledger.run(run_id)["state"] == LEADS_TO[kind, state]
    legal = legal_events("run", state)
    assert found == {kind: (kind in legal,) * 3 for kind in PROPOSABLE["run"]}


@pytest.mark.parametrize("state", [NONE, *PhaseState, QUARANTINED])
def test_every_event_in_every_state_of_a_phase(
    ledger: Ledger, phase_in_state: PhaseInState, state: str
) -> None:
    """The ledger, the domain and the database agree about each of them, while the run executes."""
    found = {}
    for kind in PROPOSABLE["phase"]:
        run_id, phase_id = phase_in_state(ledger, state)
        phase = ledger.folded(run_id).phases.get(phase_id)
        body = body_of(kind, phase_id, phase.attempt if phase else 0)
        expected = decided(ledger, run_id, body)
        found[kind] = (accepted(ledger, run_id, body), expected, taken(ledger, kind, state))
        if expected:
            assert ledger.phase(run_id, phase_id)["state"] == LEADS_TO[kind, state]
    legal = legal_events("phase", state)
    # A quarantined phase, or one that is not there, has no attempt: the table has no such move either.
    assert found == {kind: (kind in legal,) * 3 for kind in PROPOSABLE["phase"]}


@pytest.mark.parametrize("kind", sorted(RECORDED_BY_SERVICE))
def test_what_only_the_service_records_is_never_proposed(
    ledger: Ledger, phase_in_state: PhaseInState, kind: str
) -> None:
    """The database would take it, and nobody outside gets it there."""
    run_id, phase_id = phase_in_state(ledger, PhaseState.FAILED)
    about = phase_id if kind.startswith("phase.") else None
    with pytest.raises(Refusal) as refused:
        ledger.propose(run_id, body_of(kind, about, 1))
    assert refused.value.code == "reserved-event"


def test_every_state_can_be_reached(
    ledger: Ledger, raw: Any, run_in_state: RunInState, phase_in_state: PhaseInState
) -> None:
    """By legal moves, or, where no move leads, by quarantine; and the tables say so."""
    runs = {state: run_in_state(ledger, state) for state in (*RunState, QUARANTINED)}
    phases = {state: phase_in_state(ledger, state) for state in (*PhaseState, QUARANTINED)}
    mark = "%s" if isinstance(raw, psycopg.Connection) else "?"
    for state, run_id in runs.items():
        (found,) = raw.execute(f"SELECT state FROM runs WHERE run_id = {mark}", [run_id]).fetchone()
        assert found == (None if state == QUARANTINED else state)
    for state, (run_id, phase_id) in phases.items():
        query = f"SELECT state FROM phases WHERE run_id = {mark} AND phase_id = {mark}"
        (found,) = raw.execute(query, [run_id, phase_id]).fetchone()
        assert found == (None if state == QUARANTINED else state)
