"""A run followed event by event. What an event does not touch is not made anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from api.views import note_view, phase_view, summary_view
from domain.envelopes import RecordedEvent
from domain.evolve import evolve
from domain.run import Run


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as callers saw it after an event. What is in `view` is good until the next one."""

    event: RecordedEvent
    view: dict[str, Any]
    phase: dict[str, Any] | None
    """The phase that the event is about."""
    note: dict[str, Any] | None
    """The note that it left."""


def follow(history: Sequence[RecordedEvent]) -> Iterator[Seen]:
    """The run after each event of its history, from the first."""
    run = Run(run_id=history[0].run_id)
    phases: dict[str, dict[str, Any]] = {}
    notes: list[dict[str, Any]] = []
    for event in history:
        left_before = len(run.annotations)
        run = evolve(run, event)
        phase = note = None
        if event.phase_id is not None:
            phase = phases[event.phase_id] = phase_view(run.run_id, run.phases[event.phase_id])
        if len(run.annotations) > left_before:
            note = note_view(run.run_id, run.annotations[-1])
            notes.append(note)
        view = summary_view(run) | {"phases": list(phases.values()), "annotations": notes}
        yield Seen(event, view, phase, note)
