"""The log in parts that can be replayed by themselves: each holds whole runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, FromClause, Select, Table, bindparam, func, literal_column, select

from eventstore import statements
from eventstore.schema import events

NO_END = 2**62
"""A position that no log comes to."""

_SIZES = select(events.c.run_id, func.count()).group_by(events.c.run_id).order_by(events.c.run_id)
_TOUCHED = (
    select(events.c.run_id)
    .where(events.c.position > bindparam("after"), events.c.position <= bindparam("up_to"))
    .distinct()
    .order_by(events.c.run_id)
)


@dataclass(frozen=True, slots=True)
class Shard:
    """The runs from one id on, up to another that is not among them, in the order of the database."""

    first: str
    """Empty: from the very first."""
    end: str | None
    """None: to the very last."""
    events: int
    """How many events they had when the log was cut."""


@dataclass(frozen=True, slots=True)
class Named:
    """These runs."""

    run_ids: tuple[str, ...]


Part = Shard | Named


def shards(connection: Connection, size: int) -> list[Shard]:
    """The whole log, cut so that a part has about `size` events, or one run; at least one part."""
    cut: list[Shard] = []
    first, counted = "", 0
    for run_id, count in statements.stream(connection, _SIZES):
        if counted and counted + count > size and can_be_named(run_id):
            cut.append(Shard(first, run_id, counted))
            first, counted = run_id, 0
        counted += count
    return [*cut, Shard(first, None, counted)]


def touched(connection: Connection, after: int, up_to: int = NO_END) -> list[str]:
    """The runs that have events after one position and up to another."""
    return [run_id for (run_id,) in statements.read(connection, _TOUCHED, after=after, up_to=up_to)]


def can_be_named(run_id: object) -> bool:
    """Whether a query can name it: who changes a database by hand may leave anything in it."""
    try:
        return isinstance(run_id, str) and bool(run_id.encode())
    except UnicodeEncodeError:
        return False


class RowsByRun:
    """The rows of a table that has runs, run by run."""

    def __init__(self, table: Table) -> None:
        query = select(*table.columns)
        if table is events:
            query = query.where(events.c.position <= bindparam("up_to"))
        # Going along an index, SQLite takes from it what it holds, whatever a damaged row holds instead.
        keys = table.alias("in_order")
        same = literal_column("in_order.rowid") == literal_column(f"{table.name}.rowid")
        self._queries = {
            "postgresql": Queries(query, table),
            "sqlite": Queries(query.join_from(keys, table, same), keys),
        }

    def of(self, connection: Connection, part: Part, **bound: Any) -> Iterator[Sequence[Any]]:
        """Those of a part of the log, their columns in the order of the table."""
        queries = self._queries[connection.dialect.name]
        match part:
            case Named():
                for run_id in part.run_ids:
                    yield from statements.stream(connection, queries.of_one, run_id=run_id, **bound)
            case Shard(end=None):
                yield from statements.stream(connection, queries.from_one, first=part.first, **bound)
            case Shard():
                ends = {"first": part.first, "end": part.end}
                yield from statements.stream(connection, queries.between, **ends, **bound)


class Queries:
    """A query for each kind of part: in the order of these keys, and limited by them."""

    def __init__(self, query: Select[Any], keys: FromClause) -> None:
        run_id = keys.c.run_id
        query = query.order_by(*(c for c in (run_id, keys.c.get("version")) if c is not None))
        self.of_one = query.where(run_id == bindparam("run_id"))
        self.from_one = query.where(run_id >= bindparam("first"))
        self.between = self.from_one.where(run_id < bindparam("end"))


_EVENTS = RowsByRun(events)


def rows(connection: Connection, part: Part, up_to: int = NO_END) -> Iterator[Sequence[Any]]:
    """The log's rows of these runs up to a position, run by run, each run's in order."""
    return _EVENTS.of(connection, part, up_to=up_to)
