"""The repairs that are proposed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table of repairs, empty: what was repaired before has its events, and no proposal."""
    op.create_table(
        "repairs",
        sa.Column("repair_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("phase_id", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("finding", sa.Text),
        sa.Column("preview", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("proposed_by_verified", sa.Boolean, nullable=False),
        sa.Column("proposed_at", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_by_verified", sa.Boolean),
        sa.Column("decided_at", sa.Text),
        sa.Column("decided_why", sa.Text),
        sa.Column("event_version", sa.Integer),
        sa.PrimaryKeyConstraint("repair_id", name="pk_repairs"),
    )
    op.create_index("ix_repairs_run_id", "repairs", ["run_id", "proposed_at"])
    op.create_index("ix_repairs_status", "repairs", ["status", "proposed_at"])
