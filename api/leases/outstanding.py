"""The leases that are out: what the log says of them, and what was heard of their executors since."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, select

from domain.run import Lease
from eventstore.schema import heartbeats
from projections import phases

P, H = phases.TABLE.c, heartbeats.c
SAME = and_(H.run_id == P.run_id, H.phase_id == P.phase_id, H.attempt == P.attempt)
_OUT = (
    select(
        P.run_id,
        P.phase_id,
        P.attempt,
        P.state,
        P.executor,
        P.lease_seconds,
        P.leased_at,
        H.beats,
        H.at,
    )
    .select_from(phases.TABLE.outerjoin(heartbeats, SAME))
    .where(phases.IS_OUT)
)
_OVER = delete(heartbeats).where(~exists().where(SAME, phases.IS_OUT))


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A lease that is out."""

    run_id: str
    phase_id: str
    attempt: int
    state: str | None
    executor: str | None
    lease: Lease
    beats: int
    """Tells whether there was another heartbeat since; 0 where there was none."""
    heartbeat_at: str | None

    @property
    def attempt_key(self) -> tuple[str, str, int]:
        """Which attempt it is."""
        return self.run_id, self.phase_id, self.attempt

    @property
    def expires_at(self) -> str:
        """When it runs out, if nothing is heard of its executor until then."""
        return self.lease.expires_at(self.heartbeat_at)

    def view(self, now: str) -> dict[str, Any]:
        """As callers see it."""
        return {
            "run_id": self.run_id,
            "phase_id": self.phase_id,
            "attempt": self.attempt,
            "state": self.state,
            "executor": self.executor,
            "lease_seconds": self.lease.seconds,
            "granted_at": self.lease.granted_at,
            "heartbeat_at": self.heartbeat_at,
            "expires_at": self.expires_at,
            "overdue": self.expires_at < now,
        }


def outstanding(connection: Connection) -> list[Outstanding]:
    """Every lease that is out, the one that runs out first before the others."""
    found = [
        Outstanding(
            run_id=row.run_id,
            phase_id=row.phase_id,
            attempt=row.attempt,
            state=row.state,
            executor=row.executor,
            lease=Lease(row.lease_seconds, row.leased_at),
            beats=row.beats or 0,
            heartbeat_at=row.at,
        )
        for row in connection.execute(_OUT)
    ]
    return sorted(found, key=lambda each: (each.expires_at, *each.attempt_key))


def forget_what_is_over(connection: Connection) -> None:
    """Let go of the heartbeats of attempts that are over."""
    connection.execute(_OVER)
