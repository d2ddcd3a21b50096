"""Tables that somebody has changed are right after a rebuild; a log that is wrong is told."""

from collections.abc import Sequence
from typing import Any

import pytest

from api.checks import examine
from api.ledger import Ledger
from api.settings import Settings
from domain.evolve import fold
from eventstore import store
from tests.databases import Digest
from tests.replay.rebuilding import (
    TABLES,
    a_history,
    assert_right,
    last,
    left_over,
    rebuilding,
    rows,
    unguarded,
    verified,
)  # fmt: skip
from tests.runs import Record, Sealed, Step

WRONG: dict[str, Sequence[str]] = {
    "a state that nobody knows": [
        "UPDATE runs SET state = 'READY' WHERE run_id = 'busy'",
        "UPDATE phases SET state = 'READY' WHERE run_id = 'busy'",
    ],
    "rows that are gone": [f"DELETE FROM {table}" for table in TABLES],
    "rows that nothing made": [
        "INSERT INTO run_labels VALUES ('busy', 'made', 'up'), ('nobody', 'made', 'up')",
        "INSERT INTO annotations VALUES ('nobody', 1, NULL, 'made', '[]', 'nobody', 'now')",
        "UPDATE phases SET run_id = 'nobody' WHERE run_id = 'brought'",
    ],
    "a column that is gone": ["ALTER TABLE runs DROP COLUMN goal"],
    "a column too many": ["ALTER TABLE phases ADD COLUMN ready text"],
    "an index that is gone": ["DROP INDEX ix_runs_state_created_at"],
    "a table that is gone": ["DROP TABLE runs"],
    "tables that are gone": [f"DROP TABLE {table}" for table in TABLES],
    "a list of tables that is gone": ["DROP TABLE projections"],
    "a list of tables that lies": ["UPDATE projections SET version = 99"],
    "a rebuild that was left": [
        "CREATE TABLE runs_fresh (run_id text)",
        "CREATE TABLE projections_claim (claim text)",
        "CREATE INDEX ix_runs_state_created_at_fresh ON runs_fresh (run_id)",
    ],
}


@pytest.mark.parametrize("what", WRONG)
def test_tables_that_were_wrong_are_right(
    ledger: Ledger, record: Record, raw: Any, digest: Digest, what: str
) -> None:
    """Whatever was done to them, rebuilt they are as they were, guarded, and in order for the doctor."""
    a_history(ledger, record)
    before = digest(raw)
    unguarded(raw, "runs", "phases")
    for statement in WRONG[what]:
        raw.execute(statement)
    assert digest(raw) != before or "index" in what
    report = last(rebuilding(ledger))
    assert report.found == 0
    assert digest(raw) == before
    assert [check for check in examine(ledger.engine) if check.stops_start and not check.ok] == []
    with pytest.raises(Exception, match="the state of runs is that of the last event"):
        raw.execute("UPDATE runs SET state = 'READY'")
    ledger.propose("plain", {"type": "run.execution_started"})
    assert_right(ledger.engine, raw)


def test_the_others_are_left_as_they_are(ledger: Ledger, record: Record, raw: Any) -> None:
    """Who names one projection means that one; what is wrong with another stays, until it is named."""
    a_history(ledger, record)
    right = rows(raw)
    raw.execute("DELETE FROM annotations")
    raw.execute("DELETE FROM run_labels")
    last(rebuilding(ledger, ["annotations"]))
    assert rows(raw) == {**right, "run_labels": []}
    assert last(rebuilding(ledger, ["run_labels"])).found == 0
    assert rows(raw) == right


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_view_of_a_table_is_kept(backend: str, ledger: Ledger, raw: Any) -> None:
    """It shows the new table: on SQLite it is not in the way."""
    ledger.create_run({"run_id": "one"})
    raw.execute("CREATE VIEW my_runs AS SELECT run_id, state FROM runs")
    for names in (None, ["runs"]):
        last(rebuilding(ledger, names))
        raw.execute("DROP TABLE runs")
        last(rebuilding(ledger, names))
        ledger.create_run({"run_id": "after-all" if names is None else "after-runs"})
    assert len(raw.execute("SELECT * FROM my_runs").fetchall()) == 3


@pytest.mark.parametrize("names", [None, ["runs"], ["annotations"]])
def test_guards_of_states_are_put_back_whatever_is_rebuilt(
    ledger: Ledger, raw: Any, names: list[str] | None
) -> None:
    """Also those of a table that is not made anew."""
    ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}]})
    unguarded(raw, "runs", "phases")
    last(rebuilding(ledger, names))
    for table in ("runs", "phases"):
        with pytest.raises(Exception, match=f"the state of {table} is that of the last event"):
            raw.execute(f"UPDATE {table} SET state = 'READY'")


