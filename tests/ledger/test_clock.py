"""Time in the log: the clock's at the edge, and never backwards."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from freezegun import freeze_time

from api.ledger import Ledger
from domain.refusals import Refusal
from domain.times import moment
from tests.ledgers import OpenLedger

NOON = "2026-11-22T12:00:00.123456Z"


def note(ledger: Ledger, run_id: str = "a", **more: str) -> str:
    """Records a note, and says when."""
    body = {"type": "run.annotated", "data": {"text": "x"}, **more}
    return ledger.propose(run_id, body)[0].event.recorded_at


@pytest.fixture
def at_noon(ledger: Ledger) -> Ledger:
    """A ledger with a run that was created at noon."""
    with freeze_time(NOON):
        ledger.create_run({"run_id": "a", "phases": [{"phase_id": "p1"}]})
    return ledger


def test_an_event_is_recorded_when_the_clock_says(at_noon: Ledger) -> None:
    """To the microsecond, and the run shows the same."""
    run = at_noon.run("a")
    assert run["created_at"] == run["updated_at"] == NOON
    with freeze_time("2026-11-22T12:00:01Z") as clock:
        assert note(at_noon) == "2026-11-22T12:00:01.000000Z"
        clock.tick(timedelta(microseconds=1))
        assert note(at_noon) == "2026-11-22T12:00:01.000001Z"
    run = at_noon.run("a")
    assert (run["created_at"], run["updated_at"]) == (NOON, "2026-11-22T12:00:01.000001Z")


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is five hours behind."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_the_machine_s_zone_does_not_matter(ledger: Ledger) -> None:
    """Wherever it stands, the log is in UTC, and so are the ids of events."""
    before = datetime.now(UTC)
    event = ledger.create_run({"run_id": "a"})[0].event
    assert before <= moment(event.recorded_at) <= datetime.now(UTC)
    minted = (UUID(event.event_id).int >> 80) / 1000
    assert before.timestamp() - 1 < minted < before.timestamp() + 600


def test_time_in_the_log_never_runs_backwards(at_noon: Ledger, open_ledger: OpenLedger) -> None:
    """When the clock is set back the log waits for it, in every process and for every run."""
    for ledger in (at_noon, open_ledger()):
        with freeze_time("2020-01-01"):
            assert note(ledger) == note(ledger) == NOON
            outcome = ledger.create_run({"goal": "another"})
            assert outcome[0].event.recorded_at == NOON
    with freeze_time("2026-11-22T12:00:00.123455Z"):
        assert note(at_noon) == NOON
    with freeze_time("2026-11-22T12:00:00.123457Z"):
        assert note(at_noon) == "2026-11-22T12:00:00.123457Z"
    times = [event.recorded_at for event in at_noon.log(after=0, limit=100)]
    assert times == sorted(times)


def test_a_refusal_is_stamped_like_an_event(at_noon: Ledger) -> None:
    """Not before the last event."""
    with freeze_time("2020-01-01"), pytest.raises(Refusal):
        at_noon.propose("a", {"type": "run.created"})
    assert at_noon.refusals(run_id="a", before=None, limit=1)[0]["refused_at"] == NOON


def test_when_it_happened_is_the_executor_s_to_say(at_noon: Ledger) -> None:
    """What was reported late keeps its time, in UTC; what says none happened when it was recorded."""
    with freeze_time("2026-11-22T12:00:07Z"):
        note(at_noon, occurred_at="2026-11-22T06:59:59.5-05:00")
        note(at_noon)
    said, unsaid = at_noon.log(after=2, limit=2)
    assert said.occurred_at == "2026-11-22T11:59:59.500000Z"
    assert unsaid.occurred_at == unsaid.recorded_at == said.recorded_at == "2026-11-22T12:00:07.000000Z"


def test_the_ids_of_events_carry_the_time(at_noon: Ledger) -> None:
    """An event that nobody named has a UUID of version 7, with the clock's millisecond."""
    with freeze_time("2026-11-22T12:00:09.876543Z"):
        note(at_noon)
    created, added, noted = at_noon.log(after=0, limit=3)
    for event, at in ((created, NOON), (added, NOON), (noted, "2026-11-22T12:00:09.876Z")):
        event_id = UUID(event.event_id)
        assert event_id.version == 7
        assert event_id.int >> 80 == int(moment(at).timestamp() * 1000)
    assert len({created.event_id, added.event_id, noted.event_id}) == 3


def test_events_of_one_batch_are_of_one_moment(at_noon: Ledger) -> None:
    """A batch happens at once, though its events have an order."""
    body = {"run_id": "a", "type": "run.annotated", "data": {"text": "x"}}
    with freeze_time("2026-11-22T13:00:00Z", auto_tick_seconds=1):
        outcome = at_noon.propose_all([body] * 3)
    assert len({each.event.recorded_at for each in outcome}) == 1


def test_a_ledger_opens_in_any_year(open_ledger: OpenLedger, at_noon: Ledger) -> None:
    """Nothing about a database depends on when it is opened."""
    for year in ("1999", "2026", "2199"):
        with freeze_time(f"{year}-12-31T23:59:59Z"):
            assert open_ledger().run("a") == at_noon.run("a")
