"""A batch is recorded whole or not at all, and nobody ever sees half of it."""

from threading import Event, Thread
from typing import Any

import pytest

from api.ledger import Ledger
from api.views import run_view
from domain.evolve import fold
from domain.refusals import (
    IllegalMove,
    InvalidBody,
    PhaseExists,
    Refusal,
    RunNotFound,
    UnknownTier,
    VersionMismatch,
)
from eventstore import store
from projections import phases, runs
from tests.databases import Digest


def body(run_id: str, kind: str, phase_id: str | None = None, **more: Any) -> dict[str, Any]:
    named = {} if phase_id is None else {"phase_id": phase_id}
    return {"run_id": run_id, "type": kind, **named, **more}


def note(run_id: str, text: str = "x", **more: Any) -> dict[str, Any]:
    return body(run_id, "run.annotated", data={"text": text}, **more)


def test_events_of_several_runs_are_recorded_together(ledger: Ledger, a_run: str) -> None:
    """In the order in which they were given, next to each other in the log."""
    last = ledger.log(after=0, limit=100)[-1].position
    outcome = ledger.propose_all([note(a_run), body("new", "run.queued"), note(a_run), note("new")])
    assert [each.event.position for each in outcome] == [last + i for i in range(1, 5)]
    assert [each.event.version for each in outcome][1::2] == [1, 2]
    assert len({each.event.recorded_at for each in outcome}) == 1


def test_what_a_batch_does_first_counts_for_what_it_does_next(ledger: Ledger) -> None:
    """A whole life of a run fits into one batch."""
    outcome = ledger.propose_all(
        [
            body("new", "run.created", expected_version=0),
            body("new", "phase.added", "p1", expected_version=1),
            body("new", "run.execution_started"),
            body("new", "phase.started", "p1", attempt=1),
            body("new", "phase.completed", "p1", attempt=1, expected_version=4),
            body("new", "run.succeeded"),
        ]
    )
    assert outcome[-1].run.state == ledger.run("new")["state"] == "DONE_SUCCESS"


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (body("a-run", "run.created"), IllegalMove),
        (body("nowhere", "run.annotated", data={"text": "x"}), RunNotFound),
        (note("a-run", expected_version=99), VersionMismatch),
        (body("a-run", "run.annotated", data={}), InvalidBody),
        (body("a-run", "phase.added", "p1"), PhaseExists),
    ],
)
def test_one_refusal_refuses_all(
    ledger: Ledger, a_run: str, raw: Any, digest: Digest, bad: dict[str, Any], kind: type[Refusal], place: int
) -> None:
    """Wherever it stands, nothing of the batch is recorded but the one refusal."""
    before = digest(raw, "refusals")
    bodies = [body("fresh", "run.queued"), note(a_run), note("fresh"), body("fresh", "run.created")]
    with pytest.raises(kind):
        ledger.propose_all([*bodies[:place], bad, *bodies[place:]])
    assert digest(raw, "refusals") == before
    assert len(ledger.refusals(run_id=None, before=None, limit=10)) == 1


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        ({"phase_id": "p1"}, PhaseExists),
        ({"phase_id": "p3", "tier_id": "T9"}, UnknownTier),
        ({"phase_id": "p3", "max_attempts": 0}, InvalidBody),
    ],
)
def test_a_run_is_created_with_all_its_phases_or_not(
    ledger: Ledger, raw: Any, digest: Digest, phase: dict[str, Any], kind: type[Refusal]
) -> None:
    """A phase that cannot be added keeps its run from being."""
    before = digest(raw, "refusals")
    with pytest.raises(kind):
        ledger.create_run({"run_id": "new", "phases": [{"phase_id": "p1"}, {"phase_id": "p2"}, phase]})
    assert digest(raw, "refusals") == before
    ledger.create_run({"run_id": "new"})


def test_after_a_refused_batch_the_next_is_judged_on_what_is(ledger: Ledger, a_run: str) -> None:
    """What a refused batch would have done is forgotten."""
    start = body(a_run, "phase.started", "p1")
    with pytest.raises(IllegalMove):
        ledger.propose_all([start, start])
    outcome = ledger.propose_all([start, note(a_run)])
    assert [each.event.version for each in outcome] == [6, 7]
    assert ledger.phase(a_run, "p1")["attempt"] == 1


def test_nobody_ever_sees_half_of_a_batch(ledger: Ledger) -> None:
    """However often one looks while batches are recorded: whole batches, and tables that equal the log."""
    done, a_run = Event(), "a-run"
    ledger.create_run({"run_id": a_run, "phases": [{"phase_id": "p1", "max_attempts": 99}]})
    ledger.propose(a_run, {"type": "run.execution_started"})
    start = 3

    def write() -> None:
        try:
            for attempt in range(1, 26):
                ledger.propose_all(
                    [
                        body(a_run, "phase.started", "p1", attempt=attempt),
                        note("other") if attempt > 1 else body("other", "run.queued"),
                        body(a_run, "phase.usage_recorded", "p1", data={"tokens_used": 3}),
                        body(a_run, "phase.released", "p1", attempt=attempt),
                        body("other", "run.usage_recorded", data={"tokens_used": 5}),
                    ]
                )
        finally:
            done.set()

    writer = Thread(target=write)
    writer.start()
    seen = set()
    is_last = False
    while not is_last:
        is_last = done.is_set()
        with ledger.reading() as connection:
            log = store.read_log(connection)
            seen.add(len(log) - start)
            for run_id in {event.run_id for event in log}:
                row = runs.get(connection, run_id)
                assert row is not None
                row["phases"], row["annotations"] = phases.of_run(connection, run_id), None
                run = fold(event for event in log if event.run_id == run_id)
                assert run is not None
                assert row == run_view(run) | {"annotations": None}
    writer.join()
    assert {length % 5 for length in seen} == {0}
    assert max(seen) == 25 * 5
