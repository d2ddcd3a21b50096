"""Which runs are asked for: what a list, or a figure, may choose them by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from projections import annotations, labels, runs, tags
from projections.runs import TABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Runs that fit all of it. A mark that is None may be there or not."""

    states: Sequence[str] = ()
    """In one of these."""
    labels: Sequence[tuple[str, str | None]] = ()
    """With all of these: names and values, None standing for any value."""
    tags: Sequence[str] = ()
    """With all of these on its notes, be they on the run or on its phases."""
    text: str | None = None
    """With this in the id or the goal, in whatever case."""
    held: bool | None = None
    preserved: bool | None = None
    archived: bool | None = False
    annotated: bool | None = None
    """Whether there is a note on the run or on one of its phases."""
    quarantined: bool | None = None
    """Whether the run itself waits without a state."""


def matches(wanted: Wanted) -> ColumnElement[bool]:
    """The condition that rows of `runs` meet."""
    marks = {
        TABLE.c.held: wanted.held,
        TABLE.c.preserved: wanted.preserved,
        TABLE.c.archived: wanted.archived,
        TABLE.c.state.is_(None): wanted.quarantined,
        TABLE.c.run_id.in_(select(annotations.TABLE.c.run_id)): wanted.annotated,
    }
    conditions = [mark if is_set else ~mark for mark, is_set in marks.items() if is_set is not None]
    if wanted.states:
        conditions.append(TABLE.c.state.in_(wanted.states))
    if wanted.text:
        conditions.append(
            or_(*(c.icontains(wanted.text, autoescape=True) for c in (TABLE.c.run_id, TABLE.c.goal)))
        )
    conditions += [TABLE.c.run_id.in_(labels.runs_with(name, value)) for name, value in wanted.labels]
    conditions += [TABLE.c.run_id.in_(tags.runs_with(tag)) for tag in wanted.tags]
    return and_(true(), *conditions)


def page(
    connection: Connection,
    wanted: Wanted,
    *,
    before: tuple[str, str] | None = None,
    offset: int = 0,
    limit: int,
) -> list[dict[str, Any]]:
    """At most `limit` runs, newest first, from before a (created_at, run_id), or from a place on."""
    query = select(TABLE).where(matches(wanted))
    if before is not None:
        at, run_id = before
        query = query.where(
            or_(TABLE.c.created_at < at, (TABLE.c.created_at == at) & (TABLE.c.run_id < run_id))
        )
    newest_first = query.order_by(TABLE.c.created_at.desc(), TABLE.c.run_id.desc())
    some = newest_first.offset(offset).limit(limit)
    return [runs.shown(dict(row)) for row in connection.execute(some).mappings()]


def count(connection: Connection, wanted: Wanted) -> int:
    """How many runs there are of these."""
    query = select(func.count()).select_from(TABLE).where(matches(wanted))
    return int(connection.execute(query).scalar_one())
