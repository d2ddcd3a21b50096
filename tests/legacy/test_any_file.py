"""Whatever a file holds is imported or reported: never a traceback, and the log stays sound."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.ledger import Ledger
from api.legacy.columns import COUNTERS, DOCUMENTED, TIMES
from api.legacy.findings import ACTIONS, CODES
from api.legacy.mapping import MEANINGS
from api.legacy.source import TABLES
from api.settings import Settings
from domain.states import PhaseState, RunState
from tests.databases import Scratch
from tests.legacy.conftest import imported, is_proven
from tests.legacy.making import PHASE, RUN, TIER, quoted

IDS = st.sampled_from(["one", "two", "one", "p1", "", "a b", "é", "x" * 128, "x" * 129])
TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "{",
        "{}",
        "[]",
        "null",
        "5",
        '"text"',
        '{"goal": 5}',
        '{"a": 1e999}',
        '{"a": "\\u0000"}',
        "[" * 40 + "]" * 40,
    ]
)
MOMENTS = st.sampled_from(
    [
        "2025-12-23 09:00:00",
        "2025-12-23T09:00:00.123456",
        "2025-12-23T09:00:00+05:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31 23:59:59",
        "not a time",
    ]
)
VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-2, 9)
    | st.floats(allow_nan=False)
    | TEXTS
    | MOMENTS
    | st.binary(max_size=8)
)
STATES = st.sampled_from([*RunState, *PhaseState, *(word for _, word in MEANINGS)]) | VALUES
TYPES = st.sampled_from(["", "INTEGER", "TEXT", "JSON", "BLOB", "DATETIME", "REAL", "VARCHAR(10)"])
KNOWN: Mapping[str, Mapping[str, Any]] = {"runs": RUN, "tiers": TIER, "phases": PHASE}
KEYS = {"runs": ["id"], "tiers": ["id", "run_id", "tier_id"], "phases": ["run_id", "phase_id", "tier_id"]}


def columns_of(table: str) -> list[str]:
    return sorted({*KNOWN[table], *COUNTERS[table], *DOCUMENTED[table], *TIMES, "description", 'odd " näme'})


def values_of(column: str) -> st.SearchStrategy[Any]:
    if column == "state":
        return STATES
    if column in ("id", "run_id", "phase_id", "tier_id"):
        return IDS | st.integers(0, 2) | VALUES
    return MOMENTS | VALUES if column in TIMES else VALUES


@st.composite
def tables(draw: st.DrawFn) -> dict[str, tuple[dict[str, str], list[list[Any]]]]:
    """Some of the tables, each with columns of some types, and rows."""
    made = {}
    for table in draw(st.sets(st.sampled_from(TABLES), min_size=1)):
        columns = set(draw(st.lists(st.sampled_from(columns_of(table)), max_size=12)))
        # Most files have ids and a state: a row without them says little.
        columns |= {*KEYS[table], "state"} - draw(
            st.sets(st.sampled_from([*KEYS[table], "state"]), max_size=1)
        )
        named = {column: draw(TYPES) for column in sorted(columns)}
        row = st.tuples(*(values_of(column) for column in named)).map(list)
        made[table] = (named, draw(st.lists(row, max_size=5)))
    return made


def written(path: Path, told: Mapping[str, tuple[Mapping[str, str], list[list[Any]]]]) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for table, (columns, rows) in told.items():
            listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
            connection.execute(f"CREATE TABLE {table} ({listed})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(first=tables(), then=tables())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_file_is_imported_or_reported(
    backend: str,
    folder: Path,
    scratch_database: Scratch,
    first: dict[str, tuple[dict[str, str], list[list[Any]]]],
    then: dict[str, tuple[dict[str, str], list[list[Any]]]],
) -> None:
    """A second import of the same changes nothing, another file changes nothing that was recorded."""
    with scratch_database(backend) as url, Ledger.open(Settings(database_url=url)) as ledger:
        for number, told in enumerate((first, then)):
            path = written(folder / "old.db", told)
            expected = imported(ledger, path, dry_run=True)
            before = ledger.log(after=0, limit=1_000)
            report = imported(ledger, path)
            assert report.view() == expected.view()
            assert {finding.code for finding in report.findings} <= CODES.keys()
            assert {finding.action for finding in report.findings} <= ACTIONS.keys()
            again = imported(ledger, path)
            after = ledger.log(after=0, limit=1_000)
            assert (again.imported, again.quarantined) == (0, [])
            assert after[: len(before)] == before
            if number == 0:
                assert (again.changed, again.unchanged) == (0, report.imported)
            runs = report.imported + report.unchanged + report.changed + report.not_imported
            assert runs == again.unchanged + again.changed + again.not_imported
        for run in ledger.runs(limit=100):
            if run["state"] is not None:
                ledger.run(run["run_id"])
                ledger.moves(run["run_id"])
            ledger.audit(run["run_id"])
        assert is_proven(ledger)
