"""The shapes of answers about the history of a run, for the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.described import PHASE_ID, RUN_ID, TIME


class EventBrief(BaseModel):
    """An event in few words."""

    version: int
    type: str
    phase_id: str | None
    actor: str
    recorded_at: str
    reason: str | None


BRIEF: dict[str, Any] = {
    "version": 6, "type": "run.gate_entered", "phase_id": None, "actor": "builder-7", "recorded_at": TIME,
    "reason": None,
    }  # fmt: skip


class Side(BaseModel):
    """A run at a version."""

    run_id: str
    version: int = Field(description="0: before its first event.")
    state: str | None
    recorded_at: str | None = Field(description="When it came to this version.")


class FieldChange(BaseModel):
    """A field that is different."""

    field: str = Field(description="Its path: state, usage/tokens_used, labels/team, phases/build/state.")
    before: Any = Field(alias="from", description="null also where it is not there.")
    after: Any = Field(alias="to", description="null also where it is not there.")
    kind: Literal["added", "removed", "changed"]


class Diff(BaseModel):
    """What is different between two versions of a run, or between two runs."""

    start: Side = Field(alias="from")
    to: Side
    changes: list[FieldChange]
    events: list[EventBrief] | None = Field(description="Those between the versions; null for two runs.")

    model_config = ConfigDict(json_schema_extra={"example": {
        "from": {"run_id": RUN_ID, "version": 5, "state": "PHASE_EXECUTION", "recorded_at": TIME},
        "to": {"run_id": RUN_ID, "version": 6, "state": "GATE", "recorded_at": TIME},
        "changes": [{"field": "state", "from": "PHASE_EXECUTION", "to": "GATE", "kind": "changed"}],
        "events": [BRIEF],
    }})  # fmt: skip


class FieldSetting(BaseModel):
    """The last setting of a field."""

    field: str = Field(description="Its path: state, usage/tokens_used, labels/team, phases/build/state.")
    value: Any
    before: Any = Field(description="What it was until then; null also where it was not there.")
    removed: bool = Field(description="Whether the event took the field away, as a label can be.")
    times_set: int = Field(description="How many events changed it, the first and the last included.")
    event: EventBrief


class Blame(BaseModel):
    """Which event set each field of a run last."""

    run_id: str
    version: int
    fields: list[FieldSetting]

    model_config = ConfigDict(json_schema_extra={"example": {
        "run_id": RUN_ID, "version": 9,
        "fields": [{"field": f"phases/{PHASE_ID}/state", "value": "GATE", "before": "EXECUTING",
                    "removed": False, "times_set": 3,
                    "event": BRIEF | {"type": "phase.submitted", "phase_id": PHASE_ID}}],
    }})  # fmt: skip


class Bisection(BaseModel):
    """Since when an expression holds of a run."""

    run_id: str
    expr: str
    current_version: int
    version: int | None = Field(description="The first at which it holds; null: it never does.")
    event: EventBrief | None = Field(description="The one that made it so.")
    last_version_without: int | None = Field(description="The last at which it does not hold, if any.")
    holds_now: bool
    unfound: list[str] = Field(
        description="Fields of the expression that were at no version where it looked for them: most often a "
        "text without single quotes, or true without backticks."
    )

    model_config = ConfigDict(json_schema_extra={"example": {
        "run_id": RUN_ID, "expr": "state == 'GATE'", "current_version": 9, "version": 6, "event": BRIEF,
        "last_version_without": 5, "holds_now": True, "unfound": [],
    }})  # fmt: skip
