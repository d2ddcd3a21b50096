"""What the database refuses by itself, even to raw SQL with the service's own credentials.

Two bodies of triggers that say the same, one in each database's words. Nothing here is needed while the
service is right; it is there for the day when something else writes.
"""

import re
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from domain.moves import NONE, QUARANTINED
from domain.run import NO_HASH

PREFIX = "runnotary: "
"""Every refusal of the database starts with this."""

VIOLATION = "integrity_constraint_violation"
"""The condition of PostgreSQL that drivers raise as an IntegrityError."""

IMMUTABLE = {
    "events": "events are never changed or taken away; append an event that corrects",
    "commands": "commands are never changed or taken away; a key answers for ever",
    "seals": "seals are never changed or taken away; they show what the log was",
}
MIGRATED = "legal_moves is written by migrations only; change domain/moves.py"

# What is wrong with an event, and the condition under which it is: read top-down, first hit refuses.
# `head` is the last event of the run, `before` the last event of the same run or phase.
EVENT_RULES = (
    ("the position is not the next one", "NEW.position IS DISTINCT FROM last_position + 1"),
    ("the version is not the next one of the run", "NEW.version IS DISTINCT FROM head_version + 1"),
    ("prev_hash is not the hash of the run's last event", "NEW.prev_hash IS DISTINCT FROM head_hash"),
    (
        "a phase event names its phase, a run event none",
        "NEW.type IS NULL OR (NEW.phase_id IS NULL) <> (substr(NEW.type, 1, 4) = 'run.')",
    ),
    ("a phase_id is not empty", "NEW.phase_id = ''"),
    (
        "a state is not one of the words for having none",
        f"NEW.state_before IN ('{NONE}', '{QUARANTINED}') OR NEW.state_after IN ('{NONE}', '{QUARANTINED}')",
    ),
    ("a phase has no event before its run has one", "NEW.phase_id IS NOT NULL AND NEW.version = 1"),
    ("state_before is not the state that it is in", "NEW.state_before IS DISTINCT FROM before_state"),
    ("this is not a legal move", "NOT move_is_legal"),
)

HEAD = "FROM events WHERE run_id = NEW.run_id ORDER BY version DESC LIMIT 1"
BEFORE = (
    "FROM events WHERE run_id = NEW.run_id AND coalesce(phase_id, '') = coalesce(NEW.phase_id, '')"
    " ORDER BY version DESC LIMIT 1"
)
CONDITION = f"coalesce(state_after, '{QUARANTINED}')"
LEGAL = (
    "EXISTS (SELECT 1 FROM legal_moves WHERE event_type = NEW.type"
    f" AND state_before = coalesce({{condition}}, '{NONE}')"
    f" AND state_after = coalesce(NEW.state_after, '{QUARANTINED}'))"
)

LAST_SEAL = "FROM seals ORDER BY number DESC LIMIT 1"
SEAL_RULES = (
    (
        "the seal's number is not the next one",
        f"NEW.number IS DISTINCT FROM coalesce((SELECT number {LAST_SEAL}), 0) + 1",
    ),
    (
        "the seal's stretch does not follow the one before",
        f"NEW.first_position IS DISTINCT FROM coalesce((SELECT position {LAST_SEAL}), 0) + 1",
    ),
    (
        "prev_hash is not the hash of the seal before",
        f"NEW.prev_hash IS DISTINCT FROM coalesce((SELECT hash {LAST_SEAL}), '{NO_HASH}')",
    ),
    (
        "a seal covers events that are in the log",
        "NOT coalesce(NEW.position BETWEEN NEW.first_position AND (SELECT max(position) FROM events), FALSE)",
    ),
)

# The row of a run or phase, and its last event.
ENTITIES = {
    "runs": "run_id = NEW.run_id AND coalesce(phase_id, '') = ''",
    "phases": "run_id = NEW.run_id AND coalesce(phase_id, '') = NEW.phase_id AND NEW.phase_id <> ''",
}


