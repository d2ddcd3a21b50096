"""Runs and phases in any state, on any ledger: fixtures that `tests/conftest.py` makes known to all tests."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import select

import projections
from api.ledger import Ledger
from domain.decide import OF_OPEN_ATTEMPT
from domain.envelopes import NewEvent, Origin, RecordedEvent
from domain.events import EVENTS
from domain.evolve import evolve, fold
from domain.moves import NONE, QUARANTINED, Entity, entity_of, shortest_path
from domain.refusals import Refusal
from domain.run import Run
from domain.states import RunState
from domain.times import stamp
from eventstore import chain, statements, store
from eventstore.database import lock_writers
from eventstore.schema import events as log

TESTER = Origin(actor="tester")
AT = "2026-11-22T10:00:00.000000Z"
Step = tuple[str, str | None, str | None, dict[str, Any]]
"""What happens: type, state after, phase, data."""

Sealed = Callable[..., list[RecordedEvent]]


@pytest.fixture(scope="session")
def sealed() -> Sealed:
    """The next events of a run, from a position on, whether they may happen or not; not yet appended."""

    def seals(
        run: Run, position: int, *steps: Step, at: str = AT, origin: Origin = TESTER
    ) -> list[RecordedEvent]:
        events: list[RecordedEvent] = []
        for kind, state, phase_id, data in steps:
            phase = run.phases.get(phase_id or "")
            was = run.state if phase_id is None else phase.state if phase else None
            new = NewEvent(
                type=kind,
                type_version=1,
                phase_id=phase_id,
                attempt=None,
                state_before=was,
                state_after=state,
                data=data,
            )
            event = chain.seal(
                new,
                run,
                position=position + len(events),
                event_id=token_hex(8),
                occurred_at=None,
                recorded_at=at,
                origin=origin,
            )
            run = evolve(run, event)
            events.append(event)
        return events

    return seals


Record = Callable[..., list[RecordedEvent]]


@pytest.fixture(scope="session")
def record(sealed: Sealed) -> Record:
    """Appends and projects what only the service itself records: imports, quarantines, repairs."""

    def recorded(ledger: Ledger, run_id: str, *steps: Step) -> list[RecordedEvent]:
        with ledger.engine.begin() as connection:
            lock_writers(connection)
            before = fold(store.read_run(connection, run_id)) or Run(run_id=run_id)
            last = connection.execute(select(log.c.position, log.c.recorded_at).order_by(-log.c.position))
            position, newest = last.first() or (0, "")
            at = max(stamp(datetime.now(UTC)), newest)
            events = sealed(before, position + 1, *steps, at=at)
            store.append(connection, events)
            change = projections.Change(before, fold(events, before) or before)
            for statement, rows in projections.writes([change]):
                statements.write(connection, statement, rows)
        return events

    return recorded


def proposed(path: Iterable[str], run_id: str, phase_id: str | None = None) -> list[dict[str, Any]]:
    """The proposals of a path, with the data that they need; each about the first attempt."""
    bodies = []
    for kind in path:
        body: dict[str, Any] = {"type": kind, "run_id": run_id, "data": EVENTS[kind].example}
        if entity_of(kind) == "phase":
            body["phase_id"] = phase_id
            if kind in OF_OPEN_ATTEMPT:
                body["attempt"] = 1
        bodies.append(body)
    return bodies


RunInState = Callable[..., str]
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def run_in_state(record: Record) -> RunInState:
    """Brings a new run into any state by legal moves; NONE leaves it unmade, QUARANTINED without a state."""

    def run_in(ledger: Ledger, state: str, run_id: str | None = None) -> str:
        run_id = run_id or f"run-{next(_NUMBERS)}"
        if state == QUARANTINED:
            record(ledger, run_id, ("run.quarantined", None, None, {"legacy": {"state": "READY"}}))
        elif state != NONE:
            ledger.propose_all(proposed(legal_path("run", state), run_id))
        return run_id

    return run_in


PhaseInState = Callable[..., tuple[str, str]]


@pytest.fixture(scope="session")
def phase_in_state(run_in_state: RunInState, record: Record) -> PhaseInState:
    """Brings a phase into any state by legal moves, in a new run in PHASE_EXECUTION: (run_id, phase_id)."""

    def phase_in(ledger: Ledger, state: str, phase_id: str = "p1") -> tuple[str, str]:
        run_id = run_in_state(ledger, RunState.PHASE_EXECUTION)
        if state == QUARANTINED:
            record(ledger, run_id, ("phase.quarantined", None, phase_id, {"legacy": {"state": "READY"}}))
        elif state != NONE:
            ledger.propose_all(proposed(legal_path("phase", state), run_id, phase_id))
        return run_id, phase_id

    return phase_in


def ask(ledger: Ledger, run_id: str) -> None:
    """Somebody asks for approval, so that there is something to answer; not of a run without a state."""
    with suppress(Refusal):
        ledger.propose(run_id, {"type": "run.approval_requested", "data": {"context": "risky_decision"}})


def legal_path(entity: Entity, state: str) -> list[str]:
    path = shortest_path(entity, NONE, state)
    assert path is not None
    return path


@pytest.fixture
def a_run(ledger: Ledger) -> str:
    """A run in PHASE_EXECUTION with three phases that wait, in two tiers."""
    tiers = [{"tier_id": "T1", "name": "Foundation"}, {"tier_id": "T2"}]
    phases = [
        {"phase_id": "p1", "name": "Schema", "tier_id": "T1", "scope": {"goal": "tables"}},
        {"phase_id": "p2", "name": "Queries", "tier_id": "T1"},
        {"phase_id": "p3", "tier_id": "T2", "max_attempts": 2},
    ]
    body = {"run_id": "a-run", "goal": "Predict output sizes", "labels": {"team": "core"}}
    ledger.create_run({**body, "tiers": tiers, "phases": phases})
    ledger.propose("a-run", {"type": "run.execution_started"})
    return "a-run"
