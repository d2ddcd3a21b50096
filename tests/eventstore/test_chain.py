"""The hash chain: whatever is changed in the log is found, where it was changed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from domain.envelopes import NewEvent, Origin, RecordedEvent
from domain.evolve import fold
from domain.run import NO_HASH, Run
from domain.values import keep
from eventstore import chain, store
from eventstore.database import reading
from eventstore.guards import LOG_GUARDS
from tests.runs import Sealed, Step

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors/chain_v1.json").read_text("utf-8"))

CREATED: Step = ("run.created", "RUN_CREATED", None, {"goal": "Vorhersage"})
STARTED: Step = ("run.execution_started", "PHASE_EXECUTION", None, {})
ADDED: Step = ("phase.added", "QUEUED", "p1", {"name": "Schema", "max_attempts": 5})
BEGUN: Step = ("phase.started", "EXECUTING", "p1", {"executor": "builder-7"})
ENDED: Step = ("phase.completed", "COMPLETE", "p1", {})
ORIGIN = Origin(actor="a", actor_verified=True, correlation_id="b", causation_id="c", traceparent="d")

HASHED = [
    "prev_hash",
    "run_id",
    "version",
    "event_id",
    "type",
    "type_version",
    "phase_id",
    "attempt",
    "state_before",
    "state_after",
    "implied",
    "occurred_at",
    "recorded_at",
    "actor",
    "actor_verified",
    "correlation_id",
    "causation_id",
    "traceparent",
]


def independent_hash(row: Mapping[str, Any]) -> str:
    """The hash of an event by the published rule, without any code of ours."""
    values = ["runnotary.event.1", *(row[name] for name in HASHED)]
    values.append(sha256(row["body"].encode()).hexdigest())
    told = b""
    for value in values:
        if value is None:
            told += b"-,"
            continue
        content = (value if isinstance(value, str) else str(int(value))).encode()
        told += str(len(content)).encode() + b":" + content + b","
    return sha256(told).hexdigest()


def independent_breaks(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Where the chain does not hold, by the published rule, without any code of ours."""
    broken, heads = [], dict[str, tuple[int, str]]()
    for row in sorted(rows, key=lambda row: (row["run_id"], row["version"])):
        version, head = heads.get(row["run_id"], (0, "0" * 64))
        named = (row["version"], row["prev_hash"], row["hash"])
        if named != (version + 1, head, independent_hash(row)):
            broken.append((row["run_id"], row["version"]))
        heads[row["run_id"]] = (row["version"], row["hash"])
    return broken


@pytest.fixture
def history(engine: Engine, sealed: Sealed) -> list[RecordedEvent]:
    """Five events of the run `demo` and one of another."""
    demo = sealed(Run(run_id="demo"), 1, CREATED, STARTED, ADDED, BEGUN, ENDED, origin=ORIGIN)
    events = [*demo, *sealed(Run(run_id="other"), 6, CREATED)]
    with engine.begin() as connection:
        store.append(connection, events)
    return events


def unguarded(connection: Connection) -> None:
    """What only the owner of the schema can do: take the guards of the log away."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ALTER TABLE events DISABLE TRIGGER ALL")
        return
    for statement in LOG_GUARDS["sqlite"]("main"):
        if statement.startswith("DROP TRIGGER"):
            connection.exec_driver_sql(statement)


def broken(connection: Connection) -> list[tuple[str, int]]:
    """Where the chain does not hold: both verifiers say the same."""
    found = [(each.run_id, each.version) for each in chain.breaks(store.read_by_run(connection))]
    rows = [dict(row) for row in connection.exec_driver_sql("SELECT * FROM events").mappings()]
    assert independent_breaks(rows) == list(dict.fromkeys(found))
    return found


def test_an_untouched_log_holds(engine: Engine, history: list[RecordedEvent]) -> None:
    """Every hash is that of the columns as the database gives them back, and names the one before it."""
    with reading(engine) as connection:
        assert broken(connection) == []
    assert history[0].prev_hash == history[5].prev_hash == NO_HASH
    assert [event.prev_hash for event in history[1:5]] == [event.hash for event in history[:4]]


CHANGES = {
    "event_id": "'another'",
    "type": "'phase.submitted'",
    "type_version": "2",
    "phase_id": "'p2'",
    "attempt": "1",
    "state_before": "'GATE'",
    "state_after": "'FAILED'",
    "implied": "TRUE",
    "occurred_at": "'2026-11-22T10:00:00.000001Z'",
    "recorded_at": "'2026-11-22T10:00:00.000001Z'",
    "actor": "'mallory'",
    "actor_verified": "FALSE",
    "correlation_id": "NULL",
    "causation_id": "'e-0'",
    "traceparent": "''",
    "body": '\'{"executor": "builder-7"}\'',
    "prev_hash": f"'{'f' * 64}'",
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_column_is_found_where_it_was_changed(
    engine: Engine, history: list[RecordedEvent], column: str
) -> None:
    """Whichever column it is, the event that it belongs to is named, and no other."""
    with engine.begin() as connection:
        unguarded(connection)
        changed = f"UPDATE events SET {column} = {CHANGES[column]} WHERE run_id = 'demo' AND version = 4"
        connection.exec_driver_sql(changed)
        assert set(broken(connection)) == {("demo", 4)}


def test_every_column_but_the_position_is_covered() -> None:
    """A column that is added to the log is added to the hash, or breaks this test."""
    elsewhere = {"position", "run_id", "version", "hash", "data"}
    assert set(RecordedEvent._fields) == {*CHANGES, *elsewhere}
    assert {*HASHED, "body"} == {*CHANGES, *elsewhere} - {"position", "hash", "data"}


@pytest.mark.parametrize(
    ("tampering", "where"),
    [
        ("UPDATE events SET hash = 'f' WHERE position = 4", {("demo", 4), ("demo", 5)}),
        ("UPDATE events SET run_id = 'third' WHERE position = 4", {("third", 4), ("demo", 5)}),
        ("UPDATE events SET version = 40 WHERE position = 4", {("demo", 5), ("demo", 40)}),
        ("DELETE FROM events WHERE position = 4", {("demo", 5)}),
        ("DELETE FROM events WHERE position = 1", {("demo", 2)}),
        ("UPDATE events SET version = -version WHERE position IN (2, 3)", {("demo", -3)}),
    ],
)
def test_what_is_taken_away_or_moved_is_found(
    engine: Engine, history: list[RecordedEvent], tampering: str, where: set[tuple[str, int]]
) -> None:
    """The event that comes where another was is named."""
    with engine.begin() as connection:
        unguarded(connection)
        connection.exec_driver_sql(tampering)
        assert where <= set(broken(connection))


def test_events_that_changed_places_are_found(engine: Engine, history: list[RecordedEvent]) -> None:
    """Two events that took each other's version are both named."""
    with engine.begin() as connection:
        unguarded(connection)
        for before, after in ((2, 99), (3, 2), (99, 3)):
            moved = f"UPDATE events SET version = {after} WHERE run_id = 'demo' AND version = {before}"
            connection.exec_driver_sql(moved)
        assert {("demo", 2), ("demo", 3)} <= set(broken(connection))