def protect_log(connection: Connection) -> None:
    """Put the guards of the log in place, in exchange for those that are there."""
    for statement in LOG_GUARDS[connection.dialect.name](schema_of(connection)):
        connection.exec_driver_sql(statement)


def protect_states(connection: Connection) -> None:
    """Put the guards of the tables of states in place, in exchange for those that are there."""
    for statement in STATE_GUARDS[connection.dialect.name](schema_of(connection)):
        connection.exec_driver_sql(statement)


def schema_of(connection: Connection) -> str:
    """The schema that the tables are in."""
    if connection.dialect.name == "sqlite":
        return "main"
    return str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())


def missing(connection: Connection) -> set[str]:
    """The names of guards that are not in place, or do something else than they are to."""
    dialect, schema = connection.dialect.name, schema_of(connection)
    made = map(DEFINITION.match, (*LOG_GUARDS[dialect](schema), *STATE_GUARDS[dialect](schema)))
    wanted = {each["name"]: each[0] for each in made if each is not None}
    found = {name: text for query in IN_PLACE[dialect] for name, text in connection.exec_driver_sql(query)}
    return {name for name, text in wanted.items() if found.get(name) != text}


# --- SQLite: a trigger is a list of statements, and each row inserted passes it ---


def sqlite_trigger(name: str, moment: str, table: str, rules: list[tuple[str, str]]) -> Iterator[str]:
    """A trigger that refuses a row on the first rule that hits."""
    cases = " ".join(
        f"WHEN {condition} THEN RAISE(ABORT, '{PREFIX}{quoted(why)}')" for why, condition in rules
    )
    yield f"DROP TRIGGER IF EXISTS {name}"
    yield f"CREATE TRIGGER {name} BEFORE {moment} ON {table} BEGIN SELECT CASE {cases} END; END"


SQLITE_FACTS = {
    "last_position": "coalesce((SELECT max(position) FROM events), 0)",
    "head_version": f"coalesce((SELECT version {HEAD}), 0)",
    "head_hash": f"coalesce((SELECT hash {HEAD}), '{NO_HASH}')",
    "before_state": f"(SELECT state_after {BEFORE})",
    "move_is_legal": LEGAL.format(condition=f"(SELECT {CONDITION} {BEFORE})"),
}


def sqlite_log(_schema: str) -> Iterator[str]:
    """The guards of the log."""
    # INSERT OR REPLACE deletes a row of the same key, and fires no DELETE trigger.
    taken = ("the event_id is taken", "EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id)")
    rules = [(why, sqlite_condition(condition)) for why, condition in EVENT_RULES]
    yield from sqlite_trigger("events_insert", "INSERT", "events", [*rules, taken])
    for table, why in IMMUTABLE.items():
        for moment in ("UPDATE", "DELETE"):
            yield from sqlite_trigger(f"{table}_{moment.lower()}", moment, table, [(why, "1")])
    rules = [(why, sqlite_condition(condition)) for why, condition in SEAL_RULES]
    yield from sqlite_trigger("seals_insert", "INSERT", "seals", rules)
    taken = (IMMUTABLE["commands"], "EXISTS (SELECT 1 FROM commands WHERE key = NEW.key)")
    yield from sqlite_trigger("commands_insert", "INSERT", "commands", [taken])
    for moment in ("INSERT", "UPDATE", "DELETE"):
        yield from sqlite_trigger(f"legal_moves_{moment.lower()}", moment, "legal_moves", [(MIGRATED, "1")])


def sqlite_condition(condition: str) -> str:
    """A rule in SQLite's words, with its facts looked up in place."""
    for name, query in SQLITE_FACTS.items():
        condition = condition.replace(name, query)
    return condition.replace("IS DISTINCT FROM", "IS NOT")


