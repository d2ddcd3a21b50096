"""Files as they come: what can be read is read, what cannot is told, and the file is never touched."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from api.ledger import Ledger
from api.legacy.source import ROWS_MAX, Unreadable, read
from tests.databases import Scratch
from tests.legacy.conftest import codes, imported
from tests.legacy.making import RUN, made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "old.db"


def filled(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def test_a_file_is_only_read(file: Path) -> None:
    """Not a byte of it changes, nothing appears beside it, and it may be write-protected."""
    made(file)
    file.chmod(0o400)
    before = file.read_bytes()
    legacy = read(file)
    assert (legacy.file, legacy.sha256) == ("old.db", sha256(before).hexdigest())
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 200])
def test_what_is_no_database_is_told(file: Path, content: bytes) -> None:
    """In one line that names the file."""
    file.write_bytes(content)
    with pytest.raises(Unreadable, match=r"old\.db") as refused:
        read(file)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    """As the system says it."""
    for path in (tmp_path / "none.db", tmp_path):
        with pytest.raises(Unreadable, match="cannot be read"):
            read(path)


def test_a_database_of_something_else_is_told(file: Path) -> None:
    """None of the tables is there."""
    with pytest.raises(Unreadable, match="no database of Autopack"):
        read(filled(file, "CREATE TABLE other (a)"))


def test_a_database_of_this_service_is_told(scratch_database: Scratch) -> None:
    """It has tables of the same names, and is no legacy of anybody."""
    with scratch_database("sqlite") as url, pytest.raises(Unreadable, match="export"):
        read(Path(url.removeprefix("sqlite:///")))


def test_a_file_that_is_in_use_is_told(file: Path) -> None:
    """A part of it is in another file: what was written last would be missing."""
    with closing(sqlite3.connect(made(file))) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE runs SET state = 'READY'")
        connection.commit()
        with pytest.raises(Unreadable, match="VACUUM INTO"):
            read(file)
        connection.execute(f"VACUUM INTO '{file.with_name('copy.db')}'")
    assert read(file.with_name("copy.db")).rows["runs"][0]["state"] == "READY"


def test_a_database_that_kept_a_wal_once_is_read(file: Path) -> None:
    """Its header says WAL, and nothing is left of it."""
    filled(made(file), "PRAGMA journal_mode=WAL")
    assert len(read(file).rows["runs"]) == 1
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE RUNS (ID TEXT PRIMARY KEY, State TEXT) WITHOUT ROWID",
        "CREATE TABLE runs (id TEXT, raw TEXT, state TEXT GENERATED ALWAYS AS (upper(raw)) VIRTUAL)",
        "CREATE VIEW runs AS SELECT 'one' AS id, 'GATE' AS state",
        'CREATE TABLE runs (id TEXT, state TEXT, "a""b; DROP" TEXT, [select] TEXT)',
    ],
)
def test_a_table_may_be_of_any_kind(sqlite_ledger: Ledger, file: Path, table: str) -> None:
    """In other letters, without row ids, with generated columns, a view, with columns of odd names."""
    insert = "INSERT INTO runs VALUES ('one', 'GATE')"
    if "GENERATED" in table:
        insert = "INSERT INTO runs VALUES ('one', 'gate')"
    if "select" in table:
        insert = "INSERT INTO runs VALUES ('one', 'GATE', '', '')"
    filled(file, table, *([] if "VIEW" in table else [insert]))
    report = imported(sqlite_ledger, file)
    assert sqlite_ledger.run("one")["state"] == "GATE"
    assert codes(report)[:2] == ["table-missing", "table-missing"]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_a_database_may_be_in_any_encoding(sqlite_ledger: Ledger, file: Path, encoding: str) -> None:
    """Texts come as they were written."""
    statements = (
        f"PRAGMA encoding = '{encoding}'",
        "CREATE TABLE runs (id, state, goal_anchor)",
        "INSERT INTO runs VALUES ('one', 'GATE', 'größer \U0001f9ea')",
    )
    imported(sqlite_ledger, filled(file, *statements))
    assert sqlite_ledger.run("one")["goal"] == "größer \U0001f9ea"


def test_text_that_is_no_text_is_kept(sqlite_ledger: Ledger, file: Path) -> None:
    """Bytes that are not UTF-8 in a column of text."""
    statements = (
        "CREATE TABLE runs (id, state, goal_anchor)",
        "INSERT INTO runs VALUES ('one', 'GATE', CAST(x'ff41' AS TEXT))",
    )
    report = imported(sqlite_ledger, filled(file, *statements))
    assert {"value-not-json", "value-not-usable"} <= set(codes(report))
    row = sqlite_ledger.log(after=0, limit=1)[0].data["legacy"]
    assert row["goal_anchor"] == {"_legacy_bytes": "/0E="}


@pytest.mark.parametrize(
    "broken",
    [
        "CREATE VIEW tiers AS SELECT * FROM nowhere",
        "CREATE VIEW tiers AS SELECT unheard_of(1) AS id",
        "CREATE VIEW tiers AS SELECT abs(-9223372036854775808) AS id",
    ],
)
def test_a_table_that_cannot_be_read_is_told(sqlite_ledger: Ledger, file: Path, broken: str) -> None:
    """The others are imported."""
    filled(file, "CREATE TABLE runs (id, state)", "INSERT INTO runs VALUES ('one', 'GATE')", broken)
    report = imported(sqlite_ledger, file)
    assert "table-unreadable" in codes(report)
    assert sqlite_ledger.run("one")["state"] == "GATE"


def test_a_file_that_is_broken_in_the_middle_is_read_as_far_as_it_goes(
    sqlite_ledger: Ledger, file: Path
) -> None:
    """Pages that were overwritten: rows before them are imported, and what is missing is told."""
    made(file, runs=[{**RUN, "id": f"run-{n}", "failure_reason": "x" * 3_000} for n in range(50)])
    content = bytearray(file.read_bytes())
    content[-40 * 4096 :] = b"\xff" * (40 * 4096)
    file.write_bytes(content)
    report = imported(sqlite_ledger, file)
    assert "table-unreadable" in codes(report)
    assert 0 < report.imported < 50


def test_a_view_that_never_ends_is_read_to_a_limit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr("api.legacy.source.ROWS_MAX", 100)
    endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
    legacy = read(filled(file, f"CREATE VIEW runs AS {endless}"))
    assert len(legacy.rows["runs"]) == 100
    assert "first 100 rows" in str(legacy.unread["runs"])
    assert ROWS_MAX > 100
