"""The log itself, and what may be recorded in it."""

from functools import reduce
from operator import or_
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from domain.described import EVENT_ID, HASH, PHASE_ID, RUN_ID, TIME, Hash, described
from domain.events import EVENTS
from domain.events.shared import Id, Time
from domain.moves import NONE, QUARANTINED
from domain.states import PhaseState, RunState
from eventstore.schema.names import Number, metadata

# What columns hold, for whoever reads them: nothing is judged by it.
State = RunState | PhaseState
NoState = Literal["(none)", "(quarantined)"]
EventType = Literal[*EVENTS]  # type: ignore[valid-type]  # the names are those of the catalogue
Data: Any = reduce(or_, EVENTS.values())

events = Table(
    "events",
    metadata,
    Column(
        "position",
        Number,
        primary_key=True,
        autoincrement=False,
        **described("Number in the log: dense, from 1, in commit order.", 17),
    ),
    Column(
        "event_id",
        Text,
        nullable=False,
        unique=True,
        **described("The proposal's, or made by the service (UUID version 7).", EVENT_ID, holds=Id),
    ),
    Column("run_id", Text, nullable=False, **described("The run.", RUN_ID, holds=Id)),
    Column("version", Integer, nullable=False, **described("Number in its run: dense, from 1.", 4)),
    Column("type", Text, nullable=False, **described("What happened.", "phase.started", holds=EventType)),
    Column(
        "type_version",
        Integer,
        nullable=False,
        **described("Which shape its data have; 1 for all so far.", 1),
    ),
    Column(
        "phase_id", Text, **described("The phase; null in an event of the run itself.", PHASE_ID, holds=Id)
    ),
    Column("attempt", Integer, **described("The attempt that it is about, or that it opens.", 1)),
    # Plain text, never an enumeration of the database or of SQLAlchemy: reading must not raise.
    Column(
        "state_before",
        Text,
        **described(
            "The state of the run or phase before; null where there was none.", "QUEUED", holds=State
        ),
    ),
    Column(
        "state_after",
        Text,
        **described("Its state after; null in quarantine.", "EXECUTING", holds=State),
    ),
    Column(
        "implied",
        Boolean,
        nullable=False,
        **described("Whether another event of the same request brought it about.", example=False),
    ),
    Column(
        "occurred_at",
        Text,
        nullable=False,
        **described("By the executor's clock, if the proposal said; else as recorded_at.", TIME, holds=Time),
    ),
    Column(
        "recorded_at",
        Text,
        nullable=False,
        **described(
            "By the service's clock; never earlier than in the event before it in the log.", TIME, holds=Time
        ),
    ),
    Column("actor", Text, nullable=False, **described("Who proposed it.", "builder-7")),
    Column(
        "actor_verified",
        Boolean,
        nullable=False,
        **described(
            "Whether a credential vouches for the actor; false so far, there are no credentials.",
            example=False,
        ),
    ),
    Column("correlation_id", Text, **described("The header X-Correlation-ID of the request.", "build-2026")),
    Column(
        "causation_id",
        Text,
        **described(
            "The event that brought it about, in implied events and in phases made with their run.", EVENT_ID
        ),
    ),
    Column(
        "traceparent",
        Text,
        **described("The header traceparent of the request.", f"00-{'a' * 32}-{'b' * 16}-01"),
    ),
    # The exact JSON text that was hashed; jsonb would reorder and rewrite it.
    Column(
        "body",
        Text,
        nullable=False,
        **described(
            "What the event type holds, as the JSON text that was hashed.",
            {"executor": "builder-7"},
            as_json=Data,
        ),
    ),
    Column(
        "prev_hash",
        Text,
        nullable=False,
        **described("The hash of the run's event before it; 64 zeros in the first.", HASH, holds=Hash),
    ),
    Column(
        "hash",
        Text,
        nullable=False,
        **described("SHA-256 over all that is said here but the position.", HASH, holds=Hash),
    ),
    UniqueConstraint("run_id", "version"),
    comment="Every event, for ever: what happened to which run or phase, when, and by whom.",
)
Index(
    "ix_events_entity",
    events.c.run_id,
    func.coalesce(events.c.phase_id, ""),
    events.c.version,
)
Index("ix_events_type", events.c.type, events.c.position)

legal_moves = Table(
    "legal_moves",
    metadata,
    Column(
        "event_type", Text, primary_key=True, **described("What happens.", "phase.started", holds=EventType)
    ),
    Column(
        "state_before",
        Text,
        primary_key=True,
        **described(
            f"While what. {NONE}: it is not there yet; {QUARANTINED}: it has no state.",
            "QUEUED",
            holds=State | NoState,
        ),
    ),
    Column(
        "state_after",
        Text,
        primary_key=True,
        **described("Leading where.", "EXECUTING", holds=State | NoState),
    ),
    comment="Every move that may be recorded, one row for each state in which it may happen.",
)