def sqlite_states(_schema: str) -> Iterator[str]:
    """The guards of the tables of states."""
    for table, where in ENTITIES.items():
        last = f"FROM events WHERE {where} ORDER BY version DESC LIMIT 1"
        rules = [
            (f"no event made this row of {table}", f"NOT EXISTS (SELECT 1 {last})"),
            (
                f"the state of {table} is that of the last event",
                f"NEW.state IS NOT (SELECT state_after {last})",
            ),
        ]
        keys = [k for k in ("run_id", "phase_id") if k == "run_id" or table == "phases"]
        moved = " OR ".join(f"NEW.{key} IS NOT OLD.{key}" for key in keys)
        kept = f"EXISTS (SELECT 1 FROM events WHERE {where})".replace("NEW.", "OLD.")
        yield from sqlite_trigger(f"{table}_insert", "INSERT", table, rules)
        yield from sqlite_trigger(
            f"{table}_update", "UPDATE", table, [(f"a row of {table} keeps its key", moved), *rules]
        )
        yield from sqlite_trigger(
            f"{table}_delete", "DELETE", table, [(f"a row of {table} stays while it has events", kept)]
        )


# --- PostgreSQL: a trigger calls a function; TRUNCATE needs a trigger of its own ---


def postgresql_trigger(
    name: str, moments: str, table: str, function: str, each: str = "ROW"
) -> Iterator[str]:
    """A trigger that not even a session in the replica role goes past; in the words of pg_get_triggerdef."""
    bare = table.partition(".")[2]
    yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
    yield f"CREATE TRIGGER {name} BEFORE {moments} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}"
    yield f"ALTER TABLE {bare} ENABLE ALWAYS TRIGGER {name}"


def postgresql_function(name: str, variables: str, body: str, schema: str) -> str:
    """A trigger's function. It looks into our schema first: a temporary table of that name is not ours."""
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        f" SET search_path = {schema}, pg_temp AS $guard$ DECLARE {variables} BEGIN {body} END $guard$"
    )


def postgresql_refusal(why: str) -> str:
    """The statement that refuses, as an integrity violation."""
    return f"RAISE EXCEPTION USING MESSAGE = '{PREFIX}{quoted(why)}', ERRCODE = '{VIOLATION}';"


def postgresql_refusals(rules: Iterable[tuple[str, str]]) -> str:
    """The statement that refuses on the first rule that hits."""
    cases = " ELSIF ".join(f"{condition} THEN {postgresql_refusal(why)}" for why, condition in rules)
    return f"IF {cases} END IF;"


# Looked up step by step: measured at half the time of one query with these as subqueries.
POSTGRESQL_FACTS = f"""
    SELECT coalesce(max(position), 0) INTO last_position FROM events;
    SELECT version, hash INTO head_version, head_hash {HEAD};
    head_version := coalesce(head_version, 0);
    head_hash := coalesce(head_hash, '{NO_HASH}');
    SELECT state_after, {CONDITION} INTO before_state, before_condition {BEFORE};
    move_is_legal := {LEGAL.format(condition="before_condition")};
"""
POSTGRESQL_VARIABLES = """
    last_position bigint; head_version integer; head_hash text;
    before_state text; before_condition text; move_is_legal boolean;
"""


