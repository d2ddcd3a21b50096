"""The legal moves, with requests for approval and their answers."""

from alembic import op

from eventstore.migrations import write_legal_moves
from eventstore.schema import legal_moves

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Write the table anew; with the old one go its triggers, which the upgrade puts back in the end."""
    connection = op.get_bind()
    legal_moves.drop(connection)
    legal_moves.create(connection)
    write_legal_moves(connection)
