"""The notary: when the log is sealed, by whom, and what becomes of it when it cannot be."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from queue import Queue
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from api import notary
from api.ledger import Ledger
from api.notary import Unsealed
from api.settings import Settings
from domain.refusals import IllegalMove
from domain.times import moment, stamp
from eventstore import seals, store
from eventstore.database import reading
from eventstore.seals import Comparison, Entry, UnusableKey
from eventstore.signing import PublicKey
from tests.databases import Connect, Digest
from tests.ledger.conftest import AtOnce
from tests.ledger.test_recovery import hold
from tests.ledgers import OpenLedger
from tests.runs import Record, Step

SECONDS = 60
"""Only so that a test that waits for what never comes ends at all."""

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CREATED: Step = ("run.created", "RUN_CREATED", None, {})
NOTED: Step = ("run.annotated", "RUN_CREATED", None, {"text": "x"})


def append(ledger: Ledger, count: int) -> None:
    """Record so many events of a run, each by itself."""
    if not ledger.has_run("a"):
        ledger.create_run({"run_id": "a"})
        count -= 1
    for _ in range(count):
        ledger.propose("a", {"type": "run.annotated", "data": {"text": "x"}})


def stretches(ledger: Ledger) -> list[tuple[int, int]]:
    """The stretches that are sealed, after a look whether the seals are sound."""
    with reading(ledger.engine) as connection:
        kept, log = store.page_of_seals(connection), store.read_log(connection)
    comparison = Comparison(kept)
    for each in log:
        comparison.feed(each.position, each.hash)
    assert [*seals.flaws_of(kept), *comparison.end()] == []
    return [(seal.first_position, seal.position) for seal in kept]


def last_recorded(ledger: Ledger) -> datetime:
    with reading(ledger.engine) as connection:
        return moment(store.tail(connection).recorded_at)


@dataclass
class Pace:
    """The thread of a notary, which waits for the test, by a clock that the test sets."""

    ledger: Ledger
    _waits: Queue[float] = field(default_factory=Queue)

    def __post_init__(self) -> None:
        goes_on = self.ledger.notary._goes_on

        def told(wait: float) -> bool:
            self._waits.put(wait)
            return goes_on(wait and threading.TIMEOUT_MAX)

        self.ledger.notary._goes_on = told  # type: ignore[method-assign]  # the one way to see it wait

    def next_wait(self) -> float:
        """The seconds for which the thread waits, once it has nothing to do any more."""
        wait = 0.0
        while wait == 0:
            wait = self._waits.get(timeout=SECONDS)
        return wait

    def wait_at(self, time: datetime) -> float:
        """The seconds for which it waits after it has looked at this time."""
        self.ledger.notary._now = lambda: time
        self.ledger.notary._work.set()
        return self.next_wait()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged."""
    with capture_logs() as told:
        yield told


@given(
    count=st.integers(0, 12),
    age=st.timedeltas(timedelta(days=-2), timedelta(days=2)),
    seal_events=st.integers(1, 12),
    seal_seconds=st.integers(1, 86_400),
)
def test_it_is_time_after_so_many_events_or_seconds(
    count: int, age: timedelta, seal_events: int, seal_seconds: int
) -> None:
    """Whichever comes first; a clock that was set back does not put it off for longer than that."""
    events = [Entry(i, "", stamp(NOON)) for i in range(1, count + 1)]
    settings = Settings(seal_events=seal_events, seal_seconds=seal_seconds)
    left = Unsealed(None, events).seconds_left(NOON + age, settings)
    if count == 0:
        assert left is None
    else:
        is_time = count >= seal_events or age.total_seconds() >= seal_seconds
        assert left is not None
        assert (left == 0) == is_time
        if not is_time:
            assert left == pytest.approx(seal_seconds - max(age.total_seconds(), 0))


def test_a_process_seals_what_it_appended_when_it_ends(open_ledger: OpenLedger, ledger: Ledger) -> None:
    """No stretch is longer than the setting says; the next process goes on where this one ended."""
    for count in (7, 1):
        with open_ledger(seal_events=3) as other:
            append(other, count)
    assert stretches(ledger) == [(1, 3), (4, 6), (7, 7), (8, 8)]


def test_the_log_is_sealed_after_so_many_events(open_ledger: OpenLedger) -> None:
    """The event that makes them enough wakes the thread, again and again; what is more waits."""
    ledger = open_ledger(seal_events=4)
    pace = Pace(ledger)
    append(ledger, 3)
    assert pace.next_wait() == 60
    append(ledger, 1)
    assert pace.next_wait() == 60
    assert stretches(ledger) == [(1, 4)]
    append(ledger, 1)
    assert pace.next_wait() <= 60
    assert stretches(ledger) == [(1, 4)]
    append(ledger, 3)
    assert pace.next_wait() == 60
    assert stretches(ledger) == [(1, 4), (5, 8)]


