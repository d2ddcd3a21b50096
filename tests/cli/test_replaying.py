"""rebuild, on both kinds and through a service; how far it and verify are, for those who look on."""

import json
import os
import pty
import re
import select
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.replay import rebuild as module
from tests.cli.conftest import SCRIPT, SECONDS, Service

Call = Callable[..., Any]
WHOLE = "{} events of {} runs replayed, up to position {}: all as it has to be.\n"
on_postgresql = pytest.mark.parametrize("backend", ["postgresql"])
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def on(runnotary: Any, database_url: str) -> Call:
    """The command on this test's database, where there is a run with two phases."""

    def called(*words: str) -> Any:
        return runnotary(*words, "--database", database_url)

    called("create", "one", "--phase", "Build", "--phase", "Test")
    return called


def test_a_table_is_rebuilt_by_its_name(on: Call, raw: Any) -> None:
    """Only that one: another that is wrong stays wrong."""
    on("propose", "one", "run.annotated", "--data", '{"text": "x"}')
    raw.execute("DELETE FROM annotations")
    assert on("rebuild", "--projection", "runs").stdout == WHOLE.format(4, 1, 4)
    assert raw.execute("SELECT count(*) FROM annotations").fetchone() == (0,)
    assert on("rebuild", "--projection", "annotations").exit_code == 0
    assert raw.execute("SELECT count(*) FROM annotations").fetchone() == (1,)


def test_a_table_that_there_is_not_is_a_slip_of_the_pen(on: Call) -> None:
    """The tables that there are are named, and nothing is done."""
    told = on("rebuild", "--projection", "events")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "there are: runs, phases, " in told.stderr


def test_json_of_a_rebuild_is_the_report(on: Call) -> None:
    """Programs get what the service answers."""
    told = on("rebuild", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout) == {
        "ok": True, "up_to": 3, "events": 3, "runs": 1,
        "found": 0, "first_bad_position": None, "findings": [],
    }  # fmt: skip


def test_what_is_wrong_with_the_log_ends_with_1(on: Call, raw: Any, backend: str) -> None:
    """The tables are rebuilt all the same, and it is said what to do about the log."""
    before = on("show", "one", "--json").stdout
    raw.execute("DROP TRIGGER events_" + ("update" if backend == "sqlite" else "change ON events"))
    raw.execute("UPDATE events SET actor = 'nobody' WHERE position = 2")
    told = on("rebuild")
    assert told.exit_code == 1
    assert told.stdout.splitlines()[0] == "position 2  content-changed  one"
    assert told.stdout.splitlines()[2].startswith("remedy: The log was changed behind the service's back.")
    assert told.stdout.splitlines()[-1] == (
        "3 events of 1 runs replayed, up to position 3: 1 findings, the first at position 2."
    )
    assert json.loads(on("rebuild", "--json").stdout)["first_bad_position"] == 2
    on("db", "guard")
    assert on("show", "one", "--json").stdout == before


def test_a_service_rebuilds_when_it_is_asked(runnotary: Any, service: Service) -> None:
    """The same words, sent to a service."""
    for words in (["rebuild"], ["rebuild", "--projection", "phases"]):
        told = runnotary(*words, "--server", service.url)
        assert (told.exit_code, told.stderr) == (0, "")
        assert re.fullmatch(WHOLE.format(r"\d+", r"\d+", r"\d+"), told.stdout)
    assert json.loads(runnotary("rebuild", "--json", "--server", service.url).stdout)["ok"] is True
    assert runnotary("rebuild", "--projection", "x", "--server", service.url).exit_code == 2


@on_postgresql
def test_who_is_in_the_way_is_told_in_a_line(
    backend: str, on: Call, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback, with what to do."""
    monkeypatch.setattr(module, "PATIENCE", 0)
    with raw.transaction():
        raw.execute("SELECT count(*) FROM runs")
        told = on("rebuild")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("runnotary: The new tables could not be put in place of the old ones: ")
    assert "pg_stat_activity" in told.stderr
    assert told.stderr.count("\n") == 1


# --- on a terminal ---


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with a run, for a process that is started in this folder."""
    subprocess.run(
        [SCRIPT, "create", "one", "--phase", "Build"], cwd=tmp_path, capture_output=True, check=True
    )
    return "sqlite:///runnotary.db"


def seen(folder: Path, *words: str, until: str | None = None) -> tuple[int, str]:
    """What a command shows on a terminal, and its exit code; it is interrupted as soon as it shows a word."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(SCRIPT, [str(SCRIPT), *words], {**os.environ, "TERM": "xterm", "COLUMNS": "100"})  # noqa: S606
    told = b""
    for piece in pieces(terminal):
        told += piece
        if until is not None and until in ESCAPE.sub("", told.decode(errors="replace")):
            os.write(terminal, b"\x03")
            until = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), ESCAPE.sub("", told.decode())


def pieces(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal until the last who had it open has ended."""
    while select.select([terminal], [], [], SECONDS)[0]:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            return
        if not piece:
            return
        yield piece


@pytest.mark.parametrize(
    ("command", "stage", "done"), [("rebuild", "swap", "replayed"), ("verify", "verify", "verified")]
)
@pytest.mark.parametrize("json_too", [False, True])
def test_how_far_it_is_is_shown_on_a_terminal(
    tmp_path: Path, database: str, command: str, stage: str, done: str, *, json_too: bool
) -> None:
    """A bar while it goes on, and in the end what came of it alone."""
    code, told = seen(tmp_path, command, *(["--json"] if json_too else []))
    assert code == 0
    *bars, _ = told.split("\r")
    assert any(bar.startswith(f"{stage} ") and "100%" in bar and "2 events" in bar for bar in bars), told
    assert told.rstrip().endswith(
        "}" if json_too else f"2 events of 1 runs {done}, up to position 2: all as it has to be."
    )


@pytest.mark.parametrize("command", ["rebuild", "verify"])
def test_nothing_but_the_result_is_in_a_pipe(
    tmp_path: Path, database: str, process: Any, command: str
) -> None:
    """No bar, neither beside the result nor on standard error, whatever TERM says."""
    told = process(command, TERM="xterm")
    assert (told.returncode, told.stderr) == (0, "")
    assert re.fullmatch(r"2 events of 1 runs \w+, up to position 2: all as it has to be\.\n", told.stdout)


@on_postgresql
def test_a_rebuild_that_is_interrupted_leaves_nothing(
    backend: str, tmp_path: Path, database_url: str, on: Call, raw: Any
) -> None:
    """Ctrl-C while it waits for somebody ends it without a traceback, and takes away what it had made."""
    with raw.transaction():
        raw.execute("SELECT count(*) FROM runs")
        code, told = seen(tmp_path, "rebuild", "--database", database_url, until="swap")
    assert code == 130
    assert "Traceback" not in told
    tables = {name for (name,) in raw.execute("SELECT tablename FROM pg_tables")}
    assert not {name for name in tables if re.search("fresh|gone|claim", name)}
