"""Every request for approval, and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Table, Text, bindparam, select

from domain.described import PHASE_ID, RUN_ID, TIME, described
from domain.events.shared import Id, Time
from domain.run import Approval, Run
from domain.states import ApprovalStatus
from domain.told import said
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "approvals",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("approval", Integer, primary_key=True, **described("The version of the event that asked.", 7)),
    Column("approval_id", BigInteger, nullable=False, **described("Its position: the request's number.", 41)),
    Column("phase_id", Text, **described("The phase it is about; null: the run.", PHASE_ID, holds=Id)),
    Column("context", Text, **described("What it is about, in a word or a sentence.", "risky_decision")),
    Column(
        "asked",
        Text,
        nullable=False,
        **described(
            "What was asked at length.",
            {"decision_info": {"risk_level": "high"}, "deletion_info": None, "patch_preview": None},
            as_json=dict[Literal["decision_info", "deletion_info", "patch_preview"], Any],
        ),
    ),
    Column("asked_by", Text, nullable=False, **described("Who asked.", "builder-7")),
    Column("asked_at", Text, nullable=False, **described("When that was recorded.", TIME, holds=Time)),
    Column("expires_at", Text, **described("Until when it waits; null: for ever.", TIME, holds=Time)),
    Column("status", Text, nullable=False, **described("What came of it.", "granted", holds=ApprovalStatus)),
    Column("answered_by", Text, **described("Who answered.", "cli:ann")),
    Column("answered_at", Text, **described("When that was recorded.", TIME, holds=Time)),
    Column("reason", Text, **described("Why so.", "the files are generated")),
    comment="What executors asked people, and what these answered.",
)
Index(None, TABLE.c.approval_id)
Index(None, TABLE.c.status, TABLE.c.expires_at)

WHAT = ("decision_info", "deletion_info", "patch_preview")
"""What was asked at length: documents that nothing is looked for in."""

_INSERT = TABLE.insert()
_UPDATE = (
    TABLE.update()
    .where(TABLE.c.run_id == bindparam("run_key"), TABLE.c.approval == bindparam("approval_key"))
    .values({column.name: bindparam(column.name) for column in TABLE.c if not column.primary_key})
)


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """A row for each request that is not what it was."""
    new, changed = [], []
    for change in changes:
        for version, approval in change.after.approvals.items():
            before = change.before.approvals.get(version)
            if before is None:
                new.append(row(change.after.run_id, approval))
            elif before is not approval:
                keys = {"run_key": change.after.run_id, "approval_key": version}
                changed.append({**row(change.after.run_id, approval), **keys})
    if new:
        yield _INSERT, new
    if changed:
        yield _UPDATE, changed


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [row(run.run_id, approval) for approval in run.approvals.values()]


def row(run_id: str, approval: Approval) -> dict[str, Any]:
    """The row of a request."""
    return {
        "run_id": run_id,
        "approval": approval.version,
        "approval_id": approval.position,
        "phase_id": said(approval.asked, "phase_id", str),
        "context": said(approval.asked, "context", str),
        "asked": orjson.dumps({name: approval.asked.get(name) for name in WHAT}).decode(),
        "asked_by": approval.asked_by,
        "asked_at": approval.asked_at,
        "expires_at": approval.expires_at,
        "status": str(approval.status),
        "answered_by": approval.answered_by,
        "answered_at": approval.answered_at,
        "reason": approval.reason,
    }


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as callers see it."""
    view = {str(name): value for name, value in row.items() if name != "asked"}
    view |= orjson.loads(row["asked"])
    return view


def get(connection: Connection, approval_id: int) -> dict[str, Any] | None:
    """The request of this number: the position of the event that asked."""
    found = connection.execute(select(TABLE).where(TABLE.c.approval_id == approval_id)).mappings().first()
    return shown(dict(found)) if found is not None else None


def page(
    connection: Connection,
    *,
    status: str | None = None,
    run_id: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """At most `limit` requests, newest first, from before a number; of one status or run where named."""
    query = select(TABLE).order_by(TABLE.c.approval_id.desc()).limit(limit)
    wanted = ((TABLE.c.status, status), (TABLE.c.run_id, run_id))
    query = query.where(*(column == value for column, value in wanted if value is not None))
    if before is not None:
        query = query.where(TABLE.c.approval_id < before)
    return [shown(dict(row)) for row in connection.execute(query).mappings()]


def overdue(connection: Connection, at: str) -> list[tuple[str, int]]:
    """The requests that wait for an answer although their time has run out: (run_id, approval)."""
    query = select(TABLE.c.run_id, TABLE.c.approval).where(
        TABLE.c.status == str(ApprovalStatus.PENDING), TABLE.c.expires_at <= at
    )
    return [(run_id, approval) for run_id, approval in connection.execute(query)]
