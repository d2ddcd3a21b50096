"""What stands against a lease, or against a heartbeat that is to renew one."""

from dataclasses import dataclass

from domain.refusals.base import Refusal


@dataclass(eq=False)
class NoLease(Refusal):
    code = "no-lease"
    title = "The attempt has no lease"

    run_id: str
    phase_id: str
    attempt: int

    @property
    def detail(self) -> str:
        return f"Attempt {self.attempt} of phase {self.phase_id!r} was opened without a lease."

    @property
    def remedy(self) -> str:
        return (
            "Go on without heartbeats: it stays open until its end is reported. "
            "A lease is asked for with lease_seconds, when the attempt is opened."
        )


@dataclass(eq=False)
class LeaseTooLong(Refusal):
    code = "lease-too-long"
    title = "The lease is too long"

    lease_seconds: int
    lease_seconds_max: int
    run_id: str | None = None
    phase_id: str | None = None
    event: str | None = None

    @property
    def detail(self) -> str:
        most = self.lease_seconds_max
        return f"A lease of {self.lease_seconds} s is asked for; this service gives at most {most} s."

    @property
    def remedy(self) -> str:
        return (
            f"Ask for at most {self.lease_seconds_max} s and renew it with heartbeats, "
            "or have RUNNOTARY_LEASE_SECONDS_MAX raised."
        )
