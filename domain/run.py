"""A run and its phases, as the events so far have made them: evolve, fold.

`evolve` is total: what is in the log is never judged again, whatever the table of moves says by then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from domain.envelopes import RecordedEvent
from domain.events.shared import INTEGER_MAX, RunConfig
from domain.moves import NONE, QUARANTINED, entity_of
from domain.states import ATTEMPT_OPEN, DONE, SETTLED, PhaseState, RunState, TierState

NO_HASH = "0" * 64
"""Stands before the first event of a run's hash chain."""

AFTERMATH = frozenset({"phase.requeued", "phase.skipped"})
"""What becomes of a phase between its attempts; the last of them may still be reported once more."""

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMove:
    """The last move of an attempt: a report that repeats it is answered, not recorded."""

    event: str
    attempt: int
    version: int


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
    usage: Usage = Usage()
    last_outcome: Mapping[str, Any] | None = None
    last_move: LastMove | None = None
    started_at: str | None = None
    completed_at: str | None = None
    updated_at: str | None = None

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
    usage: Usage = Usage()
    held: bool = False
    preserved: bool = False
    preserved_why: str | None = None
    archived: bool = False
    created_at: str | None = None
    updated_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None

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


def fold(events: Iterable[RecordedEvent], run: Run | None = None) -> Run | None:
    """What these events make of the run; None when there are none and it is new."""
    for event in events:
        run = evolve(run or Run(run_id=event.run_id), event)
    return run


def evolve(run: Run, event: RecordedEvent) -> Run:
    """The run after this event."""
    changes: dict[str, Any] = {
        "version": event.version,
        "position": event.position,
        "head_hash": event.hash,
        "updated_at": event.recorded_at,
        "created_at": run.created_at or event.recorded_at,
    }
    if event.phase_id is not None:
        changes |= changes_by_phase(run, event)
    elif entity_of(event.type) == "run":
        changes |= changes_by_run(run, event)
    return run._replace(**changes)


def changes_by_run(run: Run, event: RecordedEvent) -> dict[str, Any]:
    """What one of its own events changes in a run."""
    state, data = event.state_after, event.data
    changes: dict[str, Any] = {}
    if state != run.state:
        started_at = event.recorded_at if state == RunState.PHASE_EXECUTION else None
        completed_at = event.recorded_at if state in DONE else None
        changes = {"state": state, "started_at": run.started_at or started_at, "completed_at": completed_at}
    match event.type:
        case "run.queued" | "run.bootstrapped" | "run.created" | "run.imported" | "run.quarantined":
            changes |= described(data)
        case "run.annotated":
            changes["annotations"] = (*run.annotations, annotation(event))
        case "run.usage_recorded":
            changes["usage"] = run.usage.plus(data)
        case "run.labelled":
            labels = {**run.labels, **(said(data, "labels", dict) or {})}
            changes["labels"] = {name: value for name, value in labels.items() if isinstance(value, str)}
        case "run.held" | "run.unheld":
            changes["held"] = event.type == "run.held"
        case "run.preserved":
            changes |= {"preserved": True, "preserved_why": said(data, "reason", str)}
        case "run.unpreserved":
            changes |= {"preserved": False, "preserved_why": None}
        case "run.archived" | "run.unarchived":
            changes["archived"] = event.type == "run.archived"
        case _:
            pass
    return changes


