"""The labels of every run, to find runs by them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Index, Select, Table, Text, bindparam, select

from domain.described import RUN_ID, described
from domain.events.shared import Id, Label, Line
from domain.run import Run
from projections.change import Change, Write
from projections.tables import metadata

VERSION = 1

TABLE = Table(
    "run_labels",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("name", Text, primary_key=True, **described("The name of a label.", "team", holds=Label)),
    Column("value", Text, nullable=False, **described("Its value.", "core", holds=Line)),
    comment="The labels of every run, to find runs by.",
)
Index(None, TABLE.c.name, TABLE.c.value)

_DELETE = TABLE.delete().where(TABLE.c.run_id == bindparam("key"))
_INSERT = TABLE.insert()


def writes(changes: Sequence[Change]) -> Iterator[Write]:
    """The labels of each run that has others than it had."""
    relabelled = [change for change in changes if change.before.labels != change.after.labels]
    if old := [{"key": change.after.run_id} for change in relabelled if change.before.labels]:
        yield _DELETE, old
    if new := [row for change in relabelled for row in rows(change.after)]:
        yield _INSERT, new


def rows(run: Run) -> list[dict[str, Any]]:
    """What the table holds of a run."""
    return [{"run_id": run.run_id, "name": name, "value": value} for name, value in run.labels.items()]


def runs_with(name: str, value: str | None) -> Select[tuple[str]]:
    """The ids of runs with this label; with any value where it is None."""
    query = select(TABLE.c.run_id).where(TABLE.c.name == name)
    return query if value is None else query.where(TABLE.c.value == value)
