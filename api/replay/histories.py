"""The history of one run, judged event by event and folded: what it comes to, and what is wrong with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, get_type_hints

import orjson

from api.replay.findings import Finding
from domain.envelopes import RecordedEvent
from domain.events import EVENTS
from domain.evolve import evolve
from domain.moves import LEGAL_MOVES, NONE, QUARANTINED, entity_of
from domain.run import NO_HASH, Run
from eventstore import chain, store

LEGAL = frozenset(
    (
        move.event,
        move.state_before,
        None if move.state_after == QUARANTINED else move.state_after,
        entity_of(move.event) == "run",
    )
    for move in LEGAL_MOVES
)
"""What an event may say, while its run or phase is in which state: its type, state after, whose it is."""

STRAY = frozenset({"version-missing", "content-changed"})
"""Flaws of an event that is neither in its place nor what was hashed: nothing follows it."""

SHALLOW = 500
"""Characters of a body that cannot be nested deeper than can be written again, into a table."""

KINDS: Mapping[str, Any] = {n: kind for n, kind in get_type_hints(RecordedEvent).items() if n != "data"}
_run_id = itemgetter(store.NAMES.index("run_id"))


@dataclass(slots=True)
class History:
    """What the events of a run come to."""

    run: Run
    first: int = 0
    """The position of its first event."""
    events: int = 0
    findings: list[Finding] = field(default_factory=list)


def histories(rows: Iterable[Sequence[Any]]) -> Iterator[History]:
    """Of each run one, given the rows of the log run by run, each run's in order."""
    for run_id, own in groupby(rows, key=_run_id):
        yield history(run_id, own)


def history(run_id: str, rows: Iterable[Sequence[Any]]) -> History:
    """Fold a run from the rows of its events, and judge each of them.

    Whatever is in a row, it is told and not raised: somebody may have written it by hand.
    """
    told = History(Run(run_id=run_id))
    version, head, position = 0, NO_HASH, 0
    for row in rows:
        event, unread = understood(row)
        told.first = told.first or event.position
        told.events += 1
        flaws = chain.flaws(event, version, head)
        if flaws or unread or event.position <= position:
            flaws = {**flaws, **unread}
            if event.position <= position:
                flaws["out-of-order"] = f"stands in the log before version {version}"
            told.findings += found(event, flaws)
            if flaws.keys() >= STRAY:
                continue
        if not flaws or is_well_formed(event):
            if wrong := misfits(told.run, event):
                told.findings += found(event, wrong)
            told.run = evolve(told.run, event)
        version, head, position = event.version, event.hash, event.position
    return told


def understood(row: Sequence[Any]) -> tuple[RecordedEvent, Mapping[str, str]]:
    """A row as an event; where its body cannot be read, as one that says nothing."""
    try:
        event = store.recorded(row)
        if len(event.body) > SHALLOW:
            orjson.dumps(event.data)
        if isinstance(event.data, dict):
            return event, chain.SOUND
    except (orjson.JSONDecodeError, TypeError):
        nothing = (*row[: store.BODY], "{}", *row[store.BODY + 1 :])
        event = store.recorded(nothing)._replace(body=row[store.BODY])
    return event._replace(data={}), {"unreadable": "has a body that is no JSON object, or one too deep"}


def is_well_formed(event: RecordedEvent) -> bool:
    """Whether its values are of the kinds that an event's are."""
    return all(isinstance(getattr(event, name), kind) for name, kind in KINDS.items())


def misfits(run: Run, event: RecordedEvent) -> Mapping[str, str]:
    """What the machine says against an event that follows this run."""
    phase_id = event.phase_id
    of = run if phase_id is None else run.phases.get(phase_id)
    condition = of.condition if of else NONE
    if (event.type, condition, event.state_after, phase_id is None) in LEGAL:
        if event.state_before != (of.state if of else None):
            return {"state-before-differs": f"says that it was {event.state_before}, and it was {condition}"}
        if of is None and not (run.version and phase_id):
            return {"illegal-move": f"adds phase {phase_id!r}, which has no name or no run"}
        return chain.SOUND
    if event.type not in EVENTS:
        return {"unknown-event": f"is of a type that this program does not know: {event.type}"}
    return {"illegal-move": f"leads from {condition} to {event.state_after}, which {event.type} may not"}


def found(event: RecordedEvent, flaws: Mapping[str, str]) -> list[Finding]:
    """The findings about an event."""
    return [
        Finding(
            code=code,
            detail=f"Version {event.version} of run {event.run_id} {why}.",
            position=event.position,
            run_id=event.run_id,
            version=event.version,
            facts={"phase_id": event.phase_id, "type": event.type},
        )
        for code, why in flaws.items()
    ]
