"""The events of a run itself."""

from typing import Any, ClassVar

from pydantic import Field

from domain.events.shared import Event, Filled, Id, Label, Line, Note, Opening, Positive, Text, Time, Usage
from domain.events.taken_over import TakenOver
from domain.states import RunState


class RunQueued(Opening):
    """The run is known and waits."""

    type: ClassVar[str] = "run.queued"
    example: ClassVar[dict[str, Any]] = {"goal": "Predict output sizes", "labels": {"team": "core"}}


class RunBootstrapped(Opening):
    """A description was turned into a plan."""

    type: ClassVar[str] = "run.bootstrapped"


class RunCreated(Opening):
    """The strategy was computed and frozen."""

    type: ClassVar[str] = "run.created"
    example: ClassVar[dict[str, Any]] = {
        "goal": "Predict output sizes",
        "config": {"token_cap": 300_000},
        "tiers": [{"tier_id": "T1", "name": "Foundation"}],
    }


class RunPhasesQueued(Event):
    """The plan was cut into phases, and they wait."""

    type: ClassVar[str] = "run.phases_queued"


class RunExecutionStarted(Event):
    """Phases may start now."""

    type: ClassVar[str] = "run.execution_started"


class RunGateEntered(Event):
    """The work so far is being judged."""

    type: ClassVar[str] = "run.gate_entered"


class RunCiStarted(Event):
    """Continuous integration runs on the work so far."""

    type: ClassVar[str] = "run.ci_started"


class RunSnapshotCreated(Event):
    """The work so far was committed as a snapshot."""

    type: ClassVar[str] = "run.snapshot_created"


class RunSucceeded(Event):
    """Every phase is complete or skipped, and the run is over."""

    type: ClassVar[str] = "run.succeeded"


class RunFailedBudgetExhausted(Event):
    """The run is over: its budget is spent."""

    type: ClassVar[str] = "run.failed_budget_exhausted"


class RunFailedPolicyViolation(Event):
    """The run is over: it did what it may not do."""

    type: ClassVar[str] = "run.failed_policy_violation"


class RunFailedRequiresHumanReview(Event):
    """The run is over: a person has to look at it."""

    type: ClassVar[str] = "run.failed_requires_human_review"


class RunFailedEnvironment(Event):
    """The run is over: its surroundings failed it."""

    type: ClassVar[str] = "run.failed_environment"


class RunReopened(Event):
    """A failed run goes on, for a reason."""

    type: ClassVar[str] = "run.reopened"
    example: ClassVar[dict[str, Any]] = {"reason": "the disk is mended"}

    reason: Filled = Field(description="Why the run goes on.")


class RunAnnotated(Note):
    """A note on the run. It changes neither a state nor any failure figure."""

    type: ClassVar[str] = "run.annotated"
    example: ClassVar[dict[str, Any]] = {"text": "completed by hand", "tags": ["manual"]}


class RunUsageRecorded(Usage):
    """The run spent this much outside its phases, as increments."""

    type: ClassVar[str] = "run.usage_recorded"
    example: ClassVar[dict[str, Any]] = {"tokens_used": 1_200}


class RunLabelled(Event):
    """Labels were set. A label set to null is taken away; the others stay."""

    type: ClassVar[str] = "run.labelled"
    example: ClassVar[dict[str, Any]] = {"labels": {"team": "core", "old": None}}

    labels: dict[Label, Line | None] = Field(min_length=1, max_length=64)


class RunHeld(Event):
    """No phase starts until the run is unheld."""

    type: ClassVar[str] = "run.held"


class RunUnheld(Event):
    """Phases may start again."""

    type: ClassVar[str] = "run.unheld"


class RunPreserved(Event):
    """The run is to be kept in sight: it cannot be archived."""

    type: ClassVar[str] = "run.preserved"


class RunUnpreserved(Event):
    """The run may be archived again."""

    type: ClassVar[str] = "run.unpreserved"


class RunArchived(Event):
    """The run leaves the default lists; everything is kept."""

    type: ClassVar[str] = "run.archived"


class RunUnarchived(Event):
    """The run is back in the default lists."""

    type: ClassVar[str] = "run.unarchived"


class RunApprovalRequested(Event):
    """Somebody asks whether something may be done, and waits for a person's answer. Nothing moves."""

    type: ClassVar[str] = "run.approval_requested"
    example: ClassVar[dict[str, Any]] = {
        "context": "risky_decision",
        "decision_info": {"risk_level": "high"},
        "expires_at": "2026-11-22T11:00:00Z",
    }

    phase_id: Id | None = Field(None, description="The phase that it is about.")
    context: Filled = Field(description="What it is about, in a word or a sentence.")
    decision_info: dict[str, Any] | None = Field(None, description="What is to be decided.")
    deletion_info: dict[str, Any] | None = Field(None, description="What would be deleted.")
    patch_preview: Text | None = Field(None, description="The beginning of the patch.")
    expires_at: Time | None = Field(None, description="Until when an answer is waited for.")


class Answer(Event):
    """The end of a request for approval."""

    approval: Positive | None = Field(
        None,
        description="The version of the run.approval_requested that it answers; left out: of the only one "
        "that waits.",
    )


class RunApprovalGranted(Answer):
    """A person allows what was asked for."""

    type: ClassVar[str] = "run.approval_granted"
    example: ClassVar[dict[str, Any]] = {"reason": "the files are generated"}


class RunApprovalDenied(Answer):
    """A person forbids what was asked for."""

    type: ClassVar[str] = "run.approval_denied"
    example: ClassVar[dict[str, Any]] = {"reason": "src/core is not to be touched"}


class RunApprovalExpired(Answer):
    """Nobody answered in time."""

    type: ClassVar[str] = "run.approval_expired"


class RunTakenOver(TakenOver, Opening):
    """A run that was found elsewhere."""

    legacy_tiers: list[dict[str, Any]] | None = Field(None, description="The rows of its tiers.")


class RunImported(RunTakenOver):
    """The run was taken over from elsewhere in this state, outside the moves."""

    type: ClassVar[str] = "run.imported"
    example: ClassVar[dict[str, Any]] = {"state": "DONE_SUCCESS"}

    state: RunState = Field(strict=False)


class RunRepaired(Event):
    """The run's state was set outside the moves, in the open."""

    type: ClassVar[str] = "run.repaired"
    example: ClassVar[dict[str, Any]] = {"state": "RUN_CREATED", "reason": "READY meant created"}

    state: RunState = Field(strict=False)
    reason: Filled = Field(description="Why the state is set outside the moves.")
    repair: dict[str, Any] | None = Field(None, description="The approved proposal behind it.")


class RunQuarantined(RunTakenOver):
    """The run was found with a state that nobody knows. It waits, without a state, for a repair."""

    type: ClassVar[str] = "run.quarantined"
