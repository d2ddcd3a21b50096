"""The same request under the same key is recorded once, for ever, and answered alike."""

from functools import partial
from typing import Any

import pytest

from api.commands import Asked, Outcome, atomic, proposal, separate
from api.ledger import Ledger
from api.unavailable import ShuttingDown
from domain.refusals import IdempotencyKeyReused, IllegalMove, VersionMismatch
from tests.databases import Digest
from tests.ledger.conftest import AtOnce, InOneBatch
from tests.ledgers import OpenLedger

START = {"type": "phase.started", "phase_id": "p1", "data": {"executor": "builder-7"}}
K1 = Asked(key="k1")


def note(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "run.annotated", "data": {"text": text}, **more}


def told(outcome: Outcome) -> list[tuple[Any, ...]]:
    """What an answer says, apart from whether it was said before."""
    return [(each.event, list(each.implied), each.run.version, each.run.state) for each in outcome]


def length(ledger: Ledger) -> int:
    return len(ledger.log(after=0, limit=10_000))


def test_the_same_request_under_the_same_key_is_answered_alike(ledger: Ledger, a_run: str) -> None:
    """The second answer is the first, marked; nothing is appended."""
    first = ledger.propose(a_run, START, K1)
    before = length(ledger)
    again = ledger.propose(a_run, START, K1)
    assert told(again) == told(first)
    assert [each.replayed for each in (*first, *again)] == [False, True]
    assert length(ledger) == before


def test_a_key_outlives_the_process(ledger: Ledger, a_run: str, open_ledger: OpenLedger) -> None:
    """After a restart the answer is the same."""
    first = ledger.propose(a_run, START, K1)
    ledger.close()
    later = open_ledger()
    again = later.propose(a_run, START, K1)
    assert told(again) == told(first)
    assert again[0].replayed
    assert length(later) == first[0].event.position


@pytest.mark.parametrize(
    "other",
    [
        {**START, "phase_id": "p2"},
        {**START, "data": {"executor": "builder-8"}},
        {**START, "data": {}},
        {**START, "attempt": 1},
        {**START, "occurred_at": "2026-11-22T10:00:00Z"},
        note("something else"),
    ],
)
def test_another_request_under_the_same_key_is_refused(
    ledger: Ledger, a_run: str, raw: Any, digest: Digest, other: dict[str, Any]
) -> None:
    """However small the difference, and nothing is recorded for it."""
    ledger.propose(a_run, START, K1)
    before = digest(raw, "refusals")
    with pytest.raises(IdempotencyKeyReused):
        ledger.propose(a_run, other, K1)
    assert digest(raw, "refusals") == before


def test_a_key_is_one_for_all_runs(ledger: Ledger, a_run: str) -> None:
    """The same event for another run is another request."""
    ledger.create_run({"run_id": "another"})
    ledger.propose(a_run, note("x"), K1)
    with pytest.raises(IdempotencyKeyReused):
        ledger.propose("another", note("x"), K1)
    with pytest.raises(IdempotencyKeyReused):
        ledger.create_run({"run_id": "third"}, K1)


def test_a_run_is_created_once(ledger: Ledger) -> None:
    """The answer to a creation is told again whole, phases and all, though the run went on."""
    body = {"goal": "Predict output sizes", "phases": [{"name": "Build"}, {"phase_id": "p2"}]}
    first = ledger.create_run(body, K1)
    run_id = first[0].event.run_id
    ledger.propose(run_id, {"type": "run.execution_started"})
    again = ledger.create_run(dict(reversed(body.items())), K1)
    assert [each.event for each in again] == [each.event for each in first]
    assert length(ledger) == 4
    assert ledger.create_run(body, Asked(key="k2"))[0].event.run_id != run_id


def test_a_replay_tells_what_was_then(ledger: Ledger, a_run: str, open_ledger: OpenLedger) -> None:
    """The run in the answer is the run after that event, whatever happened since."""
    ledger.propose(a_run, START, K1)
    first = ledger.propose(a_run, {"type": "run.failed_environment"}, Asked(key="k2"))
    ledger.propose(a_run, {"type": "run.reopened", "data": {"reason": "mended"}})
    for again in (ledger, open_ledger()):
        replayed = again.propose(a_run, {"type": "run.failed_environment"}, Asked(key="k2"))
        assert told(replayed) == told(first)
        assert [each.type for each in replayed[0].implied] == ["phase.failed"]
        assert replayed[0].run.phases["p1"].state == "FAILED"


