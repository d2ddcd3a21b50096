"""A log of 100,000 events: exported, beside reading its rows by the driver alone; and restored."""

import sys
import time
from collections.abc import Iterator
from functools import partial

from sqlalchemy import Engine, select

from api.exports import FORMATS, Format, blocks
from api.exports.ndjson import FORMAT, line
from api.prepare import prepare
from api.restore import restore
from benchmarks.databases import postgresql, sqlite
from benchmarks.sides import compare
from domain.envelopes import NewEvent, Origin, RecordedEvent
from domain.run import Run
from eventstore import chain
from eventstore.database import open_engine, reading
from eventstore.schema import events
from eventstore.snapshot import Snapshot
from eventstore.store import NAMES

RUNS, EVENTS_OF_A_RUN, AT_ONCE = 1_000, 100, 10
EVENTS = RUNS * EVENTS_OF_A_RUN
ROWS = 500
RESULT = {"files_changed": [f"src/part{number}.py" for number in range(8)], "ratio": 1.0, "note": "größer"}

Step = tuple[str, str | None, str | None, str, dict[str, object]]


def measure(postgres: str, rounds: int) -> None:
    """Measure on both databases."""
    log = list(lines())
    with sqlite() as (url, _):
        measure_one("SQLite", url, log, rounds)
    with postgresql(postgres) as (url, _):
        measure_one("PostgreSQL", url, log, rounds)


def measure_one(name: str, url: str, log: list[bytes], rounds: int) -> None:
    """Restore the log, and export it in every format."""
    engine = open_engine(url)
    prepare(engine)
    began = time.perf_counter()
    with engine.begin() as connection:
        assert restore(connection, log).events == EVENTS
    took = time.perf_counter() - began
    sys.stdout.write(f"{name}: restore: {EVENTS / took:,.0f}/s ({took:.1f} s)\n")
    for form, made in FORMATS.items():
        ours = partial(exported, engine, made)
        compare(f"{name}: export {form} / reading the rows", partial(floor, engine), ours, rounds)
    engine.dispose()


def exported(engine: Engine, made: Format) -> float:
    """Events a second that are written down, and thrown away."""
    began = time.perf_counter()
    size = sum(len(block) for block in blocks(made.pieces(Snapshot.of(partial(reading, engine)))))
    assert size > EVENTS
    return EVENTS / (time.perf_counter() - began)


def floor(engine: Engine) -> float:
    """Rows a second that the driver reads, doing nothing with them."""
    query = str(select(events).order_by(events.c.position))
    began = time.perf_counter()
    with reading(engine) as connection:
        cursor = connection.connection.cursor()
        cursor.execute(query)
        count = 0
        while rows := cursor.fetchmany(ROWS):
            count += len(rows)
    assert count == EVENTS
    return EVENTS / (time.perf_counter() - began)


def lines() -> Iterator[bytes]:
    """The log: runs of ten phases and more, ten at a time."""
    position = 0
    for first in range(0, RUNS, AT_ONCE):
        runs = [(Run(run_id=f"run-{number:05}"), story()) for number in range(first, first + AT_ONCE)]
        for _ in range(EVENTS_OF_A_RUN):
            for number, (run, steps) in enumerate(runs):
                position += 1
                event = sealed(run, position, next(steps))
                after = Run(run_id=run.run_id, version=event.version, head_hash=event.hash)
                runs[number] = after, steps
                yield line({name: getattr(event, name) for name in NAMES})
    yield line({"end": {"format": FORMAT, "run_id": None, "events": position, "keys": 0}})


def story() -> Iterator[Step]:
    """What happens in a run."""
    yield (
        "run.created",
        None,
        None,
        "RUN_CREATED",
        {"goal": "Predict output sizes", "labels": {"team": "core"}},
    )
    yield "run.execution_started", None, "RUN_CREATED", "PHASE_EXECUTION", {}
    for number in range(1, EVENTS_OF_A_RUN):
        phase = f"phase{number}-build"
        yield "phase.added", phase, None, "QUEUED", {"name": "Build", "scope": {"goal": "Make it compile"}}
        yield "phase.started", phase, "QUEUED", "EXECUTING", {"executor": "builder-7"}
        yield "phase.usage_recorded", phase, "EXECUTING", "EXECUTING", {"tokens_used": 41_000}
        yield "phase.result_recorded", phase, "EXECUTING", "EXECUTING", {"result": RESULT}
        yield "phase.submitted", phase, "EXECUTING", "GATE", {}
        yield "phase.completed", phase, "GATE", "COMPLETE", {}


def sealed(run: Run, position: int, step: Step) -> RecordedEvent:
    """A step as it is in the log."""
    kind, phase_id, before, after, data = step
    new = NewEvent(
        type=kind,
        type_version=1,
        phase_id=phase_id,
        attempt=1 if phase_id and before else None,
        state_before=before,
        state_after=after,
        data=data,
    )
    minutes, rest = divmod(position, 60_000)
    return chain.seal(
        new,
        run,
        position=position,
        event_id=f"019ab3c1-5f00-7000-8000-{position:012}",
        occurred_at=None,
        recorded_at=f"2026-11-22T10:{minutes:02}:{rest // 1_000:02}.{rest % 1_000:03}000Z",
        origin=Origin(actor="builder-7"),
    )
