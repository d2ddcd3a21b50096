"""The schema of the log, step by step. An upgrade is one transaction, made by one process at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from domain.moves import LEGAL_MOVES
from eventstore.guards import protect_log
from eventstore.schema import legal_moves


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> None:
    """Bring the log to the newest revision, with its guards, within this connection's transaction."""
    command.upgrade(config(connection), "head")
    protect_log(connection)


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None when it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def known(wanted: str) -> bool:
    """Whether this program knows such a revision; it does not when a newer one made it."""
    return wanted in {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def newest() -> str:
    """The revision that this program works with."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None  # noqa: S101  # the first revision is part of the program
    return head


def write_legal_moves(connection: Connection) -> None:
    """Write the table of legal moves from `domain.moves`. For migrations, while no guard is on it."""
    connection.execute(legal_moves.delete())
    connection.execute(
        legal_moves.insert(),
        [
            {"event_type": move.event, "state_before": move.state_before, "state_after": move.state_after}
            for move in LEGAL_MOVES
        ],
    )