def test_an_event_id_is_a_key(ledger: Ledger, a_run: str, open_ledger: OpenLedger) -> None:
    """It becomes the event's id; with the same event it is told again, with another refused."""
    first = ledger.propose(a_run, {**START, "event_id": "e-1"})
    assert first[0].event.event_id == "e-1"
    for again in (ledger, open_ledger()):
        assert told(again.propose(a_run, {**START, "event_id": "e-1"})) == told(first)
        with pytest.raises(IdempotencyKeyReused):
            again.propose(a_run, note("x", event_id="e-1"))


def test_an_id_that_the_service_gave_is_taken(ledger: Ledger, a_run: str, open_ledger: OpenLedger) -> None:
    """Nobody can claim to have sent an event that he did not name."""
    event_id = ledger.propose(a_run, note("x"))[0].event.event_id
    ledger.propose(a_run, note("y"))
    for again in (ledger, open_ledger()):
        with pytest.raises(IdempotencyKeyReused):
            again.propose(a_run, note("x", event_id=event_id))


def test_a_refusal_is_not_replayed(ledger: Ledger, a_run: str) -> None:
    """The same proposal under the same key may be legal later."""
    done = {"type": "phase.completed", "phase_id": "p1", "attempt": 1}
    for _ in range(2):
        with pytest.raises(Exception, match=r"stale-attempt|illegal-move"):
            ledger.propose(a_run, done, K1)
    ledger.propose(a_run, START)
    first = ledger.propose(a_run, done, K1)
    assert not first[0].replayed
    assert told(ledger.propose(a_run, done, K1)) == told(first)


def test_a_key_answers_before_the_version_is_looked_at(ledger: Ledger, a_run: str) -> None:
    """A caller that did not hear the first answer repeats its condition too, which holds no more."""
    body = note("x", expected_version=ledger.run(a_run)["version"])
    first = ledger.propose(a_run, body, K1)
    assert told(ledger.propose(a_run, body, K1)) == told(first)
    with pytest.raises(VersionMismatch):
        ledger.propose(a_run, body)


def test_an_id_twice_in_one_batch_is_refused(ledger: Ledger, a_run: str, raw: Any, digest: Digest) -> None:
    """Which of the two is meant cannot be told, so neither is recorded, nor what stands beside them."""
    before = digest(raw, "refusals")
    bodies = [note("x", run_id=a_run, event_id=event_id) for event_id in ("e-1", "e-2", "e-1")]
    with pytest.raises(IdempotencyKeyReused):
        ledger.propose_all(bodies)
    assert digest(raw, "refusals") == before


def test_a_batch_is_told_again_whole(ledger: Ledger, a_run: str, open_ledger: OpenLedger) -> None:
    """By its key, or by the ids of its events; a part of it is another request."""
    bodies = [note(str(i), run_id=a_run, event_id=f"e-{i}") for i in range(3)]
    first = ledger.propose_all(bodies, K1)
    for again in (ledger, open_ledger()):
        assert told(again.propose_all(bodies, K1)) == told(first)
        assert told(again.propose_all(bodies)) == told(first)
        with pytest.raises(IdempotencyKeyReused):
            again.propose(a_run, note("0", event_id="e-0"))


def test_a_key_that_comes_64_times_at_once_is_recorded_once(
    ledger: Ledger, a_run: str, at_once: AtOnce
) -> None:
    """One event, one answer for all."""
    before = length(ledger)
    outcomes = at_once([lambda: ledger.propose(a_run, START, K1)] * 64)
    assert length(ledger) == before + 1
    assert sorted(outcome[0].replayed for outcome in outcomes) == [False, *[True] * 63]
    assert {outcome[0].event.event_id for outcome in outcomes} == {outcomes[0][0].event.event_id}


def test_a_key_that_races_through_two_processes_worth_of_ledgers_is_recorded_once(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, at_once: AtOnce
) -> None:
    """The key is the database's to keep, not a process's."""
    other = open_ledger()
    for round_ in range(8):
        before = length(ledger)
        asked = Asked(key=f"race-{round_}")
        outcomes = at_once([partial(each.propose, a_run, note("x"), asked) for each in (ledger, other) * 4])
        assert length(ledger) == before + 1
        assert len({outcome[0].event.event_id for outcome in outcomes}) == 1
        assert sum(not outcome[0].replayed for outcome in outcomes) == 1


