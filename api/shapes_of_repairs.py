"""The shapes of answers about quarantine and repairs, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.shapes import Problem
from api.shapes_of_history import FieldChange
from api.shapes_of_moves import MoveShown
from domain.described import PHASE_ID, RUN_ID, TIME
from domain.repairs import Status

LATER = "2026-11-22T10:05:00.000000Z"
LEGACY = "build-127"


class Call(BaseModel):
    """A request that can be made as it is, but for the words in it that say so."""

    method: str
    path: str
    body: dict[str, Any] | None = None


class Waiting(BaseModel):
    """A run or phase in quarantine."""

    run_id: str
    phase_id: str | None = Field(description="null: the run itself.")
    version: int = Field(description="Of the run, as it is now.")
    since: str
    value: str | None = Field(description="The state as it was found; null: there was none.")
    kind: str | None = Field(description="How that relates to a legal state: semantic, ambiguous or unknown.")
    suggested: str | None = Field(description="The legal state that it probably stands for.")
    findings: list[dict[str, Any]] = Field(description="What was odd about it.")
    proposed: list[str] = Field(description="Repairs that are proposed for it, and may still be approved.")
    call: Call = Field(description="What proposes its repair.")


class WaitingList(BaseModel):
    """What waits in quarantine, by run and phase."""

    items: list[Waiting]
    next_cursor: str | None

    model_config = ConfigDict(json_schema_extra={"example": {
        "items": [{
            "run_id": LEGACY, "phase_id": None, "version": 1, "since": TIME, "value": "READY",
            "kind": "semantic", "suggested": "RUN_CREATED", "proposed": [],
            "findings": [{"code": "illegal-run-state", "entity": "run", "value": "READY"}],
            "call": {"method": "POST", "path": "/v1/repairs", "body": {
                "run_id": LEGACY, "state": "RUN_CREATED", "reason": "say why", "expected_version": 1,
            }},
        }],
        "next_cursor": None,
    }})  # fmt: skip


class Contradicted(BaseModel):
    """Something that the moves would not have let come about, or will not let go on."""

    code: str = Field(description="The refusal, or the finding of an import, that speaks of the same.")
    detail: str
    phase_id: str | None
    is_so_already: bool = Field(description="Whether it is so without the repair, too.")


class Preview(BaseModel):
    """What would come of a repair, as it was shown to whoever proposed it."""

    changes: list[FieldChange] = Field(description="Field by field.")
    legal: list[MoveShown] = Field(description="What is legal then for the run or phase.")
    contradicts: list[Contradicted] = Field(description="What the guards would say against the new state.")


class RepairShown(BaseModel):
    """A repair: proposed, approved or rejected."""

    repair_id: str
    status: Status
    run_id: str
    phase_id: str | None = Field(description="null: the run itself.")
    version: int = Field(description="The version of the run that it is bound to.")
    before: str | None = Field(description="The state at that version; null: quarantine.")
    state: str = Field(description="The state that it is to be in.")
    reason: str
    evidence: list[str]
    finding: str | None = Field(description="The code of the finding that it answers.")
    proposed_by: str
    proposed_by_verified: bool
    proposed_at: str
    is_out_of_date: bool = Field(
        description="Whether it waits, and the run has moved on: it cannot be approved any more."
    )
    decided_by: str | None
    decided_by_verified: bool | None
    decided_at: str | None
    decided_why: str | None = Field(description="Why it was rejected.")
    event_version: int | None = Field(description="The version of its event, where it is approved.")
    preview: Preview

    model_config = ConfigDict(json_schema_extra={"example": {
        "repair_id": "9f2c1d3e4a5b", "status": "approved", "run_id": RUN_ID, "phase_id": PHASE_ID,
        "version": 4, "before": "EXECUTING", "state": "COMPLETE",
        "reason": "The tool crashed after the merge.", "evidence": ["commit 9f2c1d is in main"],
        "finding": None, "proposed_by": "ada", "proposed_by_verified": False, "proposed_at": TIME,
        "is_out_of_date": False, "decided_by": "grace", "decided_by_verified": False, "decided_at": LATER,
        "decided_why": None, "event_version": 5,
        "preview": {
            "changes": [{
                "field": "phases/phase1-build/state", "from": "EXECUTING", "to": "COMPLETE",
                "kind": "changed",
            }],
            "legal": [{
                "type": "phase.annotated", "leads_to": "COMPLETE", "moves": False, "requires": ["text"],
                "blocked_by": None,
            }],
            "contradicts": [{
                "code": "open-run-all-phases-ended",
                "detail": "The run is PHASE_EXECUTION, and every phase has ended.", "phase_id": None,
                "is_so_already": False,
            }],
        },
    }})  # fmt: skip


class RepairList(BaseModel):
    """Repairs, newest first."""

    items: list[RepairShown]
    next_cursor: str | None


class RepairResult(BaseModel):
    """What came of one of several repairs: the repair, or a problem."""

    status: int
    replayed: bool | None = Field(None, description="Whether it was proposed or decided so before.")
    repair: RepairShown | None = None
    problem: Problem | None = None


class RepairResults(BaseModel):
    """What came of several repairs, one by one."""

    results: list[RepairResult]
