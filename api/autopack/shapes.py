"""The shapes of runs and phases there, for the OpenAPI document. Fields that it never had harm nobody."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

TIME = "2026-11-22T10:00:00.000000"
RUN, PHASE = "nightly-42", "phase1-build"
PHASE_EXAMPLE: dict[str, Any] = {
    "id": 2,
    "phase_id": PHASE,
    "run_id": RUN,
    "tier_id": 1000,
    "name": "Build",
    "description": None,
    "state": "COMPLETE",
    "task_category": "schema_change",
    "complexity": "medium",
    "builder_mode": None,
    "phase_index": 0,
    "scope": {"paths": ["src/a.py"]},
    "tokens_used": 1_234,
    "minor_issues_count": 0,
    "major_issues_count": 0,
    "builder_attempts": 1,
    "retry_attempt": 1,
    "max_builder_attempts": 5,
    "revision_epoch": 0,
    "last_failure_reason": None,
    "started_at": TIME,
    "completed_at": TIME,
    "updated_at": TIME,
}
SUMMARY_EXAMPLE: dict[str, Any] = {
    "id": RUN,
    "state": "PHASE_EXECUTION",
    "created_at": TIME,
    "tokens_used": 1_234,
    "token_cap": 300_000,
    "phases_total": 2,
    "phases_completed": 1,
    "current_phase_name": "Test",
}


def shown(example: dict[str, Any]) -> ConfigDict:
    """How a shape shows an example."""
    return ConfigDict(json_schema_extra={"example": example})


class HealthShown(BaseModel):
    """How the service is."""

    status: str = Field(description="healthy or degraded.")
    service: str
    version: str
    database: str = Field(description="connected, or what is wrong.")
    db_ok: bool
    kill_switches: dict[str, bool]

    model_config = shown(
        {
            "status": "healthy",
            "service": "autopack",
            "version": "0.1.0",
            "database": "connected",
            "db_ok": True,
            "kill_switches": {},
        }
    )


class EventLed(BaseModel):
    """An event that a call led to."""

    type: str
    version: int
    phase_id: str | None
    implied: bool = Field(description="Whether it follows from what was said, rather than being it.")


class PhaseShown(BaseModel):
    """A phase."""

    id: int = Field(description="The position of the event that added it.")
    phase_id: str
    run_id: str
    tier_id: int = Field(description="The id of its tier in tiers[]; 0 where it has none.")
    name: str
    description: str | None
    state: str
    task_category: str | None
    complexity: str | None
    builder_mode: str | None
    phase_index: int
    scope: dict[str, Any] | None
    tokens_used: int
    minor_issues_count: int
    major_issues_count: int
    builder_attempts: int
    retry_attempt: int
    max_builder_attempts: int
    revision_epoch: int
    last_failure_reason: str | None
    started_at: str | None
    completed_at: str | None
    updated_at: str
    events: list[EventLed] = Field(default_factory=list, description="Where a call added it.")

    model_config = shown({**PHASE_EXAMPLE, "events": []})


class TierShown(BaseModel):
    """A tier with its phases."""

    id: int
    tier_id: str
    name: str
    state: str
    tier_index: int
    cleanliness: str
    minor_issues_count: int
    major_issues_count: int
    phases: list[PhaseShown]


class RunShown(BaseModel):
    """A run with its tiers and phases."""

    id: str
    state: str
    safety_profile: str
    run_scope: str
    token_cap: int
    goal_anchor: str | None
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    tokens_used: int
    ci_runs_used: int
    minor_issues_count: int
    major_issues_count: int
    promotion_eligible_to_main: str
    debt_status: str | None
    failure_reason: str | None
    tiers: list[TierShown]
    phases: list[PhaseShown]
    events: list[EventLed] = Field(default_factory=list, description="Where a call created it.")

    model_config = shown(
        {
            "id": RUN,
            "state": "DONE_SUCCESS",
            "safety_profile": "normal",
            "run_scope": "multi_tier",
            "token_cap": 5_000_000,
            "goal_anchor": None,
            "created_at": TIME,
            "updated_at": TIME,
            "started_at": TIME,
            "completed_at": TIME,
            "tokens_used": 1_234,
            "ci_runs_used": 0,
            "minor_issues_count": 0,
            "major_issues_count": 0,
            "promotion_eligible_to_main": "true",
            "debt_status": "clean",
            "failure_reason": None,
            "tiers": [
                {
                    "id": 1000,
                    "tier_id": "T1",
                    "name": "Foundation",
                    "state": "COMPLETE",
                    "tier_index": 0,
                    "cleanliness": "clean",
                    "minor_issues_count": 0,
                    "major_issues_count": 0,
                    "phases": [PHASE_EXAMPLE],
                }
            ],
            "phases": [PHASE_EXAMPLE],
            "events": [],
        }
    )


class RunBrief(BaseModel):
    """A run in a list."""

    id: str
    state: str
    created_at: str
    tokens_used: int
    token_cap: int
    phases_total: int
    phases_completed: int
    current_phase_name: str | None


class RunPage(BaseModel):
    """Runs, newest first."""

    runs: list[RunBrief]
    total: int
    limit: int
    offset: int

    model_config = shown({"runs": [SUMMARY_EXAMPLE], "total": 1, "limit": 20, "offset": 0})


class PhaseProgress(BaseModel):
    """A phase, in brief."""

    phase_id: str
    name: str
    state: str
    phase_index: int
    tokens_used: int
    builder_attempts: int


class ProgressShown(BaseModel):
    """How far a run is."""

    run_id: str
    state: str
    started_at: str | None
    completed_at: str | None
    elapsed_seconds: int | None
    tokens_used: int
    token_cap: int
    phases_total: int
    phases_completed: int
    phases_in_progress: int
    phases_pending: int
    phases: list[PhaseProgress]


class DashboardStatus(BaseModel):
    """What the dashboard shows of a run."""

    run_id: str
    state: str
    current_tier_name: str | None
    current_phase_name: str | None
    current_tier_index: int | None
    current_phase_index: int | None
    total_tiers: int
    total_phases: int
    completed_tiers: int
    completed_phases: int
    percent_complete: float
    tiers_percent_complete: float
    tokens_used: int
    token_cap: int
    token_utilization: float
    minor_issues_count: int
    major_issues_count: int
    quality_level: str | None
    quality_blocked: bool
    quality_warnings: list[str]


class PhasePage(BaseModel):
    """Phases, page by page."""

    items: list[PhaseShown]
    total: int
    page: int
    page_size: int
    has_next: bool

    model_config = shown(
        {"items": [PHASE_EXAMPLE], "total": 1, "page": 1, "page_size": 50, "has_next": False}
    )
