"""What events make of a run: evolve, fold.

`evolve` is total: what is in the log is never judged again, whatever the table of moves says by then.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from domain.envelopes import RecordedEvent
from domain.events.shared import LEASE_SECONDS_MAX
from domain.moves import entity_of
from domain.quarantine import Quarantine, diagnosis
from domain.run import (
    CONFIG_KINDS,
    DEFAULT_CONFIG,
    Annotation,
    Approval,
    LastMove,
    Lease,
    Phase,
    Released,
    Run,
)
from domain.states import ATTEMPT_OPEN, DONE, ENDED, ApprovalStatus, PhaseState, RunState
from domain.tally import COUNTED, tallied
from domain.told import said

AFTERMATH = frozenset({"phase.requeued", "phase.skipped"})
"""What becomes of a phase between its attempts; the last of them may still be reported once more."""

ANSWERS = {
    "run.approval_granted": ApprovalStatus.GRANTED,
    "run.approval_denied": ApprovalStatus.DENIED,
    "run.approval_expired": ApprovalStatus.EXPIRED,
}
"""What comes of a request for approval."""


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
    if event.type in COUNTED:
        changes["tally"] = tallied(run.tally, event)
    return run._replace(**changes)


def changes_by_run(run: Run, event: RecordedEvent) -> dict[str, Any]:
    """What one of its own events changes in a run."""
    state, data = event.state_after, event.data
    changes: dict[str, Any] = {}
    if state != run.state:
        started_at = event.recorded_at if state == RunState.PHASE_EXECUTION else None
        completed_at = event.recorded_at if state in DONE else None
        changes = {"state": state, "started_at": run.started_at or started_at, "completed_at": completed_at}
        changes["ended_by_implication"] = event.implied and state in DONE
    changes["quarantine"] = why_waiting(run.quarantine, event)
    match event.type:
        case "run.queued" | "run.bootstrapped" | "run.created":
            changes |= described(data)
        case "run.imported" | "run.quarantined":
            changes |= described(data) | {"usage": run.usage.plus(said(data, "usage", dict) or {})}
        case "run.annotated":
            changes["annotations"] = (*run.annotations, annotation(event))
        case "run.usage_recorded":
            changes["usage"] = run.usage.plus(data)
        case "run.labelled":
            labels = {**run.labels, **(said(data, "labels", dict) or {})}
            changes["labels"] = {name: value for name, value in labels.items() if isinstance(value, str)}
        case "run.approval_requested":
            changes["approvals"] = {**run.approvals, event.version: approval(event)}
        case "run.approval_granted" | "run.approval_denied" | "run.approval_expired":
            changes["approvals"] = {**run.approvals, **answered(run, event)}
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
        case "phase.imported" | "phase.quarantined":
            changes["usage"] = run.usage.plus(said(event.data, "usage", dict) or {})
        case "phase.annotated":
            changes["annotations"] = (*run.annotations, annotation(event))
        case _:
            pass
    return changes


def phase_after(phase: Phase, event: RecordedEvent) -> Phase:
    """The phase after one of its events."""
    data, at = event.data, event.recorded_at
    changes: dict[str, Any] = {"updated_at": at, "quarantine": why_waiting(phase.quarantine, event)}
    match event.type:
        case "phase.added" | "phase.imported" | "phase.quarantined":
            kinds: dict[str, type[Any]] = {
                "name": str,
                "tier_id": str,
                "scope": dict,
                "max_attempts": int,
                "attempt": int,
                "revision": int,
            }
            told = {name: said(data, name, kind) for name, kind in kinds.items()}
            changes |= {name: value for name, value in told.items() if value is not None}
            changes["usage"] = phase.usage.plus(said(data, "usage", dict) or {})
        case "phase.started":
            changes |= {
                "attempt": event.attempt or phase.attempt + 1,
                "executor": said(data, "executor", str),
                "last_tokens": 0,
                "lease": lease(event),
            }
        case "phase.completed":
            changes["last_outcome"] = {"code": "COMPLETE", "detail": said(data, "reason", str)}
        case "phase.failed":
            outcome = {"code": said(data, "outcome", str), "detail": said(data, "detail", str)}
            changes["last_outcome"] = outcome
        case "phase.skipped":
            changes["last_outcome"] = {"code": "SKIPPED", "detail": said(data, "reason", str)}
        case "phase.repaired" if event.state_after in ENDED and approved(data):
            changes["last_outcome"] = {"code": "REPAIRED", "detail": said(data, "reason", str)}
        case "phase.repaired" if event.state_after == PhaseState.QUEUED:
            changes["executor"] = None
        case "phase.released":
            changes["executor"] = None
            changes["released"] = Released(event.attempt or phase.attempt, said(data, "why", str))
        case "phase.requeued":
            changes |= {"executor": None, "revision": phase.revision + bool(data.get("replan"))}
        case "phase.usage_recorded":
            changes["usage"] = phase.usage.plus(data)
            changes["last_tokens"] = said(data, "tokens_used", int) or 0
        case _:
            pass
    if event.state_after != phase.state:
        changes |= moved(phase, event, changes.get("attempt", phase.attempt))
    return phase._replace(**changes)


def why_waiting(known: Quarantine | None, event: RecordedEvent) -> Quarantine | None:
    """Why something waits in quarantine after an event of it; None where it has a state."""
    if event.state_after is not None:
        return None
    return diagnosis(event) if event.type in ("run.quarantined", "phase.quarantined") else known


def approved(data: Mapping[str, Any]) -> bool:
    """Whether a proposal is behind a repair. Before there were any, a repair left no outcome."""
    return said(said(data, "repair", dict) or {}, "repair_id", str) is not None


def moved(phase: Phase, event: RecordedEvent, attempt: int) -> dict[str, Any]:
    """What changes in a phase because its state does."""
    state, at = event.state_after, event.recorded_at
    changes: dict[str, Any] = {"state": state, "completed_at": at if state in ENDED else None}
    if state in ATTEMPT_OPEN:
        changes |= {"started_at": phase.started_at or at, "attempt": max(attempt, 1)}
    else:
        changes["lease"] = None
    if event.type not in AFTERMATH:
        # A state that was set outside the moves answers no report that came before it.
        named = event.attempt is not None
        last = LastMove(
            event=event.type,
            attempt=event.attempt or 0,
            version=event.version,
            occurred_at=event.occurred_at,
        )
        changes["last_move"] = last if named else None
    return changes


def approval(event: RecordedEvent) -> Approval:
    """The request for approval that this event makes."""
    return Approval(event.version, event.position, event.data, event.actor, event.recorded_at)


def answered(run: Run, event: RecordedEvent) -> dict[int, Approval]:
    """The request for approval that this event answers, if it is there."""
    asked = run.approvals.get(said(event.data, "approval", int) or 0)
    if asked is None:
        return {}
    return {
        asked.version: asked._replace(
            status=ANSWERS[event.type],
            answered_by=event.actor,
            answered_at=event.recorded_at,
            reason=said(event.data, "reason", str),
        )
    }


def lease(event: RecordedEvent) -> Lease | None:
    """The lease that the attempt was opened with, if it was."""
    seconds = said(event.data, "lease_seconds", int) or 0
    return Lease(min(seconds, LEASE_SECONDS_MAX), event.recorded_at) if seconds > 0 else None


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
