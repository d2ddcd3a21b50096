"""Rebuilds for tests: a history to rebuild from, the tables seen from outside, ways to make them wrong."""

import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, make_url

from api.ledger import Ledger
from api.replay.report import Progress, Report, Steps
from api.replay.verify import verify
from eventstore.database import open_to_read
from projections import ALL
from tests.runs import Record

TABLES = tuple(each.TABLE.name for each in ALL)

Rows = dict[str, list[str]]


def rebuilding(ledger: Ledger, names: Sequence[str] | None = None) -> Steps:
    """The steps of a rebuild as a service does it."""
    return ledger.replay.rebuild(names)


def last(steps: Steps) -> Report:
    """The report that a replay ends with."""
    *_, report = steps
    assert isinstance(report, Report)
    return report


def up_to_stage(steps: Steps, stage: str) -> None:
    """Go on until a stage begins."""
    for step in steps:
        if isinstance(step, Progress) and step.stage == stage:
            return
    raise AssertionError(f"it never came to {stage}")


def rows(raw: Any) -> Rows:
    """All that the tables made from the log hold, in the order of their keys, as the database gives it."""
    return {name: sorted(map(repr, raw.execute(f"SELECT * FROM {name}"))) for name in TABLES}


def left_over(raw: Any) -> list[str]:
    """What a rebuild has made beside the tables that serve."""
    listed = (
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
        if isinstance(raw, sqlite3.Connection)
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    names = {name for (name,) in raw.execute(listed)}
    return sorted(name for name in names if re.search("fresh|gone|claim", name))


def verified(engine: Engine) -> Report:
    """What `verify` says of the database."""
    reader = open_to_read(engine.url.render_as_string(hide_password=False))
    try:
        *_, report = verify(reader)
    finally:
        reader.dispose()
    assert isinstance(report, Report)
    return report


def assert_right(engine: Engine, raw: Any) -> None:
    """The log holds, the tables equal it, and nothing lies beside them."""
    report = verified(engine)
    assert report.found == 0, report.view()["findings"][:5]
    assert left_over(raw) == []


def a_history(ledger: Ledger, record: Record) -> None:
    """Runs of every kind: executing, over, noted, labelled, imported, quarantined, repaired."""
    ledger.create_run(
        {
            "run_id": "busy",
            "goal": "Größe",
            "labels": {"team": "core", "of": "ü"},
            "tiers": [{"tier_id": "T1", "name": "One"}],
            "phases": [{"phase_id": "p1", "tier_id": "T1", "scope": {"goal": "x", "n": 1.5}}, {}],
        }
    )
    for kind, more in (
        ("run.execution_started", {}),
        ("phase.started", {"phase_id": "p1", "data": {"executor": "e"}}),
        ("phase.annotated", {"phase_id": "p1", "data": {"text": "a note", "tags": ["b", "a"]}}),
        ("phase.usage_recorded", {"phase_id": "p1", "data": {"tokens_used": 7}}),
        ("phase.failed", {"phase_id": "p1", "attempt": 1, "data": {"outcome": "ci_failed"}}),
        ("run.labelled", {"data": {"labels": {"team": "infra"}}}),
        ("run.annotated", {"data": {"text": "another"}}),
    ):
        ledger.propose("busy", {"type": kind, **more})
    ledger.create_run({"run_id": "over"})
    ledger.propose("over", {"type": "run.failed_environment"})
    ledger.create_run({"run_id": "plain"})
    record(ledger, "kept", ("run.quarantined", None, None, {"legacy": {"state": "READY"}}))
    record(
        ledger,
        "brought",
        ("run.imported", "PHASE_EXECUTION", None, {"state": "PHASE_EXECUTION"}),
        ("phase.imported", "GATE", "p1", {"state": "GATE"}),
        ("run.repaired", "DONE_SUCCESS", None, {"state": "DONE_SUCCESS", "reason": "done by hand"}),
    )


def unguarded(raw: Any, *tables: str) -> None:
    """Drop the guards of tables, as somebody who owns the database can."""
    if isinstance(raw, sqlite3.Connection):
        query = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?"
        for table in tables:
            for (name,) in raw.execute(query, [table]).fetchall():
                raw.execute(f"DROP TRIGGER {name}")
        return
    for table in tables:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass"
        for (name,) in raw.execute(query, [table]).fetchall():
            raw.execute(f"DROP TRIGGER {name} ON {table}")


def as_role(database_url: str, role: str) -> str:
    """The URL of the same database for another role."""
    return make_url(database_url).set(username=role, password=None).render_as_string(hide_password=False)
