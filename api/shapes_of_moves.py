"""The shapes of answers about moves, refusals, the machine, schemas and health, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.described import PHASE_ID, RUN_ID, TIME


class Blocked(BaseModel):
    """What stands in the way."""

    code: str
    detail: str
    remedy: str


class MoveShown(BaseModel):
    """An event that the table allows now."""

    type: str
    leads_to: str
    moves: bool = Field(description="Whether the state changes.")
    requires: list[str] = Field(description="What its data have to hold.")
    blocked_by: Blocked | None


class MovesOfPhase(BaseModel):
    """What may happen to a phase now."""

    phase_id: str
    state: str | None
    attempt: int
    moves: list[MoveShown]


class DirectMove(BaseModel):
    """An event that leads to the state by itself."""

    type: str
    sources: list[str | None] = Field(
        alias="while", description="The states that it may happen in; null: it does not exist yet."
    )
    blocked_by: Blocked | None = Field(description="Why it is refused now; null: it is legal.")


class Step(BaseModel):
    """One event of a path."""

    type: str
    leads_to: str
    requires: list[str] = Field(description="What its data have to hold.")
    blocked_by: Blocked | None = Field(
        description="What would stand in its way, in the run as it would be after the steps before it."
    )


class Path(BaseModel):
    """What leads to a state, and what stands in the way."""

    to: str
    reachable: bool = Field(description="Whether legal moves lead there.")
    is_there: bool = Field(description="Whether it is in this state now: there are no steps to take.")
    direct: list[DirectMove] = Field(description="Every event that leads there in one step, from some state.")
    steps: list[Step] = Field(description="The shortest legal path.")
    blocked_by: Blocked | None = Field(description="What stands in the way of the first step.")


class Adding(BaseModel):
    """Whether a phase may be added."""

    blocked_by: Blocked | None


class Moves(BaseModel):
    """What may happen to a run and to its phases now."""

    run_id: str
    version: int
    state: str | None
    moves: list[MoveShown]
    phases: list[MovesOfPhase]
    may_add_phase: Adding
    path: Path | None = None

    model_config = ConfigDict(json_schema_extra={"example": {
        "run_id": RUN_ID, "version": 4, "state": "PHASE_EXECUTION", "phases": [],
        "moves": [{"type": "run.gate_entered", "leads_to": "GATE", "moves": True, "requires": [],
                   "blocked_by": None}],
        "may_add_phase": {"blocked_by": None},
        "path": {"to": "GATE", "reachable": True, "is_there": False, "blocked_by": None,
                 "direct": [{"type": "run.gate_entered", "while": ["PHASE_EXECUTION"], "blocked_by": None}],
                 "steps": [{"type": "run.gate_entered", "leads_to": "GATE", "requires": [],
                            "blocked_by": None}]},
    }})  # fmt: skip


class RefusalShown(BaseModel):
    """A proposal that was not accepted."""

    refusal_id: int
    refused_at: str
    run_id: str | None
    phase_id: str | None
    event: str | None
    code: str
    detail: str
    remedy: str
    facts: dict[str, Any] | None
    proposal: dict[str, Any] | None
    actor: str
    actor_verified: bool
    request_id: str | None

    model_config = ConfigDict(json_schema_extra={"example": {
        "refusal_id": 3, "refused_at": TIME, "run_id": RUN_ID, "phase_id": PHASE_ID,
        "event": "phase.started", "code": "illegal-move", "detail": "It is EXECUTING.",
        "remedy": "Legal now: phase.completed.", "facts": {"state": "EXECUTING"},
        "proposal": {"type": "phase.started", "phase_id": PHASE_ID}, "actor": "builder-8",
        "actor_verified": False, "request_id": None,
    }})  # fmt: skip


class RefusalList(BaseModel):
    """Refusals, newest first."""

    items: list[RefusalShown]
    next_cursor: str | None


class MachineMove(BaseModel):
    """A row of the table: what happens, while what, leading where."""

    event: str
    sources: list[str | None] = Field(alias="from", description="null: it does not exist yet.")
    to: str | None = Field(
        description="null: the state stays; *: the one that data names; (quarantined): none yet."
    )
    proposable: bool = Field(description="Whether callers may propose it, or only the service records it.")


class MachineShown(BaseModel):
    """The states and moves of an entity."""

    entity: str
    states: list[str]
    moves: list[MachineMove]


class Machines(BaseModel):
    """The states and moves of runs and phases."""

    run: MachineShown
    phase: MachineShown


class SchemaName(BaseModel):
    """A schema that can be read."""

    name: str
    description: str
    href: str


class SchemaList(BaseModel):
    """The schemas that can be read."""

    items: list[SchemaName]
    next_cursor: str | None


class Health(BaseModel):
    """How the service is."""

    status: str

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ready"}})
