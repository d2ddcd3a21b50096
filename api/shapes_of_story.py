"""The shapes of answers about how a run came to be, and what would become of it, for the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.shapes import (
    PHASE_EXAMPLE,
    RUN_EXAMPLE,
    USAGE,
    AnnotationShown,
    Event,
    Phase,
    Problem,
    TierShown,
    Usage,
)
from api.shapes_of_moves import Moves, RefusalShown
from domain.described import PHASE_ID, RUN_ID, TIME
from domain.events.shared import RunConfig

OUTSIDE = "Whether it is an import, a quarantine or a repair: no move, and not proposed."
LATER = "2026-11-22T10:00:09.300000Z"


class EventNamed(BaseModel):
    """An event of the run, by its version."""

    version: int
    type: str


class EventBy(EventNamed):
    """An event of the run, by its version, and who it was."""

    actor: str
    outside_moves: bool = Field(description=OUTSIDE)


class StateBy(EventBy):
    """The event that led to a state, and why."""

    why: str | None


class RepairTold(BaseModel):
    """What is behind a repair."""

    repair_id: str
    before: str | None = Field(description="null: quarantine.")
    after: str | None
    evidence: list[str] = Field(description="What showed that it is right: text, or links.")
    finding: str | None = Field(description="The code of the finding that it answers.")
    proposed_by: str | None
    proposed_at: str | None
    approved_by: str | None
    approved_at: str | None


class Entry(BaseModel):
    """An event or a refusal, in its place. Of a refusal there are `kind`, `at` and `refusal` only."""

    kind: Literal["event", "refusal"]
    at: str = Field(description="When it was recorded, or refused.")
    event: Event | None = None
    moved: bool | None = Field(None, description="Whether the run or phase came into another state.")
    outside_moves: bool | None = Field(None, description=OUTSIDE)
    spent_seconds: float | None = Field(
        None, description="Time in the state that it ended; null: it ended none."
    )
    why: str | None = Field(
        None, description="Outcome, detail, text, why and reason, as far as its data say."
    )
    repair: RepairTold | None = Field(None, description="What is behind it, where it is a repair.")
    caused_by: EventNamed | None = Field(None, description="The event of this run that brought it about.")
    refusal: RefusalShown | None = None


class TimeInState(BaseModel):
    """The times that a run or phase was in one state."""

    state: str | None = Field(description="null: quarantine.")
    times: int
    seconds: float = Field(description="All of them together, without the one that goes on.")
    since: str | None = Field(
        description="Since when it is in this state now; null where it is not, or where the run is over: "
        "then the time runs up to the last event."
    )


class AttemptShown(BaseModel):
    """One try at a phase."""

    attempt: int
    executor: str | None = Field(description="As phase.started said.")
    started_by: EventBy
    started_at: str
    ended_by: EventBy | None = Field(description="null: it is open.")
    ended_at: str | None
    seconds: float | None = Field(description="How long it took; null: it is open.")
    outcome: str | None = Field(description="null: it ended without one, or is open.")
    detail: str | None
    usage: Usage = Field(
        description="What was recorded for it; usage that names no attempt counts for the one that was open."
    )


class PhaseStory(BaseModel):
    """The attempts at a phase, and its time in each state."""

    phase_id: str
    name: str | None
    tier_id: str | None
    state: str | None
    state_by: StateBy
    max_attempts: int
    usage: Usage
    attempts: list[AttemptShown]
    states: list[TimeInState]


class Used(BaseModel):
    """How much of something was used."""

    used: float | None
    cap: int


class Caps(BaseModel):
    """What was used of what the run's config allows."""

    token_cap: Used
    max_phases: Used
    max_duration_minutes: Used = Field(description="`used` is null until the run is over: see started_at.")


class StoryOfRun(BaseModel):
    """The run that the story is about."""

    run_id: str
    goal: str | None
    labels: dict[str, str]
    state: str | None
    state_by: StateBy | None = Field(description="The event that led to this state.")
    version: int
    head_hash: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    usage: Usage
    caps: Caps
    states: list[TimeInState]


class Counts(BaseModel):
    """How many of what the story tells."""

    events: int
    refusals: int
    attempts: int
    repairs: int


