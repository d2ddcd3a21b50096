"""The story of a run, read from the database and told in plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection

from api.views import event_view, refusal_view
from domain.envelopes import RecordedEvent
from domain.refusals import PhaseNotFound
from domain.story import Attempt, Happening, Refused, Stay, Story, behind, is_outside_moves, tell, why
from domain.times import moment
from eventstore import store

REFUSALS_TOLD_MAX = 10_000
"""Most refusals in one story: the newest."""


def story_of(
    connection: Connection, history: Sequence[RecordedEvent], phase_id: str | None
) -> dict[str, Any]:
    """The story of the run with this history, or of one of its phases.

    Raises:
        PhaseNotFound: the run has no such phase.
    """
    run_id = history[0].run_id
    refused = store.page_of_refusals(connection, run_id=run_id, before=None, limit=REFUSALS_TOLD_MAX + 1)
    told = refused[:REFUSALS_TOLD_MAX]
    story = tell(history, reversed(told), phase_id)
    if phase_id is not None and phase_id not in story.run.phases:
        raise PhaseNotFound(run_id, phase_id, get_close_matches(phase_id, story.run.phases))
    since = told[-1]["refused_at"] if len(told) < len(refused) else None
    return story_view(story, phase_id, since or refusals_since(connection, history[0].recorded_at))


def refusals_since(connection: Connection, created_at: str) -> str | None:
    """From when on all refusals are kept; None where none of the run's since its creation can be gone."""
    oldest = store.oldest_refusal(connection)
    if oldest is None:
        return None
    number, at = oldest
    return at if number > 1 and at >= created_at else None


def story_view(story: Story, phase_id: str | None, since: str | None) -> dict[str, Any]:
    """A story as callers see it."""
    attempts: dict[str, list[dict[str, Any]]] = {}
    for attempt in story.attempts:
        attempts.setdefault(attempt.phase_id, []).append(attempt_view(attempt))
    return {
        "run": head_view(story),
        "phase_id": phase_id,
        "counts": story.counts,
        "refusals_since": since,
        "timeline": [entry_view(each) for each in story.timeline],
        "phases": [
            {
                "phase_id": phase.phase_id,
                "name": phase.name,
                "tier_id": phase.tier_id,
                "state": phase.state,
                "state_by": state_by_view(story.set_by[phase.phase_id]),
                "max_attempts": phase.max_attempts,
                "usage": phase.usage.counts(),
                "attempts": attempts.get(phase.phase_id, []),
                "states": [stay_view(stay) for stay in story.stays[phase.phase_id]],
            }
            for phase in story.run.phases.values()
            if phase_id in (None, phase.phase_id)
        ],
    }


def head_view(story: Story) -> dict[str, Any]:
    """What there is to know of the run as a whole."""
    run, set_by = story.run, story.set_by.get(None)
    took = None
    if run.started_at is not None and run.completed_at is not None:
        took = seconds(moment(run.completed_at) - moment(run.started_at))
    minutes = round(took / 60, 3) if took is not None else None
    return {
        "run_id": run.run_id,
        "goal": run.goal,
        "labels": dict(run.labels),
        "state": run.state,
        "state_by": state_by_view(set_by) if set_by is not None else None,
        "version": run.version,
        "head_hash": run.head_hash,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "usage": run.usage.counts(),
        "caps": {
            name: {"used": used, "cap": run.config[name]}
            for name, used in (
                ("token_cap", run.usage.tokens_used),
                ("max_phases", len(run.phases)),
                ("max_duration_minutes", minutes),
            )
        },
        "states": [stay_view(stay) for stay in story.stays.get(None, ())],
    }


def state_by_view(event: RecordedEvent) -> dict[str, Any]:
    """The event that led to a state, and why."""
    return {**by_view(event), "why": why(event)}


def by_view(event: RecordedEvent) -> dict[str, Any]:
    """An event by its version, and who it was."""
    named = {"version": event.version, "type": event.type, "actor": event.actor}
    return {**named, "outside_moves": is_outside_moves(event)}


def entry_view(entry: Happening | Refused) -> dict[str, Any]:
    """An event or a refusal in its place."""
    if isinstance(entry, Mapping):
        return {"kind": "refusal", "at": entry["refused_at"], "refusal": refusal_view(entry)}
    event, cause = entry.event, entry.cause
    return {
        "kind": "event",
        "at": event.recorded_at,
        "event": event_view(event),
        "moved": entry.moved,
        "outside_moves": is_outside_moves(event),
        "spent_seconds": seconds(entry.spent) if entry.spent is not None else None,
        "why": why(event),
        "repair": asdict(told) if (told := behind(event)) is not None else None,
        "caused_by": {"version": cause.version, "type": cause.type} if cause is not None else None,
    }


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """An attempt as callers see it."""
    started, ended = attempt.started, attempt.ended
    return {
        "attempt": attempt.number,
        "executor": attempt.executor,
        "started_by": by_view(started),
        "started_at": started.recorded_at,
        "ended_by": by_view(ended) if ended else None,
        "ended_at": ended.recorded_at if ended else None,
        "seconds": seconds(attempt.spent) if attempt.spent is not None else None,
        "outcome": attempt.outcome,
        "detail": attempt.detail,
        "usage": attempt.usage.counts(),
    }


def stay_view(stay: Stay) -> dict[str, Any]:
    """The time in one state as callers see it."""
    return {
        "state": stay.state,
        "times": stay.times,
        "seconds": seconds(stay.spent),
        "since": stay.since,
    }


def seconds(time: timedelta) -> float:
    """A span of time in seconds, exact to the microsecond."""
    return round(time.total_seconds(), 6)