def described(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an opening event says of a run; what it leaves out is unchanged."""
    told: dict[str, Any] = {
        "goal": said(data, "goal", str),
        "labels": said(data, "labels", dict),
        "config": said(data, "config", dict),
        "tiers": said(data, "tiers", list),
    }
    changes = {name: value for name, value in told.items() if value is not None}
    if "config" in changes:
        limits = {name: said(changes["config"], name, kind) for name, kind in CONFIG_KINDS.items()}
        changes["config"] = {
            name: DEFAULT_CONFIG[name] if value is None else value for name, value in limits.items()
        }
    if "tiers" in changes:
        tiers = [
            tier
            for tier in changes["tiers"]
            if isinstance(tier, dict) and said(tier, "tier_id", str) is not None
        ]
        changes["tiers"] = tuple({"tier_id": t["tier_id"], "name": said(t, "name", str)} for t in tiers)
    return changes


def changes_by_phase(run: Run, event: RecordedEvent) -> dict[str, Any]:
    """What an event of a phase changes in its run."""
    phase_id = str(event.phase_id)
    phase = run.phases.get(phase_id) or Phase(phase_id=phase_id, index=len(run.phases) + 1, state=None)
    changes: dict[str, Any] = {"phases": {**run.phases, phase_id: phase_after(phase, event)}}
    match event.type:
        case "phase.usage_recorded":
            changes["usage"] = run.usage.plus(event.data)
        case "phase.annotated":
            changes["annotations"] = (*run.annotations, annotation(event))
        case _:
            pass
    return changes


def phase_after(phase: Phase, event: RecordedEvent) -> Phase:
    """The phase after one of its events."""
    data, at = event.data, event.recorded_at
    changes: dict[str, Any] = {"updated_at": at}
    match event.type:
        case "phase.added" | "phase.imported" | "phase.quarantined":
            kinds: dict[str, type[Any]] = {
                "name": str,
                "tier_id": str,
                "scope": dict,
                "max_attempts": int,
                "attempt": int,
            }
            told = {name: said(data, name, kind) for name, kind in kinds.items()}
            changes |= {name: value for name, value in told.items() if value is not None}
        case "phase.started":
            changes |= {
                "attempt": event.attempt or phase.attempt + 1,
                "executor": said(data, "executor", str),
            }
        case "phase.completed":
            changes["last_outcome"] = {"code": "COMPLETE", "detail": said(data, "reason", str)}
        case "phase.failed":
            outcome = {"code": said(data, "outcome", str), "detail": said(data, "detail", str)}
            changes["last_outcome"] = outcome
        case "phase.skipped":
            changes["last_outcome"] = {"code": "SKIPPED", "detail": said(data, "reason", str)}
        case "phase.released":
            changes["executor"] = None
        case "phase.requeued":
            changes |= {"executor": None, "revision": phase.revision + bool(data.get("replan"))}
        case "phase.usage_recorded":
            changes["usage"] = phase.usage.plus(data)
        case _:
            pass
    if event.state_after != phase.state:
        changes |= moved(phase, event, changes.get("attempt", phase.attempt))
    return phase._replace(**changes)


def moved(phase: Phase, event: RecordedEvent, attempt: int) -> dict[str, Any]:
    """What changes in a phase because its state does."""
    state, at = event.state_after, event.recorded_at
    over = state in SETTLED or state == PhaseState.FAILED
    changes: dict[str, Any] = {"state": state, "completed_at": at if over else None}
    if state in ATTEMPT_OPEN:
        changes |= {"started_at": phase.started_at or at, "attempt": max(attempt, 1)}
    if event.type not in AFTERMATH:
        # A state that was set outside the moves answers no report that came before it.
        named = event.attempt is not None
        last = LastMove(event=event.type, attempt=event.attempt or 0, version=event.version)
        changes["last_move"] = last if named else None
    return changes


def annotation(event: RecordedEvent) -> Annotation:
    """The note that this event leaves."""
    tags = said(event.data, "tags", list) or []
    return Annotation(
        version=event.version,
        phase_id=event.phase_id,
        text=said(event.data, "text", str) or "",
        tags=tuple(tag for tag in tags if isinstance(tag, str)),
        actor=event.actor,
        at=event.recorded_at,
    )


def said(data: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """What the data hold under this name, if it is of this kind: a log that begins oddly is still read."""
    value = data.get(name)
    is_kind = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    return value if is_kind else None
