"""The states that a run, a phase and a tier can be in."""

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands. The five `DONE_*` states end it."""

    QUEUED = "QUEUED"
    PLAN_BOOTSTRAP = "PLAN_BOOTSTRAP"
    RUN_CREATED = "RUN_CREATED"
    PHASE_QUEUEING = "PHASE_QUEUEING"
    PHASE_EXECUTION = "PHASE_EXECUTION"
    GATE = "GATE"
    CI_RUNNING = "CI_RUNNING"
    SNAPSHOT_CREATED = "SNAPSHOT_CREATED"
    DONE_SUCCESS = "DONE_SUCCESS"
    DONE_FAILED_BUDGET_EXHAUSTED = "DONE_FAILED_BUDGET_EXHAUSTED"
    DONE_FAILED_POLICY_VIOLATION = "DONE_FAILED_POLICY_VIOLATION"
    DONE_FAILED_REQUIRES_HUMAN_REVIEW = "DONE_FAILED_REQUIRES_HUMAN_REVIEW"
    DONE_FAILED_ENVIRONMENT = "DONE_FAILED_ENVIRONMENT"


class PhaseState(StrEnum):
    """Where a phase stands. An attempt is open while it is `EXECUTING`, `GATE` or `CI_RUNNING`."""

    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"
    GATE = "GATE"
    CI_RUNNING = "CI_RUNNING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class TierState(StrEnum):
    """Where a tier stands: derived from its phases, never written."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


STATES: dict[str, list[str]] = {
    "run": [str(state) for state in RunState],
    "phase": [str(state) for state in PhaseState],
}
"""The states of each entity that events lead to, in their order."""


class ApprovalStatus(StrEnum):
    """What came of a request for approval."""

    PENDING = "pending"
    GRANTED = "granted"
    DENIED = "denied"
    EXPIRED = "expired"


DONE = frozenset(state for state in RunState if state.startswith("DONE_"))
DONE_FAILED = DONE - {RunState.DONE_SUCCESS}
EXECUTING = frozenset(
    {RunState.PHASE_EXECUTION, RunState.GATE, RunState.CI_RUNNING, RunState.SNAPSHOT_CREATED}
)
"""Run states in which a phase may start."""

ATTEMPT_OPEN = frozenset({PhaseState.EXECUTING, PhaseState.GATE, PhaseState.CI_RUNNING})
"""Phase states in which somebody is working on the phase."""

SETTLED = frozenset({PhaseState.COMPLETE, PhaseState.SKIPPED})
"""Phase states that let a run succeed."""

ENDED = SETTLED | {PhaseState.FAILED}
"""Phase states in which nobody works on the phase, nor waits for it."""
