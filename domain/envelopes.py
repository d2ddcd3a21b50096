"""What surrounds an event's data on its way: proposed, decided, recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.events.shared import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An event that somebody asks to have recorded: understood, and not yet judged."""

    run_id: str
    event: Event
    phase_id: str | None = None
    attempt: int | None = None
    occurred_at: str | None = None
    event_id: str | None = None
    expected_version: int | None = None
    by_service: bool = False
    """Whether the service itself asks, and may set a state outside the moves: an import, or a repair."""
    implied: bool = False
    """Whether nobody said so in so many words: it follows from another proposal of the same plan."""

    @property
    def type(self) -> str:
        """The event's type."""
        return self.event.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who asked for an event, and what it belongs to."""

    actor: str
    actor_verified: bool = False
    """Whether a credential vouches for the actor, rather than a header."""
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    """W3C trace context of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What `decide` says happens: accepted, and not yet recorded."""

    type: str
    type_version: int
    phase_id: str | None
    attempt: int | None
    state_before: str | None
    state_after: str | None
    data: Mapping[str, Any]
    implied: bool = False


class RecordedEvent(NamedTuple):
    """An event as it is in the log, for ever: the columns of its row in their order, and its data.

    Its data are plain values and are never validated again: tightening a rule tomorrow must not make
    yesterday unreadable. A tuple, since a replay makes millions of them.
    """

    position: int
    """Number in the whole log: dense, from 1, in commit order."""
    event_id: str
    run_id: str
    version: int
    """Number in its run: dense, from 1."""
    type: str
    type_version: int
    phase_id: str | None
    attempt: int | None
    state_before: str | None
    state_after: str | None
    implied: bool
    occurred_at: str
    recorded_at: str
    actor: str
    actor_verified: bool
    correlation_id: str | None
    causation_id: str | None
    traceparent: str | None
    body: str
    """The data as the JSON text that was hashed."""
    prev_hash: str
    hash: str
    data: Mapping[str, Any]
