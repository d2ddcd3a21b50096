"""The shapes of what reports and requests for approval are answered, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel, Field

from api.autopack.shapes import PHASE, PHASE_EXAMPLE, RUN, TIME, EventLed, PhaseShown, shown

EVENT = {"type": "phase.completed", "version": 5, "phase_id": PHASE, "implied": False}
STARTED = {**EVENT, "type": "phase.started", "version": 4, "implied": True}
WAITING_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "run_id": RUN,
    "phase_id": PHASE,
    "context": "risky_decision",
    "requested_at": TIME,
    "timeout_at": TIME,
    "decision_info": {"risk_level": "high"},
    "deletion_info": None,
    "telegram_sent": False,
}


class PhaseReported(BaseModel):
    """The phase after a report, and what this led to."""

    message: str
    phase: PhaseShown
    events: list[EventLed] = Field(description="None, where it only said once more what was known.")

    model_config = shown(
        {
            "message": f"Phase {PHASE} updated to state COMPLETE",
            "phase": PHASE_EXAMPLE,
            "events": [STARTED, EVENT],
        }
    )


class ResultKept(BaseModel):
    """A result was kept."""

    message: str
    phase_id: str
    run_id: str
    phase_state: str
    events: list[EventLed]

    model_config = shown(
        {
            "message": "Builder result submitted",
            "phase_id": PHASE,
            "run_id": RUN,
            "phase_state": "GATE",
            "events": [{**EVENT, "type": "phase.result_recorded"}],
        }
    )


class IssueFile(BaseModel):
    """The figures of a phase's issues."""

    phase_id: str
    minor_issue_count: int
    major_issue_count: int


class IssueRecorded(BaseModel):
    """An issue was noted and counted."""

    message: str
    phase_file: IssueFile
    run_index_entry: dict[str, str]
    project_backlog_entry: dict[str, Any] | None
    events: list[EventLed]


class ApprovalRequested(BaseModel):
    """A request for approval waits."""

    status: str
    reason: str
    approval_id: int = Field(description="The position of the event that asked.")
    telegram_sent: bool
    timeout_at: str | None
    events: list[EventLed]


class ApprovalAnswer(BaseModel):
    """What came of a request for approval."""

    approval_id: int
    run_id: str
    phase_id: str | None
    status: str = Field(description="pending, approved or rejected; also where nobody answered in time.")
    requested_at: str
    responded_at: str | None
    timeout_at: str | None
    approval_reason: str | None
    rejected_reason: str | None
    response_method: str | None


class ApprovalWaiting(BaseModel):
    """A request that waits for an answer."""

    id: int
    run_id: str
    phase_id: str | None
    context: str | None
    requested_at: str
    timeout_at: str | None
    decision_info: dict[str, Any] | None
    deletion_info: dict[str, Any] | None
    telegram_sent: bool


class ApprovalsWaiting(BaseModel):
    """The requests that wait for an answer."""

    count: int
    requests: list[ApprovalWaiting]

    model_config = shown({"count": 1, "requests": [WAITING_EXAMPLE]})
