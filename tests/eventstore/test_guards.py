"""What the database refuses by itself, to raw SQL with the service's own credentials."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from api.commands import Asked
from api.ledger import Ledger
from api.settings import Settings
from tests.databases import Connect, Digest, Scratch

# How hard the attacker tries: what a session may switch off without changing the schema.
SESSIONS = {
    "sqlite": [
        [],
        ["PRAGMA ignore_check_constraints=ON", "PRAGMA foreign_keys=OFF", "PRAGMA recursive_triggers=OFF"],
        ["PRAGMA recursive_triggers=ON"],
    ],
    "postgresql": [[], ["SET session_replication_role = replica"]],
}

# The next event of the run `demo`, which the database would take; an attack changes something about it.
NEXT = {
    "position": "(SELECT max(position) + 1 FROM events)",
    "event_id": "'forged'",
    "run_id": "'demo'",
    "version": "(SELECT max(version) + 1 FROM events WHERE run_id = 'demo')",
    "type": "'run.annotated'",
    "type_version": "1",
    "phase_id": "NULL",
    "state_before": "'PHASE_EXECUTION'",
    "state_after": "'PHASE_EXECUTION'",
    "implied": "FALSE",
    "occurred_at": "'2026-11-22T10:00:00.000000Z'",
    "recorded_at": "'2026-11-22T10:00:00.000000Z'",
    "actor": "'mallory'",
    "actor_verified": "FALSE",
    "body": "'{}'",
    "prev_hash": "(SELECT hash FROM events WHERE run_id = 'demo' ORDER BY version DESC LIMIT 1)",
    "hash": f"'{'f' * 64}'",
}


def forged(verb: str = "INSERT INTO", rest: str = "", **changed: str) -> str:
    """The statement that appends the next event of `demo`, changed here and there."""
    event = NEXT | changed
    return f"{verb} events ({', '.join(event)}) SELECT {', '.join(event.values())} {rest}"


def a_run(verb: str = "INSERT INTO", rest: str = "", **changed: str) -> str:
    """The statement that puts a row into `runs`."""
    usage = ("tokens_used", "ci_runs_used", "minor_issues", "major_issues")
    row = dict.fromkeys((*usage, "token_cap"), "0")
    row |= dict.fromkeys(("held", "preserved", "archived"), "FALSE")
    row |= dict.fromkeys(("config", "labels", "tiers", "created_at", "updated_at", "head_hash"), "'{}'")
    row |= {"run_id": "'demo'", "state": "'PHASE_EXECUTION'", "version": "1", "position": "1"} | changed
    return f"{verb} runs ({', '.join(row)}) VALUES ({', '.join(row.values())}) {rest}"


def a_phase(verb: str = "INSERT INTO", rest: str = "", **changed: str) -> str:
    """The statement that puts a row into `phases`."""
    numbers = ("index", "attempt", "max_attempts", "revision", "tokens_used", "ci_runs_used")
    row = {f'"{name}"': "0" for name in (*numbers, "minor_issues", "major_issues")}
    row |= {"run_id": "'demo'", "phase_id": "'p1'", "state": "'EXECUTING'", "updated_at": "''"} | changed
    return f"{verb} phases ({', '.join(row)}) VALUES ({', '.join(row.values())}) {rest}"


# The next seal, which the database would take.
NEXT_SEAL = {
    "number": "(SELECT max(number) + 1 FROM seals)",
    "first_position": "(SELECT max(position) + 1 FROM seals)",
    "position": "(SELECT max(position) FROM events)",
    "root": f"'{'f' * 64}'",
    "prev_hash": "(SELECT hash FROM seals ORDER BY number DESC LIMIT 1)",
    "sealed_at": "'2026-11-22T10:00:00.000000Z'",
    "hash": f"'{'f' * 64}'",
}


def a_seal(verb: str = "INSERT INTO", rest: str = "", **changed: str) -> str:
    """The statement that keeps the next seal, changed here and there."""
    seal = NEXT_SEAL | changed
    return f"{verb} seals ({', '.join(seal)}) SELECT {', '.join(seal.values())} {rest}"


KEPT, ANSWERED, MIGRATED = "events are never", "a key answers for ever", "written by migrations only"
POSITION, VERSION, TAKEN = "position is not the next", "version is not the next", "event_id"
HASH, NAMED, BEFORE_RUN = "not the hash of the run's last", "names its phase", "before its run has one"
BEFORE, ILLEGAL = "not the state that it is in", "not a legal move"
RUN_STATE, PHASE_STATE = "state of runs is that of", "state of phases is that of"
NO_RUN, NO_PHASE = "no event made this row of runs", "no event made this row of phases"
RUN_KEY, PHASE_KEY = "row of runs keeps its key", "row of phases keeps its key"
RUN_STAYS, PHASE_STAYS = "row of runs stays while", "row of phases stays while"
TRUNCATED = "stay while they have events"
SEALED, NUMBER, STRETCH = "seals are never", "number is not the next", "stretch does not follow"
SEAL_HASH, COVERED = "not the hash of the seal before", "covers events that are in the log"

EVERYWHERE = [
    (forged(type="'phase.annotated'", phase_id="''"), "a phase_id is not empty"),
    (forged(state_after="'(quarantined)'"), "not one of the words for having none"),
    (forged(state_before="'(none)'"), "not one of the words for having none"),
    (a_phase(phase_id="''", state="'PHASE_EXECUTION'"), "no event made this row of phases"),
    # History is not rewritten.
    ("UPDATE events SET actor = 'mallory'", KEPT),
    ("UPDATE events SET position = position + 100", KEPT),
    ("UPDATE events SET body = '{}' WHERE position = 1", KEPT),
    ("DELETE FROM events", KEPT),
    ("DELETE FROM events WHERE position = (SELECT max(position) FROM events)", KEPT),
    (forged(rest="WHERE TRUE ON CONFLICT (position) DO UPDATE SET actor = 'x'", position="1"), POSITION),
    (forged(rest="WHERE TRUE ON CONFLICT DO NOTHING", position="1"), POSITION),
    (forged(rest="WHERE TRUE ON CONFLICT (event_id) DO UPDATE SET actor = 'x'", event_id="'e-1'"), "event"),
    ("UPDATE commands SET positions = '[1]'", ANSWERED),
    ("UPDATE commands SET fingerprint = '' WHERE key = 'key:k1'", ANSWERED),
    ("DELETE FROM commands", ANSWERED),
    # Positions and versions have no holes and are not used twice.
    (forged(position="(SELECT max(position) + 2 FROM events)"), POSITION),
    (forged(position="(SELECT max(position) FROM events)"), POSITION),
    (forged(position="0"), POSITION),
    (forged(position="-1"), POSITION),
    (forged(version="(SELECT max(version) + 2 FROM events WHERE run_id = 'demo')"), VERSION),
    (forged(version="(SELECT max(version) FROM events WHERE run_id = 'demo')"), VERSION),
    (forged(version="1"), VERSION),
    (forged(version="0"), VERSION),
    (forged(event_id="'e-1'"), TAKEN),
    # An event follows the one before it.
    (forged(prev_hash=f"'{'0' * 64}'"), HASH),
    (forged(prev_hash="(SELECT hash FROM events WHERE run_id = 'other')"), HASH),
    (forged(run_id="'new'", version="1", state_before="NULL", prev_hash=f"'{'f' * 64}'"), HASH),
    # Only what is legal happens.
    (forged(type="'run.created'", state_after="'RUN_CREATED'"), ILLEGAL),
    (forged(state_after="'READY'"), ILLEGAL),
    (forged(state_after="'GATE'"), ILLEGAL),
    (forged(state_after="NULL"), ILLEGAL),
    (forged(type="'run.ready'", state_after="'READY'"), ILLEGAL),
    (forged(type="'RUN.ANNOTATED'"), NAMED),
    (forged(state_before="'READY'", state_after="'READY'"), BEFORE),
    (forged(type="'run.snapshot_created'", state_before="'GATE'", state_after="'SNAPSHOT_CREATED'"), BEFORE),
    (forged(state_before="NULL"), BEFORE),
    (forged(phase_id="'p1'", type="'phase.annotated'", state_before="'GATE'", state_after="'GATE'"), BEFORE),
    (
        forged(phase_id="'p1'", type="'phase.skipped'", state_before="'EXECUTING'", state_after="'SKIPPED'"),
        ILLEGAL,
    ),
    # A phase is in a run, and says which it is.
    (forged(phase_id="'p1'"), NAMED),
    (forged(type="'phase.annotated'"), NAMED),
    (
        forged(
            run_id="'new'",
            version="1",
            phase_id="'p1'",
            type="'phase.added'",
            state_before="NULL",
            state_after="'QUEUED'",
            prev_hash=f"'{'0' * 64}'",
        ),
        BEFORE_RUN,
    ),
    # No state but by an event.
    ("UPDATE runs SET state = 'READY'", RUN_STATE),
    ("UPDATE runs SET state = 'DONE_SUCCESS' WHERE run_id = 'demo'", RUN_STATE),
    ("UPDATE runs SET state = NULL WHERE run_id = 'demo'", RUN_STATE),
    ("UPDATE phases SET state = 'READY'", PHASE_STATE),
    ("UPDATE phases SET state = 'COMPLETE' WHERE phase_id = 'p1'", PHASE_STATE),
    ("UPDATE phases SET state = NULL", PHASE_STATE),
    (a_run(run_id="'ghost'", state="'READY'"), NO_RUN),
    (a_run(run_id="'ghost'", state="'QUEUED'"), NO_RUN),
    (a_run(run_id="'ghost'", state="NULL"), NO_RUN),
    (a_run(state="'READY'"), RUN_STATE),
    (a_run(state="'READY'", rest="ON CONFLICT (run_id) DO UPDATE SET state = 'READY'"), RUN_STATE),
    (a_run(rest="ON CONFLICT (run_id) DO UPDATE SET state = 'READY'"), RUN_STATE),
    (a_phase(phase_id="'ghost'", state="'READY'"), NO_PHASE),
    (a_phase(phase_id="'ghost'", state="'QUEUED'"), NO_PHASE),
    (a_phase(run_id="'other'"), NO_PHASE),
    (a_phase(state="'READY'"), PHASE_STATE),
    (a_phase(rest="ON CONFLICT (run_id, phase_id) DO UPDATE SET state = 'READY'"), PHASE_STATE),
    # Rows stay what and where they are.
    ("UPDATE runs SET run_id = 'elsewhere' WHERE run_id = 'demo'", RUN_KEY),
    ("UPDATE phases SET phase_id = 'elsewhere'", PHASE_KEY),
    ("UPDATE phases SET run_id = 'other'", PHASE_KEY),
    ("DELETE FROM runs", RUN_STAYS),
    ("DELETE FROM runs WHERE run_id = 'demo'", RUN_STAYS),
    ("DELETE FROM phases", PHASE_STAYS),
    # A seal stays, and follows the one before it.
    ("UPDATE seals SET root = hash", SEALED),
    ("UPDATE seals SET signature = 'x', key_id = 'x' WHERE number = 1", SEALED),
    ("DELETE FROM seals", SEALED),
    ("DELETE FROM seals WHERE number = (SELECT max(number) FROM seals)", SEALED),
    (a_seal(number="(SELECT max(number) + 2 FROM seals)"), NUMBER),
    (a_seal(number="(SELECT max(number) FROM seals)"), NUMBER),
    (a_seal(number="1"), NUMBER),
    (a_seal(number="NULL"), NUMBER),
    (a_seal(number="1", rest="WHERE TRUE ON CONFLICT (number) DO UPDATE SET root = 'x'"), NUMBER),
    (a_seal(number="1", rest="WHERE TRUE ON CONFLICT DO NOTHING"), NUMBER),
    (a_seal(first_position="1"), STRETCH),
    (a_seal(first_position="(SELECT max(position) + 2 FROM seals)"), STRETCH),
    (a_seal(first_position="NULL"), STRETCH),
    (a_seal(prev_hash=f"'{'0' * 64}'"), SEAL_HASH),
    (a_seal(prev_hash="(SELECT prev_hash FROM seals ORDER BY number DESC LIMIT 1)"), SEAL_HASH),
    (a_seal(prev_hash="NULL"), SEAL_HASH),
    (a_seal(position="(SELECT max(position) + 1 FROM events)"), COVERED),
    (a_seal(position="(SELECT max(position) FROM seals)"), COVERED),
    (a_seal(position="NULL"), COVERED),
    # The rules themselves.
    ("INSERT INTO legal_moves VALUES ('run.created', 'GATE', 'READY')", MIGRATED),
    ("UPDATE legal_moves SET state_after = 'READY' WHERE event_type = 'run.created'", MIGRATED),
    ("DELETE FROM legal_moves", MIGRATED),
]

ON_SQLITE = [
    ("REPLACE INTO events SELECT * FROM events WHERE position = 1", POSITION),
    (forged("INSERT OR REPLACE INTO", position="1"), POSITION),
    (forged("INSERT OR REPLACE INTO", event_id="'e-1'"), TAKEN),
    (forged("INSERT OR IGNORE INTO", state_after="'READY'"), ILLEGAL),
    (forged("INSERT OR IGNORE INTO", position="NULL"), POSITION),
    ("UPDATE OR REPLACE events SET position = 1 WHERE position = 2", KEPT),
    ("UPDATE OR IGNORE events SET actor = 'mallory'", KEPT),
    ("REPLACE INTO commands VALUES ('key:k1', '', '[]', '')", ANSWERED),
    ("INSERT OR IGNORE INTO commands VALUES ('key:k1', '', '[]', '')", ANSWERED),
    ("UPDATE OR REPLACE commands SET key = 'key:k1' WHERE key = 'event:e-1'", ANSWERED),
    ("REPLACE INTO seals SELECT * FROM seals WHERE number = 1", NUMBER),
    (a_seal("INSERT OR REPLACE INTO", number="1"), NUMBER),
    (a_seal("INSERT OR IGNORE INTO", number="NULL"), NUMBER),
    ("UPDATE OR REPLACE seals SET number = 1 WHERE number = 2", SEALED),
    ("REPLACE INTO legal_moves VALUES ('run.created', 'GATE', 'READY')", MIGRATED),
    ("INSERT OR IGNORE INTO legal_moves VALUES ('run.created', 'GATE', 'READY')", MIGRATED),
    (a_run("REPLACE INTO", state="'READY'"), RUN_STATE),
    (a_run("INSERT OR IGNORE INTO", run_id="'ghost'"), NO_RUN),
    (a_phase("REPLACE INTO", state="'READY'"), PHASE_STATE),
    ("UPDATE OR REPLACE runs SET run_id = 'other' WHERE run_id = 'demo'", RUN_KEY),
    ("UPDATE OR REPLACE phases SET phase_id = 'p2' WHERE phase_id = 'p1'", PHASE_KEY),
    ("UPDATE OR IGNORE runs SET state = 'READY'", RUN_STATE),
]

MERGE = "MERGE INTO {0} USING (SELECT 1) AS one ON TRUE WHEN MATCHED THEN {1}"
ON_POSTGRESQL = [
    ("TRUNCATE events", KEPT),
    ("TRUNCATE events, commands, runs, phases CASCADE", KEPT),
    ("TRUNCATE commands", ANSWERED),
    ("TRUNCATE seals", SEALED),
    (MERGE.format("seals", "DELETE"), SEALED),
    ("TRUNCATE legal_moves", MIGRATED),
    ("TRUNCATE runs", TRUNCATED),
    ("TRUNCATE ONLY phases", TRUNCATED),
    (MERGE.format("events", "DELETE"), KEPT),
    (MERGE.format("events", "UPDATE SET actor = 'mallory'"), KEPT),
    (MERGE.format("runs", "UPDATE SET state = 'READY'"), RUN_STATE),
    (MERGE.format("phases", "DELETE"), PHASE_STAYS),
    ("WITH gone AS (DELETE FROM events RETURNING *) SELECT count(*) FROM gone", KEPT),
]


@pytest.fixture(scope="module")
def history(backend: str, scratch_database: Scratch, connect: Connect) -> Iterator[str]:
    """Two runs, `demo` with two phases, one of them begun, and `other`; two seals, an event after them."""
    with scratch_database(backend) as url:
        with Ledger.open(Settings(database_url=url)) as ledger:
            ledger.create_run(
                {"run_id": "demo", "phases": [{"phase_id": "p1"}, {"phase_id": "p2"}]}, Asked(key="k1")
            )
            ledger.propose("demo", {"type": "run.execution_started", "event_id": "e-1"})
        with Ledger.open(Settings(database_url=url)) as ledger:
            ledger.propose("demo", {"type": "phase.started", "phase_id": "p1"})
            ledger.create_run({"run_id": "other", "state": "QUEUED"})
        with closing(connect(url)) as raw:
            raw.execute(forged(event_id="'unsealed'"))
        yield url


Attempt = Callable[[str, str], None]


@pytest.fixture
def attempt(backend: str, history: str, connect: Connect, digest: Digest) -> Attempt:
    """Attacks in every kind of session: the database says why not, and every table is as it was."""

    def attempted(attack: str, words: str) -> None:
        for session in SESSIONS[backend]:
            with closing(connect(history)) as raw:
                before = digest(raw)
                for statement in session:
                    raw.execute(statement)
                with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)) as refused:
                    raw.execute(attack)
                assert words in str(refused.value)
                assert "runnotary: " in str(refused.value) or "unique" in str(refused.value)
                assert digest(raw) == before

    return attempted


def named(attacks: list[tuple[str, str]]) -> list[Any]:
    return [pytest.param(*attack, id=f"{i}: {attack[1]}") for i, attack in enumerate(attacks)]


@pytest.mark.parametrize(("attack", "words"), named(EVERYWHERE))
def test_raw_sql_is_refused(attempt: Attempt, attack: str, words: str) -> None:
    """What no event made cannot be written, by whatever statement."""
    attempt(attack, words)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
@pytest.mark.parametrize(("attack", "words"), named(ON_SQLITE))
def test_ways_around_the_triggers_of_sqlite_are_closed(attempt: Attempt, attack: str, words: str) -> None:
    """Conflict clauses, which replace or leave out rows without their triggers, change nothing."""
    attempt(attack, words)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True, scope="session")
@pytest.mark.parametrize(("attack", "words"), named(ON_POSTGRESQL))
def test_ways_around_the_triggers_of_postgresql_are_closed(attempt: Attempt, attack: str, words: str) -> None:
    """TRUNCATE, MERGE and writes within a query are refused like any other."""
    attempt(attack, words)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True, scope="session")
def test_a_temporary_table_of_the_same_name_is_not_asked(
    backend: str, history: str, connect: Connect, digest: Digest
) -> None:
    """The guards look into the service's own schema, whatever a session has made of its own."""
    with closing(connect(history)) as raw:
        before = digest(raw)
        for table in ("events", "legal_moves"):
            raw.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM public.{table}")
        raw.execute("UPDATE pg_temp.events SET state_after = 'READY'")
        raw.execute("INSERT INTO pg_temp.legal_moves VALUES ('run.annotated', 'READY', 'READY')")
        attacks = [
            "UPDATE public.runs SET state = 'READY'",
            forged(state_before="'READY'", state_after="'READY'").replace(" events ", " public.events ", 1),
        ]
        for attack in attacks:
            with pytest.raises(psycopg.IntegrityError, match="runnotary: "):
                raw.execute(attack)
        raw.execute("DISCARD TEMP")
        assert digest(raw) == before


def test_what_the_attacks_change_would_be_taken_unchanged(history: str, connect: Connect) -> None:
    """The event and the rows that the attacks start from are legal: it is the change that is refused."""
    with closing(connect(history)) as raw:
        raw.execute("BEGIN")
        raw.execute(forged())
        raw.execute(forged(event_id="'forged-2'", prev_hash=NEXT["hash"]))
        raw.execute(a_seal())
        raw.execute("UPDATE runs SET state = 'PHASE_EXECUTION', version = 9 WHERE run_id = 'demo'")
        raw.execute("UPDATE phases SET state = 'EXECUTING' WHERE phase_id = 'p1'")
        raw.execute("ROLLBACK")
