"""Claims: the phase that has waited longest goes to one executor, and to no other."""

from functools import partial
from typing import Any

import pytest

from api.commands import Asked, planned, proposal
from api.leases.claims import claim
from api.ledger import Ledger
from domain.judge import startable
from domain.refusals import IdempotencyKeyReused, InvalidBody, LeaseTooLong
from tests.ledger.conftest import AtOnce, InOneBatch
from tests.ledgers import OpenLedger

BY_E1 = {"executor": "e1", "lease_seconds": 60}
K1 = Asked(key="k1")


def executing(ledger: Ledger, run_id: str, phases: int = 1, **body: Any) -> str:
    """A run whose phases p1, p2, … may start."""
    named = [{"phase_id": f"p{i}"} for i in range(1, phases + 1)]
    ledger.create_run({"run_id": run_id, "phases": named, **body})
    ledger.propose(run_id, {"type": "run.execution_started"})
    return run_id


def claimed(ledger: Ledger, **body: Any) -> tuple[str, str] | None:
    """Which phase a claim gets."""
    outcome = ledger.leases.claim({**BY_E1, **body})
    return (outcome[0].event.run_id, str(outcome[0].event.phase_id)) if outcome else None


def test_a_claim_opens_an_attempt(ledger: Ledger) -> None:
    """The phase is the executor's, under the lease that it asked for, and by an event like any other."""
    executing(ledger, "a")
    (recorded,) = ledger.leases.claim(BY_E1, Asked(request_id="r1"))
    assert (recorded.event.type, recorded.event.attempt) == ("phase.started", 1)
    assert recorded.event.data == BY_E1
    phase = ledger.phase("a", "p1")
    assert (phase["state"], phase["attempt"], phase["executor"]) == ("EXECUTING", 1, "e1")
    assert phase["lease"] == {"lease_seconds": 60, "granted_at": recorded.event.recorded_at}


def test_the_oldest_goes_first(ledger: Ledger) -> None:
    """Run by run as they were created, phase by phase as they were added; several of one run at once."""
    for run_id in ("z", "m", "a"):
        executing(ledger, run_id, 2)
    ledger.propose("m", {"type": "phase.added", "phase_id": "a-late-one"})
    found = [claimed(ledger) for _ in range(8)]
    assert found[:6] == [("z", "p1"), ("z", "p2"), ("m", "p1"), ("m", "p2"), ("m", "a-late-one"), ("a", "p1")]
    assert found[6:] == [("a", "p2"), None]


def test_what_may_not_start_is_passed_over(ledger: Ledger) -> None:
    """A run that does not execute, is held, archived, over or out of budget hands nothing out."""
    ledger.create_run({"run_id": "waits", "phases": [{}]})
    for kind, data in (
        ("run.held", {}),
        ("run.archived", {}),
        ("run.failed_environment", {}),
        ("run.usage_recorded", {"tokens_used": 5_000_000}),
    ):
        run_id = executing(ledger, kind)
        ledger.propose(run_id, {"type": kind, "data": data})
    executing(ledger, "spent", phases=0)
    ledger.propose("spent", {"type": "phase.added", "phase_id": "p1", "data": {"max_attempts": 1}})
    ledger.propose("spent", {"type": "phase.started", "phase_id": "p1"})
    ledger.propose("spent", {"type": "phase.released", "phase_id": "p1", "attempt": 1})
    assert claimed(ledger) is None
    ledger.propose("run.held", {"type": "run.unheld"})
    assert claimed(ledger) == ("run.held", "p1")


def test_a_phase_that_was_given_back_is_handed_out_again(ledger: Ledger) -> None:
    """At the place that its run has by its age."""
    executing(ledger, "old")
    executing(ledger, "young", 2)
    assert claimed(ledger) == ("old", "p1")
    ledger.propose("old", {"type": "phase.released", "phase_id": "p1", "attempt": 1})
    assert claimed(ledger, executor="e2") == ("old", "p1")
    assert ledger.phase("old", "p1")["attempt"] == 2


def test_a_claim_may_want_labels(ledger: Ledger) -> None:
    """All of them, with these values, as they are now."""
    executing(ledger, "plain")
    executing(ledger, "linux", labels={"os": "linux"})
    executing(ledger, "both", labels={"os": "linux", "gpu": "yes"})
    assert claimed(ledger, labels={"os": "windows"}) is None
    assert claimed(ledger, labels={"os": "linux", "gpu": "yes"}) == ("both", "p1")
    ledger.propose("plain", {"type": "run.labelled", "data": {"labels": {"os": "windows"}}})
    assert claimed(ledger, labels={"os": "windows"}) == ("plain", "p1")
    assert claimed(ledger) == ("linux", "p1")


def test_a_key_claims_one_phase(ledger: Ledger, open_ledger: OpenLedger) -> None:
    """An executor that did not hear the answer gets the same phase again, also from another process."""
    executing(ledger, "a", 2)
    first = ledger.leases.claim(BY_E1, K1)
    for again in (ledger, open_ledger()):
        (recorded,) = again.leases.claim(BY_E1, K1)
        assert (recorded.event, recorded.replayed) == (first[0].event, True)
    with pytest.raises(IdempotencyKeyReused):
        ledger.leases.claim({**BY_E1, "executor": "e2"}, K1)
    assert ledger.phase("a", "p2")["state"] == "QUEUED"


