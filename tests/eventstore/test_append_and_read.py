"""What is appended is read back as it was, in order, and stays."""

import sqlite3
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, func, select

from domain.envelopes import Origin, RecordedEvent
from domain.evolve import fold
from domain.run import Run
from eventstore import store
from eventstore.database import UnusableDatabase, lock_writers, open_engine, reading
from eventstore.schema import events as log
from eventstore.store import Wanted
from tests.runs import Sealed, Step

CREATED: Step = ("run.created", "RUN_CREATED", None, {"goal": "Vorhersage", "labels": {"b": "2", "a": "1"}})
STARTED: Step = ("run.execution_started", "PHASE_EXECUTION", None, {})
ADDED: Step = ("phase.added", "QUEUED", "p1", {"scope": {"z": 1, "a": [None, True, 1.5, "ü"]}})
BEGUN: Step = ("phase.started", "EXECUTING", "p1", {"executor": "builder-7"})
NOTED: Step = ("run.annotated", "PHASE_EXECUTION", None, {"text": "a\nnote", "tags": ["x"]})


@pytest.fixture
def history(engine: Engine, sealed: Sealed) -> list[RecordedEvent]:
    """Two runs, one event of `b` between those of `a`; appended and committed."""
    first = sealed(Run(run_id="a"), 1, CREATED, STARTED)
    other = sealed(Run(run_id="b"), 3, CREATED)
    rest = sealed(fold(first) or Run(run_id="a"), 4, ADDED, BEGUN, NOTED)
    events = [*first, *other, *rest]
    with engine.begin() as connection:
        store.append(connection, events)
    return events


def counted(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(log)).scalar_one()


def test_a_run_is_read_back_as_it_was_appended(engine: Engine, history: list[RecordedEvent]) -> None:
    """Every field of every event comes back, the data as plain values too, in the order of versions."""
    with reading(engine) as connection:
        assert store.read_run(connection, "a") == [event for event in history if event.run_id == "a"]
        assert store.read_run(connection, "a", after_version=3) == history[4:]
        assert store.read_run(connection, "a", after_version=99) == []
        assert store.read_run(connection, "c") == []


def test_the_log_is_read_in_the_order_of_positions(engine: Engine, history: list[RecordedEvent]) -> None:
    """From a cursor on, as many as are wanted, of one type if one is named."""
    with reading(engine) as connection:
        assert store.read_log(connection) == history
        assert store.read_log(connection, after=2, limit=2) == history[2:4]
        assert store.read_log(connection, after=6) == []
        created = store.read_log(connection, wanted=Wanted(types=("run.created",)))
        assert [event.position for event in created] == [1, 3]
        assert store.read_log(connection, wanted=Wanted(types=("run.created",)), after=1, limit=5) == [
            history[2]
        ]


def test_a_run_is_read_page_by_page(engine: Engine, history: list[RecordedEvent]) -> None:
    """Pages of a run put together are the run."""
    with reading(engine) as connection:
        pages = [store.page_of_run(connection, "a", after_version=after, limit=2) for after in (0, 2, 4, 6)]
        assert [len(page) for page in pages] == [2, 2, 1, 0]
        assert [event for page in pages for event in page] == store.read_run(connection, "a")


def test_a_run_is_read_up_to_a_moment(engine: Engine, sealed: Sealed) -> None:
    """Up to a version, a position or a time, that one included; what comes later stays in the database."""
    first = sealed(Run(run_id="a"), 1, CREATED, at="2026-11-22T10:00:00.000000Z")
    other = sealed(Run(run_id="b"), 2, CREATED, at="2026-11-22T10:00:01.000000Z")
    rest = sealed(fold(first) or Run(run_id="a"), 3, STARTED, ADDED, at="2026-11-22T10:00:02.000000Z")
    with engine.begin() as connection:
        store.append(connection, [*first, *other, *rest])
    with reading(engine) as connection:
        assert store.read_run_until(connection, "a") == store.read_run(connection, "a") == [*first, *rest]
        for bound, found in (
            ({"version": 0}, []),
            ({"version": 2}, [*first, rest[0]]),
            ({"version": 9}, [*first, *rest]),
            ({"position": 2}, first),
            ({"position": 3}, [*first, rest[0]]),
            ({"time": "2026-11-22T09:59:59.999999Z"}, []),
            ({"time": "2026-11-22T10:00:01.999999Z"}, first),
            ({"time": "2026-11-22T10:00:02.000000Z"}, [*first, *rest]),
        ):
            assert store.read_run_until(connection, "a", **bound) == found, bound


def test_the_log_is_read_run_by_run(engine: Engine, history: list[RecordedEvent]) -> None:
    """For those who fold everything: each run's events stand together, in order."""
    with reading(engine) as connection:
        found = list(store.read_by_run(connection))
    assert found == sorted(history, key=lambda event: (event.run_id, event.version))


def test_events_are_found_by_position_in_the_order_asked_for(
    engine: Engine, history: list[RecordedEvent]
) -> None:
    """As a command names them, also twice."""
    with reading(engine) as connection:
        assert store.at(connection, [5, 1, 3, 1]) == [history[4], history[0], history[2], history[0]]
        assert store.at(connection, []) == []


def test_an_event_id_is_known_once_it_is_in_the_log(engine: Engine, history: list[RecordedEvent]) -> None:
    """Whoever named it."""
    with reading(engine) as connection:
        assert store.has_event_id(connection, history[3].event_id)
        assert not store.has_event_id(connection, "another")


