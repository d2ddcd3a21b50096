"""What the caller knew is not so."""

from dataclasses import dataclass

from domain.refusals.base import Refusal


@dataclass(eq=False)
class VersionMismatch(Refusal):
    code = "version-mismatch"
    title = "The run has moved on"

    run_id: str
    expected_version: int
    current_version: int
    state: str | None

    @property
    def detail(self) -> str:
        return (
            f"You expected run {self.run_id!r} at version {self.expected_version}; "
            f"it is at {self.current_version}."
        )

    @property
    def remedy(self) -> str:
        return "Read the run, see what changed, and propose again with the current version."


@dataclass(eq=False)
class IdempotencyKeyReused(Refusal):
    code = "idempotency-key-reused"
    title = "The key was used for another request"

    key: str

    @property
    def detail(self) -> str:
        return f"{self.key!r} was used before, for a request that was not this one."

    @property
    def remedy(self) -> str:
        return "Use a new key for a new request; use the old key only to send the very same request again."
