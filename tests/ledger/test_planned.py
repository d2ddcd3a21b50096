"""What is planned of a run is planned of the run as it stands, and says what is implied."""

from functools import partial

import pytest

from api import commands
from api.commands import NOBODY, Asked, Outcome
from api.ledger import Ledger, now
from domain.refusals import RunHeld
from domain.reports import state_reported
from domain.states import PhaseState
from domain.times import stamp
from tests.ledgers import OpenLedger


def report(ledger: Ledger, state: str, asked: Asked = NOBODY, at: str | None = None) -> Outcome:
    """A phase is said to be in this state."""
    plan = partial(state_reported, phase_id="p1", state=PhaseState(state), at=at or stamp(now()))
    return ledger.committer.commit(commands.planned("a-run", plan, {"state": state}, asked))


def types(outcome: Outcome) -> list[str]:
    return [f"({each.event.type})" if each.event.implied else each.event.type for each in outcome]


def test_what_is_implied_has_what_was_said_as_its_cause(ledger: Ledger, a_run: str) -> None:
    """Before it and after it, in one transaction, with ids of their own."""
    outcome = report(ledger, "COMPLETE")
    assert types(outcome) == ["(phase.started)", "phase.completed"]
    started, completed = (each.event for each in outcome)
    assert started.causation_id == completed.event_id != started.event_id
    assert completed.causation_id is None
    assert started.recorded_at == completed.recorded_at


def test_a_plan_of_nothing_is_not_made_on_memory(ledger: Ledger, open_ledger: OpenLedger, a_run: str) -> None:
    """What one process remembers as failed, another has started again: the failure is a new one."""
    report(ledger, "FAILED")
    assert report(ledger, "FAILED") == []
    with open_ledger() as other:
        other.propose(a_run, {"type": "phase.requeued", "phase_id": "p1"})
        other.propose(a_run, {"type": "phase.started", "phase_id": "p1"})
    assert types(report(ledger, "FAILED")) == ["phase.failed"]
    assert ledger.phase(a_run, "p1")["attempt"] == 2


def test_a_plan_under_a_known_key_is_answered_again(
    ledger: Ledger, open_ledger: OpenLedger, a_run: str
) -> None:
    """Also by another process. What came to nothing leaves its key unused: it is planned anew."""
    keyed, again = Asked(key="k1"), Asked(key="k2")
    first = report(ledger, "FAILED", keyed)
    assert report(ledger, "FAILED", again) == []
    report(ledger, "QUEUED")
    with open_ledger() as other:
        told = report(other, "FAILED", keyed)
        assert [each.event for each in told] == [each.event for each in first]
        assert types(report(other, "FAILED", again))[-1] == "phase.failed"


def test_a_plan_is_recorded_whole_or_not_at_all(ledger: Ledger, a_run: str) -> None:
    """What it implies is not recorded where what was said is refused."""
    for number in range(5):
        report(ledger, "FAILED", at=f"2026-11-22T1{number}:00:00.000000Z")
    ledger.propose(a_run, {"type": "run.held"})
    version = ledger.run(a_run)["version"]
    for phase in ("p1", "p2"):
        plan = partial(state_reported, phase_id=phase, state=PhaseState.COMPLETE, at=stamp(now()))
        command = commands.planned(a_run, plan, {}, NOBODY)
        with pytest.raises(RunHeld):
            ledger.committer.commit(command)
    assert ledger.run(a_run)["version"] == version
    kept = ledger.refusals(run_id=a_run, before=None, limit=10)
    assert [each["code"] for each in kept] == ["run-held"] * 2
