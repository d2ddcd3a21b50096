"""Looking after the database: doctor and db, on both kinds."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import make_url

Call = Callable[..., Any]


@pytest.fixture
def on(runnotary: Any, database_url: str) -> Call:
    """The command on this test's database."""
    return lambda *words: runnotary(*words, "--database", database_url)


def statements(backend: str, sqlite: str, postgresql: str) -> list[str]:
    """What to type into the one or the other."""
    return (sqlite if backend == "sqlite" else postgresql).split("; ")


def ready(raw: Any, backend: str, table: str = "runs") -> None:
    """Write a state that nobody knows, past the guards, as somebody who owns the database can."""
    for statement in statements(
        backend,
        f"DROP TRIGGER {table}_update; UPDATE {table} SET state = 'READY'",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL; UPDATE {table} SET state = 'READY'",
    ):
        raw.execute(statement)


def test_a_sound_database_has_nothing_wrong(on: Call) -> None:
    """Every check is listed, and the exit code is 0, warnings or not."""
    told = on("doctor")
    assert (told.exit_code, told.stderr) == (0, "")
    assert "WRONG" not in told.stdout
    assert [line.split("  ")[0] for line in told.stdout.splitlines()[1:5]] == [
        "database", "schema", "legal moves", "guards",
    ]  # fmt: skip


def test_json_of_the_doctor_is_one_document(on: Call) -> None:
    """Programs read the checks with their remedies."""
    items = json.loads(on("doctor", "--json").stdout)["items"]
    assert {"name", "ok", "detail", "remedy", "stops_start"} == set(items[0])
    assert items[1]["name"] == "schema"


def test_a_warning_is_no_failure(on: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not stop a start does not make the exit code 1."""
    from api import checks

    found = [checks.Check("moon", ok=False, detail="full", remedy="Wait.", stops_start=False)]
    monkeypatch.setattr(checks, "examine", lambda _: iter(found))
    told = on("doctor")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[1].split() == ["moon", "warning", "full", "Wait."]


@pytest.mark.parametrize("table", ["runs", "phases"])
def test_a_state_that_nobody_knows_is_found_and_mended(on: Call, raw: Any, backend: str, table: str) -> None:
    """The doctor names the command that mends it, and the command does; the log was right all along."""
    on("create", "one", "--phase", "Build")
    before = on("show", "one", "--json").stdout
    ready(raw, backend, table)
    sick = on("doctor")
    assert sick.exit_code == 1
    (line,) = [line for line in sick.stdout.splitlines() if line.startswith(f"states of {table}")]
    assert "WRONG" in line
    assert "`runnotary rebuild`" in line
    assert "READY" not in on("rebuild").stdout
    assert on("doctor").exit_code == 0
    assert on("show", "one", "--json").stdout == before


def test_a_rebuild_says_what_is_there(on: Call) -> None:
    """How much was replayed is told, and that the log is as it has to be."""
    on("create", "one", "--phase", "Build", "--phase", "Test")
    told = on("rebuild")
    assert (told.exit_code, told.stdout) == (
        0,
        "3 events of 1 runs replayed, up to position 3: all as it has to be.\n",
    )


def test_a_lost_guard_is_put_back(on: Call, raw: Any, backend: str) -> None:
    """The doctor tells of a trigger that was dropped, and `db guard` puts it back."""
    on("create", "one")
    name = "events_update" if backend == "sqlite" else "events_change"
    raw.execute(f"DROP TRIGGER {name}" + ("" if backend == "sqlite" else " ON events"))
    sick = on("doctor")
    assert sick.exit_code == 1
    assert "`runnotary db guard`" in sick.stdout
    assert on("db", "guard").stdout == f"Put back: {name}.\n"
    assert on("doctor").exit_code == 0
    with pytest.raises(Exception, match="events are never changed"):
        raw.execute("UPDATE events SET type = 'x'")


def test_guards_that_are_there_are_left_in_place(on: Call) -> None:
    """Putting back what is not lost does no harm."""
    assert on("db", "guard").stdout == "All guards were in place.\n"
    assert on("create", "one").exit_code == 0


def test_a_new_database_can_be_made_ahead(runnotary: Any, new_database_url: str) -> None:
    """`db upgrade` makes the tables, and once more changes nothing."""
    words = ["--database", new_database_url]
    if (file := make_url(new_database_url).database) and file.startswith("/"):
        Path(file).touch()
    assert "no tables yet" in runnotary("doctor", *words).stdout
    assert "is not up to date" in runnotary("rebuild", *words).stderr
    first, second = runnotary("db", "upgrade", *words), runnotary("db", "upgrade", *words)
    assert (first.exit_code, first.stdout) == (0, second.stdout)
    assert " is at revision " in first.stdout
    assert runnotary("doctor", *words).exit_code == 0


def test_a_role_is_hardened_where_there_are_roles(on: Call, raw: Any, backend: str) -> None:
    """On PostgreSQL the role is made; SQLite has none, and says so."""
    role = f"notary_{token_hex(4)}"
    try:
        told = on("db", "harden", role)
        if backend == "sqlite":
            assert (told.exit_code, told.stdout) == (1, "")
            assert told.stderr.startswith("runnotary: SQLite knows no roles")
            return
        assert (told.exit_code, told.stderr) == (0, "")
        assert raw.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [role]).fetchone() == (
            True,
        )
    finally:
        with suppress(Exception):
            raw.execute(f"DROP OWNED BY {role}")
            raw.execute(f"DROP ROLE {role}")
