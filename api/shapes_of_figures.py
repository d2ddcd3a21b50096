"""The shape of the figures, for the OpenAPI document; `api.figures` makes them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.states import PhaseState, RunState

RATE = "From 0 to 1; null of nothing."
HAPPENED: dict[str, Any] = {
    "runs": {"ended": 4, "failed": 1, "failure_rate": 0.25, "reopened": 1},
    "ends": {
        "run.failed_budget_exhausted": 0,
        "run.failed_environment": 1,
        "run.failed_policy_violation": 0,
        "run.failed_requires_human_review": 0,
        "run.succeeded": 3,
    },
    "attempts": {"opened": 12, "completed": 9, "failed": 3, "released": 0, "failure_rate": 0.25},
    "imported": {"runs": 1, "phases": 2, "failed_runs": 1, "failed_phases": 0},
    "quarantined": {"runs": 0, "phases": 0},
    "repaired": {"runs": 0, "phases": 1},
    "annotated": {"runs": 1, "phases": 0},
}


EXAMPLE: dict[str, Any] = {
    "position": 170,
    "now": {
        "runs": {
            "all": 5,
            "by_state": {str(state): 0 for state in RunState} | {"DONE_SUCCESS": 5},
            "quarantined": 0,
            "held": 0,
            "preserved": 1,
            "archived": 0,
            "annotated": 1,
        },
        "phases": {
            "all": 9,
            "by_state": {str(state): 0 for state in PhaseState} | {"COMPLETE": 9},
            "quarantined": 0,
        },
        "tokens": {
            "used": 41_000,
            "cap": 25_000_000,
            "runs_at_cap": 0,
            "runs_over_cap": 0,
        },
    },
    "happened": HAPPENED,
    "outcomes": {"CI_FAILED": 2, "RUN_FAILED": 1},
    "other_outcomes": 0,
    "by_day": [{"day": "2026-11-22", "happened": HAPPENED}],
    "earlier_days": 0,
    "by_label": [
        {
            "name": "team",
            "values": [{"value": "core", "runs": 5, "happened": HAPPENED}],
            "other_values": 0,
        }
    ],
}


class RunsNow(BaseModel):
    """Runs as they stand."""

    all: int
    by_state: dict[str, int]
    quarantined: int = Field(description="Those without a state.")
    held: int
    preserved: int
    archived: int
    annotated: int = Field(description="Those with a note on the run or on a phase of it.")


class PhasesNow(BaseModel):
    """Phases as they stand."""

    all: int
    by_state: dict[str, int]
    quarantined: int = Field(description="Those without a state.")


class TokensNow(BaseModel):
    """What runs have used of what they may use."""

    used: int
    cap: int = Field(description="The sum of their caps.")
    runs_at_cap: int = Field(description="Those that have used as much as their cap, or more.")
    runs_over_cap: int = Field(description="Those that have used more than their cap.")


class Now(BaseModel):
    """How things stand, whatever days are asked for."""

    runs: RunsNow
    phases: PhasesNow
    tokens: TokensNow


class RunsEnded(BaseModel):
    """How runs ended."""

    ended: int = Field(description="Runs that ended at least once.")
    failed: int = Field(description="Runs that failed at least once.")
    failure_rate: float | None = Field(description=f"failed of ended. {RATE}")
    reopened: int = Field(description="Times that a failed run was reopened.")


class AttemptsMade(BaseModel):
    """How attempts at phases ended."""

    opened: int
    completed: int
    failed: int
    released: int = Field(description="Lost or given back, without an outcome.")
    failure_rate: float | None = Field(description=f"failed of completed and failed together. {RATE}")


class Imported(BaseModel):
    """What was taken over from elsewhere, counted apart."""

    runs: int
    phases: int
    failed_runs: int = Field(description="Those that were found in a DONE_FAILED_* state.")
    failed_phases: int = Field(description="Those that were found FAILED.")


class OfBoth(BaseModel):
    """How often something happened to runs, and to phases."""

    runs: int
    phases: int


class Happened(BaseModel):
    """What happened. A run that failed counts as failed, whatever became of it."""

    runs: RunsEnded
    ends: dict[str, int] = Field(description="Times that a run ended, by how.")
    attempts: AttemptsMade
    imported: Imported
    quarantined: OfBoth = Field(description="Taken over without a state.")
    repaired: OfBoth = Field(description="Times that a state was set outside the moves.")
    annotated: OfBoth = Field(description="Notes.")


class OfDay(BaseModel):
    """What happened on a day."""

    day: str = Field(description="In UTC, as 2026-11-22.")
    happened: Happened


class OfValue(BaseModel):
    """What happened to the runs with a value of a label."""

    value: str
    runs: int = Field(description="Runs that have it now.")
    happened: Happened


class OfLabel(BaseModel):
    """Figures by the values of a label."""

    name: str
    values: list[OfValue] = Field(description="Those with the most runs first, at most 366.")
    other_values: int = Field(description="Further values.")


class Figures(BaseModel):
    """How runs and phases stand, and what happened to them."""

    position: int = Field(description="The end of the log when these were taken.")
    now: Now
    happened: Happened
    outcomes: dict[str, int] = Field(description="Failed attempts by outcome, at most 50, the most first.")
    other_outcomes: int = Field(description="Failed attempts with further outcomes.")
    by_day: list[OfDay] = Field(description="The days on which something happened, at most the last 366.")
    earlier_days: int = Field(description="Further days, before them.")
    by_label: list[OfLabel] = Field(description="For each label that was asked for by its name alone.")

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})
