"""When the database cannot: each caller is told what became of his request, and the next one is served."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event

from api.commands import Asked, Command, atomic, proposal
from api.ledger import Ledger
from api.unavailable import DatabaseBusy, DatabaseDown, OutcomeUnknown, Overloaded
from domain.refusals import IllegalMove
from eventstore.database import WRITER_LOCK
from eventstore.store import Wanted
from tests.databases import Connect, Digest
from tests.ledger.conftest import InOneBatch
from tests.ledgers import OpenLedger

ALONE = 3
"""Proposals after which a ledger may trust what it remembers."""


def note(text: str) -> dict[str, Any]:
    return {"type": "run.annotated", "data": {"text": text}}


def noted(run_id: str, *texts: str) -> list[Command]:
    return [proposal(run_id, note(text), Asked()) for text in texts]


def texts(ledger: Ledger) -> list[str]:
    return [
        event.data["text"]
        for event in ledger.log(after=0, limit=1_000, wanted=Wanted(types=("run.annotated",)))
    ]


@pytest.fixture(params=[0, ALONE])
def warm(request: pytest.FixtureRequest, ledger: Ledger, a_run: str) -> str:
    """The run, in a ledger that has just opened, and in one that has been writing alone."""
    for i in range(request.param):
        ledger.propose(a_run, {"type": "run.labelled", "data": {"labels": {"n": str(i)}}})
    return a_run


@pytest.fixture
def poisoned(warm: str, raw: Any) -> None:
    """The database refuses `run.held`, which the machine allows."""
    if isinstance(raw, psycopg.Connection):
        raw.execute("ALTER TABLE legal_moves DISABLE TRIGGER ALL")
    else:
        raw.execute("DROP TRIGGER legal_moves_delete")
    raw.execute("DELETE FROM legal_moves WHERE event_type = 'run.held'")


def test_what_waits_is_committed_together(
    ledger: Ledger, warm: str, in_one_batch: InOneBatch, commits: list[None]
) -> None:
    """In the order in which it came, whatever each leads to."""
    commands = noted(warm, "1", "2")
    illegal = {"type": "run.created", "run_id": warm}
    commands.insert(1, atomic([{**note("not this one"), "run_id": warm}, illegal], Asked()))
    outcomes = in_one_batch(ledger, commands)
    assert len(commits) == 1
    assert isinstance(outcomes[1], IllegalMove)
    assert texts(ledger) == ["1", "2"]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("place", [0, 2, 4])
def test_what_the_database_refuses_fails_alone(
    ledger: Ledger, warm: str, in_one_batch: InOneBatch, place: int
) -> None:
    """Its neighbours in the batch are recorded, in order, and so is what comes next."""
    commands = noted(warm, "1", "2", "3", "4")
    commands.insert(place, proposal(warm, {"type": "run.held"}, Asked()))
    outcomes = in_one_batch(ledger, commands)
    assert [isinstance(outcome, BaseException) for outcome in outcomes] == [i == place for i in range(5)]
    ledger.propose(warm, note("5"))
    assert texts(ledger) == ["1", "2", "3", "4", "5"]
    assert ledger.run(warm)["held"] is False


@pytest.mark.usefixtures("poisoned")
def test_a_defect_is_not_passed_off_as_a_refusal(ledger: Ledger, warm: str, raw: Any, digest: Digest) -> None:
    """What the machine allows and the database refuses is an error of ours, and leaves nothing behind."""
    before = digest(raw)
    with pytest.raises(Exception, match="runnotary: this is not a legal move"):
        ledger.propose(warm, {"type": "run.held"})
    assert digest(raw) == before


@pytest.mark.usefixtures("poisoned")
def test_a_batch_with_something_poisonous_in_it_is_not_recorded_in_part(
    ledger: Ledger, warm: str, raw: Any, digest: Digest
) -> None:
    """All or nothing, whoever refuses."""
    before = digest(raw)
    bodies = [{**body, "run_id": warm} for body in (note("1"), {"type": "run.held"}, note("2"))]
    with pytest.raises(Exception, match="runnotary: this is not a legal move"):
        ledger.propose_all(bodies)
    assert digest(raw) == before


def hold(foreign: Any) -> None:
    if isinstance(foreign, sqlite3.Connection):
        foreign.execute("BEGIN IMMEDIATE")
    else:
        foreign.execute(f"SELECT pg_advisory_lock({WRITER_LOCK})")


@pytest.mark.parametrize("written_before", [0, ALONE])
def test_a_foreign_writer_makes_the_database_busy(
    impatient: Ledger,
    a_run: str,
    database_url: str,
    connect: Connect,
    raw: Any,
    digest: Digest,
    written_before: int,
) -> None:
    """Nothing was recorded, and it is said so; reading goes on; once the other is gone, so does writing."""
    expected = [str(i) for i in range(written_before)]
    for text in expected:
        impatient.propose(a_run, note(text))
    before = digest(raw)
    with closing(connect(database_url)) as foreign:
        hold(foreign)
        for _ in range(2):
            with pytest.raises(DatabaseBusy):
                impatient.propose(a_run, note("busy"))
        assert impatient.run(a_run)["state"] == "PHASE_EXECUTION"
        assert digest(raw) == before
    impatient.propose(a_run, note("free"))
    assert texts(impatient) == [*expected, "free"]


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_deadlock_makes_the_database_busy(
    backend: str, ledger: Ledger, a_run: str, database_url: str, connect: Connect, raw: Any
) -> None:
    """Somebody has our turn and wants a table that we read: nothing was recorded, and it is said so."""
    for text in map(str, range(ALONE)):
        ledger.propose(a_run, note(text))
    with closing(connect(database_url)) as foreign, ThreadPoolExecutor() as threads:
        foreign.execute("SET deadlock_timeout = '1min'")
        with foreign.transaction():
            foreign.execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
            created = threads.submit(ledger.create_run, {"goal": "an id that is free"})
            while not raw.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                pass
            foreign.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseBusy):
            created.result()
    assert ledger.create_run({"goal": "an id that is free"})[0].run.version == 1


def test_everybody_in_the_batch_is_told_that_the_database_is_busy(
    impatient: Ledger, a_run: str, database_url: str, connect: Connect, in_one_batch: InOneBatch
) -> None:
    """A batch that could not begin is not tried again one by one."""
    tries: list[object] = []
    event.listen(impatient.engine, "checkout", lambda *seen: tries.append(seen))
    with closing(connect(database_url)) as foreign:
        hold(foreign)
        outcomes = in_one_batch(impatient, noted(a_run, "1", "2", "3"))
    assert [type(outcome) for outcome in outcomes] == [DatabaseBusy] * 3
    assert len(tries) == 1
    assert texts(impatient) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True, scope="session")
def test_a_lost_connection_costs_one_answer(ledger: Ledger, warm: str, raw: Any) -> None:
    """Whoever finds it lost is told that nothing was recorded, and the next one has another."""
    ledger.propose(warm, note("1"))
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    raw.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    with pytest.raises(DatabaseDown):
        ledger.propose(warm, note("lost"))
    ledger.propose(warm, note("2"))
    assert texts(ledger) == ["1", "2"]


@contextmanager
def losing_commits(ledger: Ledger, raw: Any) -> Iterator[None]:
    """Meanwhile every COMMIT of the ledger fails, and nothing of it is recorded."""

    @event.listens_for(ledger.engine, "begin")
    def deny(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        is_reading = connection.get_execution_options().get("reads_only")
        if isinstance(driver, sqlite3.Connection) and not is_reading:
            driver.set_authorizer(lambda _, name, *__: sqlite3.SQLITE_DENY if name == "COMMIT" else 0)

    if isinstance(raw, psycopg.Connection):
        raw.execute(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
            " CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION lose()"
        )
    yield
    event.remove(ledger.engine, "begin", deny)
    if isinstance(raw, psycopg.Connection):
        raw.execute("DROP FUNCTION lose() CASCADE")


def test_a_commit_that_failed_leaves_the_outcome_unknown(ledger: Ledger, warm: str, raw: Any) -> None:
    """It is said so, nothing is tried again inside, and the same key finds out that it was not recorded."""
    with losing_commits(ledger, raw), pytest.raises(OutcomeUnknown):
        ledger.propose(warm, note("1"), Asked(key="k1"))
    assert texts(ledger) == []
    assert not ledger.propose(warm, note("1"), Asked(key="k1"))[0].replayed
    ledger.propose(warm, note("2"))
    assert texts(ledger) == ["1", "2"]


def test_a_commit_whose_answer_is_lost_is_found_by_its_key(ledger: Ledger, warm: str) -> None:
    """It was recorded and nobody knew: the same key finds the event, and it is recorded once."""

    @event.listens_for(ledger.engine, "commit", once=True)
    def lose(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.commit()
        driver.close()

    with pytest.raises(OutcomeUnknown):
        ledger.propose(warm, note("1"), Asked(key="k1"))
    assert ledger.propose(warm, note("1"), Asked(key="k1"))[0].replayed
    ledger.propose(warm, note("2"))
    assert texts(ledger) == ["1", "2"]


def test_nobody_in_the_batch_knows_what_became_of_it(
    ledger: Ledger, warm: str, raw: Any, in_one_batch: InOneBatch
) -> None:
    """A commit that failed failed for all, and is not tried again for any."""
    tries: list[object] = []
    event.listen(ledger.engine, "checkout", lambda *seen: tries.append(seen))
    with losing_commits(ledger, raw):
        outcomes = in_one_batch(ledger, noted(warm, "1", "2", "3"))
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 3
    assert tries == []  # the one connection was there, and no other was asked for
    assert texts(ledger) == []


def test_more_than_may_wait_are_turned_away_at_once(
    open_ledger: OpenLedger, a_run: str, in_one_batch: InOneBatch
) -> None:
    """Those that wait are served, and when there is room again so is the next."""
    small = open_ledger(queue_max=3, commit_max=2)
    outcomes = in_one_batch(small, noted(a_run, "1", "2", "3", "4", "5"))
    assert [type(outcome) for outcome in outcomes[3:]] == [Overloaded, Overloaded]
    assert texts(small) == ["1", "2", "3"]
    small.propose(a_run, note("6"))
    assert texts(small) == ["1", "2", "3", "6"]


@pytest.mark.parametrize("has_a_thread", [True, False])
def test_what_waits_when_the_ledger_is_closed_is_recorded(
    ledger: Ledger, a_run: str, in_one_batch: InOneBatch, open_ledger: OpenLedger, has_a_thread: bool
) -> None:
    """Nobody who was let in goes unanswered, whoever it is that commits."""
    if has_a_thread:
        in_one_batch(ledger, noted(a_run, "1"))
    waiting = ledger.committer._wait(noted(a_run, "2")[0], lambda _: None)
    ledger.close()
    assert waiting.result()[0].event.data == {"text": "2"}
    assert texts(open_ledger())[-1] == "2"


def test_more_runs_than_are_remembered_are_no_trouble(open_ledger: OpenLedger, a_run: str) -> None:
    """A ledger that forgets reads again."""
    ledger = open_ledger(runs_cached_max=1)
    ledger.create_run({"run_id": "another"})
    for text in ("1", "2", "3"):
        ledger.propose(a_run, note(text))
        ledger.propose("another", note(text))
    assert texts(ledger) == ["1", "1", "2", "2", "3", "3"]
    assert set(ledger.committer.writer._runs) == {"another"}
