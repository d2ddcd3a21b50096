"""A log with every kind of event, on which whoever may write the file or owns the schema tries his hand."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

import projections
from api.commands import NOBODY, Asked
from api.ledger import Ledger
from api.replay.histories import histories
from api.replay.report import Report
from api.replay.verify import verify
from domain.envelopes import Origin, RecordedEvent
from domain.events import EVENTS
from domain.evolve import ANSWERS
from domain.moves import RECORDED_BY_SERVICE, entity_of
from domain.states import PhaseState, RunState
from eventstore import store
from eventstore.database import reading
from eventstore.shards import Named, rows
from tests.runs import PhaseInState, Record, RunInState

WAITING = "quarantined"
"""A run that waits in quarantine, with a phase that does, too."""

TABLES = ("events", *(each.TABLE.name for each in projections.ALL))
ZOE = Asked(
    origin=Origin(
        actor="Zoë ☃",
        actor_verified=True,
        correlation_id="c-1",
        causation_id="ключ",
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )
)


@dataclass(frozen=True)
class Log:
    """A database as its owner can get at it, and as `verify` reads it."""

    raw: Any
    """A plain connection of the driver."""
    engine: Engine
    events: Sequence[RecordedEvent]
    """Every event as it was recorded, in the order of the log."""

    @property
    def is_sqlite(self) -> bool:
        return isinstance(self.raw, sqlite3.Connection)

    def run(self, run_id: str) -> list[RecordedEvent]:
        """The events of a run, as they were recorded."""
        return [event for event in self.events if event.run_id == run_id]

    def verified(self, **how: Any) -> Report:
        """What `verify` says now."""
        *_, report = verify(self.engine, **how)
        assert isinstance(report, Report)
        return report

    def change(self, statement: str, *values: Any) -> None:
        """Run a statement of SQL with `?` for values."""
        self.raw.execute(statement if self.is_sqlite else statement.replace("?", "%s"), values)

    def follow(self, run_id: str) -> None:
        """Make the rows of a run what the log makes them now, as whoever covers up his traces does."""
        for projection in projections.ALL:
            self.change(f"DELETE FROM {projection.TABLE.name} WHERE run_id = ?", run_id)
        with reading(self.engine) as connection:
            for told in histories(rows(connection, Named((run_id,)))):
                for projection in projections.ALL:
                    self.insert(projection.TABLE.name, projection.rows(told.run))

    def insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows into a table."""
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            places = ", ".join("?" * len(row))
            self.change(f"INSERT INTO {table} ({names}) VALUES ({places})", *row.values())

    def append(self, events: Iterable[RecordedEvent]) -> None:
        """Put events into the log."""
        self.insert("events", ({n: v for n, v in each._asdict().items() if n != "data"} for each in events))

    def rewrite(self, events: Iterable[RecordedEvent]) -> None:
        """Put these events in the place of those at their positions."""
        for event in events:
            self.change("DELETE FROM events WHERE position = ?", event.position)
        self.append(events)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return list(self.raw.execute(query))

    def rows_of(self, table: str, run_id: str) -> list[dict[str, Any]]:
        """The rows of a run in a table, by the names of their columns."""
        with self.engine.connect() as connection:
            found = connection.exec_driver_sql(f"SELECT * FROM {table} WHERE run_id = '{run_id}'")
            return [dict(row) for row in found.mappings()]

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """With the guards out of the way; they are put back."""
        if self.is_sqlite:
            guards = self.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            off = [f"DROP TRIGGER {name}" for name, _ in guards]
            on = [sql for _, sql in guards]
        else:
            guards = self.rows("SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal")
            off = [f"ALTER TABLE {table} DISABLE TRIGGER {name}" for name, table in guards]
            on = [f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}" for name, table in guards]
        for statement in off:
            self.raw.execute(statement)
        try:
            yield
        finally:
            for statement in on:
                self.raw.execute(statement)

    @contextmanager
    def put_right(self) -> Iterator[None]:
        """Whatever is changed in the log or the tables made from it is changed back."""
        kept = {table: self.rows(f"SELECT * FROM {table}") for table in TABLES}
        try:
            yield
        finally:
            with self.unguarded():
                for table, rows in kept.items():
                    places = ", ".join(("?" if self.is_sqlite else "%s",) * len(rows[0]))
                    self.raw.execute(f"DELETE FROM {table}")
                    self.raw.cursor().executemany(f"INSERT INTO {table} VALUES ({places})", rows)


