"""The law of the log: what it takes is exactly what is in the table of legal moves."""

import sqlite3
from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg
import pytest

from api.ledger import Ledger
from domain.moves import LEGAL_MOVES, NONE, QUARANTINED, TABLE, Entity, entity_of
from domain.run import NO_HASH
from domain.states import PhaseState, RunState
from tests.runs import PhaseInState, RunInState

STATES: dict[Entity, list[str]] = {"run": list(RunState), "phase": list(PhaseState)}
CONDITIONS = [
    (entity, condition)
    for entity, states in STATES.items()
    for condition in (NONE, *(str(state) for state in states), QUARANTINED)
]
UNKNOWN_EVENTS = ["run.ready", "run.", "phase.retried", "phase", ""]
UNKNOWN_STATES = ["READY", "queued", "QUEUED ", "", NONE, "DONE"]

ALLOWED: dict[tuple[str, str], set[str]] = {}
for move in LEGAL_MOVES:
    ALLOWED.setdefault((move.event, move.state_before), set()).add(move.state_after)

INSERT = """INSERT INTO events (position, event_id, run_id, version, type_version, phase_id, implied,
    occurred_at, recorded_at, actor, actor_verified, body, prev_hash, hash, type, state_before, state_after)
    VALUES (?, 'next', ?, ?, 1, ?, FALSE, '', '', 'mallory', FALSE, '{}', ?, 'f', ?, ?, ?)"""


class Pen:
    """Tries raw INSERTs of events that are the next of their run in everything but type and states."""

    def __init__(self, raw: Any, run_id: str, phase_id: str | None) -> None:
        self._raw = raw
        last = "SELECT version, hash FROM events WHERE run_id = ? ORDER BY version DESC LIMIT 1"
        version, prev_hash = self._run(last, run_id).fetchone() or (0, NO_HASH)
        (position,) = self._run("SELECT coalesce(max(position), 0) FROM events").fetchone()
        self._fixed = (position + 1, run_id, version + 1, phase_id, prev_hash)

    def takes(self, kind: str, before: str | None, after: str | None) -> bool:
        """Whether the log takes such an event; it is not there afterwards."""
        self._run("SAVEPOINT attempt")
        try:
            self._run(INSERT, *self._fixed, kind, before, after)
        except (sqlite3.IntegrityError, psycopg.IntegrityError) as error:
            if not str(error).startswith("runnotary: "):
                raise
            return False
        else:
            return True
        finally:
            self._run("ROLLBACK TO SAVEPOINT attempt")

    def _run(self, statement: str, *values: object) -> Any:
        if isinstance(self._raw, psycopg.Connection):
            statement = statement.replace("?", "%s")
        return self._raw.execute(statement, values)


def stored(state: str) -> str | None:
    """A state as it is in the log."""
    return None if state in (NONE, QUARANTINED) else state


def tried(entity: Entity, kind: str, condition: str) -> Iterator[tuple[str | None, str | None]]:
    """States before and after to try: all legal ones, what would be plausible, some that are neither."""
    chance = Random(f"{kind} {condition}")
    legal = ALLOWED.get((kind, condition), set())
    plausible = {target for (event, _), targets in ALLOWED.items() if event == kind for target in targets}
    others = {*STATES[entity], QUARANTINED} - legal
    afters = {*legal, *plausible, condition, *chance.sample(sorted(others), min(3, len(others)))} - {NONE}
    yield from ((stored(condition), stored(after)) for after in sorted(afters))
    yield stored(condition), chance.choice(UNKNOWN_STATES)
    elsewhere = [row for row in LEGAL_MOVES if row.event == kind and row.state_before != condition]
    for row in chance.sample(elsewhere, min(2, len(elsewhere))):
        if stored(row.state_before) != stored(condition):
            yield stored(row.state_before), stored(row.state_after)


@pytest.mark.parametrize(("entity", "condition"), CONDITIONS)
def test_the_log_takes_exactly_the_legal_moves(
    ledger: Ledger,
    raw: Any,
    run_in_state: RunInState,
    phase_in_state: PhaseInState,
    entity: Entity,
    condition: str,
) -> None:
    """In every state, an otherwise correct event is taken by the database if it is legal, and only then."""
    if entity == "run":
        run_id, phase_id = run_in_state(ledger, condition), None
    else:
        run_id, phase_id = phase_in_state(ledger, condition)
    pen = Pen(raw, run_id, phase_id)
    raw.execute("BEGIN")
    wrong = [
        (kind, before, after)
        for kind in (*TABLE, *UNKNOWN_EVENTS)
        for before, after in tried(entity, kind, condition)
        if pen.takes(kind, before, after) != is_legal(entity, condition, (kind, before, after))
    ]
    raw.execute("ROLLBACK")
    assert wrong == []


def is_legal(entity: Entity, condition: str, event: tuple[str, str | None, str | None]) -> bool:
    kind, before, after = event
    allowed = {stored(state) for state in ALLOWED.get((kind, condition), set())}
    return kind in TABLE and entity_of(kind) == entity and before == stored(condition) and after in allowed