def test_the_log_is_sealed_after_so_many_seconds(open_ledger: OpenLedger) -> None:
    """They count from the first event that no seal covers, however many come after it."""
    ledger = open_ledger(seal_seconds=30)
    pace = Pace(ledger)
    append(ledger, 1)
    assert pace.next_wait() == 30
    first = last_recorded(ledger)
    append(ledger, 2)
    assert pace.wait_at(first + timedelta(seconds=29.5)) == 0.5
    assert stretches(ledger) == []
    assert pace.wait_at(first + timedelta(seconds=30)) == 30
    assert stretches(ledger) == [(1, 3)]
    ledger.notary._now = lambda: last_recorded(ledger)
    append(ledger, 1)
    assert pace.next_wait() == 30
    assert stretches(ledger) == [(1, 3)]
    assert pace.wait_at(last_recorded(ledger) + timedelta(hours=1)) == 30
    assert stretches(ledger) == [(1, 3), (4, 4)]


def test_what_a_killed_process_left_is_sealed_by_the_next_that_serves(
    open_ledger: OpenLedger, record: Record
) -> None:
    """When its time has come, and in short transactions, however much it is."""
    ledger = open_ledger(seal_events=3)
    record(ledger, "old", CREATED, NOTED)
    pace, first = Pace(ledger), last_recorded(ledger)
    ledger.notary._now = lambda: first + timedelta(seconds=59)
    ledger.notary.watch()
    assert pace.next_wait() == 1
    record(ledger, "more", CREATED, *[NOTED] * 7)
    assert pace.wait_at(first + timedelta(seconds=59)) > 1
    assert stretches(ledger) == [(1, 3), (4, 6), (7, 9)]
    assert pace.wait_at(last_recorded(ledger) + timedelta(days=1)) == 60
    assert stretches(ledger) == [(1, 3), (4, 6), (7, 9), (10, 10)]


def test_events_that_come_during_a_look_are_not_overlooked(open_ledger: OpenLedger) -> None:
    """They came too late to be seen, and too early to wake anybody."""
    ledger = open_ledger(seal_events=3)
    pace, look = Pace(ledger), ledger.notary._unsealed

    def looked() -> Unsealed:
        found = look()
        if found.last is None and not found.events:
            append(ledger, 3)
        return found

    ledger.notary._unsealed = looked  # type: ignore[method-assign]  # between its look and its rest
    ledger.notary.watch()
    assert pace.next_wait() == 60
    assert stretches(ledger) == [(1, 3)]


def test_a_log_that_was_emptied_beneath_a_service_is_looked_at_as_seldom_as_any(ledger: Ledger) -> None:
    """What this process appended is not there any more, and will not come by looking again at once."""
    ledger.notary._end = 5
    assert ledger.notary._seal_what_is_due() == ledger.settings.seal_seconds


def test_a_seal_is_next_after_the_commit_that_is_under_way(open_ledger: OpenLedger) -> None:
    """Neither does it wait in vain for a process that commits over and over, nor does it break in."""
    ledger, order = open_ledger(), list[str]()
    append(ledger, 2)

    def seal() -> None:
        ledger.notary.seal_to(2)
        order.append("sealed")

    turns, sealing = ledger.committer._lock, threading.Thread(target=seal)
    with turns:
        sealing.start()
        give_up = monotonic() + SECONDS
        while not turns._next.locked():
            assert monotonic() < give_up
        order.append("committed")
    with turns:
        order.append(f"committed again, after {stretches(ledger)}")
    sealing.join(SECONDS)
    assert order[0] == "committed"
    assert "committed again, after [(1, 2)]" in order


@pytest.mark.parametrize("watches", [False, True])
def test_a_process_that_only_read_writes_nothing(
    ledger: Ledger, open_ledger: OpenLedger, record: Record, raw: Any, digest: Digest, watches: bool
) -> None:
    """What others left unsealed is theirs, or waits for its time."""
    record(ledger, "old", CREATED, NOTED)
    before = digest(raw)
    with open_ledger() as reader:
        if watches:
            pace = Pace(reader)
            reader.notary._now = lambda: last_recorded(ledger)
            reader.notary.watch()
            assert pace.next_wait() == 60
        reader.run("old")
    assert digest(raw) == before


def test_a_process_that_was_refused_seals_nothing(
    ledger: Ledger, open_ledger: OpenLedger, record: Record
) -> None:
    """It has appended nothing, so what is unsealed is not its own."""
    record(ledger, "old", CREATED, NOTED)
    with open_ledger() as other, pytest.raises(IllegalMove):
        other.propose("old", {"type": "run.created"})
    assert stretches(ledger) == []


