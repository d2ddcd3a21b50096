"""Make the tables anew from the log, while the service goes on, and put them in place at once."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic, sleep
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

import projections
from api.replay.findings import Finding
from api.replay.histories import histories
from api.replay.refusals import OwnerNeeded, RebuildTakenOver, TablesInUse
from api.replay.report import Progress, Report, Steps
from api.replay.verify import whatever_the_text
from api.replay.workers import cores, spread
from api.unavailable import DatabaseBusy
from api.writer import INSUFFICIENT_PRIVILEGE, driver_error, unavailable
from eventstore import guards, roles, statements, store
from eventstore.database import lock_writers, open_to_read, others_ended, reading, writers_stopped
from eventstore.shards import Named, Part, Shard, rows, shards, touched
from projections import fresh, tables
from projections.fresh import Fresh, TakenOver

SHARD = 20_000
"""Events that are folded at once."""

FEW = 20
"""Runs that are folded again in one transaction, and also while writers wait."""

ROUNDS = 10
"""Times that the fresh tables are brought up to the log before writers are made to wait all the same."""

PATIENCE = 60.0
"""Seconds for which the swap is tried: it gives way to whoever reads the old tables, and tries again."""

PAUSE = 0.5
"""Seconds between two tries."""

WAIT = 0.2
"""Seconds that a try waits for readers to end, and then for each table; others wait for it as long.

PostgreSQL looks for a deadlock after a second. The swap has given way long before, and nobody else has to.
"""

DEPENDED_ON = "2BP01"
"""The SQLSTATE of PostgreSQL when something, such as a view, is made of what is to be dropped."""

FAILURES = (SQLAlchemyError, psycopg.Error, sqlite3.Error)
"""What the database raises, by itself and through SQLAlchemy."""


@dataclass(frozen=True, slots=True)
class Task:
    """A part of the log to fold into rows of these tables."""

    names: tuple[str, ...]
    part: Part
    up_to: int
    after: int = 0
    """The position up to which the tables hold it already."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What came of a part of the log."""

    up_to: int
    again: Sequence[str]
    """The runs that the tables may hold as they were."""
    events: int
    runs: int
    """Those that the tables did not hold yet."""
    findings: list[Finding]
    """About events that the tables did not hold yet."""
    rows: dict[str, list[tuple[Any, ...]]]
    """By the name of the table, the values in the order of its columns."""


def rebuild(engine: Engine, names: Sequence[str] | None = None) -> Steps:
    """Make projections anew, all or those that are named: how far it is, and in the end a report.

    Every event is judged on the way, as `verify` does; what is found wrong is told, and nothing is left out.
    Until the swap the old tables serve; a rebuild that is given up or dies changes nothing.

    Raises:
        RebuildTakenOver: another rebuild began meanwhile.
        TablesInUse: the old tables could not be replaced.
        OwnerNeeded: the role of this engine may not replace them.
        WorkerLost: a process that took part was ended from outside.
    """
    wanted = [each for each in projections.ALL if names is None or each.TABLE.name in names]
    report = Report()
    try:
        with engine.begin() as connection:
            lock_writers(connection)  # and so whoever else begins to rebuild
            made = fresh.begin(connection, projections.ALL, wanted, token_hex(4))
            roles.owned_alike(connection, (table.name for table in made.everything))
        try:
            clear_away(engine)
            yield from fill(engine, made, report)
            yield from put_in_place(engine, made, report)
        except BaseException:
            with suppress(TakenOver, *FAILURES):
                with engine.begin() as connection:
                    fresh.hold(connection, made)
                    fresh.clear(connection, projections.ALL, made.claim)
                clear_away(engine)
            raise
        with suppress(*FAILURES):  # what is left of the old tables harms nobody until the next time
            clear_away(engine)
    except TakenOver:
        raise RebuildTakenOver from None
    except FAILURES as error:
        if refusal := refusal_of(error):
            raise refusal from error
        raise
    yield report


