"""What callers see of events, runs, moves and refusals: plain values."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import orjson

from api.commands import Recorded
from domain.envelopes import RecordedEvent
from domain.events import EVENTS
from domain.judge import blocker, unknown_state
from domain.moves import (
    LEADS_TO,
    NONE,
    PHASE_MOVES,
    RECORDED_BY_SERVICE,
    RUN_MOVES,
    STAYS,
    Entity,
    legal_events,
    moves_to,
    shortest_path,
)
from domain.refusals import PhaseNotFound, Refusal
from domain.rehearsal import walk
from domain.run import Annotation, Phase, Run
from domain.states import STATES
from domain.told import said
from projections import phases, runs
from projections.annotations import row as annotation_row
from projections.annotations import shown as annotation_shown

EVENT_FIELDS = (
    "position",
    "event_id",
    "run_id",
    "version",
    "type",
    "type_version",
    "phase_id",
    "attempt",
    "state_before",
    "state_after",
    "data",
    "implied",
    "occurred_at",
    "recorded_at",
    "actor",
    "actor_verified",
    "correlation_id",
    "causation_id",
    "traceparent",
    "hash",
    "prev_hash",
)
WOULD_FIELDS = ("version", "type", "phase_id", "attempt", "state_before", "state_after", "implied", "data")


def event_view(event: RecordedEvent) -> dict[str, Any]:
    """An event as callers see it."""
    return {name: getattr(event, name) for name in EVENT_FIELDS}


def would_view(event: RecordedEvent) -> dict[str, Any]:
    """An event that is not recorded: what is known of it without the log."""
    return {name: getattr(event, name) for name in WOULD_FIELDS}


def brief_view(event: RecordedEvent) -> dict[str, Any]:
    """An event in few words: what, when, by whom and why."""
    view = {name: getattr(event, name) for name in ("version", "type", "phase_id", "actor", "recorded_at")}
    return view | {"reason": said(event.data, "reason", str)}


def run_view(run: Run) -> dict[str, Any]:
    """A folded run as callers see it: what the tables would show."""
    view = summary_view(run)
    view["phases"] = [phase_view(run.run_id, phase) for phase in run.phases.values()]
    view["annotations"] = [note_view(run.run_id, note) for note in run.annotations]
    return view


def summary_view(run: Run) -> dict[str, Any]:
    """A folded run as callers see it, without its phases and notes."""
    return runs.shown(runs.row(run))


def phase_view(run_id: str, phase: Phase) -> dict[str, Any]:
    """A folded phase as callers see it."""
    return phases.shown(phases.row(run_id, phase))


def note_view(run_id: str, note: Annotation) -> dict[str, Any]:
    """A note as callers see it."""
    return annotation_shown(annotation_row(run_id, note))


def recorded_view(recorded: Recorded) -> dict[str, Any]:
    """What a proposal led to."""
    run, event = recorded.run, recorded.event
    view = {
        "event": event_view(event),
        "implied": [event_view(each) for each in recorded.implied],
        "run": {"run_id": run.run_id, "state": run.state, "version": run.version},
    }
    if event.phase_id is not None:
        view["phase"] = phase_view(run.run_id, run.phases[event.phase_id])
    return view


def claimed_view(recorded: Recorded) -> dict[str, Any]:
    """What a claim led to."""
    view = recorded_view(recorded)
    lease = recorded.run.phases[view["phase"]["phase_id"]].lease
    assert lease is not None  # noqa: S101  # it was claimed with one
    return view | {"lease": {"lease_seconds": lease.seconds, "expires_at": lease.expires_at()}}


def refusal_view(refusal: Mapping[str, Any]) -> dict[str, Any]:
    """A kept refusal as callers see it."""
    view = {str(name): value for name, value in refusal.items()}
    view["facts"] = orjson.loads(view["facts"]) if view["facts"] else None
    view["proposal"] = orjson.loads(view["proposal"]) if view["proposal"] else None
    view["actor_verified"] = bool(view["actor_verified"])
    return view


def moves_view(run: Run, *, to: str | None, phase_id: str | None) -> dict[str, Any]:
    """What may happen to a run and to each of its phases now, and what stands in the way.

    Raises:
        PhaseNotFound, UnknownState: `to` or `phase_id` name nothing.
    """
    if phase_id is not None and phase_id not in run.phases:
        raise PhaseNotFound(run.run_id, phase_id, get_close_matches(phase_id, run.phases))
    view: dict[str, Any] = {
        "run_id": run.run_id,
        "version": run.version,
        "state": run.state,
        "moves": [move_view(run, event, None) for event in legal_events("run", run.condition)],
        "phases": [
            {
                "phase_id": phase.phase_id,
                "state": phase.state,
                "attempt": phase.attempt,
                "moves": [
                    move_view(run, event, phase.phase_id) for event in legal_events("phase", phase.condition)
                ],
            }
            for phase in run.phases.values()
            if phase_id in (None, phase.phase_id)
        ],
        "may_add_phase": blocked_view(blocker(run, "phase.added", "new")),
    }
    if to is not None:
        view["path"] = path_view(run, to, phase_id)
    return view


def move_view(run: Run, event: str, phase_id: str | None) -> dict[str, Any]:
    """One event that the table allows now, where it leads, and what stands in its way."""
    condition = run.condition if phase_id is None else run.condition_of(phase_id)
    leads_to = LEADS_TO[event, condition]
    refusal = blocker(run, event, phase_id)
    return {
        "type": event,
        "leads_to": leads_to,
        "moves": leads_to != condition,
        "requires": required(event),
        **blocked_view(refusal),
    }


def required(event: str) -> list[str]:
    """What the data of an event have to hold."""
    return [name for name, field in EVENTS[event].model_fields.items() if field.is_required()]


def blocked_view(refusal: Refusal | None) -> dict[str, Any]:
    """Whether something stands in the way, and what to do about it."""
    if refusal is None:
        return {"blocked_by": None}
    return {"blocked_by": {"code": refusal.code, "detail": refusal.detail, "remedy": refusal.remedy}}


def path_view(run: Run, to: str, phase_id: str | None) -> dict[str, Any]:
    """What leads to a state: the moves that do directly, and the shortest legal path.

    Each with what stands in its way: of a direct move now, of a step in the run as it would be by then.
    """
    entity: Entity = "run" if phase_id is None else "phase"
    if to not in STATES[entity]:
        raise unknown_state(run, to, phase_id)
    here = run.condition if phase_id is None else run.condition_of(phase_id)
    path = shortest_path(entity, here, to)
    steps = walk(run, path or (), phase_id)
    return {
        "to": to,
        "reachable": path is not None,
        "is_there": here == to,
        "direct": [
            {
                "type": move.event,
                "while": [None if source == NONE else source for source in move.sources],
                **blocked_view(blocker(run, move.event, phase_id)),
            }
            for move in moves_to(entity, to)
        ],
        "steps": [
            {
                "type": step.event,
                "leads_to": step.leads_to,
                "requires": required(step.event),
                **blocked_view(step.refusal),
            }
            for step in steps
        ],
        **blocked_view(steps[0].refusal if steps else None),
    }


def machine_view(entity: Entity) -> dict[str, Any]:
    """The states and the moves of an entity."""
    table = RUN_MOVES if entity == "run" else PHASE_MOVES
    moves = [
        {
            "event": move.event,
            "from": [None if source == NONE else source for source in move.sources],
            "to": None if move.leads_to == STAYS else move.leads_to,
            "proposable": move.event not in RECORDED_BY_SERVICE,
        }
        for move in table
    ]
    return {"entity": entity, "states": STATES[entity], "moves": moves}
