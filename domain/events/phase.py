"""The events of a phase."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from domain.events.shared import (
    Event,
    Filled,
    LeaseSeconds,
    Line,
    Note,
    PhaseDescription,
    Result,
    Text,
    Tries,
    Usage,
)
from domain.events.taken_over import TakenOver
from domain.states import PhaseState


class PhaseAdded(PhaseDescription):
    """The run has one phase more; it waits."""

    type: ClassVar[str] = "phase.added"
    example: ClassVar[dict[str, Any]] = {"name": "Build", "scope": {"goal": "Make it compile"}}


class PhaseStarted(Event):
    """Somebody took the phase up: the next attempt is open."""

    type: ClassVar[str] = "phase.started"
    example: ClassVar[dict[str, Any]] = {"executor": "builder-7"}

    executor: Line | None = Field(None, description="Who works on it.")
    lease_seconds: LeaseSeconds | None = Field(
        None,
        description="Seconds without a heartbeat after which the attempt counts as lost and is released; "
        "left out: it stays open however long nothing is heard of it.",
    )


class PhaseSubmitted(Result):
    """The attempt's work is handed in to be judged."""

    type: ClassVar[str] = "phase.submitted"
    example: ClassVar[dict[str, Any]] = {"result": {"files_changed": ["src/predictor.py"]}}


class PhaseCiStarted(Event):
    """Continuous integration runs on the attempt's work."""

    type: ClassVar[str] = "phase.ci_started"


class PhaseRevised(Event):
    """The same attempt goes back to work."""

    type: ClassVar[str] = "phase.revised"


class PhaseCompleted(Event):
    """The attempt did what the phase asked for."""

    type: ClassVar[str] = "phase.completed"


class PhaseFailed(Event):
    """The attempt failed."""

    type: ClassVar[str] = "phase.failed"
    example: ClassVar[dict[str, Any]] = {"outcome": "CI_FAILED", "detail": "3 tests red"}

    outcome: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(
        description="A short code that figures are made of."
    )
    detail: Text | None = Field(None, description="What went wrong.")


class PhaseReleased(Event):
    """The attempt was lost or given back, without an outcome; the phase waits again."""

    type: ClassVar[str] = "phase.released"
    example: ClassVar[dict[str, Any]] = {"why": "the executor was stopped"}

    why: Text | None = Field(None, description="How it came to that.")


class PhaseRequeued(Event):
    """A failed phase waits for another attempt."""

    type: ClassVar[str] = "phase.requeued"
    example: ClassVar[dict[str, Any]] = {"replan": True}

    replan: bool = Field(False, description="Whether the plan was revised: counts a revision.")


class PhaseSkipped(Event):
    """The phase will not be done, for a reason."""

    type: ClassVar[str] = "phase.skipped"
    example: ClassVar[dict[str, Any]] = {"reason": "done by hand"}

    reason: Filled = Field(description="Why it will not be done.")


class PhaseAnnotated(Note):
    """A note on the phase. It changes neither a state nor any failure figure."""

    type: ClassVar[str] = "phase.annotated"
    example: ClassVar[dict[str, Any]] = {"text": "flaky on Mondays"}


class PhaseUsageRecorded(Usage):
    """The phase spent this much, as increments; it counts for the run too."""

    type: ClassVar[str] = "phase.usage_recorded"
    example: ClassVar[dict[str, Any]] = {"tokens_used": 41_000, "ci_runs_used": 1}


class PhaseResultRecorded(Result):
    """A builder's or auditor's result was kept; nothing moves."""

    type: ClassVar[str] = "phase.result_recorded"
    example: ClassVar[dict[str, Any]] = {"result": {"recommendation": "revise"}}

    result: dict[str, Any] = Field(description="As the executor gave it.")


class PhaseTakenOver(TakenOver, PhaseDescription):
    """A phase that was found elsewhere."""

    # What was written before anybody looked need not have the documented shape.
    scope: dict[str, Any] | None = Field(  # type: ignore[assignment]  # wider on purpose
        None,
        description="What the phase is about, as it was found. What was no JSON is text under "
        "`_legacy_text`, what was no object a value under `_legacy_value`.",
    )
    attempt: Tries = Field(0, description="Attempts that were made elsewhere.")
    revision: Tries = Field(0, description="Revisions of its plan that were made elsewhere.")


class PhaseImported(PhaseTakenOver):
    """The phase was taken over from elsewhere in this state, outside the moves."""

    type: ClassVar[str] = "phase.imported"
    example: ClassVar[dict[str, Any]] = {"state": "COMPLETE"}

    state: PhaseState = Field(strict=False)


class PhaseRepaired(Event):
    """The phase's state was set outside the moves, in the open."""

    type: ClassVar[str] = "phase.repaired"
    example: ClassVar[dict[str, Any]] = {"state": "COMPLETE", "reason": "the tool crashed after the merge"}

    state: PhaseState = Field(strict=False)
    reason: Filled = Field(description="Why the state is set outside the moves.")
    repair: dict[str, Any] | None = Field(None, description="The approved proposal behind it.")


class PhaseQuarantined(PhaseTakenOver):
    """The phase was found with a state that nobody knows. It waits, without a state, for a repair."""

    type: ClassVar[str] = "phase.quarantined"
