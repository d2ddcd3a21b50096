"""What whoever gets past the guards may do to the record, and what `verify` is to say of it.

An attack returns the position that is to be named first; None where none can be.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from domain.envelopes import RecordedEvent
from domain.run import NO_HASH
from eventstore import chain
from tests.replay.logs import Log

RUN = "story-1"
"""A long run in the middle of the log."""

Do = Callable[[Log], int | None]


@dataclass(frozen=True)
class Attack:
    """One way to tamper with the record."""

    name: str
    do: Do
    finds: frozenset[str]
    """The codes of what is found; none where only somebody who kept a hash elsewhere can tell."""
    guards_are_put_back: bool = True


ATTACKS: list[Attack] = []


def attack(*finds: str, **how: Any) -> Callable[[Do], Do]:
    """The row of an attack: what is found of it."""

    def added(do: Do) -> Do:
        ATTACKS.append(Attack(do.__name__.replace("_", " "), do, frozenset(finds), **how))
        return do

    return added


def chained(events: Iterable[RecordedEvent], head: str = NO_HASH) -> list[RecordedEvent]:
    """These events with the hashes that fit them, as whoever knows the format can make them."""
    made: list[RecordedEvent] = []
    for event in events:
        named = event._replace(prev_hash=made[-1].hash if made else head)
        made.append(named._replace(hash=chain.hash_of(named)))
    return made


def next_of(log: Log, run_id: str, **values: Any) -> RecordedEvent:
    """An event with these values that fits the end of a run, and of the log."""
    last = log.run(run_id)[-1]
    fitting = {
        "position": len(log.events) + 1,
        "event_id": "forged",
        "version": last.version + 1,
        "state_before": last.state_after,
        "state_after": last.state_after,
        "recorded_at": log.events[-1].recorded_at,
    }
    return chained([last._replace(**{**fitting, **values})], last.hash)[0]


def kind(log: Log, event_type: str, run_id: str = RUN) -> RecordedEvent:
    """The first event of this type in a run."""
    return next(event for event in log.run(run_id) if event.type == event_type)


@contextmanager
def attacked(log: Log, attack: Attack) -> Iterator[int | None]:
    """A log after an attack, and the position that is to be named first."""
    with log.put_right():
        with log.unguarded():
            position = attack.do(log)
            if not attack.guards_are_put_back:
                yield position
        if attack.guards_are_put_back:
            yield position
