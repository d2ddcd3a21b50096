"""Prove that the log is what was recorded, and that the tables are what the log makes them."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, literal, select
from sqlalchemy.exc import DBAPIError

import projections
from api.replay.findings import Finding
from api.replay.histories import histories, is_well_formed, understood
from api.replay.order import Kept, Order, out_of_order
from api.replay.report import Progress, Report
from api.replay.workers import cores, spread
from domain.envelopes import RecordedEvent
from domain.evolve import evolve
from domain.run import Run
from eventstore import guards, store
from eventstore.database import open_to_read, reading
from eventstore.schema import events
from eventstore.seals import Seal
from eventstore.shards import Named, Part, RowsByRun, can_be_named, rows, shards, touched
from projections.compare import Difference, at, differences

P = ParamSpec("P")
R = TypeVar("R")

SHARD = 20_000
"""Events that are replayed at once."""

NAMED = 200
"""Runs that are replayed at once, where they are named."""

TRACED = 20
"""Differences of a part that are followed back to the event where they began; each takes another fold."""

PROJECTIONS = {each.TABLE.name: each for each in projections.ALL}
STORED = {each.TABLE.name: RowsByRun(each.TABLE) for each in projections.ALL}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a part of the log."""

    events: int
    runs: int
    findings: list[Finding]


def verify(
    engine: Engine, *, since: int = 0, run_id: str | None = None, kept: Sequence[Seal] = ()
) -> Iterator[Progress | Report]:
    """Verify the log, or what came after a position, or one run: how far it is, and in the end a report.

    After a position, the runs that have events there are verified from their first; of one run, the order of
    the log is not looked at. `kept` are seals from outside that the log is to fit, beside its own. The engine
    only reads: `eventstore.database.open_to_read`. What is appended meanwhile may be verified or not.
    """
    report = Report()
    report.up_to, has_tables, found = whatever_the_text(state_of, engine)
    report.add(found)
    parts, total = whatever_the_text(parts_of, engine, since, run_id, kept)
    done = 0
    yield Progress("verify", 0, total)
    for verdict in spread(engine, verify_part if has_tables else verify_log, parts, cores(total)):
        report.add(verdict.findings)
        report.events += verdict.events
        report.runs += verdict.runs
        done += verdict.events
        yield Progress("verify", done, max(total, done))
    yield report


def knows(engine: Engine, run_id: str) -> bool:
    """Whether there is anything about a run, in the log or in a table made from it."""
    with reading(engine) as connection:
        tables = [each.TABLE for each in projections.ALL] if projections.current(connection) else []
        return any(
            connection.execute(select(literal(1)).where(table.c.run_id == run_id).limit(1)).first()
            for table in (events, *tables)
        )


def state_of(engine: Engine) -> tuple[int, bool, list[Finding]]:
    """Where the log ends, whether there are tables to compare with it, and what is wrong with the whole."""
    with reading(engine) as connection:
        up_to = store.tail(connection).position
        has_tables = projections.current(connection)
        lost = sorted(guards.missing(connection))
        seen = projections.runs.newest(connection) if has_tables else None
    found = []
    if lost:
        detail = f"The database has lost guards: {', '.join(lost)}."
        found.append(Finding(code="guards-missing", detail=detail))
    if not has_tables:
        detail = "The tables made from the log are of another shape."
        found.append(Finding(code="tables-outdated", detail=detail))
    if isinstance(seen, int) and seen > up_to:
        detail = f"There is no event at position {up_to + 1}; the tables have seen the one at {seen}."
        found.append(Finding(code="position-missing", detail=detail, position=up_to + 1))
    return up_to, has_tables, found


def parts_of(
    engine: Engine, since: int, run_id: str | None, kept: Sequence[Seal]
) -> tuple[Sequence[Order | Part], int]:
    """The parts to verify, and about how many events they have."""
    if run_id is not None:
        return [Named((run_id,))], 0
    with reading(engine) as connection:
        own = store.page_of_seals(connection)
        order = Order(since, [Kept("the database", own), *([Kept("the copy", kept)] if kept else ())])
        names = tuple(touched(connection, since)) if since else ()
        # No query finds an id that is no text: where one is there, every run is looked at.
        if since and all(map(can_be_named, names)):
            return [order, *(Named(names[i : i + NAMED]) for i in range(0, len(names), NAMED))], 0
        cut = shards(connection, SHARD)
        return [order, *cut], sum(shard.events for shard in cut)


def verify_part(engine: Engine, part: Order | Part) -> Verdict:
    """Judge every event of these runs, and compare what they come to with the tables."""
    if isinstance(part, Order):
        return whatever_the_text(verify_order, engine, part)
    return whatever_the_text(verify_runs, engine, part, compare=True)


