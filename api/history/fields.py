"""A run as named fields: `state`, `usage/tokens_used`, `labels/team`, `phases/build/state`. Pure.

A name is the path to a value in the view of a run. Phases, tiers and notes are named by their id (a note by
its version), not by their place in a list; other lists are one value. In a label or a key of a scope, `~`
and `/` are written `~0` and `~1`, as in a JSON pointer (RFC 6901).

What changes with every event is no field: version, position, head_hash, and the updated_at of run and phase.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import orjson

from domain.values import escaped

Fields = dict[str, Any]
View = Mapping[str, Any]

BESIDE = frozenset({"run_id", "version", "position", "head_hash", "updated_at"})
"""What tells which run it is, at which version."""

PARTS = frozenset({"tiers", "phases", "annotations"})
NO_OUTCOME = {"code": None, "detail": None}


def flatten(view: View) -> Fields:
    """All fields of a run."""
    found = of_run(view)
    for phase in view["phases"]:
        found |= of_phase(phase)
    for note in view["annotations"]:
        found |= of_note(note)
    return found


def of_run(view: View) -> Fields:
    """The fields of a run itself and of its tiers."""
    own = {name: view[name] for name in view if name not in BESIDE | PARTS and view[name] != {}}
    found = dict(leaves(own, ""))
    for tier in view["tiers"]:
        found |= part(tier, f"tiers/{tier['tier_id']}/", {"tier_id"})
    return found


def of_phase(view: View) -> Fields:
    """The fields of a phase."""
    view = {**view, "last_outcome": view["last_outcome"] or NO_OUTCOME}
    return part(view, phase_path(view["phase_id"]), {"run_id", "phase_id", "updated_at"})


def of_note(view: View) -> Fields:
    """The fields of a note."""
    return part(view, note_path(view["version"]), {"version"})


def phase_path(phase_id: str) -> str:
    """What the names of a phase's fields begin with."""
    return f"phases/{phase_id}/"


def note_path(version: int) -> str:
    """What the names of a note's fields begin with."""
    return f"annotations/{version}/"


def part(view: View, path: str, without: set[str]) -> Fields:
    """The fields of a part of a run, without those that are in its path or beside it."""
    return dict(leaves({name: view[name] for name in view if name not in without}, path))


def leaves(value: View, path: str) -> Iterator[tuple[str, Any]]:
    """The values within a value, by their paths."""
    for name, inner in value.items():
        here = f"{path}{escaped(name)}"
        if isinstance(inner, dict) and inner:
            yield from leaves(inner, f"{here}/")
        else:
            yield here, inner


class Change(NamedTuple):
    """A field that is not what it was. A value is None where the field is not there."""

    field: str
    before: Any
    after: Any
    kind: Literal["added", "removed", "changed"]


def changes(before: Fields, after: Fields) -> Iterator[Change]:
    """What leads from one to the other, in the order of `after`; what was removed comes last."""
    for field, value in after.items():
        if field not in before:
            yield Change(field, None, value, "added")
        elif not same(before[field], value):
            yield Change(field, before[field], value, "changed")
    for field, value in before.items():
        if field not in after:
            yield Change(field, value, None, "removed")


def same(one: Any, other: Any) -> bool:
    """Whether two values are one in JSON, where true is not 1."""
    return one is other or (one == other and orjson.dumps(one) == orjson.dumps(other))
