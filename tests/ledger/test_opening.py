"""Opening a database: it is brought up to date, or refused in one line that says what to do."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from api.ledger import Ledger
from api.settings import Settings
from domain.moves import LEGAL_MOVES
from eventstore.database import UnusableDatabase
from tests.databases import Digest
from tests.ledgers import OpenLedger

ON_SQLITE = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'"
ON_POSTGRESQL = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"

Unguarded = Callable[..., None]


@pytest.fixture
def unguarded(raw: Any) -> Unguarded:
    """Does what only the owner of the schema can: a statement while the guards of a table are away."""

    def does(table: str, statement: str) -> None:
        if isinstance(raw, psycopg.Connection):
            names = [name for name, of in guards_of(raw) if of == table]
            raw.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            raw.execute(statement)
            for name in names:
                raw.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
            return
        query = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?"
        kept = raw.execute(query, [table]).fetchall()
        for name, _ in kept:
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute(statement)
        for _, sql in kept:
            raw.execute(sql)

    return does


def guards_of(raw: Any) -> list[tuple[str, str]]:
    """The database's own triggers, with their tables."""
    query = ON_POSTGRESQL if isinstance(raw, psycopg.Connection) else ON_SQLITE
    return [(name, table) for name, table in raw.execute(query).fetchall()]


@pytest.fixture
def recorded(ledger: Ledger, a_run: str) -> str:
    """A run that was recorded before the database is opened again."""
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p1"})
    ledger.close()
    return a_run


@pytest.mark.parametrize("migrate", [True, False])
def test_what_a_newer_program_made_is_not_touched(
    open_ledger: OpenLedger, raw: Any, digest: Digest, migrate: bool
) -> None:
    """A revision that this program does not know stops the start, and nothing is changed."""
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    before = digest(raw)
    with pytest.raises(UnusableDatabase, match=r"^[^\n]*revision 9999[^\n]*newer Runnotary[^\n]*$"):
        open_ledger(migrate=migrate)
    assert digest(raw) == before


def test_a_database_without_tables_is_refused_where_it_may_not_be_migrated(new_database_url: str) -> None:
    """The line names the setting that would make them."""
    with pytest.raises(UnusableDatabase, match=r"^[^\n]*no tables yet[^\n]*RUNNOTARY_MIGRATE=true[^\n]*$"):
        Ledger.open(Settings(database_url=new_database_url, migrate=False))


def test_a_lost_guard_stops_the_start(open_ledger: OpenLedger, raw: Any, backend: str) -> None:
    """Whichever trigger was dropped is named."""
    guards = guards_of(raw)
    assert {table for _, table in guards} == {
        "events", "commands", "seals", "legal_moves", "runs", "phases",
    }  # fmt: skip
    lost: set[str] = set()
    for name, table in guards:
        raw.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if backend == "postgresql" else ""))
        lost.add(name)
        with pytest.raises(UnusableDatabase, match=r"^[^\n]*lost triggers[^\n]*$") as refused:
            open_ledger()
        named = str(refused.value).partition("own: ")[2].partition(". Find")[0]
        assert set(named.split(", ")) == lost


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True, scope="session")
@pytest.mark.parametrize("how", ["DISABLE", "ENABLE", "ENABLE REPLICA"])
def test_a_guard_that_can_be_gone_past_stops_the_start(open_ledger: OpenLedger, raw: Any, how: str) -> None:
    """A trigger that is there, and that a session can switch off, guards nothing."""
    raw.execute(f"ALTER TABLE events {how} TRIGGER events_insert")
    with pytest.raises(UnusableDatabase, match="lost triggers of its own: events_insert"):
        open_ledger()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "INSERT INTO legal_moves VALUES ('run.created', 'GATE', 'READY')",
            "1 too many, as run.created GATE -> READY",
        ),
        (
            "DELETE FROM legal_moves WHERE event_type = 'run.queued'",
            "1 missing, as run.queued \\(none\\) -> QUEUED",
        ),
        (
            "UPDATE legal_moves SET state_after = 'READY' WHERE event_type = 'run.queued'",
            "1 missing.*1 too many",
        ),
        ("DELETE FROM legal_moves", f"{len(LEGAL_MOVES)} missing"),
    ],
)
def test_moves_that_are_not_the_machine_s_stop_the_start(
    open_ledger: OpenLedger, unguarded: Unguarded, statement: str, words: str
) -> None:
    """The table in the database and the one in the code are one, to the letter."""
    unguarded("legal_moves", statement)
    with pytest.raises(UnusableDatabase, match=f"^legal moves: [^\n]*{words}[^\n]*$"):
        open_ledger()


@pytest.mark.parametrize("table", ["runs", "phases"])
def test_a_state_that_nobody_knows_stops_the_start(
    open_ledger: OpenLedger, unguarded: Unguarded, recorded: str, table: str
) -> None:
    """The line names it, and says that the log has the right one."""
    unguarded(table, f"UPDATE {table} SET state = 'READY'")
    words = rf"^states of {table}: [^\n]*no code knows: READY\.[^\n]*rebuil[^\n]*$"
    with pytest.raises(UnusableDatabase, match=words):
        open_ledger()


@pytest.mark.parametrize("name", ["runs", "phases", "run_labels", "annotations"])
def test_tables_of_another_shape_are_made_anew(
    open_ledger: OpenLedger, raw: Any, digest: Digest, recorded: str, name: str
) -> None:
    """What the log says is in them again, and nothing else; the log is as it was."""
    before = digest(raw)
    raw.execute(f"UPDATE projections SET version = 0 WHERE name = '{name}'")
    raw.execute("INSERT INTO run_labels VALUES ('ghost', 'team', 'core')")
    raw.execute("UPDATE runs SET goal = 'another', version = 99")
    raw.execute("DROP TABLE annotations")
    with pytest.raises(UnusableDatabase, match=r"^[^\n]*another shape[^\n]*RUNNOTARY_MIGRATE=true[^\n]*$"):
        open_ledger(migrate=False)
    ledger = open_ledger()
    assert ledger.run(recorded)["goal"] == "Predict output sizes"
    assert digest(raw) == before


def test_rebuilding_nothing_is_no_trouble(open_ledger: OpenLedger, raw: Any, digest: Digest) -> None:
    """An empty log makes empty tables."""
    before = digest(raw)
    raw.execute("DELETE FROM projections")
    open_ledger()
    assert digest(raw) == before


def test_rebuilt_tables_are_guarded_like_the_first(open_ledger: OpenLedger, raw: Any, recorded: str) -> None:
    """The guards of the tables that were dropped are back."""
    raw.execute("DELETE FROM projections")
    open_ledger()
    with pytest.raises(Exception, match="runnotary: the state of runs is that of the last event"):
        raw.execute("UPDATE runs SET state = 'READY'")
