"""What callers see of requests for approval."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE: dict[str, Any] = {
    "approval_id": 41,
    "run_id": "nightly-42",
    "approval": 7,
    "phase_id": "phase1-build",
    "context": "risky_decision",
    "decision_info": {"risk_level": "high"},
    "deletion_info": None,
    "patch_preview": None,
    "asked_by": "builder-7",
    "asked_at": "2026-11-22T10:00:00.000000Z",
    "expires_at": "2026-11-22T11:00:00.000000Z",
    "status": "granted",
    "answered_by": "cli:ann",
    "answered_at": "2026-11-22T10:05:00.000000Z",
    "reason": "the files are generated",
}


class ApprovalShown(BaseModel):
    """A request for approval, and what came of it."""

    approval_id: int = Field(description="Its number: the position of the event that asked.")
    run_id: str
    approval: int = Field(description="The version of that event: what an answer names.")
    phase_id: str | None
    context: str | None
    decision_info: dict[str, Any] | None
    deletion_info: dict[str, Any] | None
    patch_preview: str | None
    asked_by: str
    asked_at: str
    expires_at: str | None = Field(description="null: it waits for ever.")
    status: str = Field(description="pending, granted, denied or expired.")
    answered_by: str | None
    answered_at: str | None
    reason: str | None

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})


class ApprovalList(BaseModel):
    """Requests for approval, newest first."""

    items: list[ApprovalShown]
    next_cursor: str | None
