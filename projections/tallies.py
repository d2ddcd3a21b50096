"""What is counted of every run, by day: figures are sums over it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    Text,
    bindparam,
    case,
    distinct,
    func,
    select,
)

from domain.described import RUN_ID, described
from domain.events.shared import Id
from domain.run import Run
from domain.tally import ENDS, FAILURES
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "tallies",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("day", Text, primary_key=True, **described("The day of recording, in UTC.", "2026-11-22")),
    Column("event", Text, primary_key=True, **described("What happened.", "phase.failed")),
    Column(
        "code",
        Text,
        primary_key=True,
        **described("How an attempt failed; the state that was found or set; else empty.", "CI_FAILED"),
    ),
    Column("count", Integer, nullable=False, **described("How often.", 2)),
    comment="What is counted of every run, by day. Figures are sums over it.",
)

KEYS = ("run_id", "day", "event", "code")

_INSERT = TABLE.insert()
_UPDATE = (
    TABLE.update()
    .where(*(TABLE.c[name] == bindparam(f"{name}_key") for name in KEYS))
    .values(count=bindparam("count"))
)


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """A row for each count that is not what it was: a count only grows."""
    new, changed = [], []
    for change in changes:
        before, after = change.before.tally, change.after.tally
        if before is after:
            continue
        for counted, count in after.items():
            had = before.get(counted)
            keys = {"run_id": change.after.run_id, **counted._asdict()}
            if had is None:
                new.append({**keys, "count": count})
            elif had != count:
                changed.append({"count": count, **{f"{name}_key": key for name, key in keys.items()}})
    if new:
        yield _INSERT, new
    if changed:
        yield _UPDATE, changed


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [
        {"run_id": run.run_id, **counted._asdict(), "count": count} for counted, count in run.tally.items()
    ]


class Sum(NamedTuple):
    """How often something happened to the runs of a group."""

    group: str
    event: str
    code: str
    times: int


def sums(connection: Connection, group: ColumnElement[str], *conditions: ColumnElement[bool]) -> list[Sum]:
    """How often everything happened, by group; what the conditions name beside TABLE is joined by them."""
    query = select(group, TABLE.c.event, TABLE.c.code, func.sum(TABLE.c.count)).where(*conditions)
    grouped = query.group_by(group, TABLE.c.event, TABLE.c.code)
    return [Sum(*row) for row in connection.execute(grouped)]


class Ended(NamedTuple):
    """How many runs of a group ended at least once, and how many failed at least once."""

    group: str
    ended: int
    failed: int


def ended(connection: Connection, group: ColumnElement[str], *conditions: ColumnElement[bool]) -> list[Ended]:
    """How many runs ended and failed, by group. A run counts once in its group, however often it ended."""
    failed = case((TABLE.c.event.in_(FAILURES), TABLE.c.run_id))
    query = select(group, func.count(distinct(TABLE.c.run_id)), func.count(distinct(failed)))
    grouped = query.where(TABLE.c.event.in_(ENDS), *conditions).group_by(group)
    return [Ended(*row) for row in connection.execute(grouped)]