def test_a_process_that_served_and_recorded_nothing_just_ends(
    open_ledger: OpenLedger, raw: Any, logged: list[Any]
) -> None:
    """It does not even look."""
    with open_ledger() as ledger:
        pace = Pace(ledger)
        ledger.notary.watch()
        assert pace.next_wait() == 60
        raw.execute("DROP TABLE seals")
    assert logged == []


def test_seals_of_several_processes_do_not_collide(open_ledger: OpenLedger, at_once: AtOnce) -> None:
    """Whoever is second finds it done, and goes on from there."""
    processes = [open_ledger(seal_events=2) for _ in range(4)]
    append(processes[0], 1)
    processes[0].propose_all([{"run_id": "a", "type": "run.annotated", "data": {"text": "x"}}] * 40)
    assert at_once([partial(each.notary.seal_to, 41) for each in processes]) == [41] * 4
    assert stretches(processes[0]) == [*((i, i + 1) for i in range(1, 40, 2)), (41, 41)]


def test_a_seal_that_cannot_be_written_is_tried_again(
    impatient: Ledger, database_url: str, connect: Connect, logged: list[Any]
) -> None:
    """It is logged, with longer and longer pauses, and nobody else has to know."""
    pace = Pace(impatient)
    append(impatient, 2)
    assert pace.next_wait() == 60
    due = last_recorded(impatient) + timedelta(minutes=1)
    with closing(connect(database_url)) as foreign:
        hold(foreign)
        assert [pace.wait_at(due) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert [each["event"] for each in logged] == ["not sealed"] * 7
    assert {(each["log_level"], each["log_ends_at"], each["exc_info"]) for each in logged} == {
        ("warning", 2, None)
    }
    assert all("locked" in each["why"] or "lock timeout" in each["why"] for each in logged)
    assert pace.wait_at(due) == 60
    assert stretches(impatient) == [(1, 2)]
    append(impatient, 1)
    assert pace.next_wait() <= 60
    assert len(logged) == 7
    with closing(connect(database_url)) as foreign:
        hold(foreign)
        assert pace.wait_at(last_recorded(impatient) + timedelta(minutes=1)) == 2


def test_appends_go_on_without_seals(open_ledger: OpenLedger, raw: Any, logged: list[Any]) -> None:
    """Where the table is gone, or out of reach, events are recorded all the same, and the process ends."""
    with open_ledger(seal_events=1) as ledger:
        pace = Pace(ledger)
        raw.execute("DROP TABLE seals")
        append(ledger, 1)
        assert pace.next_wait() == 60
        assert pace.next_wait() == 2
        append(ledger, 2)
        assert ledger.run("a")["version"] == 3
    assert [each["event"] for each in logged] == ["not sealed"] * 2
    assert all("seals" in each["why"] for each in logged)


def test_the_last_seals_have_so_much_time_and_no_more(
    open_ledger: OpenLedger, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    """A process that ends does not wait for a database that hangs; what it left is for the next one."""
    monkeypatch.setattr(notary, "CLOSE_SECONDS", 0.01)
    ledger, other = open_ledger(), open_ledger()
    append(ledger, 2)
    hangs, unsealed = threading.Event(), ledger.notary._unsealed

    def hanging() -> Unsealed:
        assert hangs.wait(SECONDS)
        return unsealed()

    monkeypatch.setattr(ledger.notary, "_unsealed", hanging)
    ledger.close()
    monkeypatch.undo()
    assert [each["why"] for each in logged] == ["it took more than 0.01 s"]
    hangs.set()
    assert ledger.notary._thread is not None
    ledger.notary._thread.join(SECONDS)
    assert stretches(other) == []


def test_a_configured_key_signs_every_seal(open_ledger: OpenLedger, ledger: Ledger, tmp_path: Path) -> None:
    """The public half of it vouches for what was sealed before there was a key, too."""
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "seal.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for settings in ({}, {"seal_key": file}, {"seal_key": file}):
        with open_ledger(**settings) as other:
            append(other, 2)
    assert stretches(ledger) == [(1, 2), (3, 4), (5, 6)]
    kept, public = ledger.seals(after=0, limit=9), PublicKey(key.public_key())
    assert [public.has_signed(seal) for seal in kept] == [False, True, True]
    assert list(public.flaws_of(kept)) == []


def test_a_key_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    """One line names the setting, and no database is made."""
    settings = Settings(database_url=f"sqlite:///{tmp_path}/new.db", seal_key=tmp_path / "no.pem")
    with pytest.raises(UnusableKey, match=r"^RUNNOTARY_SEAL_KEY: [^\n]*no\.pem cannot be read[^\n]*$"):
        Ledger.open(settings)
    assert list(tmp_path.iterdir()) == []
