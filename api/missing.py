"""What is not there, and what may have been meant."""

from difflib import get_close_matches

from sqlalchemy import Connection

from domain.refusals import RunNotFound
from projections import runs


def run_not_found(connection: Connection, run_id: str) -> RunNotFound:
    """The refusal, with the ids of runs that may have been meant."""
    near = runs.ids_starting_with(connection, run_id[:2], limit=200)
    return RunNotFound(run_id, get_close_matches(run_id, near))