class Story(BaseModel):
    """How a run, or one of its phases, came to be as it is."""

    run: StoryOfRun
    phase_id: str | None = Field(
        description="The phase that is told alone: its events and refusals, and the events of the run that "
        "moved it, held it or unheld it. null: the whole run."
    )
    counts: Counts
    refusals_since: str | None = Field(
        description="Refusals from before this time may be missing, since only the newest are kept; "
        "null: none since the run was created."
    )
    timeline: list[Entry] = Field(
        description="In order of time; what was refused at the time of an event comes after it."
    )
    phases: list[PhaseStory]

    model_config = ConfigDict(json_schema_extra={"example": {
        "run": {
            "run_id": RUN_ID, "goal": "Nightly", "labels": {"team": "core"}, "state": "PHASE_EXECUTION",
            "state_by": {
                "version": 3, "type": "run.execution_started", "actor": "planner", "outside_moves": False,
                "why": None,
            },
            "version": 4, "head_hash": "9f2c" * 16, "created_at": TIME, "started_at": LATER,
            "completed_at": None, "usage": USAGE,
            "caps": {
                "token_cap": {"used": 1200, "cap": 5_000_000}, "max_phases": {"used": 1, "cap": 25},
                "max_duration_minutes": {"used": None, "cap": 120},
            },
            "states": [
                {"state": "RUN_CREATED", "times": 1, "seconds": 9.3, "since": None},
                {"state": "PHASE_EXECUTION", "times": 1, "seconds": 0.0, "since": LATER},
            ],
        },
        "phase_id": None,
        "counts": {"events": 4, "refusals": 0, "attempts": 1, "repairs": 0},
        "refusals_since": None,
        "timeline": [],
        "phases": [{
            "phase_id": PHASE_ID, "name": "Build", "tier_id": None, "state": "EXECUTING", "max_attempts": 5,
            "state_by": {
                "version": 4, "type": "phase.started", "actor": "builder-7", "outside_moves": False,
                "why": None,
            },
            "usage": USAGE, "states": [{"state": "EXECUTING", "times": 1, "seconds": 0.0, "since": LATER}],
            "attempts": [{
                "attempt": 1, "executor": "builder-7",
                "started_by": {
                    "version": 4, "type": "phase.started", "actor": "builder-7", "outside_moves": False,
                },
                "started_at": LATER, "ended_by": None, "ended_at": None, "seconds": None, "outcome": None,
                "detail": None, "usage": USAGE,
            }],
        }],
    }})  # fmt: skip


class WouldHappen(BaseModel):
    """An event as it would be recorded."""

    version: int
    type: str
    phase_id: str | None
    attempt: int | None
    state_before: str | None
    state_after: str | None
    implied: bool
    data: dict[str, Any]


class Rehearsed(BaseModel):
    """What would come of one proposal: events, a repeat, or a problem."""

    status: int = Field(description="The status that the proposal would be answered with.")
    would: list[WouldHappen] | None = Field(
        None, description="What would be recorded: what it implies, and its own event last."
    )
    repeats: int | None = Field(
        None,
        description="The version of the event that it only reports once more: nothing would be recorded.",
    )
    problem: Problem | None = None


class RunAsItWouldBe(BaseModel):
    """A run as it would be, without what only the log gives: position and head_hash."""

    run_id: str
    state: str | None
    version: int
    goal: str | None
    config: RunConfig
    labels: dict[str, str]
    usage: Usage
    tiers: list[TierShown]
    held: bool
    preserved: bool
    preserved_why: str | None
    archived: bool
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    phases: list[Phase]
    annotations: list[AnnotationShown]


class DryRunResult(BaseModel):
    """What would come of proposals. Nothing was recorded."""

    run_id: str
    at_version: int = Field(description="The version that was started from.")
    refused: int = Field(description="How many would be refused.")
    results: list[Rehearsed] = Field(
        description="In their order; of an atomic dry run, up to the first refusal."
    )
    run: RunAsItWouldBe | None = Field(
        description="The run as it would be afterwards; null: there would be none."
    )
    moves: Moves = Field(description="What would be legal then.")

    model_config = ConfigDict(json_schema_extra={"example": {
        "run_id": RUN_ID, "at_version": 3, "refused": 0,
        "results": [
            {"status": 201, "would": [{
                "version": 4, "type": "phase.started", "phase_id": PHASE_ID, "attempt": 1,
                "state_before": "QUEUED", "state_after": "EXECUTING", "implied": False, "data": {},
            }]},
        ],
        "run": {
            **{name: value for name, value in RUN_EXAMPLE.items() if name not in ("position", "head_hash")},
            "phases": [PHASE_EXAMPLE], "annotations": [],
        },
        "moves": {
            "run_id": RUN_ID, "version": 4, "state": "PHASE_EXECUTION", "moves": [], "phases": [],
            "may_add_phase": {"blocked_by": None},
        },
    }})  # fmt: skip
