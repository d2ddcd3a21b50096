"""The log, the legal moves, the commands and the refusals."""

import sqlalchemy as sa
from alembic import op

from eventstore.migrations import write_legal_moves

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of the log."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "events",
        sa.Column("position", number, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("type_version", sa.Integer, nullable=False),
        sa.Column("phase_id", sa.Text),
        sa.Column("attempt", sa.Integer),
        sa.Column("state_before", sa.Text),
        sa.Column("state_after", sa.Text),
        sa.Column("implied", sa.Boolean, nullable=False),
        sa.Column("occurred_at", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("actor_verified", sa.Boolean, nullable=False),
        sa.Column("correlation_id", sa.Text),
        sa.Column("causation_id", sa.Text),
        sa.Column("traceparent", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_events"),
        sa.UniqueConstraint("event_id", name="uq_events_event_id"),
        sa.UniqueConstraint("run_id", "version", name="uq_events_run_id_version"),
    )
    op.create_index("ix_events_entity", "events", ["run_id", sa.text("coalesce(phase_id, '')"), "version"])
    op.create_index("ix_events_type", "events", ["type", "position"])
    op.create_table(
        "legal_moves",
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("state_before", sa.Text, nullable=False),
        sa.Column("state_after", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("event_type", "state_before", "state_after", name="pk_legal_moves"),
    )
    op.create_table(
        "commands",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("positions", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_commands"),
    )
    op.create_table(
        "refusals",
        sa.Column("refusal_id", number, autoincrement=True),
        sa.Column("refused_at", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("phase_id", sa.Text),
        sa.Column("event", sa.Text),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("facts", sa.Text),
        sa.Column("proposal", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("actor_verified", sa.Boolean, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.PrimaryKeyConstraint("refusal_id", name="pk_refusals"),
    )
    op.create_index("ix_refusals_run_id", "refusals", ["run_id", "refusal_id"])
    write_legal_moves(op.get_bind())