def fill(ledger: Ledger, record: Record, run_in_state: RunInState, phase_in_state: PhaseInState) -> None:
    """Record some hundred events: every type, every state, several phases and attempts."""
    for state in RunState:
        run_in_state(ledger, state, f"to-{state.lower().replace('_', '-')}")
    for phase_state in PhaseState:
        phase_in_state(ledger, phase_state)
    for number in range(3):
        long_story(ledger, f"story-{number}", ZOE if number == 0 else NOBODY)
    record(
        ledger,
        WAITING,
        ("run.quarantined", None, None, {"legacy": {"state": "READY"}, "goal": "?"}),
        ("phase.quarantined", None, "p1", {"mapping": {"from": "x", "kind": "semantic", "to": "FAILED"}}),
    )
    record(
        ledger,
        "imported",
        ("run.imported", "PHASE_EXECUTION", None, {"state": "PHASE_EXECUTION", "labels": {"a": "b"}}),
        ("phase.imported", "FAILED", "p1", {"state": "FAILED", "attempt": 3, "scope": {"goal": "größer"}}),
        ("phase.quarantined", None, "p2", {"legacy": {"state": "READY"}}),
        ("phase.repaired", "COMPLETE", "p1", {"state": "COMPLETE", "reason": "it was merged"}),
        ("run.repaired", "GATE", None, {"state": "GATE", "reason": "READY meant that"}),
        ("phase.repaired", "SKIPPED", "p2", {"state": "SKIPPED", "reason": "nobody needs it"}),
    )
    at_once(ledger, ["one", "two"])


def long_story(ledger: Ledger, run_id: str, asked: Asked) -> None:
    """A run that comes to everything that a run can come to, the events of phases with two attempts."""
    ledger.create_run(
        {
            "run_id": run_id,
            "goal": "größer 🧪",
            "labels": {"team": "core", "old": "x"},
            "config": {"token_cap": 90_000},
            "tiers": [{"tier_id": "T1", "name": "Grundlage"}, {"tier_id": "T2"}],
            "phases": [
                {"phase_id": "p1", "tier_id": "T1", "scope": {"goal": "tables", "größe": [0.1, None]}},
                {"phase_id": "p2", "tier_id": "T2", "max_attempts": 2},
                {"phase_id": "p3"},
            ],
        },
        asked,
    )

    def happens(*kinds: str, phase_id: str | None = None, attempt: int | None = None) -> None:
        about = {name: each for name, each in (("phase_id", phase_id), ("attempt", attempt)) if each}
        for kind in kinds:
            ledger.propose(run_id, {"type": kind, "data": EVENTS[kind].example, **about}, asked)

    happens("run.phases_queued", "run.labelled", "run.execution_started", "run.held", "run.unheld")
    happens("phase.started", phase_id="p1")
    happens("phase.submitted", "phase.revised", "phase.ci_started", phase_id="p1", attempt=1)
    happens("phase.usage_recorded", "phase.result_recorded", "phase.annotated", phase_id="p1", attempt=1)
    happens("phase.failed", phase_id="p1", attempt=1)
    happens("phase.requeued", "phase.started", phase_id="p1")
    happens("phase.completed", phase_id="p1", attempt=2)
    happens("phase.started", phase_id="p2")
    happens("phase.released", phase_id="p2", attempt=1)
    happens("phase.started", phase_id="p2")
    happens("phase.skipped", phase_id="p3")
    happens("run.usage_recorded", "run.annotated", "run.preserved", "run.gate_entered", "run.ci_started")
    happens("run.snapshot_created", "run.failed_environment", "run.unpreserved", "run.archived")
    happens("run.unarchived", "run.reopened", "run.annotated")
    for answer in ANSWERS:
        happens("run.approval_requested", answer)


def at_once(ledger: Ledger, run_ids: Sequence[str]) -> None:
    """Runs whose first events have the very same time, since they were recorded together."""
    opened = [{"type": "run.created", "run_id": run_id, "data": {"goal": run_id}} for run_id in run_ids]
    started = [{"type": "run.execution_started", "run_id": run_id} for run_id in run_ids]
    ledger.propose_all([*opened, *started])
    for run_id in run_ids:
        ledger.propose(run_id, {"type": "run.gate_entered"})


def recorded(ledger: Ledger) -> list[RecordedEvent]:
    """Every event as it is in the log."""
    with ledger.reading() as connection:
        found = store.read_log(connection)
    assert {event.type for event in found} == set(EVENTS), "a kind of event is not in the log"
    assert {entity_of(event.type) for event in found if event.implied} == {"phase"}
    assert {event.type for event in found} >= RECORDED_BY_SERVICE
    return found
