"""Whether a table holds what the log makes of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sqlalchemy import Table

from domain.run import Run
from projections import tables


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where a table is not what the log makes it."""

    table: str
    key: Mapping[str, Any]
    column: str | None
    """None: the whole row is missing, or is one too many."""
    expected: Any
    """The value, or the row; None for a row that is one too many."""
    found: Any
    """The value, or the row; None for a row that is missing."""

    @property
    def held(self) -> Any:
        """What the table holds here: the row, or the value as a tuple of one; None where there is no row."""
        return self.found if self.column is None else (self.found,)


def differences(
    projection: ModuleType, run: Run | None, stored: Iterable[Sequence[Any]]
) -> Iterator[Difference]:
    """Where a table differs from what it is to hold of a run, given its rows with the columns in their order.

    None is a run that the log does not know.
    """
    table: Table = projection.TABLE
    names = table.columns.keys()
    wanted = keyed(table, tables.rows(projection, run) if run else ())
    found = keyed(table, stored)
    if wanted == found:
        return
    for key in dict.fromkeys([*wanted, *found]):
        place = dict(zip(table.primary_key.columns.keys(), key, strict=True))
        ours, theirs = wanted.get(key), found.get(key)
        if ours is None or theirs is None:
            told = [dict(zip(names, row, strict=True)) if row else None for row in (ours, theirs)]
            yield Difference(table.name, place, None, *told)
            continue
        for name, expected, value in zip(names, ours, theirs, strict=True):
            if expected != value:
                yield Difference(table.name, place, name, expected, value)


def keyed(table: Table, rows: Iterable[Sequence[Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Rows by their primary keys."""
    places = [table.columns.keys().index(column.name) for column in table.primary_key]
    return {tuple(row[place] for place in places): tuple(row) for row in rows}


def at(projection: ModuleType, run: Run, difference: Difference) -> Any:
    """What the log makes of the place of a difference, as of this run: as `Difference.held`."""
    for row in projection.rows(run):
        if all(row[name] == value for name, value in difference.key.items()):
            return row if difference.column is None else (row[difference.column],)
    return None
