"""Every phase as it stands."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    func,
    select,
)

from domain.described import PHASE_ID, RUN_ID, TIME, described
from domain.events.shared import Id, Time
from domain.run import Phase, Run
from domain.scope import PhaseScope
from domain.states import DONE, PhaseState
from projections import runs
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 2

TABLE = Table(
    "phases",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("phase_id", Text, primary_key=True, **described("Its id within the run.", PHASE_ID, holds=Id)),
    Column("index", Integer, nullable=False, **described("Its number in the run, from 1.", 1)),
    Column("name", Text, **described("For people.", "Build")),
    Column("tier_id", Text, **described("The tier of the run that it belongs to.", "T1", holds=Id)),
    Column(
        "state", Text, **described("As it stands; null: it is quarantined.", "EXECUTING", holds=PhaseState)
    ),
    Column(
        "scope",
        Text,
        **described(
            "What it is to do, what it may touch, and when it is done.",
            {"goal": "Make it compile", "deliverables": ["src/predictor.py"], "allowed_paths": ["src/"]},
            as_json=PhaseScope,
        ),
    ),
    Column("attempt", Integer, nullable=False, **described("The last attempt; 0 before the first.", 1)),
    Column("max_attempts", BigInteger, nullable=False, **described("Attempts that it may have.", 5)),
    Column(
        "revision", Integer, nullable=False, **described("Times that it was requeued with a new plan.", 0)
    ),
    Column("executor", Text, **described("Who took it up last.", "builder-7")),
    Column(
        "lease_seconds",
        Integer,
        **described("Seconds that its open attempt may go unheard; null: it has no lease.", 300),
    ),
    Column("leased_at", Text, **described("When that lease was granted.", TIME, holds=Time)),
    Column("tokens_used", BigInteger, nullable=False, **described("Tokens spent so far.", 41_000)),
    Column("ci_runs_used", BigInteger, nullable=False, **described("Runs of CI so far.", 1)),
    Column("minor_issues", BigInteger, nullable=False, **described("Minor issues so far.", 2)),
    Column("major_issues", BigInteger, nullable=False, **described("Major issues so far.", 0)),
    Column(
        "last_outcome",
        Text,
        **described(
            "How its last attempt ended.",
            {"code": "CI_FAILED", "detail": "3 tests red"},
            as_json=dict[Literal["code", "detail"], str | None],
        ),
    ),
    Column("started_at", Text, **described("When its first attempt began.", TIME, holds=Time)),
    Column("completed_at", Text, **described("When it came to the end it is at.", TIME, holds=Time)),
    Column("updated_at", Text, nullable=False, **described("When its last event came.", TIME, holds=Time)),
    comment="Every phase as it stands; run_id and phase_id together name it.",
)

IS_LEASED = TABLE.c.lease_seconds.is_not(None)
Index(None, TABLE.c.lease_seconds, sqlite_where=IS_LEASED, postgresql_where=IS_LEASED)

# Only a repair leaves an attempt open in a run that is over. Nobody can report on it: its lease is not out.
_IS_OVER = exists().where(runs.TABLE.c.run_id == TABLE.c.run_id, runs.TABLE.c.state.in_(sorted(DONE)))
IS_OUT = and_(IS_LEASED, ~_IS_OVER)

LEASE = ("lease_seconds", "leased_at")
USAGE = ("tokens_used", "ci_runs_used", "minor_issues", "major_issues")
DOCUMENTS = ("scope", "last_outcome")

_INSERT = TABLE.insert()
_UPDATE = (
    TABLE.update()
    .where(TABLE.c.run_id == bindparam("run_key"), TABLE.c.phase_id == bindparam("phase_key"))
    .values({column.name: bindparam(column.name) for column in TABLE.c if not column.primary_key})
)


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """A row for each phase that is not what it was."""
    new, changed = [], []
    for change in changes:
        for phase_id, phase in change.after.phases.items():
            before = change.before.phases.get(phase_id)
            if before is None:
                new.append(row(change.after.run_id, phase))
            elif before is not phase:
                keys = {"run_key": change.after.run_id, "phase_key": phase_id}
                changed.append({**row(change.after.run_id, phase), **keys})
    if new:
        yield _INSERT, new
    if changed:
        yield _UPDATE, changed


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [row(run.run_id, phase) for phase in run.phases.values()]


def row(run_id: str, phase: Phase) -> dict[str, Any]:
    """The row of a phase."""
    return {
        "run_id": run_id,
        "phase_id": phase.phase_id,
        "index": phase.index,
        "name": phase.name,
        "tier_id": phase.tier_id,
        "state": phase.state,
        # The log has its keys in this order, so that the row is the same from whichever it is made.
        "scope": orjson.dumps(phase.scope, option=orjson.OPT_SORT_KEYS).decode()
        if phase.scope is not None
        else None,
        "attempt": phase.attempt,
        "max_attempts": phase.max_attempts,
        "revision": phase.revision,
        "executor": phase.executor,
        "lease_seconds": phase.lease.seconds if phase.lease else None,
        "leased_at": phase.lease.granted_at if phase.lease else None,
        **phase.usage.counts(),
        "last_outcome": orjson.dumps(phase.last_outcome).decode() if phase.last_outcome else None,
        "started_at": phase.started_at,
        "completed_at": phase.completed_at,
        "updated_at": phase.updated_at,
    }


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as callers see it."""
    view = {str(name): value for name, value in row.items() if name not in USAGE + LEASE}
    view |= {name: orjson.loads(row[name]) for name in DOCUMENTS if row[name] is not None}
    lease = {"lease_seconds": row["lease_seconds"], "granted_at": row["leased_at"]}
    view["lease"] = lease if row["lease_seconds"] is not None else None
    return view | {"usage": {name: row[name] for name in USAGE}}


