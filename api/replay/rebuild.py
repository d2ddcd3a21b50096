"""Make the tables anew from the log, while the service goes on, and put them in place at once."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

import projections
from api.replay.findings import Finding
from api.replay.histories import History, histories
from api.replay.report import Progress, Report
from api.replay.workers import cores, spread
from eventstore import guards, roles, statements, store
from eventstore.database import lock_writers, open_to_read, reading, writers_stopped
from eventstore.shards import Named, Part, rows, shards, touched
from projections import fresh, tables
from projections.fresh import Fresh, TakenOver

SHARD = 20_000
"""Events that are folded at once."""

FEW = 20
"""Runs that are folded anew while writers wait; as long as more have moved on, they do so meanwhile."""

ROUNDS = 10
"""Times that the fresh tables are brought up to the log before writers are made to wait all the same."""

SWAPS = 5
"""Times that the swap is tried: it gives way to whoever reads the old tables for long."""

Rows = dict[str, list[tuple[Any, ...]]]
"""Rows by the name of their table, the values in the order of its columns."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What came of a part of the log."""

    events: int
    runs: int
    findings: list[Finding]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Task:
    """A part of the log to fold, up to a position, for these tables."""

    part: Part
    up_to: int
    names: tuple[str, ...]


def rebuild(engine: Engine, names: Sequence[str] | None = None) -> Iterator[Progress | Report]:
    """Make projections anew, all or those that are named: how far it is, and in the end a report.

    Every event is judged on the way, as `verify` does; what is found wrong is told, and nothing is left out.
    Until the swap the old tables serve; a rebuild that is given up or dies changes nothing.

    Raises:
        TakenOver: another rebuild began meanwhile.
    """
    wanted = [each for each in projections.ALL if names is None or each.TABLE.name in names]
    report = Report()
    reader = open_to_read(engine.url.render_as_string(hide_password=False))
    with engine.begin() as connection:
        made = fresh.begin(connection, projections.ALL, wanted, token_hex(8))
    try:
        yield from fill(engine, reader, made, report)
        yield Progress("swap", report.events, report.events)
        for left in reversed(range(SWAPS)):
            try:
                swap(engine, made, report)
                break
            except DBAPIError:
                if not left:
                    raise
    except BaseException:
        with suppress(DBAPIError, TakenOver), engine.begin() as connection:
            fresh.hold(connection, made)
            fresh.drop(connection, made)
        raise
    finally:
        reader.dispose()
    yield report


def fill(engine: Engine, reader: Engine, made: Fresh, report: Report) -> Iterator[Progress]:
    """Fold the whole log into the fresh tables, and then what has come meanwhile."""
    with reading(reader) as connection:
        report.up_to = store.tail(connection).position
        parts = shards(connection, SHARD)
    total = sum(part.events for part in parts)
    yield Progress("fold", 0, total)
    tasks = [Task(part, report.up_to, tuple(made.tables)) for part in parts]
    for folded in spread(reader, fold_part, tasks, cores(total)):
        with engine.begin() as connection:
            fresh.hold(connection, made)
            put(connection, made, folded.rows)
        report.events += folded.events
        report.runs += folded.runs
        report.add(folded.findings)
        yield Progress("fold", report.events, max(total, report.events))
    for _ in range(ROUNDS):
        with engine.connect() as connection:
            moved = touched(connection, report.up_to)
        if len(moved) <= FEW:
            break
        with engine.begin() as connection:
            catch_up(connection, made, report)


def fold_part(engine: Engine, task: Task) -> Folded:
    """Fold these runs into rows, and judge every event on the way."""
    wanted = [each for each in projections.ALL if each.TABLE.name in task.names]
    with reading(engine) as connection:
        told = list(histories(rows(connection, task.part, task.up_to)))
    return Folded(
        events=sum(each.events for each in told),
        runs=len(told),
        findings=[finding for each in told for finding in each.findings],
        rows=rows_of(wanted, told),
    )


def rows_of(wanted: Sequence[ModuleType], told: Sequence[History]) -> Rows:
    """What the tables are to hold of these runs."""
    return {
        each.TABLE.name: [row for history in told for row in tables.rows(each, history.run)]
        for each in wanted
    }


def put(connection: Connection, made: Fresh, found: Rows) -> None:
    """Put rows into the fresh tables."""
    for name, table in made.tables.items():
        statements.load(connection, table, found[name])


def catch_up(connection: Connection, made: Fresh, report: Report) -> None:
    """Fold the runs that have moved on since, whole."""
    fresh.hold(connection, made)
    before, up_to = report.up_to, store.tail(connection).position
    for run_id in touched(connection, before, up_to):
        (history,) = histories(rows(connection, Named((run_id,)), up_to))
        fresh.forget(connection, made, run_id)
        put(connection, made, rows_of(made.projections, [history]))
        report.runs += history.first > before
        report.add(each for each in history.findings if each.position is None or each.position > before)
    report.events += up_to - before
    report.up_to = up_to


def swap(engine: Engine, made: Fresh, report: Report) -> None:
    """Fold what is left, and put the fresh tables in place. Writers wait meanwhile, and see nothing of it."""
    with engine.connect() as connection, writers_stopped(connection):
        if connection.dialect.name == "postgresql":
            # Whoever has begun to read before these rows were there would not see them in the new tables.
            with connection.begin():
                catch_up(connection, made, report)
        with connection.begin():
            lock_writers(connection)
            catch_up(connection, made, report)
            hardened = roles.hardened(connection)
            fresh.swap(connection, made)
            roles.owned_alike(connection, made.tables)
            guards.protect_states(connection)
            for role in hardened:
                roles.harden(connection, role)