def postgresql_log(schema: str) -> Iterator[str]:
    """The guards of the log."""
    body = f"{POSTGRESQL_FACTS} {postgresql_refusals(EVENT_RULES)} RETURN NEW;"
    yield postgresql_function("runnotary_guard_event", POSTGRESQL_VARIABLES, body, schema)
    yield from postgresql_trigger("events_insert", "INSERT", f"{schema}.events", "runnotary_guard_event()")
    body = f"{postgresql_refusals(SEAL_RULES)} RETURN NEW;"
    yield postgresql_function("runnotary_guard_seal", "", body, schema)
    yield from postgresql_trigger("seals_insert", "INSERT", f"{schema}.seals", "runnotary_guard_seal()")
    yield postgresql_function(
        "runnotary_refuse",
        "",
        f"RAISE EXCEPTION USING MESSAGE = '{PREFIX}' || TG_ARGV[0], ERRCODE = '{VIOLATION}';",
        schema,
    )
    frozen = {table: ("DELETE OR UPDATE", why) for table, why in IMMUTABLE.items()}
    frozen["legal_moves"] = ("INSERT OR DELETE OR UPDATE", MIGRATED)
    for table, (moments, why) in frozen.items():
        refuse = f"runnotary_refuse('{quoted(why)}')"
        yield from postgresql_trigger(f"{table}_change", moments, f"{schema}.{table}", refuse)
        yield from postgresql_trigger(
            f"{table}_truncate", "TRUNCATE", f"{schema}.{table}", refuse, "STATEMENT"
        )


def postgresql_states(schema: str) -> Iterator[str]:
    """The guards of the tables of states."""
    for table, where in ENTITIES.items():
        keys = ["run_id"] if table == "runs" else ["run_id", "phase_id"]
        moved = " OR ".join(f"NEW.{key} IS DISTINCT FROM OLD.{key}" for key in keys)
        kept = f"EXISTS (SELECT 1 FROM events WHERE {where})".replace("NEW.", "OLD.")
        body = (
            f"IF TG_OP = 'DELETE' THEN IF {kept} THEN "
            f"{postgresql_refusal(f'a row of {table} stays while it has events')} END IF; RETURN OLD; END IF;"
            f" IF TG_OP = 'UPDATE' THEN IF {moved} THEN "
            f"{postgresql_refusal(f'a row of {table} keeps its key')} END IF; END IF;"
            f" SELECT state_after INTO last_state FROM events WHERE {where} ORDER BY version DESC LIMIT 1;"
            f" IF NOT FOUND THEN {postgresql_refusal(f'no event made this row of {table}')} END IF;"
            f" IF NEW.state IS DISTINCT FROM last_state THEN "
            f"{postgresql_refusal(f'the state of {table} is that of the last event')} END IF; RETURN NEW;"
        )
        yield postgresql_function(f"runnotary_guard_{table}", "last_state text;", body, schema)
        yield from postgresql_trigger(
            f"{table}_guard", "INSERT OR DELETE OR UPDATE", f"{schema}.{table}", f"runnotary_guard_{table}()"
        )
        refuse = f"runnotary_refuse('rows of {table} stay while they have events')"
        yield from postgresql_trigger(
            f"{table}_truncate", "TRUNCATE", f"{schema}.{table}", refuse, "STATEMENT"
        )


def quoted(text: str) -> str:
    """Text for a string literal of SQL."""
    return text.replace("'", "''")


LOG_GUARDS = {"sqlite": sqlite_log, "postgresql": postgresql_log}
STATE_GUARDS = {"sqlite": sqlite_states, "postgresql": postgresql_states}
DEFINITION = re.compile(r"CREATE (TRIGGER|OR REPLACE FUNCTION) (?P<name>\w+).*", re.DOTALL)
"""A statement that makes a guard."""

POSTGRESQL_TRIGGERS = """
    SELECT tgname, pg_get_triggerdef(pg_trigger.oid)
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE tgenabled = 'A' AND relnamespace = current_schema()::regnamespace
"""
POSTGRESQL_FUNCTIONS = """
    SELECT proname, 'CREATE OR REPLACE FUNCTION ' || proname || '() RETURNS trigger LANGUAGE plpgsql'
        || coalesce(' SET ' || replace(proconfig[1], '=', ' = '), '') || ' AS $guard$' || prosrc || '$guard$'
    FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
"""
IN_PLACE = {
    "sqlite": ["SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"],
    "postgresql": [POSTGRESQL_TRIGGERS, POSTGRESQL_FUNCTIONS],
}
"""Queries for what is there, in the words of the statement that makes it."""
