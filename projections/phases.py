"""Every phase as it stands."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Row, Table, Text, bindparam, select

from domain.run import Phase, Run
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 2

TABLE = Table(
    "phases",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("phase_id", Text, primary_key=True),
    Column("index", Integer, nullable=False),
    Column("name", Text),
    Column("tier_id", Text),
    # Plain text: reading a state that this program does not know must not raise.
    Column("state", Text),
    Column("scope", Text),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("executor", Text),
    Column("lease_seconds", Integer),
    Column("leased_at", Text),
    Column("tokens_used", BigInteger, nullable=False),
    Column("ci_runs_used", BigInteger, nullable=False),
    Column("minor_issues", BigInteger, nullable=False),
    Column("major_issues", BigInteger, nullable=False),
    Column("last_outcome", Text),
    Column("started_at", Text),
    Column("completed_at", Text),
    Column("updated_at", Text, nullable=False),
)

IS_LEASED = TABLE.c.lease_seconds.is_not(None)
Index(None, TABLE.c.lease_seconds, sqlite_where=IS_LEASED, postgresql_where=IS_LEASED)

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
        "scope": orjson.dumps(phase.scope).decode() if phase.scope is not None else None,
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
        TABLE.c.run_id == run_id, TABLE.c.phase_id == phase_id, TABLE.c.attempt == attempt, IS_LEASED
    )
    return connection.execute(query).first()
