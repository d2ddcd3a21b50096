"""What that client sends. It names states and totals; unknown fields are passed over, as they were there."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.events.shared import Count, Line, Positive, Text

PREVIEW_LENGTH_MAX = 20_000
"""Characters of the preview of a patch that are kept."""


class Sent(BaseModel):
    """Something that the client sends."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RunSent(Sent):
    """The run to create."""

    run_id: str | None = Field(None, description="Left out: made from the goal.")
    goal: Text | None = None
    goal_anchor: Text | None = Field(None, description="The same, by its older name.")
    state: str | None = Field(None, description="An opening state; RUN_CREATED when left out.")
    safety_profile: Line | None = None
    run_scope: Line | None = None
    token_cap: Count | None = None
    max_phases: Positive | None = None
    max_duration_minutes: Positive | None = None


class TierSent(Sent):
    """A tier of the run."""

    tier_id: str
    tier_index: int = 0
    name: Line | None = None
    description: Text | None = None


class PhaseSent(Sent):
    """A phase to add."""

    phase_id: str | None = None
    phase_index: int | None = None
    tier_id: str | None = Field(None, description="The word of the tier, as T1.")
    name: Line | None = None
    description: Text | None = None
    task_category: Line | None = None
    complexity: Line | None = None
    builder_mode: Line | None = None
    scope: dict[str, Any] | None = None
    max_builder_attempts: Positive | None = None


class RunStart(Sent):
    """A run to create with its tiers and phases."""

    run: RunSent
    tiers: list[TierSent] = Field(default_factory=list)
    phases: list[PhaseSent] = Field(default_factory=list)


class StateReport(Sent):
    """The state that a phase is in, and totals of it."""

    state: str
    tokens_used: Count | None = None
    minor_issues_count: Count | None = None
    major_issues_count: Count | None = None
    quality_level: Line | None = None
    quality_blocked: bool | None = None
    metadata: dict[str, Any] | None = None


class ResultReport(Sent):
    """What is looked at in the result of a builder or an auditor; the whole of it is kept."""

    phase_id: str | None = None
    run_id: str | None = None
    status: str | None = Field(None, description="success, failed or needs_review.")
    success: bool | None = Field(None, description="The same, in an older shape.")
    patch_content: str | None = None
    tokens_used: Count = Field(0, description="Tokens of this one call.")

    @property
    def hands_in(self) -> bool:
        """Whether the work is handed in to be judged."""
        return (self.status == "success" or self.success is True) and bool(self.patch_content)


class ApprovalAsked(Sent):
    """A question to people."""

    run_id: str
    phase_id: str | None = None
    context: Line = "unknown"
    decision_info: dict[str, Any] | None = None
    deletion_info: dict[str, Any] | None = None
    patch_preview: str | None = None

    @field_validator("context")
    @classmethod
    def filled(cls, context: str) -> str:
        """What nobody named is unknown."""
        return context.strip() or "unknown"

    @field_validator("phase_id")
    @classmethod
    def named(cls, phase_id: str | None) -> str | None:
        """A phase without a name is none."""
        return phase_id or None

    @field_validator("patch_preview")
    @classmethod
    def cut(cls, preview: str | None) -> str | None:
        """A preview is the beginning."""
        return preview[:PREVIEW_LENGTH_MAX] if preview is not None else None
