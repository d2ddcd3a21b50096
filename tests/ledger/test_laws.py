"""Laws of any history: versions, positions, hashes and times are in order, and the tables follow the log."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.commands import Asked, atomic, proposal
from api.ledger import Ledger
from api.views import run_view
from domain.refusals import Refusal
from eventstore import chain
from tests.histories import Runs, bodies, histories, likely
from tests.ledger.conftest import InOneBatch


def holds(ledger: Ledger, run_id: str, start: int) -> None:
    """The laws, for the run and for the log from a position on."""
    log = ledger.log(after=start, limit=10_000)
    assert [event.position for event in log] == list(range(start + 1, start + 1 + len(log)))
    assert [event.recorded_at for event in log] == sorted(event.recorded_at for event in log)
    own = [event for event in log if event.run_id == run_id]
    assert [event.version for event in own] == list(range(1, len(own) + 1))
    assert list(chain.breaks(own)) == []
    assert len({event.event_id for event in log}) == len(log)
    if own:
        assert run_view(ledger.folded(run_id)) == ledger.run(run_id)


def length(ledger: Ledger) -> int:
    return len(ledger.log(after=0, limit=100_000))


@histories
@given(data=st.data())
def test_the_laws_hold_after_any_history(ledger: Ledger, runs: Runs, data: st.DataObject) -> None:
    """Legal steps and illegal ones in any order, one at a time."""
    run_id, start = runs.new(), length(ledger)
    ledger.create_run({"run_id": run_id, "phases": [{"phase_id": "p1"}], "tiers": [{"tier_id": "T1"}]})
    refused = 0
    for _ in range(data.draw(st.integers(1, 12))):
        is_likely = data.draw(st.booleans())
        body = likely(data.draw, ledger, run_id) if is_likely else data.draw(bodies())
        before = length(ledger)
        try:
            outcome = ledger.propose(run_id, body)[0]
        except Refusal:
            refused += 1
            assert length(ledger) == before
        else:
            added = 0 if outcome.replayed else 1 + len(outcome.implied)
            assert length(ledger) == before + added
            assert outcome.event.version == outcome.run.version or outcome.replayed
    holds(ledger, run_id, start)


@histories
@given(steps=st.lists(bodies(), min_size=1, max_size=8))
def test_the_laws_hold_after_any_batch(ledger: Ledger, runs: Runs, steps: list[dict[str, Any]]) -> None:
    """A batch does what its steps would have done one by one, or nothing."""
    alone, together, start = runs.new(), runs.new(), length(ledger)
    opening = {"type": "run.created", "data": {}}
    one_by_one = [partial(ledger.propose, alone, body) for body in (opening, *steps)]
    whole = partial(ledger.propose_all, [{**body, "run_id": together} for body in (opening, *steps)])
    refused = first_refusal(one_by_one)
    assert first_refusal([whole]) == refused
    if refused is None:
        assert told(ledger, together, start) == told(ledger, alone, start)
    else:
        assert told(ledger, together, start) == []
    holds(ledger, together, start)
    holds(ledger, alone, start)


def first_refusal(calls: Sequence[Callable[[], object]]) -> str | None:
    """The code of the first refusal, at which the rest is left undone."""
    for call in calls:
        try:
            call()
        except Refusal as refusal:
            return refusal.code
    return None


def told(ledger: Ledger, run_id: str, start: int) -> list[tuple[object, ...]]:
    """What happened to a run, without what no two runs share."""
    return [
        (e.version, e.type, e.phase_id, e.attempt, e.state_before, e.state_after, e.body, e.implied)
        for e in ledger.log(after=start, limit=10_000)
        if e.run_id == run_id
    ]


@histories
@given(steps=st.lists(bodies(), min_size=1, max_size=12), data=st.data())
def test_how_commands_are_grouped_changes_nothing(
    ledger: Ledger, runs: Runs, in_one_batch: InOneBatch, steps: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whether commands are committed one by one or many at once, the same is recorded and refused."""
    alone, grouped, start = runs.new(), runs.new(), length(ledger)
    steps = [{"type": "run.created"}, *steps]
    expected: list[str] = []
    for body in steps:
        try:
            expected.append("repeated" if ledger.propose(alone, body)[0].replayed else "recorded")
        except Refusal as refusal:
            expected.append(refusal.code)
    found: list[str] = []
    waiting = list(steps)
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        batch, waiting = waiting[:size], waiting[size:]
        commands = [
            atomic([{**body, "run_id": grouped}], Asked()) if i % 2 else proposal(grouped, body, Asked())
            for i, body in enumerate(batch)
        ]
        for outcome in in_one_batch(ledger, commands):
            if isinstance(outcome, Refusal):
                found.append(outcome.code)
            else:
                assert not isinstance(outcome, BaseException)
                found.append("repeated" if outcome[0].replayed else "recorded")
    assert found == expected
    assert told(ledger, grouped, start) == told(ledger, alone, start)
    holds(ledger, grouped, start)
