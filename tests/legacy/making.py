"""Small databases of the older system, made for a test."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

AT = "2025-12-23 09:00:00"
LATER = "2025-12-23 09:30:00"

RUN: Mapping[str, Any] = {
    "id": "one",
    "state": "RUN_CREATED",
    "created_at": AT,
    "updated_at": LATER,
    "safety_profile": "normal",
    "run_scope": "multi_tier",
    "token_cap": 300_000,
    "max_phases": 10,
    "max_duration_minutes": 60,
    "tokens_used": 0,
    "ci_runs_used": 0,
    "minor_issues_count": 0,
    "major_issues_count": 0,
    "promotion_eligible_to_main": "false",
    "debt_status": None,
    "failure_reason": None,
    "goal_anchor": "Predict output sizes",
}
TIER: Mapping[str, Any] = {
    "id": 1,
    "tier_id": "T1",
    "run_id": "one",
    "tier_index": 0,
    "name": "Foundation",
    "state": "PENDING",
    "cleanliness": "clean",
    "tokens_used": 0,
    "created_at": AT,
    "updated_at": LATER,
}
PHASE: Mapping[str, Any] = {
    "id": 1,
    "phase_id": "p1",
    "run_id": "one",
    "tier_id": 1,
    "phase_index": 0,
    "name": "Build",
    "state": "QUEUED",
    "complexity": "low",
    "issue_state": "no_issues",
    "quality_level": None,
    "max_builder_attempts": None,
    "builder_attempts": 0,
    "tokens_used": 0,
    "minor_issues_count": 0,
    "major_issues_count": 0,
    "scope": '{"goal": "Make it compile"}',
    "retry_attempt": 0,
    "revision_epoch": 0,
    "last_failure_reason": None,
    "created_at": AT,
    "updated_at": LATER,
}
SOUND = {"runs": [RUN], "tiers": [TIER], "phases": [PHASE]}
"""A run with one tier and one phase, about which nothing is odd."""

Rows = Iterable[Mapping[str, Any]]


def made(path: Path, **tables: Rows) -> Path:
    """A file with these rows; its columns are those of the first row of each table, and of no type."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for table, told in {**SOUND, **tables}.items():
            rows = list(told)
            columns = rows[0] if rows else SOUND[table][0]
            connection.execute(f"CREATE TABLE {table} ({', '.join(map(quoted, columns))})")
            marks = ", ".join("?" * len(columns))
            values = [[row.get(column) for column in columns] for row in rows]
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.commit()
    return path


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
