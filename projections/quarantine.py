"""What waits in quarantine: the runs and phases that have no state until they are repaired."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Table, Text, and_, bindparam, or_, select

from domain.described import PHASE_ID, RUN_ID, TIME, described
from domain.events.shared import Id, Time
from domain.events.taken_over import MappingKind
from domain.quarantine import Quarantine
from domain.run import Run
from domain.states import PhaseState, RunState
from projections import runs
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "quarantine",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    # A key holds no null.
    Column("phase_id", Text, primary_key=True, **described("The phase; empty for the run itself.", PHASE_ID)),
    Column("since", Text, nullable=False, **described("When it was found so.", TIME, holds=Time)),
    Column("value", Text, **described("The state as it was found; null where there was none.", "READY")),
    Column(
        "kind",
        Text,
        **described("How that relates to a legal state.", "semantic", holds=MappingKind),
    ),
    Column(
        "suggested",
        Text,
        **described(
            "The legal state that it probably stands for.", "RUN_CREATED", holds=RunState | PhaseState
        ),
    ),
    Column(
        "findings",
        Text,
        nullable=False,
        **described(
            "What was odd about it.",
            [{"code": "illegal-run-state", "value": "READY"}],
            as_json=list[dict[str, Any]],
        ),
    ),
    comment="What has no state until it is repaired, and why.",
)

_DELETE = TABLE.delete().where(TABLE.c.run_id == bindparam("key"))
_INSERT = TABLE.insert()


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """What waits of each run of which something else waits than before."""
    concerned = [change for change in changes if is_waiting(change.before) or is_waiting(change.after)]
    changed = [change for change in concerned if waiting(change.before) != waiting(change.after)]
    if old := [{"key": change.after.run_id} for change in changed if is_waiting(change.before)]:
        yield _DELETE, old
    if new := [row for change in changed for row in rows(change.after)]:
        yield _INSERT, new


def is_waiting(run: Run) -> bool:
    """Whether anything of a run waits."""
    return run.quarantine is not None or any(phase.quarantine for phase in run.phases.values())


def waiting(run: Run) -> list[tuple[str, Quarantine]]:
    """What waits of a run, by phase_id; the run itself has none."""
    found = [("", run.quarantine), *((phase.phase_id, phase.quarantine) for phase in run.phases.values())]
    return [(phase_id, why) for phase_id, why in found if why is not None]


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [
        {
            "run_id": run.run_id,
            "phase_id": phase_id,
            "since": why.since,
            "value": why.value,
            "kind": why.kind,
            "suggested": why.suggested,
            "findings": orjson.dumps(why.findings, option=orjson.OPT_SORT_KEYS).decode(),
        }
        for phase_id, why in waiting(run)
    ]


def page(
    connection: Connection,
    *,
    run_id: str | None = None,
    is_suggested: bool = False,
    after: tuple[str, str] | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """At most `limit` of what waits, by run and phase, from after a (run_id, phase_id).

    Of one run if it is named; only what has a suggestion, if that is wanted.
    """
    query = (
        select(TABLE, runs.TABLE.c.version)
        .join(runs.TABLE, runs.TABLE.c.run_id == TABLE.c.run_id)
        .order_by(TABLE.c.run_id, TABLE.c.phase_id)
        .limit(limit)
    )
    if run_id is not None:
        query = query.where(TABLE.c.run_id == run_id)
    if is_suggested:
        query = query.where(TABLE.c.suggested.is_not(None))
    if after is not None:
        run_key, phase_key = after
        same = and_(TABLE.c.run_id == run_key, TABLE.c.phase_id > phase_key)
        query = query.where(or_(TABLE.c.run_id > run_key, same))
    return [shown(dict(row)) for row in connection.execute(query).mappings()]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as callers see it."""
    return {**row, "phase_id": row["phase_id"] or None, "findings": orjson.loads(row["findings"])}
