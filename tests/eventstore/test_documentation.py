"""The database says what it holds, to whoever has an SQL shell and no more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

import projections
from api import prepare as preparing
from api.checks import advise, require
from api.ledger import Ledger
from api.prepare import TABLES, prepare
from api.replay.rebuild import rebuild
from api.settings import Settings
from eventstore.database import open_engine
from eventstore.documentation import Entry, entries
from eventstore.roles import GRANTS
from tests.api.json_schema import assert_is_schema, faults

COLUMN_COMMENTS = """
SELECT relname, attname, col_description(oid, attnum) FROM pg_class JOIN pg_attribute ON attrelid = oid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION SELECT relname, '', obj_description(oid, 'pg_class') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""

on_postgresql = pytest.mark.parametrize("backend", ["postgresql"], scope="session")


def told_by(raw: Any) -> dict[tuple[str, str], Entry]:
    """What the table says, by table and column."""
    found = raw.execute(f"SELECT {', '.join(Entry._fields)} FROM schema_documentation")
    return {(row[0], row[1]): Entry(*row) for row in found}


def comments_of(raw: Any) -> dict[tuple[str, str], str | None]:
    """What PostgreSQL says, by table and column."""
    return {(table, column): comment for table, column, comment in raw.execute(COLUMN_COMMENTS)}


def test_every_column_of_every_table_is_told_of(engine: Engine, raw: Any) -> None:
    """Each table and column that is there has words, each column an example and a schema; and no other."""
    told = told_by(raw)
    with engine.connect() as connection:
        looked_at = inspect(connection)
        there = {
            (table, column)
            for table in looked_at.get_table_names()
            for column in ["", *(each["name"] for each in looked_at.get_columns(table))]
        }
    assert told.keys() == there
    assert [place for place, entry in told.items() if len(entry.description.split()) < 1] == []
    assert [
        place for place, entry in told.items() if place[1] and not (entry.example and entry.json_schema)
    ] == []
    assert not [place for place, entry in told.items() if not entry.description.endswith(".")]


def test_every_example_is_valid(raw: Any) -> None:
    """Whoever takes a schema for what it is finds the example to fit; in a text of JSON, the JSON too."""
    wrong = []
    for entry in told_by(raw).values():
        if entry.json_schema is None:
            continue
        schema = json.loads(entry.json_schema)
        assert_is_schema(schema)
        assert entry.example is not None
        if faults(schema, entry.example):  # it is no text
            wrong += faults(schema, json.loads(entry.example))
        if "contentSchema" in schema:
            assert schema["contentMediaType"] == "application/json"
            assert_is_schema(schema["contentSchema"])
            wrong += faults(schema["contentSchema"], json.loads(entry.example))
    assert wrong == []


def test_what_is_null_may_be_null(raw: Any) -> None:
    """A column that may be null has a schema that takes null, and no other has."""
    told = told_by(raw)
    for table in TABLES:
        for column in table.columns:
            schema = json.loads(told[table.name, column.name].json_schema or "")
            assert (faults(schema, None) == []) is bool(column.nullable), (table.name, column.name)


def test_what_scope_holds_is_found_with_sql_alone(raw: Any) -> None:
    """One SELECT tells what the column is about, shows a value, and has words for every key in it."""
    query = "SELECT description, example, json_schema FROM schema_documentation WHERE column_name = 'scope'"
    ((description, example, schema),) = raw.execute(query).fetchall()
    assert description == "What it is to do, what it may touch, and when it is done."
    assert json.loads(example)["goal"]
    keys = json.loads(schema)["contentSchema"]["properties"]
    assert keys["allowed_paths"]["description"] == "The only places that may be changed."


@pytest.fixture
def other_words(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A program that says something else of a column."""
    column = projections.runs.TABLE.c.goal
    monkeypatch.setattr(column, "comment", "In other words.")
    entries.cache_clear()
    yield
    monkeypatch.undo()
    entries.cache_clear()


@pytest.mark.usefixtures("other_words")
def test_the_words_of_another_program_are_written_anew(engine: Engine, raw: Any) -> None:
    """A program that brings databases up to date writes its own words; one that does not, says so."""
    place = ("runs", "goal")
    before = told_by(raw)
    require(engine)
    (check,) = advise(engine)
    assert (check.ok, check.stops_start) == (False, False)
    assert "runnotary db upgrade" in check.remedy
    Ledger.open(
        Settings(database_url=engine.url.render_as_string(hide_password=False), migrate=False)
    ).close()
    assert told_by(raw) == before
    prepare(engine)
    (check,) = advise(engine)
    assert check.ok
    after = told_by(raw)
    assert after[place].description == "In other words."
    assert {**after, place: before[place]} == before
    if engine.dialect.name == "postgresql":
        assert comments_of(raw)[place] == "In other words."


def test_what_was_changed_by_hand_is_written_anew(engine: Engine, raw: Any) -> None:
    """It is no part of the record, and nothing keeps it: the next upgrade puts it right."""
    before = told_by(raw)
    raw.execute("UPDATE schema_documentation SET description = 'nonsense' WHERE column_name = 'scope'")
    raw.execute("DELETE FROM schema_documentation WHERE table_name = 'seals'")
    assert [check.ok for check in advise(engine)] == [False]
    prepare(engine)
    assert told_by(raw) == before
    assert [check.ok for check in advise(engine)] == [True]


def test_a_database_without_tables_is_told_elsewhere(new_database_url: str) -> None:
    """Of what is not there, nothing is advised."""
    engine = open_engine(new_database_url)
    assert list(advise(engine)) == []
    engine.dispose()


@on_postgresql
def test_postgresql_says_the_same_in_comments(raw: Any) -> None:
    """Every table and column has a comment, which is its description."""
    assert comments_of(raw) == {place: entry.description for place, entry in told_by(raw).items()}


@on_postgresql
@pytest.mark.parametrize("how", ["swapped", "made anew"])
def test_comments_survive_a_rebuild(engine: Engine, raw: Any, how: str) -> None:
    """Tables that are put in place of others have the same comments."""
    before = comments_of(raw)
    if how == "swapped":
        list(rebuild(engine))
    else:
        with engine.begin() as connection:
            preparing.rebuild(connection)
    assert comments_of(raw) == before


def test_a_role_that_serves_reads_it_and_no_more() -> None:
    """Only who owns the tables writes there; and no table is left out."""
    assert GRANTS["schema_documentation"] == "SELECT"
    assert GRANTS.keys() == {table.name for table in TABLES}
