"""Which event set each field of a run: one pass forward through its history."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from api.history.fields import (
    Change,
    Fields,
    changes,
    flatten,
    note_path,
    of_note,
    of_phase,
    of_run,
    phase_path,
)
from api.history.follow import Seen, follow
from api.history.refusals import UnknownField
from api.views import brief_view
from domain.envelopes import RecordedEvent
from domain.refusals import PhaseNotFound

PARTS = ("tiers/", "phases/", "annotations/")
"""What the names of fields begin with that are not the run's own."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The last change of a field, the event that made it, and how many changes there were."""

    change: Change
    event: RecordedEvent
    times: int


def blame(
    history: Sequence[RecordedEvent], field: str | None = None, phase_id: str | None = None
) -> dict[str, Any]:
    """The event that set each field last; those of a phase, or one field, if they are named.

    A field that is named may be one that was removed.

    Raises:
        PhaseNotFound, UnknownField: the run has no such phase or field, and never had.
    """
    run_id, version = history[-1].run_id, history[-1].version
    settings, there = last_settings(history)
    path = "" if phase_id is None else phase_path(phase_id)
    if not any(name.startswith(path) for name in settings):
        known = {event.phase_id for event in history if event.phase_id is not None}
        raise PhaseNotFound(run_id, str(phase_id), get_close_matches(str(phase_id), known))
    if field is None:
        wanted = [name for name in there if name.startswith(path)]
    else:
        wanted = named(field, path, settings)
        if len(wanted) != 1:
            raise UnknownField(run_id, field, version, wanted or close_to(field, path, settings))
    told = [setting_view(settings[name]) for name in wanted]
    return {"run_id": run_id, "version": version, "fields": told}


def last_settings(history: Sequence[RecordedEvent]) -> tuple[dict[str, Setting], Fields]:
    """The last setting of every field that the run ever had, and the fields that it has."""
    found: dict[str, Setting] = {}
    known: dict[str, Fields] = {}
    for seen in follow(history):
        for part, fields in touched(seen):
            for change in changes(known.get(part, {}), fields):
                times = found[change.field].times if change.field in found else 0
                found[change.field] = Setting(change, seen.event, times + 1)
            known[part] = fields
    return found, flatten(seen.view)


def touched(seen: Seen) -> Iterator[tuple[str, Fields]]:
    """The parts of a run that an event can have changed, and their fields after it."""
    yield "run", of_run(seen.view)
    if seen.phase is not None:
        yield phase_path(seen.phase["phase_id"]), of_phase(seen.phase)
    if seen.note is not None:
        yield note_path(seen.event.version), of_note(seen.note)


def named(field: str, path: str, names: Iterable[str]) -> list[str]:
    """The fields that are called this: by the full name, else by the last word of it."""
    for full in (path + field, field):
        if full in names and full.startswith(path):
            return [full]
    return [name for name in within(path, names) if last_word(name) == field]


def within(path: str, names: Iterable[str]) -> list[str]:
    """The fields of a phase, or those of the run itself."""
    return [name for name in names if (name.startswith(path) if path else not name.startswith(PARTS))]


def last_word(name: str) -> str:
    """What a field is called within the part that it belongs to."""
    return name.rpartition("/")[2]


def close_to(field: str, path: str, names: Iterable[str]) -> list[str]:
    """Fields that may have been meant."""
    if elsewhere := [name for name in names if last_word(name) == field]:
        return elsewhere[:3]
    near = within(path, names)
    words = {last_word(name): name for name in reversed(near)}
    close = [words[word] for word in get_close_matches(field, words)]
    return list(dict.fromkeys(close + get_close_matches(path + field, near)))[:3]


def setting_view(setting: Setting) -> dict[str, Any]:
    """The last setting of a field as callers see it."""
    change = setting.change
    return {
        "field": change.field,
        "value": change.after,
        "before": change.before,
        "removed": change.kind == "removed",
        "times_set": setting.times,
        "event": brief_view(setting.event),
    }