@contextmanager
def turn(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes while others want to, who then have as long themselves.

    Who waits for SQLite looks now and then whether it is free, and would seldom find it so.
    """
    with engine.begin() as connection:
        began = monotonic()
        yield connection
    if engine.dialect.name == "sqlite":
        sleep(monotonic() - began)


def clear_away(engine: Engine) -> None:
    """Take away what was put aside, in parts for which nobody waits long."""
    is_more = True
    while is_more:
        with turn(engine) as connection:
            is_more = fresh.lessen(connection, projections.ALL)


def refusal_of(error: Exception) -> OwnerNeeded | TablesInUse | None:
    """What an error of the database means to who wants a rebuild; None when it means what it always does."""
    driver = driver_error(error)
    if isinstance(driver, psycopg.Error) and driver.sqlstate == INSUFFICIENT_PRIVILEGE:
        return OwnerNeeded()
    if isinstance(driver, psycopg.Error) and driver.sqlstate == DEPENDED_ON:
        return TablesInUse(str(driver.diag.message_detail).replace("\n", ", "))
    return None


def fill(engine: Engine, made: Fresh, report: Report) -> Iterator[Progress]:
    """Fold the whole log into the fresh tables, and then what has come meanwhile, until that is little."""
    reader = open_to_read(engine.url.render_as_string(hide_password=False))
    try:
        report.up_to, parts = whatever_the_text(parts_of, reader)
        total = sum(part.events for part in parts)
        yield Progress("fold", 0, total)
        tasks = [Task(tuple(made.tables), part, report.up_to) for part in parts]
        for part in spread(reader, fold_part, tasks, cores(total)):
            with turn(engine) as connection:
                put(connection, made, part)
            take(report, part)
            report.events += part.events
            yield Progress("fold", report.events, max(total, report.events))
        for _ in range(ROUNDS):
            with reading(reader) as connection:
                up_to, moved = moved_on(connection, report.up_to)
            if len(moved) <= FEW:
                break
            for some in (moved[i : i + FEW] for i in range(0, len(moved), FEW)):
                again = fold_part(reader, Task(tuple(made.tables), Named(tuple(some)), up_to, report.up_to))
                with turn(engine) as connection:
                    put(connection, made, again)
                take(report, again)
            report.reach(up_to)
            yield Progress("fold", report.events, report.events)
    finally:
        reader.dispose()


def parts_of(engine: Engine) -> tuple[int, list[Shard]]:
    """Where the log ends, and the parts of it to fold."""
    with reading(engine) as connection:
        return store.tail(connection).position, shards(connection, SHARD)


def fold_part(engine: Engine, task: Task) -> Folded:
    """Fold these runs in one picture of the database."""
    return whatever_the_text(folded, engine, task)


def folded(engine: Engine, task: Task) -> Folded:
    """Fold these runs, whose text can be read."""
    with reading(engine) as connection:
        return fold(connection, task)


def fold(connection: Connection, task: Task) -> Folded:
    """Fold these runs into rows, and judge every event on the way."""
    wanted = [each for each in projections.ALL if each.TABLE.name in task.names]
    told = list(histories(rows(connection, task.part, task.up_to)))
    findings = [finding for each in told for finding in each.findings]
    made = {
        each.TABLE.name: [row for history in told for row in tables.rows(each, history.run)]
        for each in wanted
    }
    if findings:  # somebody may have put into the log what no table takes
        made = {name: [tuple(map(writable, row)) for row in rows] for name, rows in made.items()}
    return Folded(
        up_to=task.up_to,
        again=task.part.run_ids if isinstance(task.part, Named) else (),
        events=sum(each.events for each in told),
        runs=sum(each.first > task.after for each in told),
        findings=[each for each in findings if each.position is None or each.position > task.after],
        rows=made,
    )


def writable(value: Any) -> Any:
    """A value of a row; text that is not UTF-8, as SQLite may hold it, with its bytes spelt out."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def moved_on(connection: Connection, after: int) -> tuple[int, list[str]]:
    """Where the log ends now, and the runs that have moved on since a position."""
    up_to = store.tail(connection).position
    return up_to, touched(connection, after, up_to)


def put(connection: Connection, made: Fresh, folded: Folded) -> None:
    """Put rows into the fresh tables, as long as these are ours, and in place of those that were there."""
    fresh.hold(connection, made)
    fresh.forget(connection, made, folded.again)
    for name, table in made.tables.items():
        statements.load(connection, table, folded.rows[name])


def take(report: Report, folded: Folded) -> None:
    """Report on what the fresh tables hold now."""
    report.runs += folded.runs
    report.add(folded.findings)


def put_in_place(engine: Engine, made: Fresh, report: Report) -> Iterator[Progress]:
    """Swap the tables as soon as nobody is in the way."""
    give_up = monotonic() + PATIENCE
    while True:
        yield Progress("swap", report.events, report.events)
        try:
            swap(engine, made, report)
        except (TimeoutError, *FAILURES) as error:
            if not isinstance(error, TimeoutError) and not isinstance(unavailable(error), DatabaseBusy):
                raise
            if monotonic() > give_up:
                raise TablesInUse("somebody reads them, or writes to the database, for too long") from error
        else:
            return
        sleep(PAUSE)


def swap(engine: Engine, made: Fresh, report: Report) -> None:
    """Fold what is left, and put the fresh tables in place. Writers wait meanwhile, and see nothing of it.

    Raises:
        TimeoutError, or an error of the database: somebody is in the way.
    """
    with engine.connect() as connection, writers_stopped(connection):
        if connection.dialect.name == "postgresql":
            # Who has begun to read sees the rows of that moment, also in a table that is put in place later.
            # So the rows are all there before, and whoever began before they were has ended.
            with connection.begin():
                last = put_rest(connection, made, report.up_to)
            take(report, last)
            report.reach(last.up_to)
            others_ended(connection, WAIT)
        with connection.begin():
            last = put_rest(connection, made, report.up_to)
            fresh.lock(connection, projections.ALL, WAIT)
            with roles.kept(connection, made.tables):
                fresh.swap(connection, made)
                guards.protect_states(connection)
        take(report, last)
        report.reach(last.up_to)


def put_rest(connection: Connection, made: Fresh, after: int) -> Folded:
    """Bring the fresh tables from a position on to the end of the log."""
    up_to, moved = moved_on(connection, after)
    folded = fold(connection, Task(tuple(made.tables), Named(tuple(moved)), up_to, after))
    put(connection, made, folded)
    return folded
