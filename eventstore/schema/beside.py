"""What is kept beside the log: keys, refusals, heartbeats, seals, and what all tables hold."""

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text

from domain.described import EVENT_ID, HASH, PHASE_ID, RUN_ID, TIME, Hash, described
from domain.events.shared import Id, Time
from eventstore.schema.names import Number, metadata

commands = Table(
    "commands",
    metadata,
    Column(
        "key",
        Text,
        primary_key=True,
        **described(
            "`key:` and the Idempotency-Key, or `event:` and the event_id of a proposal.", "key:build-42"
        ),
    ),
    Column(
        "fingerprint",
        Text,
        nullable=False,
        **described("SHA-256 of the request, to tell it from another.", HASH, holds=Hash),
    ),
    Column(
        "positions",
        Text,
        nullable=False,
        **described("The position of the event that each proposal led to.", [17, 18], as_json=list[int]),
    ),
    Column("recorded_at", Text, nullable=False, **described("When.", TIME, holds=Time)),
    comment="What an idempotency key stands for.",
)

refusals = Table(
    "refusals",
    metadata,
    Column("refusal_id", Number, primary_key=True, autoincrement=True, **described("Rising.", 3)),
    Column("refused_at", Text, nullable=False, **described("When.", TIME, holds=Time)),
    Column("run_id", Text, **described("The run it was about, as far as the request said.", RUN_ID)),
    Column("phase_id", Text, **described("The phase it was about, as far as the request said.", PHASE_ID)),
    Column("event", Text, **described("The event type that was proposed.", "phase.started")),
    Column("code", Text, nullable=False, **described("Why, as a stable word.", "run-not-executing")),
    Column(
        "detail", Text, nullable=False, **described("Why, as a sentence.", "Run 'nightly-42' is RUN_CREATED.")
    ),
    Column("remedy", Text, nullable=False, **described("What to do.", "Propose run.execution_started.")),
    Column(
        "facts",
        Text,
        **described(
            "What is known of the case; null where it is too long to keep.",
            {"state": "RUN_CREATED"},
            as_json=dict[str, Any],
        ),
    ),
    Column(
        "proposal",
        Text,
        **described(
            "What was proposed; null where it is too long to keep.",
            {"type": "phase.started", "phase_id": PHASE_ID},
            as_json=dict[str, Any],
        ),
    ),
    Column("actor", Text, nullable=False, **described("Who proposed it.", "builder-7")),
    Column(
        "actor_verified",
        Boolean,
        nullable=False,
        **described("Whether a credential vouches for it.", example=False),
    ),
    Column("request_id", Text, **described("The id of the request.", EVENT_ID)),
    Index(None, "run_id", "refusal_id"),
    comment="What was refused, as long as it is among the newest.",
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("run_id", Text, primary_key=True, **described("The run.", RUN_ID, holds=Id)),
    Column("phase_id", Text, primary_key=True, **described("The phase.", PHASE_ID, holds=Id)),
    Column("attempt", Integer, nullable=False, **described("The attempt that is still worked on.", 1)),
    Column(
        "beats",
        Number,
        nullable=False,
        **described("Tells one heartbeat from the next, whatever the clocks say.", 12),
    ),
    Column("at", Text, nullable=False, **described("When the last one came.", TIME, holds=Time)),
    comment="When those that hold a lease were last heard of; written over by the next heartbeat.",
)

seals = Table(
    "seals",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False, **described("Dense, from 1.", 2)),
    Column(
        "first_position", Number, nullable=False, **described("Where its stretch of the log begins.", 1001)
    ),
    Column("position", Number, nullable=False, **described("Where its stretch of the log ends.", 2000)),
    Column(
        "root", Text, nullable=False, **described("Over the positions and hashes there.", HASH, holds=Hash)
    ),
    Column(
        "prev_hash", Text, nullable=False, **described("The hash of the seal before it.", HASH, holds=Hash)
    ),
    Column("sealed_at", Text, nullable=False, **described("When.", TIME, holds=Time)),
    Column("hash", Text, nullable=False, **described("SHA-256 over all of it.", HASH, holds=Hash)),
    Column(
        "key_id", Text, **described("The key that has signed it; null where none did.", "9f2c9f2c9f2c9f2c")
    ),
    Column(
        "signature", Text, **described("Ed25519, over the hash; null where it is not signed.", "9f2c" * 32)
    ),
    comment="What the log was, stretch by stretch.",
)

schema_documentation = Table(
    "schema_documentation",
    metadata,
    Column("table_name", Text, primary_key=True, **described("The table.", "phases")),
    Column(
        "column_name", Text, primary_key=True, **described("The column; empty: the table itself.", "scope")
    ),
    Column("description", Text, nullable=False, **described("What it holds.", "What the phase is about.")),
    Column(
        "example", Text, **described("A value, as text; null for a table.", '{"goal": "Make it compile"}')
    ),
    Column(
        "json_schema",
        Text,
        **described(
            "Its values, as a JSON Schema; JSON text has a contentSchema. Null for a table.",
            {"type": "string"},
            as_json=dict[str, Any],
        ),
    ),
    comment="What every table and column holds: these words.",
)
