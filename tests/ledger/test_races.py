"""Many at once: one wins where one may, nothing is lost, and the log has no holes."""

import multiprocessing
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from api.commands import Asked, proposal
from api.ledger import Ledger
from api.settings import Settings
from api.views import run_view
from domain.refusals import IllegalMove, RunExists, StaleAttempt, VersionMismatch
from eventstore import chain
from eventstore.store import Wanted
from tests.ledger.conftest import AtOnce, InOneBatch
from tests.ledgers import OpenLedger

START = {"type": "phase.started", "phase_id": "p1"}


def note(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "run.annotated", "data": {"text": text}, **more}


Holds = Callable[[Ledger], None]


@pytest.fixture
def holds() -> Holds:
    """Sees that the log is whole and that every table follows it."""

    def check(ledger: Ledger) -> None:
        log = ledger.log(after=0, limit=100_000)
        assert [event.position for event in log] == list(range(1, len(log) + 1))
        assert [event.recorded_at for event in log] == sorted(event.recorded_at for event in log)
        runs = sorted(log, key=lambda event: (event.run_id, event.version))
        assert list(chain.breaks(runs)) == []
        for run_id in {event.run_id for event in log}:
            assert run_view(ledger.folded(run_id)) == ledger.run(run_id)

    return check


def test_one_of_many_starts_a_phase(ledger: Ledger, a_run: str, at_once: AtOnce, holds: Holds) -> None:
    """The others are told that it has been started."""
    outcomes = at_once([partial(ledger.propose, a_run, START)] * 32)
    lost = [outcome for outcome in outcomes if isinstance(outcome, IllegalMove)]
    assert len(lost) == 31
    assert {refusal.state for refusal in lost} == {"EXECUTING"}
    assert ledger.phase(a_run, "p1")["attempt"] == 1
    holds(ledger)