def test_what_the_machine_refuses_today_is_told_and_kept(ledger: Ledger, raw: Any, sealed: Sealed) -> None:
    """What is in the log is never judged again: it is rebuilt as it says, and reported."""
    ledger.create_run({"run_id": "one"})
    ledger.create_run({"run_id": "two"})
    unguarded(raw, "events")
    steps: dict[str, Step] = {
        "one": ("run.promoted", "PHASE_EXECUTION", None, {}),
        "two": ("run.succeeded", "DONE_SUCCESS", None, {}),
    }
    for position, (run_id, step) in enumerate(steps.items(), 3):
        with ledger.engine.begin() as connection:
            run = fold(store.read_run(connection, run_id))
            assert run is not None
            store.append(connection, sealed(run, position, step, at="2036-01-01T00:00:00.000000Z"))
    report = last(rebuilding(ledger))
    assert report.view()["ok"] is False
    assert [(each.code, each.position, each.run_id) for each in report.findings] == [
        ("unknown-event", 3, "one"),
        ("illegal-move", 4, "two"),
    ]
    assert [ledger.run(run_id)["state"] for run_id in steps] == ["PHASE_EXECUTION", "DONE_SUCCESS"]
    assert [ledger.run(run_id)["version"] for run_id in steps] == [2, 2]
    assert {each.code for each in verified(ledger.engine).findings} == {
        "unknown-event", "illegal-move", "guards-missing",
    }  # fmt: skip
    assert left_over(raw) == []


BROKEN = {
    "a hash": ("chain-broken", "UPDATE events SET hash = prev_hash WHERE position = 2"),
    "a body": ("content-changed", 'UPDATE events SET body = \'{"reason": "x"}\' WHERE position = 2'),
    "a body that is none": ("unreadable", "UPDATE events SET body = 'READY' WHERE position = 2"),
    "a version": ("version-missing", "UPDATE events SET version = 7 WHERE position = 2"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_log_is_told_and_the_tables_follow_it(ledger: Ledger, raw: Any, what: str) -> None:
    """The tables are what the log makes them: `verify` finds what the rebuild has found, and no more."""
    ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}]})
    ledger.propose("one", {"type": "run.annotated", "data": {"text": "a note"}})
    unguarded(raw, "events")
    code, statement = BROKEN[what]
    raw.execute(statement)
    raw.execute("DELETE FROM annotations")
    report = last(rebuilding(ledger))
    assert code in {each.code for each in report.findings}
    found = [each for each in verified(ledger.engine).findings if each.code != "guards-missing"]
    assert report.findings == found
    assert [note["text"] for note in ledger.run("one")["annotations"]] == ["a note"]


def test_what_came_meanwhile_is_judged_as_well(ledger: Ledger, raw: Any) -> None:
    """And once: what was told of a run before it moved on is not told again."""
    ledger.create_run({"run_id": "one"})
    ledger.create_run({"run_id": "two"})
    unguarded(raw, "events")
    raw.execute("UPDATE events SET actor = 'x' WHERE position = 1")
    steps = rebuilding(ledger)
    assert next(steps) is not None
    assert next(steps) is not None
    for run_id in ("one", "two"):
        ledger.propose(run_id, {"type": "run.annotated", "data": {"text": "a note"}})
    raw.execute("UPDATE events SET actor = 'x' WHERE position = 4")
    assert [each.position for each in last(steps).findings] == [1, 4]


@pytest.mark.parametrize("column", ["body", "actor", "type", "hash", "recorded_at", "state_after", "run_id"])
@pytest.mark.parametrize("backend", ["sqlite"])
def test_bytes_that_are_no_text_are_told(
    scratch_database: Any, connect: Any, backend: str, column: str
) -> None:
    """SQLite keeps what it is given; an event that cannot be read is reported, and hides no other run."""
    with scratch_database(backend) as url, Ledger.open(Settings(database_url=url)) as ledger:
        ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}]})
        ledger.create_run({"run_id": "two"})
        raw = connect(url)
        unguarded(raw, "events")
        raw.execute(f"UPDATE events SET {column} = CAST(x'61ff62' AS TEXT) WHERE position = 2")
        raw.execute("DROP TRIGGER runs_delete")
        raw.execute("DELETE FROM runs")
        report = last(rebuilding(ledger))
        assert report.found
        assert ledger.run("two")["state"] == "RUN_CREATED"
        assert left_over(raw) == []
        raw.close()
