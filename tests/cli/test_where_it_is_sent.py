"""Which service or database a command talks to, and what it says when there is none."""

import re
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest


def one_line(told: Any) -> str:
    """What a failed command says: one line on standard error, and nothing else."""
    assert (told.exit_code, told.stdout) == (1, "")
    assert re.fullmatch(r"runnotary: .+\n", told.stderr), told.stderr
    said: str = told.stderr
    return said


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Something that answers one call with these bytes: its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once() -> None:
            with listener.accept()[0] as caller:
                caller.recv(65_536)
                caller.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_server_that_is_not_there(runnotary: Any) -> None:
    """Where nothing listens, the line says how to start something."""
    told = runnotary("show", "one", "--server", "http://127.0.0.1:1")
    assert one_line(told) == (
        "runnotary: Nothing answers at http://127.0.0.1:1. Start it with `runnotary serve`, "
        "or leave --server and RUNNOTARY_SERVER out to use the database directly.\n"
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_server_that_is_something_else(runnotary: Any, answer: bytes) -> None:
    """An answer that Runnotary does not give is told as such."""
    with answering(answer) as url:
        assert "that is no Runnotary." in one_line(runnotary("show", "one", "--server", url))


def test_a_server_that_goes_away_while_it_is_asked(runnotary: Any) -> None:
    """A reader may ask again; whoever proposed something learns that it may be recorded."""
    with answering(b"") as url:
        assert "ask again" in one_line(runnotary("show", "one", "--server", url))
    with answering(b"") as url:
        assert "ask again" in one_line(runnotary("dry-run", "one", "run.held", "--server", url))
    with answering(b"") as url:
        told = runnotary("propose", "one", "run.held", "--server", url)
        assert "It may be recorded, or not" in one_line(told)


def test_an_interrupt_is_quiet(start: Any) -> None:
    """Ctrl-C while a server thinks ends the command with 130, and without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with start("show", "one", "--server", url) as asking, listener.accept()[0] as caller:
            assert caller.recv(65_536).startswith(b"GET /v1/runs/one ")
            asking.send_signal(signal.SIGINT)
            assert asking.communicate() == (b"", b"")
    assert asking.returncode == 130


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "localhost:8000", "ftp://127.0.0.1", "http://127.0.0.1:port"]
)
def test_a_server_that_is_no_url(runnotary: Any, url: str) -> None:
    """What is no http URL is a slip of the pen, and the right form is told."""
    told = runnotary("show", "one", "--server", url)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "Error: Invalid value for --server: " in told.stderr


def test_a_server_and_a_database_is_one_too_many(runnotary: Any) -> None:
    """A command goes to one place."""
    told = runnotary("show", "one", "--server", "http://127.0.0.1:1", "--database", "sqlite:///x.db")
    assert told.exit_code == 2
    assert "not both" in told.stderr


def test_a_named_database_goes_before_the_servers_variable(runnotary: Any) -> None:
    """What is on the command line counts more than the environment."""
    for words in (["create", "one"], ["show", "one"]):
        told = runnotary(*words, "--database", "sqlite:///mine.db", RUNNOTARY_SERVER="http://127.0.0.1:1")
        assert told.exit_code == 0


def test_a_proxy_of_the_environment_is_passed_by(runnotary: Any, service: Any) -> None:
    """A service on this machine is called without a detour."""
    told = runnotary("show", "known", "--server", service.url, HTTP_PROXY="http://127.0.0.1:1")
    assert told.exit_code == 0


def test_reading_makes_no_database(runnotary: Any, tmp_path: Path) -> None:
    """Where there is no database, reading says so instead of making an empty one."""
    for words in (
        ["runs"],
        ["show", "one"],
        ["log"],
        ["propose", "one", "run.held"],
        ["doctor"],
        ["rebuild"],
    ):
        told = one_line(runnotary(*words))
        assert told.startswith("runnotary: There is no database runnotary.db. `runnotary serve`")
    assert list(tmp_path.iterdir()) == []


def test_the_database_can_be_named_by_the_environment(runnotary: Any, tmp_path: Path) -> None:
    """RUNNOTARY_DATABASE_URL is as good as --database."""
    url = f"sqlite:///{tmp_path}/mine.db"
    assert runnotary("create", "one", RUNNOTARY_DATABASE_URL=url).exit_code == 0
    assert runnotary("show", "one", "--database", url).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.db"]


def test_a_database_that_cannot_be_used(runnotary: Any, tmp_path: Path) -> None:
    """Whatever is wrong with the database is told in one line, without its password."""
    (tmp_path / "letter.txt").write_text("Dear database, " * 100)
    urls = (
        "sqlite:///letter.txt",
        "sqlite:///.",
        "sqlite://",
        "postgresql://me:secret@127.0.0.1:1/x",
        "rubbish",
        "a://b",
    )
    for url in urls:
        for words in (["runs"], ["create", "one"], ["db", "upgrade"], ["db", "guard"]):
            told = one_line(runnotary(*words, "--database", url))
            assert "secret" not in told


def test_a_database_of_a_newer_program_is_left_alone(runnotary: Any, tmp_path: Path) -> None:
    """No command works on a schema that it does not know."""
    runnotary("create", "one")
    with closing(sqlite3.connect(tmp_path / "runnotary.db")) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    for words in (["show", "one"], ["create", "two"], ["db", "upgrade"], ["rebuild"], ["db", "guard"]):
        assert "a newer Runnotary made it" in one_line(runnotary(*words))


def test_reading_does_not_bring_a_database_up_to_date(runnotary: Any, tmp_path: Path) -> None:
    """A database without tables stays so until it is served, or upgraded."""
    file = tmp_path / "runnotary.db"
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("CREATE TABLE mine (x)")
    assert "no tables yet" in one_line(runnotary("runs"))
    assert runnotary("db", "upgrade").exit_code == 0
    assert runnotary("runs").stderr == "No runs.\n"


def test_a_file_of_a_uri_is_sqlites_own_matter(runnotary: Any, tmp_path: Path) -> None:
    """An SQLite URI is not taken for the name of a file."""
    url = f"sqlite:///file:{tmp_path}/mine.db?uri=true"
    assert runnotary("create", "one", "--database", url).exit_code == 0
    assert runnotary("show", "one", "--database", url).exit_code == 0