def test_a_claim_that_found_nothing_is_not_remembered(ledger: Ledger) -> None:
    """The same request under the same key gets a phase as soon as there is one."""
    assert list(ledger.leases.claim(BY_E1, K1)) == []
    executing(ledger, "a")
    assert not ledger.leases.claim(BY_E1, K1)[0].replayed


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"lease_seconds": 60}, InvalidBody),
        ({"executor": "e1"}, InvalidBody),
        ({**BY_E1, "executor": " "}, InvalidBody),
        ({**BY_E1, "lease_seconds": 0}, InvalidBody),
        ({**BY_E1, "labels": {"a\x00": "b"}}, InvalidBody),
        ({**BY_E1, "run_id": "a"}, InvalidBody),
        ({**BY_E1, "lease_seconds": 601}, LeaseTooLong),
    ],
)
def test_what_cannot_be_claimed_is_refused(
    open_ledger: OpenLedger, body: dict[str, Any], refusal: type[Exception]
) -> None:
    """It is kept, and nothing is handed out."""
    ledger = open_ledger(lease_seconds_max=600)
    executing(ledger, "a")
    with pytest.raises(refusal):
        ledger.leases.claim(body)
    (kept,) = ledger.refusals(run_id=None, before=None, limit=9)
    assert kept["code"] == refusal.code  # type: ignore[attr-defined]  # both are refusals
    assert ledger.phase("a", "p1")["state"] == "QUEUED"


def test_a_lease_that_is_too_long_is_refused_at_the_start_of_an_attempt_too(open_ledger: OpenLedger) -> None:
    """As long as this service allows is taken."""
    ledger = open_ledger(lease_seconds_max=600)
    executing(ledger, "a")
    start = {"type": "phase.started", "phase_id": "p1"}
    with pytest.raises(LeaseTooLong):
        ledger.propose("a", {**start, "data": {"lease_seconds": 601}})
    ledger.propose("a", {**start, "data": {"lease_seconds": 600}})


def test_claims_of_one_batch_get_phases_of_their_own(ledger: Ledger, in_one_batch: InOneBatch) -> None:
    """However many are decided in one transaction, the oldest go, each to one; then there is none."""
    for run_id in ("a", "b", "c"):
        executing(ledger, run_id, 20)
    asked = [claim({**BY_E1, "executor": f"e{i}"}, Asked(), 60) for i in range(65)]
    outcomes = in_one_batch(ledger, asked)
    found = [
        (each[0].event.run_id, each[0].event.phase_id)
        for each in outcomes
        if not isinstance(each, BaseException) and each
    ]
    assert found == [(run_id, f"p{i}") for run_id in ("a", "b", "c") for i in range(1, 21)]
    assert len(outcomes) - len(found) == 5


def test_a_claim_sees_what_its_transaction_has_done(ledger: Ledger, in_one_batch: InOneBatch) -> None:
    """A phase that was just started by name, or whose run was just held or labelled anew, is passed over."""
    for run_id in ("a", "b", "c", "d"):
        executing(ledger, run_id, labels={"os": "linux"})
    outcomes = in_one_batch(
        ledger,
        [
            proposal("a", {"type": "phase.started", "phase_id": "p1"}, Asked()),
            proposal("b", {"type": "run.held"}, Asked()),
            proposal("c", {"type": "run.labelled", "data": {"labels": {"os": "mac"}}}, Asked()),
            claim({**BY_E1, "labels": {"os": "linux"}}, Asked(), 60),
            claim(BY_E1, Asked(), 60),
            claim(BY_E1, Asked(), 60),
        ],
    )
    assert not any(isinstance(each, BaseException) for each in outcomes)
    told: list[Any] = outcomes[3:]
    assert [each[0].event.run_id if each else None for each in told] == ["d", "c", None]


def test_fifty_executors_of_two_processes_claim_fifty_phases(
    ledger: Ledger, open_ledger: OpenLedger, at_once: AtOnce
) -> None:
    """Each exactly one, and a fifty-first nothing."""
    other = open_ledger()
    for i in range(10):
        executing(ledger, f"run-{i}", 5)
    outcomes = at_once(
        [partial(claimed, each, executor=f"e{i}") for i in range(25) for each in (ledger, other)]
    )
    assert sorted(outcomes) == sorted((f"run-{i}", f"p{j}") for i in range(10) for j in range(1, 6))
    assert claimed(ledger) is claimed(other) is None


def test_a_claim_trusts_nothing_that_another_process_changed(ledger: Ledger, open_ledger: OpenLedger) -> None:
    """A process that has been writing alone finds what another has added, and does not find what it took."""
    other = open_ledger()
    executing(ledger, "a", 2)
    assert claimed(ledger) == ("a", "p1")
    assert claimed(other) == ("a", "p2")
    assert claimed(ledger) is None
    executing(other, "b")
    assert claimed(ledger) == ("b", "p1")


def test_a_plan_that_comes_to_nothing_is_judged_under_the_lock(
    ledger: Ledger, open_ledger: OpenLedger
) -> None:
    """What nothing is written about is not decided on what is only remembered."""
    other, seen = open_ledger(), list[int]()
    executing(ledger, "a", 0)
    for _ in range(3):
        ledger.propose("a", {"type": "run.annotated", "data": {"text": "alone"}})
    other.propose("a", {"type": "run.held"})

    def plan(run: Any) -> list[Any]:
        seen.append(run.version)
        return []

    assert list(ledger.committer.commit(planned("a", plan, {}, Asked()))) == []
    assert seen[-1] == 6


def test_the_table_holds_what_the_log_says(ledger: Ledger) -> None:
    """After whatever happened, the phases to hand out are those that may start, in their order."""
    executing(ledger, "a", 3)
    claimed(ledger)
    ledger.propose("a", {"type": "phase.skipped", "phase_id": "p2", "data": {"reason": "x"}})
    with ledger.reading() as connection:
        from projections.startable_phases import oldest_first

        found = list(oldest_first(connection, {}))
    assert found == [("a", phase.phase_id) for phase in startable(ledger.folded("a"))] == [("a", "p3")]
