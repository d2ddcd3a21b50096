"""The heartbeats that renew leases."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of heartbeats. Leases themselves are in the log."""
    op.create_table(
        "heartbeats",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("phase_id", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("beats", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "phase_id", name="pk_heartbeats"),
    )
