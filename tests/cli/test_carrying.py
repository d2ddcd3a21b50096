"""export and restore: where they write, what they print, and that what is half done is not done."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.ledger import Ledger
from api.settings import Settings
from tests.carried import GOLDEN, Export, Restore
from tests.cli.conftest import SCRIPT
from tests.databases import Scratch

TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "100"}


@pytest.fixture
def golden(tmp_path: Path, restore: Restore) -> Path:
    """A file with a log, and the database that commands find when none is named, with the same log."""
    restore(f"sqlite:///{tmp_path}/runnotary.db", GOLDEN)
    file = tmp_path / "golden.ndjson"
    file.write_bytes(GOLDEN)
    return file


def said(told: Any) -> str:
    """What a failed command says: one line on standard error, and nothing else."""
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("runnotary: ")
    assert told.stderr.count("\n") == 1
    line: str = told.stderr.removeprefix("runnotary: ").rstrip("\n")
    return line


def test_a_log_goes_to_a_file_or_to_standard_output(runnotary: Any, golden: Path) -> None:
    """The same bytes come either way; a file is told of in a line."""
    assert runnotary("export").stdout_bytes == GOLDEN
    assert runnotary("export", "-").stdout_bytes == GOLDEN
    told = runnotary("export", "log.ndjson")
    assert (told.exit_code, told.stdout, told.stderr) == (0, f"log.ndjson: {len(GOLDEN):,} bytes.\n", "")
    assert Path("log.ndjson").read_bytes() == GOLDEN


@pytest.mark.parametrize("form", ["cloudevents", "ocel", "xes"])
def test_every_format_is_written(runnotary: Any, golden: Path, export: Export, form: Any) -> None:
    """--format names it, and --run takes one run alone."""
    url = f"sqlite:///{golden.parent}/runnotary.db"
    assert runnotary("export", "--format", form).stdout_bytes == export(url, form)
    assert runnotary("export", "--format", form, "--run", "built").stdout_bytes == export(url, form, "built")


def test_a_service_is_asked_for_the_same(runnotary: Any, service: Any) -> None:
    """With --server the file comes over HTTP; refusals are told as always."""
    runnotary("export", "log.ndjson", "--server", service.url)
    assert Path("log.ndjson").read_bytes() == service.get("/v1/export").content
    told = runnotary("export", "--run", "known", "--format", "xes", RUNNOTARY_SERVER=service.url)
    assert told.stdout_bytes == service.get("/v1/export?format=xes&run_id=known").content
    missing = runnotary("export", "none.ndjson", "--run", "knwon", "--server", service.url)
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("refused  run-not-found\n")
    assert not Path("none.ndjson").exists()


@contextmanager
def breaking_off() -> Iterator[str]:
    """A server that begins to send a file, and breaks off."""
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Disposition: attachment\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once() -> None:
            with listener.accept()[0] as caller:
                caller.recv(65_536)
                caller.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_an_export_that_breaks_off_leaves_what_was_there(runnotary: Any, golden: Path) -> None:
    """A file that was to be replaced stays as it was, and nothing is left beside it."""
    with breaking_off() as url:
        assert "did not answer (RemoteProtocolError)" in said(
            runnotary("export", "golden.ndjson", "--server", url)
        )
    assert golden.read_bytes() == GOLDEN
    assert sorted(path.name for path in golden.parent.iterdir()) == ["golden.ndjson", "runnotary.db"]


def test_a_file_is_replaced_as_a_whole(runnotary: Any, golden: Path) -> None:
    """An export over a file takes its place; over a link, the place of what it leads to."""
    golden.write_bytes(b"older")
    Path("link.ndjson").symlink_to("golden.ndjson")
    assert runnotary("export", "link.ndjson").exit_code == 0
    assert Path("link.ndjson").is_symlink()
    assert golden.read_bytes() == GOLDEN


def test_a_pipe_stays_a_pipe(process: Any, golden: Path) -> None:
    """What is no file is written to, and not replaced."""
    pipe = golden.parent / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert process("export", "pipe").returncode == 0
        assert reader.communicate()[0] == GOLDEN
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["export", "nowhere/log.ndjson"],
            "nowhere/log.ndjson cannot be written: No such file or directory.",
        ),
        (["export", "."], ". cannot be written: Is a directory."),
        (["export", "--run", "none"], "There is no run none. `runnotary runs` lists those that there are."),
        (["export", "--database", "sqlite:///none.db"], "There is no database none.db."),
        (["export", "--database", "sqlite:///empty.db"], "The database has no tables yet"),
        (["restore", "none.ndjson"], "none.ndjson cannot be read: No such file or directory."),
        (["restore", "."], ". cannot be read: Is a directory."),
        (["restore", "golden.ndjson"], "golden.ndjson is not restored. The database holds 72 events already"),
        (["restore", "empty.db", "--database", "sqlite:///n.db"], "empty.db is not restored. It is empty."),
        (
            ["restore", "golden.ndjson", "--server", "http://x"],
            "A log is restored into a database, not through",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_cannot_be_done_is_told_in_a_line(
    runnotary: Any, golden: Path, words: list[str], told: str
) -> None:
    """Each says what is the matter, and what to do."""
    Path("empty.db").touch()
    assert said(runnotary(*words)).startswith(told)


def test_a_service_is_not_restored(runnotary: Any, golden: Path) -> None:
    """RUNNOTARY_SERVER stands in the way as --server does, unless a database is named."""
    assert "unset RUNNOTARY_SERVER" in said(
        runnotary("restore", "golden.ndjson", RUNNOTARY_SERVER="http://x")
    )
    told = runnotary(
        "restore", "golden.ndjson", "--database", "sqlite:///new.db", RUNNOTARY_SERVER="http://x"
    )
    assert told.exit_code == 0


def test_a_log_is_restored_into_a_new_database(
    runnotary: Any, golden: Path, new_database_url: str, export: Export
) -> None:
    """The tables are made, and a line tells what there is now."""
    told = runnotary("restore", "golden.ndjson", "--database", new_database_url)
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout == "Restored 72 events and 5 keys: 7 runs and 13 phases.\n"
    assert sorted(export(new_database_url).splitlines()) == sorted(GOLDEN.splitlines())
    assert runnotary("show", "built", "--database", new_database_url).exit_code == 0


def test_a_log_goes_through_a_pipe(start: Any, golden: Path, export: Export) -> None:
    """What export writes is what restore reads, as it comes."""
    with start("export") as writing:
        command = [str(SCRIPT), "restore", "-", "--database", "sqlite:///piped.db"]
        done = subprocess.run(
            command, stdin=writing.stdout, cwd=golden.parent, capture_output=True, check=True
        )
        writing.communicate()
    assert done.stdout.startswith(b"Restored 72 events")
    assert export(f"sqlite:///{golden.parent}/piped.db") == GOLDEN


@pytest.fixture
def long_log(scratch_database: Scratch, export: Export) -> bytes:
    """A log that is sent to a database in several chunks."""
    note = {"run_id": "long", "type": "run.annotated", "data": {"text": "word " * 40}}
    with scratch_database("sqlite") as url:
        with Ledger.open(Settings(database_url=url)) as ledger:
            ledger.create_run({"run_id": "long"})
            for _ in range(3):
                ledger.propose_all([note] * 1_000)
        return export(url)


def test_a_restore_that_is_killed_leaves_an_empty_database(
    new_database_url: str, restore: Restore, export: Export, long_log: bytes
) -> None:
    """Killed in the middle of a log, it has restored nothing, and the log can be restored after it."""
    reader, writer = os.pipe()
    with (
        open(reader, "rb") as given,  # noqa: PTH123  # a descriptor
        subprocess.Popen(
            [SCRIPT, "restore", "-", "--database", new_database_url],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as restoring,
    ):
        # More than a pipe holds: when it is written, a chunk of it was sent to the database.
        os.write(writer, long_log[: len(long_log) // 2])
        restoring.send_signal(signal.SIGKILL)
        restoring.communicate()
        os.close(writer)
    assert json.loads(export(new_database_url))["end"]["events"] == 0
    restore(new_database_url, long_log)


def test_a_bar_is_for_terminals(runnotary: Any, golden: Path, tmp_path: Path) -> None:
    """On a terminal a bar counts events, beside the data; in a pipe there is none."""
    told = runnotary("export", "log.ndjson", **TERMINAL)
    assert "72 of 72 events" in told.stderr
    assert "72 of 72 events" in runnotary("export", **TERMINAL).stderr
    assert "144 of 144 events" in runnotary("export", "--format", "ocel", **TERMINAL).stderr
    restored = runnotary("restore", "golden.ndjson", "--database", "sqlite:///new.db", **TERMINAL)
    assert f"{len(GOLDEN):,} of {len(GOLDEN):,} bytes" in restored.stderr
    assert runnotary("export", "log.ndjson").stderr == ""
