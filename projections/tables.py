"""What the projections share: the list of their tables, in which shape, and how their rows are written."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text

from domain.described import described
from domain.run import Run

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

VERSIONS = Table(
    "projections",
    metadata,
    Column("name", Text, primary_key=True, **described("The table.", "runs")),
    Column("version", Integer, nullable=False, **described("The shape that it has.", 1)),
    comment="Which tables that follow from the log there are, and in which shape.",
)
"""The shape of each table. Another than the program's means: rebuild."""


def rows(projection: ModuleType, run: Run) -> Iterator[tuple[Any, ...]]:
    """What the table of a projection holds of a run, the values in the order of its columns.

    A run at version 0 is not there: no event of it could be understood.
    """
    if run.version == 0:
        return
    names = projection.TABLE.columns.keys()
    for row in projection.rows(run):
        yield tuple(row[name] for name in names)
