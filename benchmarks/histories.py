"""A log of many runs, written as the service would have written it, only faster."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Engine

import projections
from api.prepare import prepare
from domain.decide import decide
from domain.envelopes import NewEvent, Origin, RecordedEvent
from domain.evolve import evolve
from domain.proposals import proposed_event
from domain.run import Run
from domain.times import stamp
from eventstore import chain, statements, store
from eventstore.database import lock_writers

SIDE_BY_SIDE = 100
"""Runs that are under way at any one time; their events lie mixed in the log."""

CHUNK = 5_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BUILDER = Origin(actor="builder-7", correlation_id="build-2026", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
PHASES = ("fetch", "build", "test", "publish")
Step = tuple[str, str | None, Mapping[str, Any]]
STEPS: list[tuple[str, Mapping[str, Any]]] = [
    ("phase.started", {"executor": "builder-7"}),
    ("phase.usage_recorded", {"tokens_used": 1_250}),
    ("phase.submitted", {}),
    ("phase.completed", {}),
]
STORY: list[Step] = [
    ("run.created", None, {"goal": "Build the nightly image", "labels": {"team": "core"}}),
    *(("phase.added", each, {"name": each, "scope": {"goal": "Make it compile"}}) for each in PHASES),
    ("run.execution_started", None, {}),
    *((kind, each, data) for each in PHASES for kind, data in STEPS),
    ("run.succeeded", None, {}),
]
"""What happens in every run: type, phase, data."""


def fill(engine: Engine, events: int, story: Sequence[Step] = STORY) -> int:
    """Make the tables and fill them with about so many events; how many it became."""
    prepare(engine)
    told = decided(story)
    written = histories(told, max(1, events // len(told)))
    position, before = 0, dict[str, Run]()
    while chunk := list(islice(written, CHUNK)):
        after = {run.run_id: run for _, run in chunk}
        changes = [
            projections.Change(before.get(run_id, Run(run_id=run_id)), run) for run_id, run in after.items()
        ]
        with engine.begin() as connection:
            lock_writers(connection)
            store.append(connection, [event for event, _ in chunk])
            for statement, rows in projections.writes(changes):
                statements.write(connection, statement, rows)
        before = {run_id: run for run_id, run in (before | after).items() if not run.is_over}
        position = chunk[-1][0].position
    return position


def decided(story: Sequence[Step]) -> list[NewEvent]:
    """The events of a run, judged once; they are the same for every run."""
    run, told = Run(run_id="any"), list[NewEvent]()
    for version, (kind, phase_id, data) in enumerate(story, start=1):
        raw: dict[str, Any] = {"type": kind, "data": data}
        if phase_id is not None:
            raw |= {"phase_id": phase_id}
            raw |= {"attempt": 1} if kind not in ("phase.added", "phase.started") else {}
        (new,) = decide(run, proposed_event(raw, "any"))
        sealed = chain.seal(
            new,
            run,
            position=version,
            event_id=str(version),
            occurred_at=None,
            recorded_at=stamp(BEGIN),
            origin=BUILDER,
        )
        run = evolve(run, sealed)
        told.append(new)
    return told


def histories(told: list[NewEvent], runs: int) -> Iterator[tuple[RecordedEvent, Run]]:
    """The events of runs that go on side by side, in the order of the log, each with its run after it."""
    waiting = (Run(run_id=f"run-{number:07}") for number in range(runs))
    under_way = list(islice(waiting, SIDE_BY_SIDE))
    position, clock = 0, BEGIN
    while under_way:
        for place, run in enumerate(under_way):
            position += 1
            clock += timedelta(milliseconds=40)
            event = chain.seal(
                told[run.version],
                run,
                position=position,
                event_id=f"{position:08x}-0000-7000-8000-000000000000",
                occurred_at=None,
                recorded_at=stamp(clock),
                origin=BUILDER,
            )
            after = evolve(run, event)
            under_way[place] = after
            yield event, after
        over = [place for place, run in enumerate(under_way) if run.version == len(told)]
        for place in reversed(over):
            successor = next(waiting, None)
            under_way[place : place + 1] = [successor] if successor else []
