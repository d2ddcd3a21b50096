"""Leases on a ledger: heartbeats, what the watch releases and when, and what is told of what is out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.leases.watch import LOOK_COUNTS_MAX
from api.ledger import Ledger
from api.unavailable import DatabaseBusy
from domain.refusals import NoLease, PhaseNotFound, RunNotFound, RunTerminal, StaleAttempt
from eventstore.database import reading
from eventstore.schema import heartbeats
from eventstore.store import Wanted
from tests.ledger.conftest import AtOnce
from tests.ledger.test_claims import BY_E1, claimed, executing
from tests.ledgers import OpenLedger

DONE = {"type": "phase.completed", "phase_id": "p1", "attempt": 1}
BEAT = {"attempt": 1}


@dataclass
class Watching:
    """The watch of a ledger, which looks when the test says so, by a clock that the test sets."""

    ledger: Ledger
    seconds: float = 1_000.0

    def __post_init__(self) -> None:
        self.ledger.leases.watch.clock = lambda: self.seconds
        self.ledger.leases.watch.look()

    def after(self, seconds: float) -> None:
        """Look after so much time."""
        self.seconds += seconds
        self.ledger.leases.watch.look()


def leased(open_ledger: OpenLedger, **settings: Any) -> Ledger:
    """A ledger with a run "a" whose phase p1 is leased for 60 s; its watch looks every 10 s."""
    ledger = open_ledger(lease_check_seconds=10, **settings)
    executing(ledger, "a")
    claimed(ledger)
    return ledger


def state(ledger: Ledger) -> str:
    found: str = ledger.phase("a", "p1")["state"]
    return found


def test_an_attempt_that_is_not_heard_of_is_released(open_ledger: OpenLedger) -> None:
    """When its lease has run out, and not before; by the service itself, which says why."""
    ledger = leased(open_ledger)
    watching = Watching(ledger)
    for _ in range(5):
        watching.after(10)
    watching.after(9.9)
    assert state(ledger) == "EXECUTING"
    watching.after(0.1)
    assert state(ledger) == "QUEUED"
    event = ledger.log(after=0, limit=99)[-1]
    assert (event.type, event.attempt, event.actor, event.actor_verified) == (
        "phase.released",
        1,
        "runnotary",
        True,
    )
    granted = ledger.log(after=0, limit=99)[-2].recorded_at
    until = (datetime.fromisoformat(granted) + timedelta(seconds=60)).isoformat(timespec="microseconds")
    said = f"its lease of 60 s ran out at {until.removesuffix('+00:00')}Z; no heartbeat came."
    assert event.data == {"why": said}
    watching.after(10)
    assert len(ledger.log(after=0, limit=99)) == event.position


def test_an_executor_that_lost_its_lease_cannot_write(open_ledger: OpenLedger) -> None:
    """Neither before another has the phase nor after; its words are kept, with what happened to it."""
    ledger = leased(open_ledger)
    watching = Watching(ledger)
    for _ in range(6):
        watching.after(10)
    with pytest.raises(StaleAttempt, match="its lease of 60 s ran out at"):
        ledger.propose("a", DONE)
    assert claimed(ledger, executor="e2") == ("a", "p1")
    with pytest.raises(StaleAttempt, match="its lease of 60 s ran out at"):
        ledger.propose("a", DONE)
    with pytest.raises(StaleAttempt, match="its lease of 60 s ran out at"):
        ledger.leases.renew("a", "p1", BEAT)
    kept = ledger.refusals(run_id="a", before=None, limit=9)
    assert [(each["code"], each["event"]) for each in kept] == [("stale-attempt", "phase.completed")] * 2
    ledger.propose("a", {**DONE, "attempt": 2})


def test_giving_it_back_too_late_is_no_error(open_ledger: OpenLedger) -> None:
    """The executor says what the service has said for it: that is a repeated report."""
    ledger = leased(open_ledger)
    watching = Watching(ledger)
    for _ in range(6):
        watching.after(10)
    (told,) = ledger.propose("a", {"type": "phase.released", "phase_id": "p1", "attempt": 1})
    assert (told.repeats, told.event.actor) == (True, "runnotary")


def test_heartbeats_renew_a_lease(open_ledger: OpenLedger) -> None:
    """Each for as long as it was granted, whatever the clock says; none of them is in the log."""
    ledger = leased(open_ledger)
    watching, before = Watching(ledger), len(ledger.log(after=0, limit=99))
    ledger.leases._now = lambda: datetime.fromisoformat("2001-01-01T00:00:00+00:00")
    for _ in range(5):
        for _ in range(5):
            watching.after(10)
        told = ledger.leases.renew("a", "p1", BEAT)
    assert told["expires_at"] == ledger.leases.outstanding()[0].expires_at
    assert {name: told[name] for name in ("run_id", "phase_id", "attempt", "executor", "lease_seconds")} == {
        "run_id": "a",
        "phase_id": "p1",
        "attempt": 1,
        **BY_E1,
    }
    for _ in range(6):
        watching.after(10)
    assert (state(ledger), len(ledger.log(after=0, limit=99))) == ("EXECUTING", before)
    watching.after(10)
    assert state(ledger) == "QUEUED"
    assert "the last heartbeat came at 2001-01-01T" in ledger.log(after=before, limit=9)[0].data["why"]


@pytest.mark.parametrize(
    ("run_id", "phase_id", "attempt", "refusal"),
    [
        ("a", "p1", 2, StaleAttempt),
        ("a", "p2", 1, NoLease),
        ("a", "p3", 1, StaleAttempt),
        ("a", "p9", 1, PhaseNotFound),
        ("b", "p1", 1, RunNotFound),
    ],
)
def test_a_heartbeat_of_what_is_not_leased_is_refused(
    ledger: Ledger, run_id: str, phase_id: str, attempt: int, refusal: type[Exception]
) -> None:
    """It says why; since nothing of a run is said with it, it is not kept."""
    executing(ledger, "a", 3)
    claimed(ledger)
    ledger.propose("a", {"type": "phase.started", "phase_id": "p2"})
    with pytest.raises(refusal):
        ledger.leases.renew(run_id, phase_id, {"attempt": attempt})
    assert ledger.refusals(run_id=None, before=None, limit=9) == []


def test_an_attempt_without_a_lease_stays_open(ledger: Ledger) -> None:
    """However long nothing is heard of it."""
    executing(ledger, "a")
    ledger.propose("a", {"type": "phase.started", "phase_id": "p1"})
    watching = Watching(ledger)
    for _ in range(9):
        watching.after(1_000_000)
    assert state(ledger) == "EXECUTING"
    assert ledger.leases.views() == []


def test_after_a_restart_everybody_has_a_whole_lease_to_be_heard_of(open_ledger: OpenLedger) -> None:
    """Nobody could be heard of while nobody served; who is still not heard of then is released."""
    leased(open_ledger).close()
    ledger = open_ledger(lease_check_seconds=10)
    ledger.leases._now = lambda: datetime.fromisoformat("2999-01-01T00:00:00+00:00")
    assert ledger.leases.views()[0]["overdue"]
    watching = Watching(ledger)
    for _ in range(5):
        watching.after(10)
    assert state(ledger) == "EXECUTING"
    watching.after(10)
    assert state(ledger) == "QUEUED"


def test_time_in_which_nobody_watched_does_not_count(open_ledger: OpenLedger) -> None:
    """A process that was stopped heard of nobody: it takes so much of it for watched, and no more."""
    ledger = leased(open_ledger)
    watching = Watching(ledger)
    watching.after(1_000_000)
    assert state(ledger) == "EXECUTING"
    watching.after(60 - LOOK_COUNTS_MAX * 10 - 0.1)
    assert state(ledger) == "EXECUTING"
    watching.after(0.1)
    assert state(ledger) == "QUEUED"


def test_time_in_which_the_database_could_not_be_read_does_not_count(open_ledger: OpenLedger) -> None:
    """Heartbeats could not be noted then."""
    ledger = leased(open_ledger)
    watching, watch = Watching(ledger), ledger.leases.watch
    outstanding = watch._outstanding

    def fails() -> Any:
        raise DatabaseBusy

    for _ in range(9):
        watch._outstanding = fails
        with pytest.raises(DatabaseBusy):
            watching.after(10)
        watch._outstanding = outstanding
        watching.after(10)
    assert state(ledger) == "EXECUTING"


def test_a_heartbeat_that_comes_before_the_release_counts(open_ledger: OpenLedger) -> None:
    """What the watch had seen is looked at again, where no heartbeat can come in between any more."""
    ledger = leased(open_ledger)
    (seen,) = ledger.leases.outstanding()
    ledger.leases.renew("a", "p1", BEAT)
    ledger.leases.release(seen)
    assert state(ledger) == "EXECUTING"
    (seen,) = ledger.leases.outstanding()
    ledger.leases.release(seen)
    assert state(ledger) == "QUEUED"


def test_what_ended_meanwhile_is_not_released(open_ledger: OpenLedger) -> None:
    """Nor is the next attempt, nor anything of a run that is over; nothing of it is kept as a refusal."""
    ledger, other = leased(open_ledger), open_ledger()
    (seen,) = ledger.leases.outstanding()
    other.propose("a", {"type": "phase.released", "phase_id": "p1", "attempt": 1})
    ledger.leases.release(seen)
    claimed(other)
    ledger.leases.release(seen)
    (seen,) = ledger.leases.outstanding()
    assert seen.attempt == 2
    other.propose("a", {"type": "run.failed_environment"})
    ledger.leases.release(seen)
    assert [event.type for event in ledger.log(after=4, limit=9)] == [
        "phase.released",
        "phase.started",
        "phase.failed",
        "run.failed_environment",
    ]
    assert ledger.refusals(run_id=None, before=None, limit=9) == []


def test_a_run_that_a_repair_has_ended_has_no_leases_out(open_ledger: OpenLedger) -> None:
    """Its executor is told so, and the watch lets the attempt be; until the run is reopened."""
    ledger = leased(open_ledger)
    ledger.leases.renew("a", "p1", BEAT)
    watching = Watching(ledger)
    body = {"run_id": "a", "state": "DONE_FAILED_ENVIRONMENT", "reason": "the machine is gone"}
    ledger.repairs.approve(ledger.repairs.propose(body).repair["repair_id"], {})
    with pytest.raises(RunTerminal) as refused:
        ledger.leases.renew("a", "p1", BEAT)
    assert refused.value.event == "heartbeat"
    assert ledger.leases.views() == []
    watching.after(1_000)
    assert state(ledger) == "EXECUTING"
    ledger.propose("a", {"type": "run.reopened", "data": {"reason": "another machine"}})
    assert ledger.leases.renew("a", "p1", BEAT)["attempt"] == 1
    watching.after(10)
    for _ in range(6):
        watching.after(10)
    assert state(ledger) == "QUEUED"


@pytest.mark.parametrize("round_", range(5))
def test_a_heartbeat_is_in_time_or_it_is_refused(
    ledger: Ledger, open_ledger: OpenLedger, at_once: AtOnce, round_: int
) -> None:
    """However close they come: where one was taken nothing was released, and the other way round."""
    other = open_ledger()
    for i in range(6):
        executing(ledger, f"run-{i}")
        claimed(ledger)
    seen = ledger.leases.outstanding()
    beats = [partial((ledger, other)[i % 2].leases.renew, f"run-{i}", "p1", BEAT) for i in range(6)]
    ends = [partial((ledger, other)[i % 2].leases.release, each) for each in seen for i in range(2)]
    outcomes = at_once([*beats, *ends])
    assert [each for each in outcomes[6:] if each is not None] == []
    for i, outcome in enumerate(outcomes[:6]):
        is_open = ledger.phase(f"run-{i}", "p1")["state"] == "EXECUTING"
        assert isinstance(outcome, dict if is_open else StaleAttempt), (i, outcome)
    released = ledger.log(after=0, limit=99, wanted=Wanted(types=("phase.released",)))
    assert len({event.run_id for event in released}) == len(released)


def test_what_is_out_is_listed(open_ledger: OpenLedger) -> None:
    """Who has it, since when, when it was last heard of, and until when; what runs out first comes first."""
    ledger = open_ledger(lease_seconds_max=600)
    executing(ledger, "a", 3)
    claimed(ledger, lease_seconds=500)
    claimed(ledger, lease_seconds=50, executor="e2")
    ledger.leases.renew("a", "p1", BEAT)
    first, last = ledger.leases.views()
    assert (first["phase_id"], first["executor"], first["heartbeat_at"]) == ("p2", "e2", None)
    assert (last["phase_id"], last["executor"], last["lease_seconds"]) == ("p1", "e1", 500)
    assert last["granted_at"] <= last["heartbeat_at"] < last["expires_at"]
    assert not first["overdue"]
    ledger.leases._now = lambda: datetime.fromisoformat(first["expires_at"]) + timedelta(seconds=1)
    assert [each["phase_id"] for each in ledger.leases.views(overdue=True)] == ["p2"]
    assert [each["phase_id"] for each in ledger.leases.views(overdue=False)] == ["p1"]


def test_heartbeats_of_what_is_over_are_let_go(open_ledger: OpenLedger) -> None:
    """They are kept as long as the lease is out, and tidied away when a watch begins, and later."""
    ledger = leased(open_ledger)

    def kept() -> int:
        with reading(ledger.engine) as connection:
            return len(connection.execute(heartbeats.select()).all())

    ledger.leases.renew("a", "p1", BEAT)
    watching = Watching(ledger)
    watching.after(10)
    assert kept() == 1
    ledger.propose("a", DONE)
    watching.after(10)
    assert kept() == 0


def test_a_watch_survives_what_goes_wrong(open_ledger: OpenLedger) -> None:
    """It says so, and looks again."""
    ledger, looked = leased(open_ledger), list[None]()
    watch = ledger.leases.watch
    look = watch._outstanding
    watch._seconds = 0.01

    def fails_at_first() -> Any:
        looked.append(None)
        if len(looked) == 1:
            raise DatabaseBusy
        if len(looked) == 2:
            raise ValueError("odd")
        watch._is_closing.set()
        return look()

    watch._outstanding = fails_at_first
    with capture_logs() as told:
        watch.start()
        assert watch._thread is not None
        watch._thread.join(60)
    assert [each["event"] for each in told] == ["leases not watched"] * 2
    assert len(looked) == 3
