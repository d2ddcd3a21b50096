"""Why a proposed event is not accepted. Each refusal carries its facts, and says what to do now.

Refusal
├── InvalidBody, InvalidId, UnknownEvent, UnknownState, ReservedEvent     what was asked cannot be understood
├── RunNotFound, PhaseNotFound, ApprovalNotFound, RunExists, PhaseExists, what it is about
│   Quarantined
├── IllegalMove, RunTerminal, RunNotExecuting, RunHeld, StaleAttempt,     what the machine and its guards say
│   AttemptRequired, AttemptsExhausted, TooManyPhases, UnknownTier,
│   PhasesOpen, BudgetExhausted, RunPreserved, ApprovalAnswered
├── RepairNotFound, NothingToRepair, RepairOutOfDate, RepairDecided,       what stands against a repair
│   SecondPersonNeeded
├── LeaseTooLong, NoLease                                                 what stands against a lease
└── VersionMismatch, IdempotencyKeyReused                                 what the caller knew is not so

The HTTP status of each is in `api.problems`, and nowhere else.
"""

from domain.refusals.base import Refusal, among
from domain.refusals.knowledge import IdempotencyKeyReused, VersionMismatch
from domain.refusals.leases import LeaseTooLong, NoLease
from domain.refusals.repairs import (
    NothingToRepair,
    RepairDecided,
    RepairNotFound,
    RepairOutOfDate,
    SecondPersonNeeded,
)
from domain.refusals.rules import (
    ApprovalAnswered,
    AttemptRequired,
    AttemptsExhausted,
    BudgetExhausted,
    IllegalMove,
    PhasesOpen,
    RunHeld,
    RunNotExecuting,
    RunPreserved,
    RunTerminal,
    StaleAttempt,
    TooManyPhases,
    UnknownTier,
)
from domain.refusals.subjects import (
    ApprovalNotFound,
    PhaseExists,
    PhaseNotFound,
    Quarantined,
    RunExists,
    RunNotFound,
)
from domain.refusals.understanding import InvalidBody, InvalidId, ReservedEvent, UnknownEvent, UnknownState

__all__ = [
    "ApprovalAnswered",
    "ApprovalNotFound",
    "AttemptRequired",
    "AttemptsExhausted",
    "BudgetExhausted",
    "IdempotencyKeyReused",
    "IllegalMove",
    "InvalidBody",
    "InvalidId",
    "LeaseTooLong",
    "NoLease",
    "NothingToRepair",
    "PhaseExists",
    "PhaseNotFound",
    "PhasesOpen",
    "Quarantined",
    "Refusal",
    "RepairDecided",
    "RepairNotFound",
    "RepairOutOfDate",
    "ReservedEvent",
    "RunExists",
    "RunHeld",
    "RunNotExecuting",
    "RunNotFound",
    "RunPreserved",
    "RunTerminal",
    "SecondPersonNeeded",
    "StaleAttempt",
    "TooManyPhases",
    "UnknownEvent",
    "UnknownState",
    "UnknownTier",
    "VersionMismatch",
    "among",
    "every",
]


def every(kind: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """Every kind of refusal there is; what only groups them is none."""
    children = kind.__subclasses__()
    return [leaf for child in children for leaf in every(child)] if children else [kind]