def test_requests_that_race_for_a_key_are_recorded_once(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, at_once: AtOnce
) -> None:
    """One of them has it, and the others are told that they are not it."""
    other = open_ledger()
    before = length(ledger)
    askers = (ledger, other) * 8
    outcomes = at_once([partial(each.propose, a_run, note(f"{i}"), K1) for i, each in enumerate(askers)])
    assert length(ledger) == before + 1
    assert sum(isinstance(outcome, IdempotencyKeyReused) for outcome in outcomes) == 15


def test_a_key_twice_in_one_commit_is_recorded_once(
    ledger: Ledger, a_run: str, in_one_batch: InOneBatch
) -> None:
    """The second waits in the same batch, and is told what the first is told."""
    first, again, other, alone = in_one_batch(
        ledger,
        [
            proposal(a_run, START, K1),
            proposal(a_run, START, K1),
            proposal(a_run, note("x"), K1),
            atomic([{**START, "run_id": a_run, "phase_id": "p2"}], Asked()),
        ],
    )
    assert not isinstance(first, BaseException)
    assert not isinstance(again, BaseException)
    assert not isinstance(alone, BaseException)
    assert told(again) == told(first)
    assert (first[0].replayed, again[0].replayed) == (False, True)
    assert isinstance(other, IdempotencyKeyReused)
    assert alone[0].event.position == first[0].event.position + 1


@pytest.mark.parametrize("kind", ["phase.submitted", "phase.completed", "phase.failed", "phase.released"])
def test_a_report_that_is_made_twice_is_told_again(
    ledger: Ledger, a_run: str, open_ledger: OpenLedger, raw: Any, digest: Digest, kind: str
) -> None:
    """Executors without keys report twice; the second time nothing happens."""
    ledger.propose(a_run, START)
    report = {"type": kind, "phase_id": "p1", "attempt": 1}
    report["data"] = {"outcome": "CI_FAILED"} if kind == "phase.failed" else {}
    first = ledger.propose(a_run, report)
    before = digest(raw)
    for again in (ledger, open_ledger()):
        outcome = again.propose(a_run, report)
        assert [each.event for each in outcome] == [each.event for each in first]
        assert outcome[0].replayed
    assert digest(raw) == before


def test_an_attempt_is_not_opened_twice_without_a_key(ledger: Ledger, a_run: str) -> None:
    """Two executors that start the same phase are two, and one of them is refused."""
    ledger.propose(a_run, START)
    with pytest.raises(IllegalMove):
        ledger.propose(a_run, START)


def test_a_key_that_comes_with_a_known_event_is_kept(ledger: Ledger, a_run: str) -> None:
    """An event known by its id is told again under a new key, which then stands for that request only."""
    first = ledger.propose(a_run, note("1", event_id="e1"))
    again = ledger.propose(a_run, note("1", event_id="e1"), Asked(key="k9"))
    assert told(again) == told(first)
    with pytest.raises(IdempotencyKeyReused):
        ledger.propose(a_run, note("2"), Asked(key="k9"))


def test_a_batch_of_one_run_is_told_again_as_it_was_at_each_step(ledger: Ledger, a_run: str) -> None:
    """Told again after a restart, each part of a batch shows its run at the version that it led to."""
    bodies = [{"run_id": a_run, **note(str(number))} for number in range(20)]
    first = ledger.propose_all(bodies, K1)
    assert told(ledger.propose_all(bodies, K1)) == told(first)


def test_the_parts_of_a_batch_take_nobody_elses_key(ledger: Ledger, a_run: str) -> None:
    """A key that looks like that of a part of somebody's batch is free."""
    for part in separate([{"run_id": a_run, **note("1")}], K1):
        ledger.committer.commit(part)
    ledger.propose(a_run, note("2"), Asked(key="k1/0"))
    assert length(ledger) > 0


def test_a_closed_ledger_takes_nothing(open_ledger: OpenLedger, a_run: str) -> None:
    """What is proposed after the end is refused, and not recorded by a connection that nobody closes."""
    closed = open_ledger()
    closed.close()
    with pytest.raises(ShuttingDown):
        closed.propose(a_run, START)