def verify_log(engine: Engine, part: Order | Part) -> Verdict:
    """Judge every event of these runs."""
    if isinstance(part, Order):
        return whatever_the_text(verify_order, engine, part)
    return whatever_the_text(verify_runs, engine, part, compare=False)


def verify_order(engine: Engine, order: Order) -> Verdict:
    """Look at the log in commit order."""
    with reading(engine) as connection:
        return Verdict(0, 0, list(out_of_order(connection, order)))


def verify_runs(engine: Engine, part: Part, *, compare: bool) -> Verdict:
    """Judge every event of these runs and, if wanted, compare what they come to with the tables."""
    events = runs = 0
    findings: list[Finding] = []
    parted: list[tuple[str, Difference]] = []
    with reading(engine) as connection:
        stored = tables(connection, part) if compare else {}
        for told in histories(rows(connection, part)):
            events += told.events
            runs += 1
            findings += told.findings
            parted += compared(told.run.run_id, told.run, stored)
        of_no_run = dict.fromkeys(run_id for by_run in stored.values() for run_id in by_run)
        for run_id in of_no_run:
            parted += compared(run_id, None, stored)
        for number, (run_id, difference) in enumerate(parted):
            findings.append(of_table(connection, run_id, difference, trace=number < TRACED))
    return Verdict(events, runs, findings)


Stored = Mapping[str, dict[str, list[Sequence[Any]]]]
"""Rows of the tables made from the log, by table and run."""


def compared(run_id: str, run: Run | None, stored: Stored) -> Iterator[tuple[str, Difference]]:
    """Where the tables differ from what they are to hold of a run; its rows are taken out."""
    for name, by_run in stored.items():
        for difference in differences(PROJECTIONS[name], run, by_run.pop(run_id, ())):
            yield run_id, difference


def tables(connection: Connection, part: Part) -> Stored:
    """The rows of every projection that are of these runs, by table and run."""
    found: dict[str, dict[str, list[Sequence[Any]]]] = {}
    for name, stored in STORED.items():
        by_run = found[name] = {}
        for row in stored.of(connection, part):
            by_run.setdefault(row[0], []).append(row)
    return found


def of_table(connection: Connection, run_id: str, difference: Difference, *, trace: bool) -> Finding:
    """The finding about a table that is not what the log makes it."""
    table, column = difference.table, difference.column
    place = ", ".join(f"{name} {value}" for name, value in difference.key.items())
    if column is not None:
        code = "table-differs"
        detail = (
            f"{table}.{column} of {place} is {difference.found!r}; the log makes it {difference.expected!r}."
        )
    elif difference.found is None:
        code, detail = "row-missing", f"{table} has no row of {place}; the log makes one."
    else:
        code, detail = "row-too-many", f"{table} has a row of {place}, which the log does not make."
    event = parting(connection, run_id, difference) if trace and can_be_named(run_id) else None
    facts = {
        "table": table,
        "key": dict(difference.key),
        "column": column,
        "expected": difference.expected,
        "found": difference.found,
    }
    return Finding(
        code=code,
        detail=detail,
        position=event.position if event else None,
        run_id=run_id,
        version=event.version if event else None,
        facts=facts,
    )


def parting(connection: Connection, run_id: str, difference: Difference) -> RecordedEvent | None:
    """The first event that the table has not followed.

    It is the one after the last at which the table was right. Where it never was, somebody else's value is
    in it: then it is the event that gave the value that should be there.
    """
    projection, run = PROJECTIONS[difference.table], Run(run_id=run_id)
    before = made = first = None
    was_right = difference.held is None
    for row in rows(connection, Named((run_id,))):
        event, _ = understood(row)
        if not is_well_formed(event):
            continue
        run = evolve(run, event)
        value = at(projection, run, difference)
        if value == difference.held:
            was_right, first = True, None
        elif first is None:
            first = event
        if value != before:
            before, made = value, event
    return first if was_right else made


def whatever_the_text(
    task: Callable[Concatenate[Engine, P], R], engine: Engine, *args: P.args, **how: P.kwargs
) -> R:
    """Do a task that reads; again, and more slowly, where SQLite holds text that is not UTF-8."""
    try:
        return task(engine, *args, **how)
    except (DBAPIError, sqlite3.OperationalError) as error:
        if "Could not decode" not in str(error):
            raise
    tolerant = open_to_read(engine.url.render_as_string(hide_password=False), any_text=True)
    try:
        return task(tolerant, *args, **how)
    finally:
        tolerant.dispose()
