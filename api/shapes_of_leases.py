"""The shapes of answers about leases, for the OpenAPI document; `api.leases` makes the answers."""

from pydantic import BaseModel, ConfigDict, Field

from api.shapes import Recording
from domain.described import PHASE_ID, RUN_ID, TIME

UNTIL = "2026-11-22T10:05:00.000000Z"


class LeaseGranted(BaseModel):
    """For how long the attempt is the executor's."""

    lease_seconds: int
    expires_at: str = Field(description="When it runs out at the earliest, without a heartbeat.")


class Claimed(Recording):
    """The phase that was handed out: its attempt is open, for this executor and no other."""

    lease: LeaseGranted


class Renewed(BaseModel):
    """The lease runs from now on."""

    run_id: str
    phase_id: str
    attempt: int
    executor: str | None
    lease_seconds: int
    expires_at: str = Field(description="When it runs out at the earliest, without another heartbeat.")

    model_config = ConfigDict(json_schema_extra={"example": {
        "run_id": RUN_ID, "phase_id": PHASE_ID, "attempt": 1, "executor": "builder-7", "lease_seconds": 300,
        "expires_at": UNTIL,
    }})  # fmt: skip


class LeaseOut(BaseModel):
    """A lease that is out."""

    run_id: str
    phase_id: str
    attempt: int
    state: str
    executor: str | None
    lease_seconds: int
    granted_at: str
    heartbeat_at: str | None = Field(description="The last heartbeat; null where none came.")
    expires_at: str = Field(description="When it runs out at the earliest, without another heartbeat.")
    overdue: bool = Field(description="Whether that is past: the attempt is about to be released.")

    model_config = ConfigDict(json_schema_extra={"example": {
        "run_id": RUN_ID, "phase_id": PHASE_ID, "attempt": 1, "state": "EXECUTING", "executor": "builder-7",
        "lease_seconds": 300, "granted_at": TIME, "heartbeat_at": None, "expires_at": UNTIL, "overdue": False,
    }})  # fmt: skip


class LeaseList(BaseModel):
    """Leases that are out, the one that runs out first before the others."""

    items: list[LeaseOut]
    next_cursor: str | None
