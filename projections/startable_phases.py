"""The phases that may start now, to hand the oldest out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Table, Text, bindparam, select, tuple_

from domain.described import PHASE_ID, RUN_ID, TIME, described
from domain.events.shared import Id, Time
from domain.judge import startable
from domain.run import Run
from projections import labels
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "startable_phases",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("phase_id", Text, primary_key=True, **described("The phase.", PHASE_ID, holds=Id)),
    Column("created_at", Text, nullable=False, **described("When its run began.", TIME, holds=Time)),
    Column("index", Integer, nullable=False, **described("Its number in the run, from 1.", 1)),
    comment="The phases that may start now, of runs that are not archived: claims hand them out.",
)
AGE = (TABLE.c.created_at, TABLE.c.run_id, TABLE.c.index)
Index(None, *AGE)

PAGE = 32
"""Phases that are looked at together."""

_INSERT = TABLE.insert()
_DELETE = TABLE.delete().where(
    TABLE.c.run_id == bindparam("run_key"), TABLE.c.phase_id == bindparam("phase_key")
)


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """A row for each phase that may start now and could not before, none for each that may not any more."""
    gone, new = [], []
    for change in changes:
        run_id = change.after.run_id
        before = [phase.phase_id for phase in startable(change.before)]
        after = {row["phase_id"]: row for row in rows(change.after)}
        gone += [{"run_key": run_id, "phase_key": each} for each in before if each not in after]
        new += [row for phase_id, row in after.items() if phase_id not in before]
    if gone:
        yield _DELETE, gone
    if new:
        yield _INSERT, new


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [
        {
            "run_id": run.run_id,
            "phase_id": phase.phase_id,
            "created_at": run.created_at,
            "index": phase.index,
        }
        for phase in startable(run)
    ]


def oldest_first(connection: Connection, wanted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The phases that may start, as (run_id, phase_id), of runs that have all of these labels.

    Those of the run that was created first come first, in the order in which they were added to it.
    """
    query = select(*AGE, TABLE.c.phase_id).order_by(*AGE)
    for name, value in wanted.items():
        query = query.where(TABLE.c.run_id.in_(labels.runs_with(name, value)))
    page = connection.execute(query.limit(PAGE)).all()
    while page:
        for _, run_id, _, phase_id in page:
            yield run_id, phase_id
        *place, _ = page[-1]
        page = connection.execute(query.where(tuple_(*AGE) > tuple_(*place)).limit(PAGE)).all()
