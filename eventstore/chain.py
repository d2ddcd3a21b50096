"""The hash chain of a run: seal an event to the one before it, verify a stretch.

hash = SHA-256 over the tag, the hash before it, the fields of HASHED and the hash of the body, in this order.
A field is its length in bytes as decimal digits, `:`, its UTF-8 bytes, `,`; without a value it is `-,`.
Numbers are decimal digits, truth values 1 and 0.
The body goes in as the SHA-256 of its bytes, so that it could be erased and the chain still verified.
Every column of the event is covered but its position, which has no holes.
"""

from collections.abc import Iterable, Iterator, Mapping
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
    return digest(event.prev_hash, *_hashed_of(event), sha256(encoded(event.body)).hexdigest())


def digest(*fields: str | int | None) -> str:
    """SHA-256 over length-prefixed fields, in lower-case hexadecimal digits."""
    text = _TAGGED + "".join(
        [
            f"{len(value)}:{value},"
            if isinstance(value, str)
            else "-,"
            if value is None
            else _SMALL.get(value) or framed(value).decode()
            for value in fields
        ]
    )
    if not text.isascii():  # a length is in bytes
        return sha256(b"".join(map(framed, (TAG, *fields)))).hexdigest()
    return sha256(text.encode()).hexdigest()


def framed(value: str | int | None) -> bytes:
    """One field as it goes into the hash."""
    if value is None:
        return b"-,"
    content = encoded(value if isinstance(value, str) else digits(value))
    return b"%d:%b," % (len(content), content)


def digits(number: object) -> str:
    """A number or a truth value as it goes into the hash.

    Raises:
        TypeError: it is neither: no number with a fraction passes for a whole one.
    """
    if not isinstance(number, int):
        msg = f"{number!r} is no whole number"
        raise TypeError(msg)
    return str(int(number))


def encoded(text: str) -> bytes:
    """The bytes of a text; the stored ones also where they were not UTF-8, and were read with surrogates."""
    return text.encode(errors="surrogateescape")


_TAGGED = framed(TAG).decode()
_SMALL = {number: framed(number).decode() for number in range(1_000)}
"""Most numbers in events are small: written once."""


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
        for why in flaws(event, *heads.get(event.run_id, (0, NO_HASH))).values():
            yield Break(event.run_id, event.version, event.position, why)
        heads[event.run_id] = (event.version, event.hash)


SOUND: Mapping[str, str] = {}


def flaws(event: RecordedEvent, version: int, head: str) -> Mapping[str, str]:
    """What does not hold of an event that follows one of this version and hash, as a word and in words."""
    try:
        is_sealed = event.hash == hash_of(event)
    except (TypeError, AttributeError):  # values of kinds that no event has
        is_sealed = False
    if is_sealed and event.version == version + 1 and event.prev_hash == head:
        return SOUND
    found = {}
    if event.version != version + 1:
        found["version-missing"] = f"follows version {version}"
    if event.prev_hash != head:
        found["chain-broken"] = "does not name the hash before it"
    if not is_sealed or not isinstance(event.version, int):
        found["content-changed"] = "is not what was hashed"
    return found
