"""What was last heard of the executors that hold a lease. Takes a connection; never commits."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, text

from eventstore.schema import heartbeats
from eventstore.statements import read

_BEAT = text(
    "INSERT INTO heartbeats (run_id, phase_id, attempt, beats, at)"
    " VALUES (:run_id, :phase_id, :attempt, 1, :at)"
    " ON CONFLICT (run_id, phase_id) DO UPDATE"
    " SET attempt = excluded.attempt, beats = heartbeats.beats + 1, at = excluded.at"
)
_LAST = select(heartbeats.c.beats, heartbeats.c.at).where(
    heartbeats.c.run_id == bindparam("run_id"),
    heartbeats.c.phase_id == bindparam("phase_id"),
    heartbeats.c.attempt == bindparam("attempt"),
)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last one of an attempt: how many there were of its phase by then, and when it came."""

    beats: int
    at: str


def beat(connection: Connection, run_id: str, phase_id: str, attempt: int, at: str) -> None:
    """Note that the executor of this attempt was heard of."""
    row = {"run_id": run_id, "phase_id": phase_id, "attempt": attempt, "at": at}
    connection.execute(_BEAT, row)


def last(connection: Connection, run_id: str, phase_id: str, attempt: int) -> Heartbeat | None:
    """The last heartbeat of an attempt, if there was one."""
    rows = read(connection, _LAST, run_id=run_id, phase_id=phase_id, attempt=attempt)
    return Heartbeat(*rows[0]) if rows else None
