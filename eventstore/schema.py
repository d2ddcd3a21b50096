"""The tables of the log. What may be in them is in `eventstore.guards`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

# SQLite gives a table its row number only under the exact word INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("position", Number, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False, unique=True),
    Column("run_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("type_version", Integer, nullable=False),
    Column("phase_id", Text),
    Column("attempt", Integer),
    # Plain text, never an enumeration of the database or of SQLAlchemy: reading must not raise.
    Column("state_before", Text),
    Column("state_after", Text),
    Column("implied", Boolean, nullable=False),
    Column("occurred_at", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("actor_verified", Boolean, nullable=False),
    Column("correlation_id", Text),
    Column("causation_id", Text),
    Column("traceparent", Text),
    # The exact JSON text that was hashed; jsonb would reorder and rewrite it.
    Column("body", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("run_id", "version"),
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
    Column("event_type", Text, primary_key=True),
    Column("state_before", Text, primary_key=True),
    Column("state_after", Text, primary_key=True),
)

commands = Table(
    "commands",
    metadata,
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    # JSON: the position of the event that each proposal of the command led to.
    Column("positions", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("refusal_id", Number, primary_key=True, autoincrement=True),
    Column("refused_at", Text, nullable=False),
    Column("run_id", Text),
    Column("phase_id", Text),
    Column("event", Text),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    # JSON: what the refusal knows of the case, and what was proposed.
    Column("facts", Text),
    Column("proposal", Text),
    Column("actor", Text, nullable=False),
    Column("actor_verified", Boolean, nullable=False),
    Column("request_id", Text),
    Index(None, "run_id", "refusal_id"),
)

repairs = Table(
    "repairs",
    metadata,
    Column("repair_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("phase_id", Text),
    Column("version", Integer, nullable=False),
    Column("before", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # JSON: a list of texts.
    Column("evidence", Text, nullable=False),
    Column("finding", Text),
    # JSON: what would come of it, as it was shown to whoever proposed it.
    Column("preview", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_by_verified", Boolean, nullable=False),
    Column("proposed_at", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("decided_by", Text),
    Column("decided_by_verified", Boolean),
    Column("decided_at", Text),
    Column("decided_why", Text),
    Index(None, "run_id", "proposed_at"),
    Index(None, "status", "proposed_at"),
)

seals = Table(
    "seals",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("first_position", Number, nullable=False),
    Column("position", Number, nullable=False),
    Column("root", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("sealed_at", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key_id", Text),
    Column("signature", Text),
)
