"""The shapes of what the service tells, for type checkers. They are plain dictionaries."""

from typing import Any, TypedDict


class Usage(TypedDict):
    """What was spent."""

    tokens_used: int
    ci_runs_used: int
    minor_issues: int
    major_issues: int


class Lease(TypedDict):
    """For how long an open attempt is its executor's, without a heartbeat."""

    lease_seconds: int
    granted_at: str


class Outcome(TypedDict):
    """How an attempt ended."""

    code: str | None
    detail: str | None


class Phase(TypedDict):
    """A phase as it stands."""

    run_id: str
    phase_id: str
    index: int
    name: str | None
    tier_id: str | None
    state: str | None
    scope: dict[str, Any] | None
    attempt: int
    max_attempts: int
    revision: int
    executor: str | None
    lease: Lease | None
    usage: Usage
    last_outcome: Outcome | None
    started_at: str | None
    completed_at: str | None
    updated_at: str


class Tier(TypedDict):
    """A tier; its state is derived from its phases."""

    tier_id: str
    name: str | None
    state: str


class Annotation(TypedDict):
    """A note."""

    version: int
    phase_id: str | None
    text: str
    tags: list[str]
    actor: str
    at: str


class RunShown(TypedDict):
    """A run as it stands, with its phases and notes."""

    run_id: str
    state: str | None
    version: int
    position: int
    goal: str | None
    config: dict[str, Any]
    labels: dict[str, str]
    usage: Usage
    tiers: list[Tier]
    held: bool
    preserved: bool
    preserved_why: str | None
    archived: bool
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    head_hash: str
    phases: list[Phase]
    annotations: list[Annotation]


class Event(TypedDict):
    """An event as it is in the log."""

    position: int
    event_id: str
    run_id: str
    version: int
    type: str
    type_version: int
    phase_id: str | None
    attempt: int | None
    state_before: str | None
    state_after: str | None
    data: dict[str, Any]
    implied: bool
    occurred_at: str
    recorded_at: str
    actor: str
    actor_verified: bool
    correlation_id: str | None
    causation_id: str | None
    traceparent: str | None
    hash: str
    prev_hash: str


class NewPhase(TypedDict, total=False):
    """A phase to add; everything has a default."""

    phase_id: str
    name: str
    tier_id: str
    scope: dict[str, Any]
    max_attempts: int


class NewTier(TypedDict, total=False):
    """A tier of a new run."""

    tier_id: str
    name: str
