"""Proving the record from the command line: what it prints, and how it ends."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.replay.findings import REMEDIES
from tests.cli.conftest import Serving

Call = Callable[..., Any]


@pytest.fixture
def on(runnotary: Any, database_url: str) -> Call:
    """The command on this test's database, on which the run `one` executes."""
    for words in (["create", "one", "--phase", "Build"], ["propose", "one", "run.execution_started"]):
        assert runnotary(*words, "--database", database_url).exit_code == 0
    return lambda *words: runnotary(*words, "--database", database_url)


def ready(raw: Any) -> None:
    """Write what nobody knows into a table, as somebody who owns the database can; the guard stays off."""
    if isinstance(raw, sqlite3.Connection):
        raw.execute("DROP TRIGGER runs_update")
    else:
        raw.execute("ALTER TABLE runs DISABLE TRIGGER runs_guard")
    raw.execute("UPDATE runs SET state = 'READY'")


def test_a_sound_record_ends_with_0(on: Call) -> None:
    """One line says how much was verified; nothing is said on standard error when nobody sits there."""
    told = on("verify")
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout == "3 events of 1 runs verified, up to position 3: all as it has to be.\n"
    assert on("verify", "--since", "2").stdout == told.stdout
    assert on("verify", "--run", "one").stdout == told.stdout
    nothing = on("verify", "--since", "3")
    assert nothing.stdout == "0 events of 0 runs verified, up to position 3: all as it has to be.\n"


def test_json_is_the_report(on: Call) -> None:
    """One document, with the findings whole; the exit code is the same."""
    told = on("verify", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout) == {
        "ok": True,
        "up_to": 3,
        "events": 3,
        "runs": 1,
        "found": 0,
        "first_bad_position": None,
        "findings": [],
    }


def test_ready_in_a_table_is_found_and_mended(on: Call, raw: Any) -> None:
    """Verify says that the table is wrong and the log right, rebuild mends it, verify is content."""
    before = on("show", "one", "--json").stdout
    ready(raw)
    told = on("verify")
    assert told.exit_code == 1
    lines = told.stdout.splitlines()
    assert lines[0].startswith("guards-missing")
    assert lines[2:4] == [
        "position 3  table-differs  one",
        "    runs.state of run_id one is 'READY'; the log makes it 'PHASE_EXECUTION'.",
    ]
    assert lines[4:-1] == [f"remedy: {REMEDIES[code]}" for code in ("guards-missing", "table-differs")]
    assert lines[-1] == (
        "3 events of 1 runs verified, up to position 3: 2 findings, the first at position 3."
    )
    as_json = on("verify", "--json")
    assert as_json.exit_code == 1
    (wrong,) = (each for each in json.loads(as_json.stdout)["findings"] if each["position"])
    assert (wrong["found"], wrong["expected"]) == ("READY", "PHASE_EXECUTION")
    assert on("rebuild").exit_code == 0
    assert on("db", "guard").exit_code == 0
    assert on("verify").exit_code == 0
    assert on("show", "one", "--json").stdout == before


def test_a_server_verifies_its_own_record(runnotary: Any, serving: Serving, tmp_path: Path) -> None:
    """With --server it says the same as on the database itself, and ends the same."""
    with serving(tmp_path) as service:
        service.post("/v1/runs", {"run_id": "one"})
        there = ["--server", service.url]
        sound = runnotary("verify", *there)
        assert (sound.exit_code, sound.stderr) == (0, "")
        with closing(sqlite3.connect(tmp_path / "runnotary.db", isolation_level=None)) as raw:
            ready(raw)
        for words in ([], ["--json"], ["--run", "one"]):
            told, direct = runnotary("verify", *words, *there), runnotary("verify", *words)
            assert told.exit_code == direct.exit_code == 1
            assert told.stdout == direct.stdout
        unknown = runnotary("verify", "--run", "another", *there)
        assert (unknown.exit_code, unknown.stdout) == (1, "")
        assert "another" in unknown.stderr
        assert runnotary("rebuild", *there).exit_code == 0
        assert "table-differs" not in runnotary("verify", *there).stdout


@pytest.mark.parametrize(
    "words",
    [["--since", "-1"], ["--since", "x"], ["--run", "a b"], ["--server", "http://x"], ["--unknown"], ["one"]],
)
def test_what_nobody_can_mean_ends_with_2(on: Call, words: list[str]) -> None:
    """A position is a number, an id an id; and nothing is verified."""
    told = on("verify", *words)
    assert (told.exit_code, told.stdout) == (2, "")


def test_a_run_that_never_was_is_told(on: Call) -> None:
    """In one line, with the command that finds runs."""
    told = on("verify", "--run", "two")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "runnotary: There is no run 'two'. `runnotary runs --q TEXT` finds runs.\n"


@pytest.mark.parametrize(
    "content", [b"", b"hello, this is no database at all\n" * 200, b"SQLite format 3\0" * 9]
)
def test_a_file_that_is_no_database_of_ours_is_told(runnotary: Any, tmp_path: Path, content: bytes) -> None:
    """In one line on standard error; the file stays as it is."""
    file = tmp_path / "other.db"
    file.write_bytes(content)
    told = runnotary("verify", "--database", f"sqlite:///{file}")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("runnotary: ")
    assert told.stderr.count("\n") == 1
    assert file.read_bytes() == content


def test_no_more_is_printed_than_can_be_read(on: Call, raw: Any) -> None:
    """Of many findings the first are shown, with what to do about all of them, and how many there are."""
    for number in range(30):
        raw.execute(f"INSERT INTO run_labels VALUES ('one', 'label-{number:02}', 'x')")
    told = on("verify")
    assert told.exit_code == 1
    assert told.stdout.count("row-too-many") == 20
    assert "The first 20 are shown; --json lists 30." in told.stdout
    assert told.stdout.count("remedy:") == 1
    assert len(json.loads(on("verify", "--json").stdout)["findings"]) == 30


def test_what_somebody_wrote_cannot_steer_the_terminal(on: Call, raw: Any) -> None:
    """Whatever is in a value, it is shown as text."""
    raw.execute("UPDATE run_labels SET value = 'x'")
    raw.execute("INSERT INTO run_labels VALUES ('one', '\x1b[2Jgone\n', '[bold]red')")
    told = on("verify")
    assert "\x1b" not in told.stdout
    assert "gone" in told.stdout