def test_meeting_another_writer_is_not_worth_a_word(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """What was decided on what is remembered is decided again, and nobody hears of it."""
    ledger.propose(a_run, note("alone"))
    ledger.propose(a_run, note("alone still"))
    open_ledger().propose(a_run, note("another"))
    (recorded,) = ledger.propose(a_run, note("not alone any more"))
    assert recorded.event.version == ledger.run(a_run)["version"]
    assert caplog.records == []


def test_one_of_many_starts_a_phase_through_two_ledgers(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, at_once: AtOnce, holds: Holds
) -> None:
    """What one process remembers does not make it blind to what another did."""
    other = open_ledger()
    for attempt in range(1, 4):
        outcomes = at_once([partial(each.propose, a_run, START) for each in (ledger, other) * 8])
        assert sum(isinstance(outcome, IllegalMove) for outcome in outcomes) == 15
        released = {"type": "phase.released", "phase_id": "p1", "attempt": attempt}
        (ledger, other)[attempt % 2].propose(a_run, released)
    assert other.phase(a_run, "p1")["attempt"] == 3
    holds(ledger)


def test_one_of_many_has_the_version_that_it_expects(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, at_once: AtOnce
) -> None:
    """The others are told the version that the run is at now."""
    other, version = open_ledger(), ledger.run(a_run)["version"]
    body = note("x", expected_version=version)
    outcomes = at_once([partial(each.propose, a_run, body) for each in (ledger, other) * 8])
    lost = [outcome for outcome in outcomes if isinstance(outcome, VersionMismatch)]
    assert len(lost) == 15
    assert {refusal.current_version for refusal in lost} == {version + 1}


def test_one_of_many_creates_a_run(
    ledger: Ledger, open_ledger: OpenLedger, at_once: AtOnce, holds: Holds
) -> None:
    """The others are told that it is there."""
    other = open_ledger()
    calls = [partial(each.create_run, {"run_id": "one", "phases": [{}, {}]}) for each in (ledger, other) * 8]
    outcomes = at_once(calls)
    assert sum(isinstance(outcome, RunExists) for outcome in outcomes) == 15
    assert len(ledger.log(after=0, limit=100)) == 3
    holds(ledger)


def test_runs_of_one_goal_get_names_of_their_own(
    ledger: Ledger, open_ledger: OpenLedger, at_once: AtOnce, holds: Holds
) -> None:
    """However many are created at once."""
    other = open_ledger()
    outcomes = at_once([partial(each.create_run, {"goal": "Build it"}) for each in (ledger, other) * 8])
    names = {outcome[0].event.run_id for outcome in outcomes}
    assert names == {"build-it", *(f"build-it-{i}" for i in range(2, 17))}
    holds(ledger)


def test_nothing_is_lost_between_two_ledgers(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, at_once: AtOnce, holds: Holds
) -> None:
    """Whatever was acknowledged is in the log, once, and both see all of it."""
    ledgers = [ledger, open_ledger(runs_cached_max=0), open_ledger(commit_max=2)]

    def work(number: int) -> list[str]:
        mine, own = ledgers[number % 3], f"own-{number}"
        told = [mine.create_run({"run_id": own})]
        for i in range(6):
            told.append(mine.propose((a_run, own)[i % 2], note(f"{number} {i}")))
            bodies = [note("in a batch", run_id=run_id) for run_id in (own, a_run)]
            told.append(mine.propose_all(bodies))
        return [each.event.event_id for outcome in told for each in outcome]

    acknowledged = [event_id for ids in at_once([partial(work, n) for n in range(12)]) for event_id in ids]
    log = [event.event_id for event in ledger.log(after=5, limit=10_000)]
    assert sorted(acknowledged) == sorted(log)
    assert len(log) == 12 * (1 + 6 * 3)
    for each in ledgers:
        holds(each)


def append_from_elsewhere(settings: Settings, gate: Any, run_id: str, number: int) -> None:
    """What a process of its own does; only its exit code is seen."""
    with Ledger.open(settings) as ledger:
        ledger.create_run({"run_id": f"own-{number}"})
        gate.wait()
        for i in range(25):
            ledger.propose(run_id, note(f"{number} {i}"))
            ledger.propose(f"own-{number}", note(f"{i}"))


def test_nothing_is_lost_between_two_processes(
    ledger: Ledger, a_run: str, database_url: str, holds: Holds
) -> None:
    """Two processes write to one run and to their own: dense positions, dense versions, all of it there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["api.ledger"])
    gate, settings = context.Barrier(2), Settings(database_url=database_url)
    started = [
        context.Process(target=append_from_elsewhere, args=(settings, gate, a_run, number))
        for number in (1, 2)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0, 0]
    found = [
        event.data["text"]
        for event in ledger.log(after=0, limit=1_000, wanted=Wanted(types=("run.annotated",)))
    ]
    expected = [f"{number} {i}" for number in (1, 2) for i in range(25)] + [f"{i}" for i in range(25)] * 2
    assert sorted(found) == sorted(expected)
    holds(ledger)


def test_what_another_ledger_did_is_seen_in_every_decision(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, in_one_batch: InOneBatch, holds: Holds
) -> None:
    """A ledger that has been writing alone meets moves, refusals, repeats and keys of another."""
    other = open_ledger()
    for i in range(3):
        ledger.propose(a_run, note(f"alone {i}"))
    other.propose(a_run, START)
    with pytest.raises(IllegalMove):
        ledger.propose(a_run, START)
    for i in range(3):
        ledger.propose(a_run, note(f"alone again {i}"))
    done = {"type": "phase.completed", "phase_id": "p1", "attempt": 1}
    other.propose(a_run, done)
    assert ledger.propose(a_run, done)[0].replayed
    for i in range(3):
        ledger.propose("b" if i else a_run, {"type": "run.created"} if i == 1 else note(f"{i}"))
    other.propose(a_run, {"type": "phase.started", "phase_id": "p2"})
    outcomes = in_one_batch(
        ledger,
        [
            proposal("b", note("legal, and elsewhere"), Asked()),
            proposal(a_run, {"type": "phase.started", "phase_id": "p2"}, Asked()),
            proposal(a_run, {"type": "phase.completed", "phase_id": "p2", "attempt": 1}, Asked()),
        ],
    )
    assert [isinstance(outcome, IllegalMove) for outcome in outcomes] == [False, True, False]
    holds(ledger)
    holds(other)


def test_a_report_that_another_ledger_overtook_is_stale(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger
) -> None:
    """What was the last move when this ledger looked is told again only while it still is the last."""
    failed = {"type": "phase.failed", "phase_id": "p1", "attempt": 1, "data": {"outcome": "CI_FAILED"}}
    for i in range(3):
        ledger.propose(a_run, note(f"alone {i}"))
    ledger.propose(a_run, START)
    ledger.propose(a_run, failed)
    other = open_ledger()
    other.propose(a_run, {"type": "phase.requeued", "phase_id": "p1"})
    other.propose(a_run, START)
    with pytest.raises(StaleAttempt):
        ledger.propose(a_run, failed)
    assert ledger.phase(a_run, "p1")["state"] == "EXECUTING"