def test_an_event_that_is_put_in_later_is_found(engine: Engine, history: list[RecordedEvent]) -> None:
    """Even one that is well hashed does not fit before what was there."""
    forged = history[3]._asdict() | {
        "position": 7,
        "version": 5,
        "prev_hash": history[3].hash,
        "event_id": "f",
    }
    forged["hash"] = independent_hash(forged)
    with engine.begin() as connection:
        unguarded(connection)
        connection.exec_driver_sql("UPDATE events SET version = 6 WHERE run_id = 'demo' AND version = 5")
        del forged["data"]
        names = ", ".join(forged)
        values = ", ".join(f":{name}" for name in forged)
        connection.execute(text(f"INSERT INTO events ({names}) VALUES ({values})"), forged)
        assert set(broken(connection)) == {("demo", 6)}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(texts, values, max_size=5), actor=texts)
@example(data={"large": ["\U0001f9ea ü \u2028 \\ \" ' %s :x ?" * 20_000]}, actor="Zoë")
@example(data={"floats": [1e-07, 1e16, 1.0, -0.0, 5e-324, 1.7976931348623157e308]}, actor="")
@example(data={"nulls": {"a": None}, "": "", "b": {}, "c": []}, actor="\ufffe\uffff\u007f\u0001")
def test_what_was_hashed_is_what_comes_back(
    engine: Engine, sealed: Sealed, data: dict[str, Any], actor: str
) -> None:
    """Whatever JSON a caller may send survives both databases to the byte, and so does its hash."""
    keep(data)
    (event,) = sealed(
        Run(run_id="r"), 1, ("run.created", "RUN_CREATED", None, data), origin=Origin(actor=actor)
    )
    with engine.connect() as connection, connection.begin() as transaction:
        store.append(connection, [event])
        (found,) = store.read_run(connection, "r")
        transaction.rollback()
    assert found == event
    assert chain.hash_of(found) == found.hash == independent_hash(found._asdict())
    assert json.loads(found.body) == data


def test_the_published_vectors_hold() -> None:
    """The rule of version 1 never changes: vectors are added, none is altered."""
    rows = VECTORS["events"]
    assert independent_breaks(rows) == []
    for row in rows:
        event = RecordedEvent(**row, data=json.loads(row["body"]))
        assert chain.hash_of(event) == independent_hash(row) == row["hash"]
    events = [RecordedEvent(**row, data=json.loads(row["body"])) for row in rows]
    assert list(chain.breaks(events)) == []


def test_the_published_vectors_are_what_would_be_sealed_today() -> None:
    """The same event after the same history gets the same body and hash, in whatever order its data come."""
    runs: dict[str, Run] = {}
    for row in VECTORS["events"]:
        event = RecordedEvent(**row, data=json.loads(row["body"]))
        run = runs.get(event.run_id, Run(run_id=event.run_id))
        origin = Origin(**{field.name: row[field.name] for field in fields(Origin)})
        new = NewEvent(**{field.name: getattr(event, field.name) for field in fields(NewEvent)})
        again = chain.seal(
            replace(new, data=dict(list(event.data.items())[::-1])),
            run,
            position=event.position,
            event_id=event.event_id,
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            origin=origin,
        )
        assert again == event
        runs[event.run_id] = fold([event], run) or run
