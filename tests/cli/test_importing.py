"""Taking over a database of the older system, at the terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.legacy.making import PHASE, RUN, made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a run that is sound, one whose state is none, and a phase whose run is missing."""
    runs = [RUN, {**RUN, "id": "two", "state": "READY"}]
    return made(tmp_path / "old.db", runs=runs, phases=[PHASE, {**PHASE, "run_id": "lost"}])


def test_an_import_says_what_it_did(runnotary: Any, file: Path) -> None:
    """What there was, what became of it, what is odd and how often, and what waits; it exits with 0."""
    told = runnotary("import-autopack", "old.db", "--actor", "ada")
    assert (told.exit_code, told.stderr) == (0, "")
    lines = [line.split() for line in told.stdout.splitlines()]
    assert ["rows", "2", "runs,", "1", "tiers,", "2", "phases"] in lines
    assert ["imported", "3", "runs"] in lines
    assert ["two", "READY", "semantic", "RUN_CREATED"] in lines
    assert ["lost", "unknown"] in lines
    assert [line[:2] for line in lines if line[:1] == ["illegal-run-state"]] == [["illegal-run-state", "1"]]
    assert "by ada" in runnotary("audit", "one").stdout
    assert runnotary("verify").exit_code == 0
    assert runnotary("show", "two").exit_code == 1


def test_the_story_begins_where_the_run_was_found(runnotary: Any, file: Path) -> None:
    """It tells the state there, the file, and what was odd, to people in either form."""
    runnotary("import-autopack", "old.db")
    assert "outside the moves; READY in old.db; illegal-run-state" in runnotary("audit", "two").stdout
    page = runnotary("audit", "two", "--markdown").stdout
    assert "**outside the moves**; `READY` in `old.db`; found `" in page
    assert "; from old.db; phase-without-run" in runnotary("log", "lost").stdout


def test_a_second_import_says_that_nothing_changed(runnotary: Any, file: Path) -> None:
    """It names the runs that are as they were, and nothing that waits."""
    runnotary("import-autopack", "old.db")
    told = runnotary("import-autopack", "old.db").stdout
    assert [line for line in told.splitlines() if line.startswith(("imported", "unchanged"))] == [
        "imported      0 runs",
        "unchanged     3 runs",
    ]
    assert "in quarantine" not in told


def test_a_dry_run_makes_no_database(runnotary: Any, file: Path) -> None:
    """It reports the same as the import after it, and leaves not even a file."""
    told = runnotary("import-autopack", "old.db", "--dry-run", "--json")
    assert sorted(path.name for path in file.parent.iterdir()) == ["old.db"]
    assert runnotary("import-autopack", "old.db", "--json").stdout == told.stdout
    assert "Nothing was recorded" in runnotary("import-autopack", "old.db", "--dry-run").stdout


def test_a_dry_run_changes_no_database(runnotary: Any, file: Path) -> None:
    """Nor a database that is there."""
    runnotary("create", "other")
    before = Path("runnotary.db").read_bytes()
    told = runnotary("import-autopack", "old.db", "--dry-run", "--json")
    assert Path("runnotary.db").read_bytes() == before
    assert runnotary("import-autopack", "old.db", "--json").stdout == told.stdout


def test_the_report_is_a_file_too(runnotary: Any, file: Path) -> None:
    """The same as --json prints."""
    told = json.loads(runnotary("import-autopack", "old.db", "--report", "out.json", "--json").stdout)
    assert json.loads(Path("out.json").read_text()) == told
    assert {"file", "sha256", "runs", "tiers", "phases", "imported", "unchanged", "changed"} <= told.keys()
    assert [each["run_id"] for each in told["quarantined"]] == ["two", "lost"]


def test_a_report_that_cannot_be_written_is_told_before_anything_is_recorded(
    runnotary: Any, file: Path
) -> None:
    """Nobody looks for the report of an import in vain."""
    told = runnotary("import-autopack", "old.db", "--report", "no/such/out.json")
    assert told.exit_code == 1
    assert "no/such/out.json cannot be written" in told.stderr
    assert not Path("runnotary.db").exists()


def test_the_report_does_not_take_the_place_of_the_file(runnotary: Any, file: Path) -> None:
    """By whatever name it is called."""
    before = file.read_bytes()
    Path("link.json").symlink_to(file)
    for name in ("old.db", str(file), "link.json"):
        told = runnotary("import-autopack", "old.db", "--report", name)
        assert (told.exit_code, told.stdout) == (1, "")
        assert "Name another file" in told.stderr
    assert file.read_bytes() == before


def test_of_a_long_state_the_beginning_is_shown(runnotary: Any, tmp_path: Path) -> None:
    """A terminal shows enough to know it by; --json has all of it."""
    long = "R" * 100_000
    made(tmp_path / "old.db", runs=[{**RUN, "state": long}, {**RUN, "id": "two", "state": b"READY"}])
    imported, waiting = runnotary("import-autopack", "old.db").stdout, runnotary("quarantine").stdout
    for told in (imported, waiting):
        assert "RRR" in told
        assert "_legacy_bytes" in told
        assert max(map(len, told.splitlines())) < 500
    assert json.loads(runnotary("quarantine", "--json").stdout)["items"][0]["value"] == long


@pytest.mark.parametrize("name", ["none.db", "text.db", "empty.db"])
def test_what_cannot_be_read_is_told_in_a_line(runnotary: Any, tmp_path: Path, name: str) -> None:
    """No traceback, and no database is made for it."""
    (tmp_path / "text.db").write_text("no database")
    (tmp_path / "empty.db").touch()
    told = runnotary("import-autopack", name)
    assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert told.stderr.startswith(f"runnotary: {name} ")
    assert not Path("runnotary.db").exists()


def test_an_import_through_a_server_is_refused(runnotary: Any, file: Path) -> None:
    """It says what to do in place of it; a slip of the pen exits with 2."""
    for words, environment in ((["--server", "http://127.0.0.1:1"], {}), ([], {"RUNNOTARY_SERVER": "x"})):
        told = runnotary("import-autopack", "old.db", *words, **environment)
        assert told.exit_code == 1
        assert "--database" in told.stderr
    assert runnotary("import-autopack").exit_code == 2


def test_a_service_goes_on_while_a_file_is_imported(
    runnotary: Any, serving: Any, file: Path, tmp_path: Path
) -> None:
    """What was imported beside it is what it shows."""
    with serving(tmp_path) as service:
        assert service.post("/v1/runs", {"run_id": "mine"}).status_code == 201
        assert runnotary("import-autopack", "old.db").exit_code == 0
        assert [run["run_id"] for run in service.get("/v1/runs").json()["items"]].count("one") == 1
        assert service.get("/v1/runs/two").json()["code"] == "quarantined"
        assert service.post("/v1/runs/one/events", {"type": "run.execution_started"}).status_code == 201
