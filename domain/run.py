"""A run and its phases, as the events so far have made them (`domain.evolve`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from domain.events.shared import INTEGER_MAX, RunConfig
from domain.moves import NONE, QUARANTINED
from domain.quarantine import Quarantine
from domain.states import DONE, SETTLED, ApprovalStatus, PhaseState, TierState
from domain.tally import NOTHING_COUNTED, Tally
from domain.times import later
from domain.told import said

NO_HASH = "0" * 64
"""Stands before the first event of a run's hash chain."""

DEFAULT_CONFIG: Mapping[str, Any] = RunConfig().model_dump()
NOTHING: Mapping[str, Any] = MappingProxyType({})
CONFIG_KINDS: Mapping[str, type[Any]] = {name: type(value) for name, value in DEFAULT_CONFIG.items()}


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent."""

    tokens_used: int = 0
    ci_runs_used: int = 0
    minor_issues: int = 0
    major_issues: int = 0

    def counts(self) -> dict[str, int]:
        """The figures by their names."""
        return {
            "tokens_used": self.tokens_used,
            "ci_runs_used": self.ci_runs_used,
            "minor_issues": self.minor_issues,
            "major_issues": self.major_issues,
        }

    def plus(self, data: Mapping[str, Any]) -> "Usage":
        """This and an increment; a sum stays where it is at the largest number that JSON readers keep."""
        sums = {name: value + (said(data, name, int) or 0) for name, value in self.counts().items()}
        return Usage(**{name: min(value, INTEGER_MAX) for name, value in sums.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A note on a run or on one of its phases."""

    version: int
    phase_id: str | None
    text: str
    tags: tuple[str, ...]
    actor: str
    at: str


class Approval(NamedTuple):
    """A request for approval, and what came of it. Identity is (run_id, version)."""

    version: int
    """The version of the event that asked."""
    position: int
    asked: Mapping[str, Any]
    """What was asked, as the event holds it."""
    asked_by: str
    asked_at: str
    status: ApprovalStatus = ApprovalStatus.PENDING
    answered_by: str | None = None
    answered_at: str | None = None
    reason: str | None = None

    @property
    def expires_at(self) -> str | None:
        """Until when an answer is waited for; None is for ever."""
        return said(self.asked, "expires_at", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMove:
    """The last move of an attempt: a report that repeats it is answered, not recorded."""

    event: str
    attempt: int
    version: int
    occurred_at: str


@dataclass(frozen=True, slots=True)
class Lease:
    """For how long an open attempt is its executor's without a heartbeat."""

    seconds: int
    granted_at: str

    def expires_at(self, renewed_at: str | None = None) -> str:
        """When it runs out, if nothing was heard of the executor since; a clock may have been set back."""
        return later(max(self.granted_at, renewed_at or ""), self.seconds)


@dataclass(frozen=True, slots=True)
class Released:
    """The last attempt that ended without an outcome, and how it came to that."""

    attempt: int
    why: str | None


class Phase(NamedTuple):
    """A phase as it stands. Identity is (run_id, phase_id)."""

    phase_id: str
    index: int  # type: ignore[assignment]  # tuple.index gives way
    """Number in its run, from 1, in the order in which phases were added."""
    state: str | None
    name: str | None = None
    tier_id: str | None = None
    scope: Mapping[str, Any] | None = None
    attempt: int = 0
    max_attempts: int = DEFAULT_CONFIG["max_attempts"]
    revision: int = 0
    executor: str | None = None
    lease: Lease | None = None
    """Of the open attempt, if its executor asked for one."""
    released: Released | None = None
    usage: Usage = Usage()
    last_tokens: int = 0
    """What the last report of usage in this attempt said of tokens."""
    last_outcome: Mapping[str, Any] | None = None
    last_move: LastMove | None = None
    started_at: str | None = None
    completed_at: str | None = None
    updated_at: str | None = None
    quarantine: Quarantine | None = None
    """Why it has no state; None where it has one."""

    @property
    def condition(self) -> str:
        """The state as the table of moves names it."""
        return QUARANTINED if self.state is None else self.state

    @property
    def has_moved(self) -> bool:
        """Whether anything was done about it yet."""
        return self.attempt > 0 or self.state != PhaseState.QUEUED


class Run(NamedTuple):
    """A run as it stands at one version."""

    run_id: str
    state: str | None = None
    version: int = 0
    position: int = 0
    head_hash: str = NO_HASH
    goal: str | None = None
    config: Mapping[str, Any] = DEFAULT_CONFIG
    labels: Mapping[str, str] = NOTHING
    tiers: tuple[Mapping[str, Any], ...] = ()
    phases: Mapping[str, Phase] = NOTHING
    annotations: tuple[Annotation, ...] = ()
    approvals: Mapping[int, Approval] = MappingProxyType({})
    """Requests for approval, by the version of the event that asked."""
    usage: Usage = Usage()
    ended_by_implication: bool = False
    """Whether it is over because its phases had all ended, and nobody had said more than that."""
    tally: Tally = NOTHING_COUNTED
    held: bool = False
    preserved: bool = False
    preserved_why: str | None = None
    archived: bool = False
    created_at: str | None = None
    updated_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    quarantine: Quarantine | None = None
    """Why it has no state; None where it has one."""

    @property
    def condition(self) -> str:
        """The state as the table of moves names it."""
        if self.version == 0:
            return NONE
        return QUARANTINED if self.state is None else self.state

    @property
    def is_over(self) -> bool:
        """Whether the run is in one of the `DONE_*` states."""
        return self.state in DONE

    def condition_of(self, phase_id: str) -> str:
        """The state of one of its phases, as the table of moves names it."""
        phase = self.phases.get(phase_id)
        return phase.condition if phase else NONE

    def tier_state(self, tier_id: str) -> TierState:
        """The state of a tier, from its phases."""
        phases = [phase for phase in self.phases.values() if phase.tier_id == tier_id]
        if phases and all(phase.state in SETTLED for phase in phases):
            skipped = all(phase.state == PhaseState.SKIPPED for phase in phases)
            return TierState.SKIPPED if skipped else TierState.COMPLETE
        if any(phase.state == PhaseState.FAILED for phase in phases):
            return TierState.FAILED
        return TierState.IN_PROGRESS if any(phase.has_moved for phase in phases) else TierState.PENDING