def test_everything_about_an_event_is_kept(engine: Engine, sealed: Sealed) -> None:
    """Who, for whom, and why are kept to the letter."""
    origin = Origin(
        actor="Zoë ☃ \U0001f9ea",
        actor_verified=True,
        correlation_id="c-1",
        causation_id="e-0",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    (event,) = sealed(Run(run_id="a"), 1, CREATED, origin=origin)
    with engine.begin() as connection:
        store.append(connection, [event])
    with reading(engine) as connection:
        (found,) = store.read_log(connection)
    assert found == event
    assert (found.actor, found.actor_verified, found.traceparent) == (origin.actor, True, origin.traceparent)
    assert (found.correlation_id, found.causation_id) == ("c-1", "e-0")


def test_the_body_is_kept_as_the_text_that_was_hashed(engine: Engine, raw: Any, sealed: Sealed) -> None:
    """No database reorders, respells or shortens it."""
    data = {"text": "x", "b": 1.0, "a": [1e-07, 1e16, -0.0, 0.1], "ü": "\u2028\U0001f9ea", "A": None}
    (event,) = sealed(Run(run_id="a"), 1, ("run.created", "RUN_CREATED", None, data))
    with engine.begin() as connection:
        store.append(connection, [event])
    (body,) = raw.execute("SELECT body FROM events").fetchone()
    assert body == event.body
    assert list(event.data) == list(data)
    with reading(engine) as connection:
        assert store.read_run(connection, "a")[0].data == data


def test_appending_commits_nothing(engine: Engine, sealed: Sealed) -> None:
    """Whoever opened the transaction ends it; one that is given up leaves no trace and no hole."""
    for run_id in ("given-up", "kept"):
        (event,) = sealed(Run(run_id=run_id), 1, CREATED)
        with engine.connect() as connection, connection.begin() as transaction:
            store.append(connection, [event])
            assert counted(connection) == 1
            if run_id == "given-up":
                transaction.rollback()
    with reading(engine) as connection:
        assert [event.run_id for event in store.read_log(connection)] == ["kept"]


def test_an_event_out_of_its_place_spoils_the_whole_append(
    engine: Engine, history: list[RecordedEvent], sealed: Sealed
) -> None:
    """A position that is not the next is refused, and what was appended with it is not there either."""
    good = sealed(Run(run_id="c"), 7, CREATED)
    bad = sealed(Run(run_id="d"), 9, CREATED)
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)), engine.begin() as connection:
        store.append(connection, [*good, *bad])
    with reading(engine) as connection:
        assert store.read_log(connection) == history


def test_a_reader_sees_one_picture(engine: Engine, history: list[RecordedEvent], sealed: Sealed) -> None:
    """What is appended meanwhile is not in it, and is in the next one."""
    with reading(engine) as connection:
        assert counted(connection) == 6
        with engine.begin() as other:
            store.append(other, sealed(Run(run_id="c"), 7, CREATED))
        assert counted(connection) == 6
        assert store.read_run(connection, "c") == []
    with reading(engine) as connection:
        assert counted(connection) == 7


def test_readers_do_not_hold_up_the_writer(engine: Engine, sealed: Sealed) -> None:
    """Many pictures may be open while something is appended."""
    with reading(engine) as one, reading(engine) as two:
        assert counted(one) == counted(two) == 0
        with engine.begin() as connection:
            lock_writers(connection)
            store.append(connection, sealed(Run(run_id="a"), 1, CREATED))
    with reading(engine) as connection:
        assert counted(connection) == 1


def test_commands_are_found_by_their_key(engine: Engine) -> None:
    """With the request that they came with, and the events that they led to; other keys are not known."""
    kept = [
        store.KeptKey("key:k1", "f" * 64, [1, 2], "2026-11-22T10:00:00.000000Z"),
        store.KeptKey("event:e1", "e" * 64, [], "2026-11-22T10:00:00.000000Z"),
    ]
    with engine.begin() as connection:
        store.keep_keys(connection, kept)
    with reading(engine) as connection:
        found = [store.kept_key(connection, command.key) for command in kept]
        assert [(c.key, c.fingerprint, list(c.positions)) for c in found if c] == [
            ("key:k1", "f" * 64, [1, 2]),
            ("event:e1", "e" * 64, []),
        ]
        assert store.kept_key(connection, "k1") is None


def test_a_key_is_kept_once(engine: Engine) -> None:
    """The database refuses to keep another request under it."""
    with engine.begin() as connection:
        store.keep_keys(connection, [store.KeptKey("key:k1", "f", [1], "")])
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)), engine.begin() as connection:
        store.keep_keys(connection, [store.KeptKey("key:k1", "g", [2], "")])
    with reading(engine) as connection:
        command = store.kept_key(connection, "key:k1")
    assert command is not None
    assert command.fingerprint == "f"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://here/x", "nonsense", ""])
def test_a_database_that_cannot_be_shared_is_not_opened(url: str) -> None:
    """The refusal is one line that says what to use instead."""
    with pytest.raises(UnusableDatabase, match=r"^[^\n]*sqlite:///FILE[^\n]*$"):
        open_engine(url)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
def test_what_is_committed_to_a_file_survives_a_loss_of_power(engine: Engine) -> None:
    """Every connection writes ahead and waits for the disk."""
    with engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "recursive_triggers", "foreign_keys")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1, 1]
