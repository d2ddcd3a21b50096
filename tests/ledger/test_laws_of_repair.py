"""The laws of repair: from every state to every other, in the open, and what was there before stays."""

from typing import Any

import pytest

from api.commands import Asked
from api.ledger import Ledger
from api.replay.report import Report
from api.views import run_view
from domain.envelopes import Origin
from domain.moves import QUARANTINED
from domain.refusals import NothingToRepair
from domain.states import PhaseState, RunState
from tests.runs import PhaseInState, RunInState

BY_ADA, BY_GRACE = (Asked(origin=Origin(actor=name)) for name in ("ada", "grace"))
TOLD = {"reason": "found so by hand", "evidence": ["https://git.example/commit/1", "the log of the build"]}


def repaired(ledger: Ledger, run_id: str, phase_id: str | None, state: str) -> dict[str, Any]:
    """Proposed by one, approved by another."""
    body = {"run_id": run_id, "phase_id": phase_id, "state": state, **TOLD}
    proposed = ledger.repairs.propose(body, BY_ADA).repair
    return ledger.repairs.approve(proposed["repair_id"], {}, BY_GRACE).repair


def bodies(ledger: Ledger) -> list[str]:
    """The log, event by event, as it is stored."""
    return [repr(event) for event in ledger.log(after=0, limit=100_000)]


def verified(ledger: Ledger) -> list[object]:
    """What `verify` finds."""
    *_, report = ledger.replay.verify()
    assert isinstance(report, Report)
    return list(report.findings)


@pytest.mark.parametrize("before", [*RunState, QUARANTINED])
def test_a_run_is_repaired_to_any_other_state(ledger: Ledger, run_in_state: RunInState, before: str) -> None:
    """One event is appended that tells all; the log before it is what it was, and the tables follow it."""
    for target in RunState:
        run_id = run_in_state(ledger, before)
        log, was = bodies(ledger), ledger.folded(run_id)
        if target == before:
            with pytest.raises(NothingToRepair):
                repaired(ledger, run_id, None, target)
            assert bodies(ledger) == log
            continue
        repair = repaired(ledger, run_id, None, target)
        *old, _ = bodies(ledger)
        assert old == log
        event = ledger.log(after=len(log), limit=2)[0]
        assert (event.type, event.version) == ("run.repaired", was.version + 1)
        assert (event.state_before, event.state_after) == (was.state, target)
        assert event.actor == "grace"
        assert event.data == {
            "state": target,
            "reason": TOLD["reason"],
            "repair": {
                "repair_id": repair["repair_id"],
                "before": was.state,
                "evidence": TOLD["evidence"],
                "proposed_by": "ada",
                "proposed_at": repair["proposed_at"],
                "approved_by": "grace",
                "approved_at": repair["decided_at"],
            },
        }
        assert ledger.run(run_id)["state"] == target
        assert ledger.run(run_id) == run_view(ledger.folded(run_id))
        assert ledger.moves(run_id)["moves"] == repair["preview"]["legal"]
    assert verified(ledger) == []


@pytest.mark.parametrize("before", [*PhaseState, QUARANTINED])
def test_a_phase_is_repaired_to_any_other_state(
    ledger: Ledger, phase_in_state: PhaseInState, before: str
) -> None:
    """One event is appended that tells all; the log before it is what it was, and the tables follow it."""
    for target in PhaseState:
        run_id, phase_id = phase_in_state(ledger, before)
        log, was = bodies(ledger), ledger.folded(run_id)
        if target == before:
            with pytest.raises(NothingToRepair):
                repaired(ledger, run_id, phase_id, target)
            assert bodies(ledger) == log
            continue
        repair = repaired(ledger, run_id, phase_id, target)
        *old, _ = bodies(ledger)
        assert old == log
        event = ledger.log(after=len(log), limit=2)[0]
        assert (event.type, event.phase_id) == ("phase.repaired", phase_id)
        assert (event.state_before, event.state_after) == (was.phases[phase_id].state, target)
        assert event.data["repair"]["before"] == was.phases[phase_id].state
        phase = ledger.phase(run_id, phase_id)
        assert phase["state"] == target
        assert ledger.run(run_id) == run_view(ledger.folded(run_id))
        (moves,) = ledger.moves(run_id, phase_id=phase_id)["phases"]
        assert moves["moves"] == repair["preview"]["legal"]
    assert verified(ledger) == []


def test_what_a_preview_shows_comes_about(ledger: Ledger, a_run: str) -> None:
    """The fields that it names are those that the repair changes, to what it says, but for the time."""
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p1"})
    for about, state in ((None, "DONE_SUCCESS"), ("p1", "COMPLETE"), ("p2", "EXECUTING"), (None, "GATE")):
        version = ledger.run(a_run)["version"]
        shown = repaired(ledger, a_run, about, state)["preview"]["changes"]
        changed = ledger.history.diff(a_run, version, version + 1)["changes"]
        times = {"started_at", "completed_at"}
        for one, other in zip(shown, changed, strict=True):
            timed = one["field"].rpartition("/")[2] in times
            assert (one["field"], one["kind"]) == (other["field"], other["kind"])
            assert timed or one == other
