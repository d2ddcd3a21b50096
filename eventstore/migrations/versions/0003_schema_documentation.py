"""What every table and column holds, in words."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table. `api.prepare` writes it now, and whenever the words of the program are others."""
    op.create_table(
        "schema_documentation",
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("column_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("example", sa.Text),
        sa.Column("json_schema", sa.Text),
        sa.PrimaryKeyConstraint("table_name", "column_name", name="pk_schema_documentation"),
    )