def of_run(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The phases of a run, in order."""
    query = select(TABLE).where(TABLE.c.run_id == run_id).order_by(TABLE.c.index)
    return [shown(dict(row)) for row in connection.execute(query).mappings()]


def of_runs(connection: Connection, run_ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """The phases of these runs, each run's in order."""
    query = select(TABLE).where(TABLE.c.run_id.in_(run_ids)).order_by(TABLE.c.run_id, TABLE.c.index)
    found: dict[str, list[dict[str, Any]]] = {run_id: [] for run_id in run_ids}
    for row in connection.execute(query).mappings():
        found[row["run_id"]].append(shown(dict(row)))
    return found


def page(
    connection: Connection, *, run_id: str | None, offset: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """At most `limit` phases from a place on, in the order of runs and in theirs; and how many there are."""
    of_run = [] if run_id is None else [TABLE.c.run_id == run_id]
    total = connection.execute(select(func.count()).select_from(TABLE).where(*of_run)).scalar_one()
    query = select(TABLE).where(*of_run).order_by(TABLE.c.run_id, TABLE.c.index)
    rows = connection.execute(query.offset(offset).limit(limit)).mappings()
    return [shown(dict(row)) for row in rows], total


def get(connection: Connection, run_id: str, phase_id: str) -> dict[str, Any] | None:
    """A phase as it stands."""
    query = select(TABLE).where(TABLE.c.run_id == run_id, TABLE.c.phase_id == phase_id)
    found = connection.execute(query).mappings().first()
    return shown(dict(found)) if found is not None else None


def lease(
    connection: Connection, run_id: str, phase_id: str, attempt: int
) -> Row[str | None, int, str] | None:
    """The executor of an attempt, and the seconds and the start of its lease; None where it has none out."""
    query = select(TABLE.c.executor, TABLE.c.lease_seconds, TABLE.c.leased_at).where(
        TABLE.c.run_id == run_id, TABLE.c.phase_id == phase_id, TABLE.c.attempt == attempt, IS_OUT
    )
    return connection.execute(query).first()
