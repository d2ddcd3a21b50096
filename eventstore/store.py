"""Append to the log and read it. Takes a connection; never commits."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from domain.envelopes import RecordedEvent
from eventstore import notices
from eventstore.schema import commands, events, refusals, seals
from eventstore.seals import Entry, Seal, stored
from eventstore.statements import read, write

COLUMNS = tuple(events.c)
NAMES = tuple(str(column.name) for column in COLUMNS)
TRUTH = {0: False, 1: True}
"""SQLite keeps truth as a number. Another number than these two stays what it is, and no hash fits it."""
IMPLIED, VERIFIED, BODY = map(NAMES.index, ("implied", "actor_verified", "body"))

_APPEND = insert(events)
_TAIL = select(events.c.position, events.c.recorded_at).order_by(events.c.position.desc()).limit(1)
_RUN = (
    select(*COLUMNS)
    .where(events.c.run_id == bindparam("run_id"), events.c.version > bindparam("after"))
    .order_by(events.c.version)
)
_COMMAND = select(commands).where(commands.c.key == bindparam("wanted"))
_EVENT_ID = select(events.c.position).where(events.c.event_id == bindparam("wanted"))
_LAST_SEAL = select(seals).order_by(seals.c.number.desc()).limit(1)
_KEEP_SEAL = insert(seals)
_KEEP_COMMAND = insert(commands)
_KEEP_REFUSAL = (
    insert(refusals)
    .inline()
    .values({column.name: bindparam(column.name) for column in refusals.c if not column.primary_key})
)
_LET_GO = delete(refusals).where(
    refusals.c.refusal_id <= select(func.max(refusals.c.refusal_id)).scalar_subquery() - bindparam("most")
)


@dataclass(frozen=True, slots=True)
class KeptKey:
    """What a key stands for: the request that it came with, and the events that it led to."""

    key: str
    fingerprint: str
    positions: Sequence[int]
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the log ends: the last event's position, and when it was recorded; 0 and "" when it is empty."""

    position: int
    recorded_at: str


class Wanted(NamedTuple):
    """Which events of the log: those of one run, or of some types; all of them, where neither is named."""

    run_id: str | None = None
    types: tuple[str, ...] = ()


ALL = Wanted()


@dataclass(frozen=True, slots=True)
class Stretch:
    """The next wanted events of the log, and how far it was looked through for them."""

    events: Sequence[RecordedEvent]
    place: int
    """The position up to which no wanted event is left out."""
    is_last: bool
    """Whether the log ended there."""


def append(connection: Connection, recorded: Sequence[RecordedEvent]) -> None:
    """Append these events, in this order, and tell other processes when they are committed.

    Raises:
        the driver's IntegrityError: the database refuses one of them (see `eventstore.guards`).
    """
    rows = [dict(zip(NAMES, event, strict=False)) for event in recorded]
    write(connection, _APPEND, rows)
    notices.tell(connection, recorded[-1].position)


def tail(connection: Connection) -> Tail:
    """Where the log ends now."""
    rows = read(connection, _TAIL)
    return Tail(*rows[0]) if rows else Tail(0, "")


def read_run(connection: Connection, run_id: str, after_version: int = 0) -> list[RecordedEvent]:
    """The events of a run after a version, in order."""
    return [recorded(row) for row in read(connection, _RUN, run_id=run_id, after=after_version)]


def read_run_until(
    connection: Connection,
    run_id: str,
    *,
    version: int | None = None,
    time: str | None = None,
    position: int | None = None,
) -> list[RecordedEvent]:
    """The events of a run, in order; up to and with a version, a time or a position if one is named."""
    bounds = ((events.c.version, version), (events.c.recorded_at, time), (events.c.position, position))
    query = select(*COLUMNS).where(events.c.run_id == run_id).order_by(events.c.version)
    query = query.where(*(column <= bound for column, bound in bounds if bound is not None))
    return [recorded(row) for row in connection.execute(query)]


def page_of_run(
    connection: Connection, run_id: str, *, after_version: int, limit: int
) -> list[RecordedEvent]:
    """At most `limit` events of a run after a version."""
    query = (
        select(*COLUMNS)
        .where(events.c.run_id == run_id, events.c.version > after_version)
        .order_by(events.c.version)
        .limit(limit)
    )
    return [recorded(row) for row in connection.execute(query)]


def read_log(
    connection: Connection, *, after: int = 0, limit: int | None = None, wanted: Wanted = ALL
) -> list[RecordedEvent]:
    """At most `limit` of the wanted events after a position, in order."""
    query = select_log(after, wanted).order_by(events.c.position).limit(limit)
    return [recorded(row) for row in connection.execute(query)]


def newest(connection: Connection, *, after: int, limit: int, wanted: Wanted = ALL) -> list[RecordedEvent]:
    """The last `limit` of the wanted events after a position, in order."""
    query = select_log(after, wanted).order_by(events.c.position.desc()).limit(limit)
    return [recorded(row) for row in connection.execute(query)][::-1]


def read_stretch(
    connection: Connection, *, after: int, limit: int, chars_max: int, wanted: Wanted = ALL
) -> Stretch:
    """The next of the wanted events after a position: at most so many, and no more after so much data."""
    query = select_log(after, wanted).order_by(events.c.position).limit(limit)
    row_by_row = {"stream_results": True, "max_row_buffer": 50}
    found, chars = list[RecordedEvent](), 0
    with closing(connection.execute(query, execution_options=row_by_row)) as rows:
        for row in rows:
            found.append(recorded(row))
            chars += len(row[BODY])
            if len(found) == limit or chars >= chars_max:
                return Stretch(found, found[-1].position, is_last=False)
    return Stretch(found, max(after, tail(connection).position), is_last=True)


