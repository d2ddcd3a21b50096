"""Tables made from events: they follow the log row by row, and can be made from it anew."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

import projections
from api.ledger import Ledger
from api.prepare import rebuild
from api.views import run_view
from domain.envelopes import RecordedEvent
from domain.evolve import fold
from domain.run import Run
from eventstore import store
from eventstore.database import lock_writers, reading
from projections import (
    Change,
    annotations,
    approvals,
    finding,
    labels,
    phases,
    quarantine,
    runs,
    startable_phases,
    tags,
    tallies,
)
from projections.finding import Wanted
from tests.databases import Digest
from tests.runs import PhaseInState, Record, RunInState, Sealed, Step

OPENED: list[Step] = [
    ("run.created", "RUN_CREATED", None, {"goal": "g", "labels": {"team": "core", "old": "x"}}),
    ("phase.added", "QUEUED", "p1", {"name": "Schema"}),
    ("phase.added", "QUEUED", "p2", {}),
]

Written = dict[str, list[dict[str, Any]]]
Told = Callable[[Sequence[Step], Sequence[Step]], Written]


@pytest.fixture
def told(sealed: Sealed) -> Told:
    """What is written, by table, when a run that came through some events comes through some more."""

    def tells(before: Sequence[Step], more: Sequence[Step]) -> Written:
        known = fold(sealed(Run(run_id="a"), 1, *before)) or Run(run_id="a")
        after = fold(sealed(known, len(before) + 1, *more), known) or known
        written: Written = {}
        for statement, rows in projections.writes([Change(known, after)]):
            table: Any = statement
            written.setdefault(table.table.name, []).extend(dict(row) for row in rows)
        return written

    return tells


def test_a_new_run_has_a_row_in_every_table(told: Told) -> None:
    """With its phases, its labels and its notes."""
    written = told([], [*OPENED, ("run.annotated", "RUN_CREATED", None, {"text": "x"})])
    assert [(row["run_id"], row["state"], row["version"]) for row in written["runs"]] == [
        ("a", "RUN_CREATED", 4)
    ]
    assert [(row["phase_id"], row["index"]) for row in written["phases"]] == [("p1", 1), ("p2", 2)]
    assert {(row["name"], row["value"]) for row in written["run_labels"]} == {("team", "core"), ("old", "x")}
    assert [(row["text"], row["version"]) for row in written["annotations"]] == [("x", 4)]


def test_only_what_changed_is_written(told: Told) -> None:
    """A step of one phase touches its row and its run's, and no other."""
    written = told(OPENED, [("phase.skipped", "SKIPPED", "p2", {"reason": "x"})])
    assert set(written) == {"runs", "phases"}
    assert [(row["phase_id"], row["state"]) for row in written["phases"]] == [("p2", "SKIPPED")]
    assert [(row["key"], row["version"]) for row in written["runs"]] == [("a", 4)]


def test_a_note_is_written_once(told: Told) -> None:
    """Those that were there are left alone."""
    noted: Step = ("phase.annotated", "QUEUED", "p1", {"text": "first"})
    written = told(
        [*OPENED, noted], [("run.annotated", "RUN_CREATED", None, {"text": "second", "tags": ["t"]})]
    )
    (row,) = written["annotations"]
    assert (row["text"], row["tags"], row["phase_id"], row["version"]) == ("second", '["t"]', None, 5)


def test_labels_are_exchanged_when_they_change(told: Told) -> None:
    """All of the run's old ones go, all of its new ones come; where none changed none is written."""
    relabelled: Step = ("run.labelled", "RUN_CREATED", None, {"labels": {"old": None, "new": "y"}})
    written = told(OPENED, [relabelled])
    assert written["run_labels"] == [
        {"key": "a"},
        {"run_id": "a", "name": "team", "value": "core"},
        {"run_id": "a", "name": "new", "value": "y"},
    ]
    assert "run_labels" not in told(OPENED, [("run.held", "RUN_CREATED", None, {})])


@pytest.fixture
def many_runs(
    ledger: Ledger, a_run: str, run_in_state: RunInState, phase_in_state: PhaseInState, record: Record
) -> Ledger:
    """A ledger with runs and phases in every state, notes, labels, imports, quarantines and repairs."""
    for state in ("QUEUED", "GATE", "DONE_SUCCESS", "DONE_FAILED_ENVIRONMENT", "(quarantined)"):
        run_in_state(ledger, state)
    for state in ("EXECUTING", "CI_RUNNING", "COMPLETE", "FAILED", "SKIPPED", "(quarantined)"):
        phase_in_state(ledger, state)
    record(
        ledger,
        "imported",
        (
            "run.imported",
            "PHASE_EXECUTION",
            None,
            {"state": "PHASE_EXECUTION", "goal": "Größe", "labels": {"a": "b"}},
        ),
        (
            "phase.imported",
            "FAILED",
            "p1",
            {"state": "FAILED", "attempt": 3, "name": "x", "scope": {"goal": "y"}},
        ),
        ("phase.repaired", "COMPLETE", "p1", {"state": "COMPLETE", "reason": "it was merged"}),
    )
    ledger.propose(a_run, {"type": "run.labelled", "data": {"labels": {"team": None, "x": "y"}}})
    ledger.propose(a_run, {"type": "phase.annotated", "phase_id": "p2", "data": {"text": "x", "tags": ["ü"]}})
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p3"})
    ledger.propose(a_run, {"type": "run.failed_policy_violation"})
    return ledger


