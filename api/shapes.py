"""The shapes of answers about runs and events, for the OpenAPI document; `api.views` makes the answers."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.described import HASH, PHASE_ID, RUN_ID, TIME
from domain.events.shared import RunConfig


class Usage(BaseModel):
    """What was spent."""

    tokens_used: int
    ci_runs_used: int
    minor_issues: int
    major_issues: int


USAGE: dict[str, Any] = {"tokens_used": 1200, "ci_runs_used": 1, "minor_issues": 0, "major_issues": 0}


PHASE_EXAMPLE: dict[str, Any] = {
    "run_id": RUN_ID, "phase_id": PHASE_ID, "index": 1, "name": "Build", "tier_id": None,
    "state": "EXECUTING", "scope": {"goal": "Make it compile"}, "attempt": 1, "max_attempts": 5,
    "revision": 0, "executor": "builder-7", "lease": {"lease_seconds": 300, "granted_at": TIME},
    "usage": USAGE, "last_outcome": None, "started_at": TIME, "completed_at": None, "updated_at": TIME,
    }  # fmt: skip
RUN_EXAMPLE: dict[str, Any] = {
    "run_id": RUN_ID, "state": "PHASE_EXECUTION", "version": 4, "position": 17, "goal": "Nightly",
    "config": RunConfig().model_dump(), "labels": {"team": "core"}, "usage": USAGE, "tiers": [],
    "held": False, "preserved": False, "preserved_why": None, "archived": False, "created_at": TIME,
    "updated_at": TIME, "started_at": TIME, "completed_at": None, "head_hash": HASH,
    }  # fmt: skip


class LeaseShown(BaseModel):
    """The lease of the open attempt, as the log has it; GET /v1/leases also knows of heartbeats."""

    lease_seconds: int
    granted_at: str


class OutcomeShown(BaseModel):
    """How the last attempt ended."""

    code: str | None
    detail: str | None


class Phase(BaseModel):
    """A phase as it stands."""

    run_id: str
    phase_id: str
    index: int = Field(description="Number in its run, from 1.")
    name: str | None
    tier_id: str | None
    state: str | None = Field(description="None while it is in quarantine.")
    scope: dict[str, Any] | None
    attempt: int = Field(description="The current attempt; 0 before the first.")
    max_attempts: int
    revision: int = Field(description="Times that it was queued again with a new plan.")
    executor: str | None = Field(description="Who works on it, as phase.started said.")
    lease: LeaseShown | None = Field(description="Null where no attempt is open, or it has none.")
    usage: Usage
    last_outcome: OutcomeShown | None
    started_at: str | None
    completed_at: str | None
    updated_at: str

    model_config = ConfigDict(json_schema_extra={"example": PHASE_EXAMPLE})


class TierShown(BaseModel):
    """A tier; its state is derived from its phases."""

    tier_id: str
    name: str | None
    state: str


class AnnotationShown(BaseModel):
    """A note."""

    version: int
    phase_id: str | None
    text: str
    tags: list[str]
    actor: str
    at: str


class RunSummary(BaseModel):
    """A run as it stands, without its phases."""

    run_id: str
    state: str | None = Field(description="None while it is in quarantine.")
    version: int
    position: int
    goal: str | None
    config: RunConfig
    labels: dict[str, str]
    usage: Usage
    tiers: list[TierShown]
    held: bool = Field(description="No phase starts.")
    preserved: bool = Field(description="It cannot be archived.")
    preserved_why: str | None = Field(description="Why, as far as that was said.")
    archived: bool = Field(description="It is out of the default lists.")
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    head_hash: str

    model_config = ConfigDict(json_schema_extra={"example": RUN_EXAMPLE})


class Run(RunSummary):
    """A run as it stands, with its phases and notes."""

    phases: list[Phase]
    annotations: list[AnnotationShown]

    model_config = ConfigDict(
        json_schema_extra={"example": {**RUN_EXAMPLE, "phases": [PHASE_EXAMPLE], "annotations": []}}
    )


class RunList(BaseModel):
    """Runs, newest first."""

    items: list[RunSummary]
    next_cursor: str | None


class Event(BaseModel):
    """An event as it is in the log."""

    position: int = Field(description="Number in the log: dense, from 1, in commit order.")
    event_id: str
    run_id: str
    version: int = Field(description="Number in its run: dense, from 1.")
    type: str
    type_version: int
    phase_id: str | None
    attempt: int | None
    state_before: str | None
    state_after: str | None
    data: dict[str, Any]
    implied: bool = Field(description="Brought about by another event of the same request.")
    occurred_at: str = Field(description="By the executor's clock, if it said; else when it was recorded.")
    recorded_at: str
    actor: str
    actor_verified: bool = Field(description="Whether a credential vouches for the actor.")
    correlation_id: str | None
    causation_id: str | None
    traceparent: str | None
    hash: str
    prev_hash: str

    model_config = ConfigDict(json_schema_extra={"example": {
        "position": 17, "event_id": "019ab3c1-5f00-7000-8000-000000000000", "run_id": RUN_ID, "version": 4,
        "type": "phase.started", "type_version": 1, "phase_id": PHASE_ID, "attempt": 1,
        "state_before": "QUEUED", "state_after": "EXECUTING", "data": {"executor": "builder-7"},
        "implied": False, "occurred_at": TIME, "recorded_at": TIME, "actor": "builder-7",
        "actor_verified": False, "correlation_id": None, "causation_id": None, "traceparent": None,
        "hash": HASH, "prev_hash": "0" * 64,
    }})  # fmt: skip


class EventList(BaseModel):
    """Events, in order."""

    items: list[Event]
    next_cursor: str | None


class Seal(BaseModel):
    """What the log was, from one position to another."""

    number: int = Field(description="Dense, from 1.")
    first_position: int = Field(description="The first event that it covers: the one after the seal before.")
    position: int = Field(description="The last event that it covers.")
    root: str = Field(description="SHA-256 over the positions and hashes of these events.")
    prev_hash: str = Field(description="The hash of the seal before it; 64 zeros in the first.")
    sealed_at: str
    hash: str = Field(description="SHA-256 over all fields above, and key_id.")
    key_id: str | None = Field(description="The key that has signed it; null where none was configured.")
    signature: str | None = Field(description="Ed25519, over the hash.")

    model_config = ConfigDict(json_schema_extra={"example": {
        "number": 2, "first_position": 1001, "position": 2000, "root": HASH, "prev_hash": HASH,
        "sealed_at": TIME, "hash": HASH, "key_id": None, "signature": None,
    }})  # fmt: skip


class SealList(BaseModel):
    """Seals, in order."""

    items: list[Seal]
    next_cursor: str | None


class RunHead(BaseModel):
    """Where a run stands."""

    run_id: str
    state: str | None
    version: int


class Recording(BaseModel):
    """What a proposal led to."""

    event: Event
    implied: list[Event] = Field(description="Events that it brought about, recorded before it.")
    run: RunHead
    phase: Phase | None = Field(None, description="The phase that it is about; left out where there is none.")


class Problem(BaseModel):
    """Why something was not done, and what to do now (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="A stable word for programs.")
    remedy: str = Field(description="What to do now.")
    request_id: str

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {
        "type": "urn:runnotary:problem:illegal-move", "title": "This may not happen now", "status": 409,
        "detail": "phase.started may not happen while phase 'phase1-build' is EXECUTING: only while QUEUED.",
        "instance": "/v1/runs/nightly-42/events", "code": "illegal-move",
        "remedy": "Legal now: phase.submitted, phase.completed, phase.failed, phase.released.",
        "request_id": "019ab3c1-5f00-7000-8000-000000000001", "state": "EXECUTING", "event": "phase.started",
        "legal": ["phase.submitted", "phase.completed", "phase.failed", "phase.released"],
        "call": {"method": "GET", "path": "/v1/runs/nightly-42/moves"},
    }})  # fmt: skip


class BatchItem(BaseModel):
    """What came of one proposal of a batch: an event, or a problem."""

    status: int
    replayed: bool | None = None
    event: Event | None = None
    implied: list[Event] | None = None
    run: RunHead | None = None
    phase: Phase | None = None
    problem: Problem | None = None


class BatchResult(BaseModel):
    """What came of a batch, in its order."""

    results: list[BatchItem]