def select_log(after: int, wanted: Wanted) -> Select[Any]:
    """The wanted events after a position."""
    query = select(*COLUMNS).where(events.c.position > after)
    if wanted.run_id is not None:
        query = query.where(events.c.run_id == wanted.run_id)
    return query.where(events.c.type.in_(wanted.types)) if wanted.types else query


def read_by_run(connection: Connection) -> Iterator[RecordedEvent]:
    """The whole log, run by run, each run's events in order; without holding it in memory."""
    query = select(*COLUMNS).order_by(events.c.run_id, events.c.version)
    streamed = query.execution_options(stream_results=True, max_row_buffer=1_000)
    return map(recorded, connection.execute(streamed))


def at(connection: Connection, positions: Sequence[int]) -> list[RecordedEvent]:
    """The events at these positions, in the order in which these are given."""
    query = select(*COLUMNS).where(events.c.position.in_(positions))
    found = {event.position: event for event in map(recorded, connection.execute(query))}
    return [found[position] for position in positions]


def first_positions(connection: Connection, run_ids: Collection[str]) -> dict[tuple[str, str | None], int]:
    """Where in the log these runs and their phases begin, by (run_id, phase_id); None is the run itself."""
    entity = func.coalesce(events.c.phase_id, "")
    query = select(events.c.run_id, entity, func.min(events.c.position))
    query = query.where(events.c.run_id.in_(run_ids)).group_by(events.c.run_id, entity)
    return {(run_id, phase_id or None): first for run_id, phase_id, first in connection.execute(query)}


def recorded(row: Sequence[Any]) -> RecordedEvent:
    """A row of the log, its columns in their order, as an event."""
    values = [*row, orjson.loads(row[BODY])]
    values[IMPLIED] = TRUTH.get(values[IMPLIED], values[IMPLIED])
    values[VERIFIED] = TRUTH.get(values[VERIFIED], values[VERIFIED])
    return RecordedEvent._make(values)


def kept_key(connection: Connection, key: str) -> KeptKey | None:
    """What was recorded under this key."""
    for _, fingerprint, positions, recorded_at in read(connection, _COMMAND, wanted=key):
        return KeptKey(key, fingerprint, orjson.loads(positions), recorded_at)
    return None


def has_event_id(connection: Connection, event_id: str) -> bool:
    """Whether an event has this id."""
    return bool(read(connection, _EVENT_ID, wanted=event_id))


def keep_keys(connection: Connection, kept: Sequence[KeptKey]) -> None:
    """Keep what these keys stand for, for ever."""
    rows = [
        {
            "key": each.key,
            "fingerprint": each.fingerprint,
            "positions": orjson.dumps(each.positions).decode(),
            "recorded_at": each.recorded_at,
        }
        for each in kept
    ]
    write(connection, _KEEP_COMMAND, rows)


def keep_refusals(connection: Connection, kept: Sequence[Mapping[str, Any]], most: int) -> None:
    """Keep these refusals, and no more than the newest `most`."""
    write(connection, _KEEP_REFUSAL, kept)
    write(connection, _LET_GO, [{"most": most}])


def page_of_refusals(
    connection: Connection, *, run_id: str | None, before: int | None, limit: int
) -> list[Mapping[str, Any]]:
    """At most `limit` refusals, newest first, from before an id; of one run if it is named."""
    query = select(refusals).order_by(refusals.c.refusal_id.desc()).limit(limit)
    if run_id is not None:
        query = query.where(refusals.c.run_id == run_id)
    if before is not None:
        query = query.where(refusals.c.refusal_id < before)
    return [dict(row) for row in connection.execute(query).mappings()]


def oldest_refusal(connection: Connection) -> tuple[int, str] | None:
    """The number and the time of the oldest refusal that is still kept; None where none ever was."""
    query = select(refusals.c.refusal_id, refusals.c.refused_at).order_by(refusals.c.refusal_id).limit(1)
    row = connection.execute(query).first()
    return (row.refusal_id, row.refused_at) if row is not None else None


def entries(connection: Connection, *, after: int, limit: int) -> list[Entry]:
    """What a seal covers of at most `limit` events after a position, in order."""
    query = select(events.c.position, events.c.hash, events.c.recorded_at)
    query = query.where(events.c.position > after).order_by(events.c.position).limit(limit)
    return [Entry(*row) for row in connection.execute(query)]


def last_seal(connection: Connection) -> Seal | None:
    """The newest seal."""
    rows = read(connection, _LAST_SEAL)
    return stored(dict(zip(seals.c.keys(), rows[0], strict=True))) if rows else None


def page_of_seals(connection: Connection, *, after: int = 0, limit: int | None = None) -> list[Seal]:
    """At most `limit` seals after a number, in order."""
    query = select(seals).where(seals.c.number > after).order_by(seals.c.number).limit(limit)
    return [stored(dict(row)) for row in connection.execute(query).mappings()]


def keep_seal(connection: Connection, seal: Seal) -> None:
    """Keep a seal, for ever.

    Raises:
        the driver's IntegrityError: it does not follow the last one (see `eventstore.guards`).
    """
    write(connection, _KEEP_SEAL, [asdict(seal)])
