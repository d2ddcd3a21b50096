"""The seals over the log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of seals. What is in the log already is sealed in time."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "seals",
        sa.Column("number", number, primary_key=True, autoincrement=False),
        sa.Column("first_position", number, nullable=False),
        sa.Column("position", number, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.Text, nullable=False),
        sa.Column("sealed_at", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text),
        sa.Column("signature", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_seals"),
    )
