"""The hash chain of a run: seal an event to the one before it, verify a stretch.

hash = SHA-256 over the tag, the hash before it, the fields of HASHED and the hash of the body, in this order.
A field is its length in bytes as decimal digits, `:`, its UTF-8 bytes, `,`; without a value it is `-,`.
Numbers are decimal digits, truth values 1 and 0.
The body goes in as the SHA-256 of its bytes, so that it could be erased and the chain still verified.
Every column of the event is covered but its position, which has no holes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from operator import attrgetter, itemgetter
from typing import Any

import orjson

from domain.envelopes import NewEvent, Origin, RecordedEvent
from domain.run import NO_HASH, Run

TAG = "runnotary.event.1"

HASHED = (
    "run_id",
    "version",
    "event_id",
    "type",
    "type_version",
    "phase_id",
    "attempt",
    "state_before",
    "state_after",
    "implied",
    "occurred_at",
    "recorded_at",
    "actor",
    "actor_verified",
    "correlation_id",
    "causation_id",
    "traceparent",
)
"""What is hashed, between the hash before it and the hash of the body."""

_hashed = itemgetter(*HASHED)
_hashed_of = attrgetter(*HASHED)


def seal(  # noqa: PLR0913  # what an event is made of
    event: NewEvent,
    run: Run,
    *,
    position: int,
    event_id: str,
    occurred_at: str | None,
    recorded_at: str,
    origin: Origin,
) -> RecordedEvent:
    """The event as it will be in the log, bound to the run as it stands before it."""
    body = orjson.dumps(event.data, option=orjson.OPT_SORT_KEYS).decode()
    values: dict[str, Any] = {
        "run_id": run.run_id,
        "version": run.version + 1,
        "event_id": event_id,
        "type": event.type,
        "type_version": event.type_version,
        "phase_id": event.phase_id,
        "attempt": event.attempt,
        "state_before": event.state_before,
        "state_after": event.state_after,
        "implied": event.implied,
        "occurred_at": occurred_at or recorded_at,
        "recorded_at": recorded_at,
        "actor": origin.actor,
        "actor_verified": origin.actor_verified,
        "correlation_id": origin.correlation_id,
        "causation_id": origin.causation_id,
        "traceparent": origin.traceparent,
    }
    sealed = digest(run.head_hash, *_hashed(values), sha256(body.encode()).hexdigest())
    return RecordedEvent(
        **values, position=position, data=event.data, body=body, prev_hash=run.head_hash, hash=sealed
    )


def hash_of(event: RecordedEvent) -> str:
    """The hash that an event with these fields has."""
    return digest(event.prev_hash, *_hashed_of(event), sha256(event.body.encode()).hexdigest())


def digest(*fields: str | int | None) -> str:
    """SHA-256 over length-prefixed fields, in lower-case hexadecimal digits."""
    text = _TAGGED
    for value in fields:
        if value is None:
            text += "-,"
        else:
            content = value if isinstance(value, str) else str(int(value))
            text += f"{len(content)}:{content},"
    if not text.isascii():  # a length is in bytes
        return sha256(b"".join(map(framed, (TAG, *fields)))).hexdigest()
    return sha256(text.encode()).hexdigest()


def framed(value: str | int | None) -> bytes:
    """One field as it goes into the hash."""
    if value is None:
        return b"-,"
    content = (value if isinstance(value, str) else str(int(value))).encode()
    return b"%d:%b," % (len(content), content)


_TAGGED = framed(TAG).decode()


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain of a run does not hold."""

    run_id: str
    version: int
    position: int
    why: str


def breaks(events: Iterable[RecordedEvent]) -> Iterator[Break]:
    """Where the chain does not hold, given the events of runs, each run's in order from its first."""
    heads: dict[str, tuple[int, str]] = {}
    for event in events:
        version, head = heads.get(event.run_id, (0, NO_HASH))
        if event.version != version + 1:
            yield Break(event.run_id, event.version, event.position, f"follows version {version}")
        if event.prev_hash != head:
            yield Break(event.run_id, event.version, event.position, "does not name the hash before it")
        if event.hash != hash_of(event):
            yield Break(event.run_id, event.version, event.position, "is not what was hashed")
        heads[event.run_id] = (event.version, event.hash)