def test_the_tables_are_made_anew_as_they_were(many_runs: Ledger, raw: Any, digest: Digest) -> None:
    """From the log alone, to the byte; and making them twice makes no difference."""
    before = digest(raw)
    for _ in range(2):
        with many_runs.engine.begin() as connection:
            lock_writers(connection)
            rebuild(connection)
        assert digest(raw) == before


def test_a_scope_is_the_same_in_whatever_order_its_keys_came(
    ledger: Ledger, raw: Any, digest: Digest
) -> None:
    """The row that is written with the event is the one that the log makes."""
    scope = {
        "z": 1,
        "deliverables": {"tests": ["t"], "code": ["c"]},
        "goal": "g",
        "a": {"c": 1, "b": [{"y": 1, "x": 2}]},
    }
    ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1", "scope": scope}]})
    before = digest(raw)
    with ledger.engine.begin() as connection:
        lock_writers(connection)
        rebuild(connection)
    assert digest(raw) == before
    assert ledger.phase("one", "p1")["scope"] == scope


def test_rebuilding_repairs_what_was_tampered_with(many_runs: Ledger, raw: Any, digest: Digest) -> None:
    """Rows that no event made are gone, those that were changed or lost are back."""
    before = digest(raw)
    raw.execute("UPDATE runs SET goal = 'another', version = 1, archived = TRUE")
    raw.execute("UPDATE phases SET attempt = 9 WHERE phase_id = 'p1'")
    raw.execute("DELETE FROM annotations")
    raw.execute("INSERT INTO run_labels VALUES ('ghost', 'team', 'core')")
    assert digest(raw) != before
    with many_runs.engine.begin() as connection:
        lock_writers(connection)
        rebuild(connection)
    assert digest(raw) == before


def test_a_rebuild_that_is_given_up_changes_nothing(many_runs: Ledger, raw: Any, digest: Digest) -> None:
    """Old tables or new ones, and never none."""
    before = digest(raw)
    with many_runs.engine.connect() as connection, connection.begin() as transaction:
        lock_writers(connection)
        rebuild(connection)
        transaction.rollback()
    assert digest(raw) == before


def test_a_ledger_goes_on_after_a_rebuild(many_runs: Ledger, a_run: str) -> None:
    """What it remembers of runs is as true as before."""
    with many_runs.engine.begin() as connection:
        lock_writers(connection)
        rebuild(connection)
    reopened = {"type": "run.reopened", "data": {"reason": "mended"}}
    many_runs.propose(a_run, reopened)
    assert many_runs.run(a_run) == run_view(many_runs.folded(a_run))
    assert many_runs.run(a_run)["state"] == "PHASE_QUEUEING"


@pytest.fixture
def from_the_future(engine: Engine, raw: Any, sealed: Sealed) -> list[RecordedEvent]:
    """A log with events, states and data that a newer program wrote."""
    for move in ("('run.ready', '(none)', 'READY')", "('phase.paused', '(none)', 'PAUSED')"):
        if isinstance(raw, psycopg.Connection):
            raw.execute("ALTER TABLE legal_moves DISABLE TRIGGER ALL")
        else:
            raw.execute("DROP TRIGGER IF EXISTS legal_moves_insert")
        raw.execute(f"INSERT INTO legal_moves VALUES {move}")
    steps: list[Step] = [
        ("run.ready", "READY", None, {"goal": ["not", "a", "text"], "config": 5}),
        ("phase.paused", "PAUSED", "p1", {"name": {"de": "Pause"}, "scope": [1]}),
    ]
    events = sealed(Run(run_id="future"), 1, *steps)
    with engine.begin() as connection:
        store.append(connection, events)
        rebuild(connection)
    return events


def test_what_a_newer_program_recorded_can_be_read(
    engine: Engine, from_the_future: list[RecordedEvent]
) -> None:
    """States that this program does not know are shown as they are, and reading never raises."""
    with reading(engine) as connection:
        run = runs.get(connection, "future")
        assert run is not None
        assert (run["state"], run["version"]) == ("READY", 2)
        assert [phase["state"] for phase in phases.of_run(connection, "future")] == ["PAUSED"]
        ready = finding.page(connection, Wanted(states=["READY"]), limit=5)
        assert [found["run_id"] for found in ready] == ["future"]
        assert store.read_run(connection, "future") == from_the_future


def test_the_tables_know_their_own_shape(engine: Engine) -> None:
    """They are current as they were made, and are not when a version differs or one is missing."""
    with engine.connect() as connection, connection.begin() as transaction:
        assert projections.current(connection)
        connection.exec_driver_sql("UPDATE projections SET version = version + 1 WHERE name = 'runs'")
        assert not projections.current(connection)
        projections.create(connection)
        assert projections.current(connection)
        connection.exec_driver_sql("DELETE FROM projections WHERE name = 'phases'")
        assert not projections.current(connection)
        connection.exec_driver_sql("DROP TABLE projections")
        assert not projections.current(connection)
        transaction.rollback()


def test_every_projection_is_listed() -> None:
    """A module that is forgotten would never be written, nor rebuilt."""
    names = {
        "runs",
        "phases",
        "startable_phases",
        "run_labels",
        "annotations",
        "run_tags",
        "tallies",
        "quarantine",
        "approvals",
    }
    assert {each.TABLE.name for each in projections.ALL} == names
    assert set(projections.ALL) == {
        approvals,
        runs,
        phases,
        startable_phases,
        labels,
        annotations,
        tags,
        tallies,
        quarantine,
    }
