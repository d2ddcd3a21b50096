"""OCEL 2.0 in JSON: events, and the runs, phases, attempts, executors and actors that they are about.

The log is read twice: run by run for the objects and all that changed in them, then in order for the events.
What is held in memory is one run, and the names of executors and actors.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from api.exports.attributes import ENVELOPE, Kind, attributes, data_of, text_of
from domain.envelopes import RecordedEvent
from domain.events import EVENTS
from domain.evolve import evolve
from domain.run import Phase, Run
from domain.told import said
from eventstore.snapshot import Snapshot

INITIALLY = "1970-01-01T00:00:00Z"
"""Stands, in this format, for the time of a value that an object had from its beginning."""

Relationship = dict[str, str]


def pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """Types, then an object a piece, then an event a piece."""
    yield b'{"objectTypes":%b,\n"eventTypes":%b,\n' % (declared(OBJECTS), declared(event_types()))
    yield b'"objects":[\n'
    yield from separated(objects(snapshot))
    yield b'],\n"events":[\n'
    yield from separated(map(event_of, snapshot.events()))
    yield b"]}\n"


def separated(values: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Values of a list, one a line."""
    before = b""
    for value in values:
        yield before + orjson.dumps(value)
        before = b",\n"
    yield b"\n"


def declared(types: Mapping[str, Mapping[str, Kind]]) -> bytes:
    """Types with their attributes."""
    return orjson.dumps(
        [
            {"name": name, "attributes": [{"name": each, "type": kind} for each, kind in of.items()]}
            for name, of in types.items()
        ]
    )


def event_types() -> dict[str, Mapping[str, Kind]]:
    """Every type of event."""
    return {name: {**ENVELOPE, **data_of(name)} for name in EVENTS}


# --- what an object is like ---


def run_values(run: Run) -> dict[str, Any]:
    """The attributes of a run."""
    flags = {"held": run.held, "preserved": run.preserved, "archived": run.archived}
    told = {"state": run.condition, "goal": run.goal, "labels": text_of(dict(run.labels))}
    return told | flags | run.usage.counts()


def phase_values(phase: Phase) -> dict[str, Any]:
    """The attributes of a phase."""
    return {
        "state": phase.condition,
        "index": phase.index,
        "name": phase.name,
        "tier_id": phase.tier_id,
        "attempt": phase.attempt,
        "max_attempts": phase.max_attempts,
        "revision": phase.revision,
        "executor": phase.executor,
        "outcome": (phase.last_outcome or {}).get("code"),
        **phase.usage.counts(),
    }


def attempt_values(number: int, state: str | None) -> dict[str, Any]:
    """The attributes of an attempt: its number, and the state that it brought its phase into."""
    return {"number": number, "state": state}


def kinds(values: Mapping[str, Any]) -> dict[str, Kind]:
    """The kinds of attributes, from values of which those that are missing are texts."""
    of_python: dict[type, Kind] = {bool: "boolean", int: "integer"}
    return {name: of_python.get(type(value), "string") for name, value in values.items()}


OBJECTS: dict[str, dict[str, Kind]] = {
    "run": kinds(run_values(Run(run_id=""))),
    "phase": kinds(phase_values(Phase(phase_id="", index=1, state=None))),
    "attempt": kinds(attempt_values(1, None)),
    "executor": {},
    "actor": {},
}
"""Every type of object."""


@dataclass(slots=True)
class Object:
    """An object, with all the values that its attributes have had."""

    id: str
    type: str
    values: dict[str, Any] = field(default_factory=dict)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    relationships: list[Relationship] = field(default_factory=list)

    def became(self, values: Mapping[str, Any], time: str) -> None:
        """Note what is new in these values. A text that is missing is an empty one."""
        time = time if self.values else INITIALLY
        for name, value in values.items():
            told = "" if value is None else value
            if self.values.get(name) != told:
                self.attributes.append({"name": name, "time": time, "value": told})
                self.values[name] = told

    def shown(self) -> dict[str, Any]:
        """The object as it is written."""
        return {
            "id": self.id,
            "type": self.type,
            "attributes": self.attributes,
            "relationships": self.relationships,
        }


def related(object_id: str, qualifier: str) -> Relationship:
    """A relationship to an object, which plays this part in it."""
    return {"objectId": object_id, "qualifier": qualifier}


# --- from the log ---


def objects(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Every run with its phases and attempts; then every executor and actor."""
    named: dict[str, set[str]] = {"executor": set(), "actor": set()}
    for run_id, history in snapshot.histories():
        for each in objects_of(run_id, history, named):
            yield each.shown()
    for kind, names in named.items():
        for name in sorted(names):
            yield Object(f"{kind}:{name}", kind).shown()


def objects_of(
    run_id: str, history: Iterable[RecordedEvent], named: Mapping[str, set[str]]
) -> Iterable[Object]:
    """A run, its phases and its attempts. Adds the names of those who worked on it, and of those who told."""
    run = Run(run_id=run_id)
    found: dict[str, Object] = {}

    def the(object_id: str, kind: str, within: str | None = None) -> Object:
        if object_id not in found:
            found[object_id] = Object(object_id, kind)
            if within is not None:
                found[within].relationships.append(related(object_id, kind))
        return found[object_id]

    for event in history:
        run, at = evolve(run, event), event.recorded_at
        ids = ids_of(event)
        named["actor"].add(event.actor)
        the(ids["run"], "run").became(run_values(run), at)
        if "phase" in ids:
            the(ids["phase"], "phase", ids["run"]).became(phase_values(run.phases[str(event.phase_id)]), at)
        if "attempt" in ids:
            attempt = the(ids["attempt"], "attempt", ids["phase"])
            if event.state_before != event.state_after or not attempt.values:
                attempt.became(attempt_values(event.attempt or 0, event.state_after), at)
            if "executor" in ids:
                named["executor"].add(ids["executor"].removeprefix("executor:"))
                attempt.relationships.append(related(ids["executor"], "executor"))
    return found.values()


def ids_of(event: RecordedEvent) -> dict[str, str]:
    """The objects that an event is about, by their types; never none, since it is about its run."""
    ids = {"run": f"run:{event.run_id}"}
    if event.phase_id is not None:
        ids["phase"] = f"phase:{event.run_id}/{event.phase_id}"
        if event.attempt is not None:
            ids["attempt"] = f"attempt:{event.run_id}/{event.phase_id}/{event.attempt}"
        if event.type == "phase.started" and (executor := said(event.data, "executor", str)):
            ids["executor"] = f"executor:{executor}"
    return ids | {"actor": f"actor:{event.actor}"}


def event_of(event: RecordedEvent) -> dict[str, Any]:
    """An event as it is written. Its time is that of the record, whose order is the order of the log."""
    return {
        "id": event.event_id,
        "type": event.type,
        "time": event.recorded_at,
        "attributes": [{"name": name, "value": value} for name, _, value in attributes(event)],
        "relationships": [related(object_id, kind) for kind, object_id in ids_of(event).items()],
    }
