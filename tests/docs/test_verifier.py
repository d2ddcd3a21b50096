"""The verifier of the page about the chain agrees with the service, whatever the history holds."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.commands import Asked
from api.exports import ndjson
from api.ledger import Ledger
from api.settings import Settings
from domain.envelopes import Origin
from eventstore import chain, store
from eventstore.chain import HASHED
from eventstore.database import open_engine, reading
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "reference/chain.md"
ODD = {
    "floats": [0.1, 1.0, -0.0, 1e-7, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 123456789.125],
    "integers": [0, -1, 9007199254740991, -9007199254740991],
    "texts": ["größer", "🧪", "\u2028", "\x7f", "\x01\x1f", '\b\f\n\r\t"\\/', "", "1e16", "a" * 3_000],
    "others": [None, True, False, [], {}, [[None]]],
    "ключ": {"": 1, "b": 1.5, "a": None, "B": "é", "\U0001f9ea": 1, "\uffff": 2, "\n": 3},
}


Verify = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Runs the verifier of the page on files, without any package: its status, and what it prints."""
    (program,) = [block for block in blocks(PAGE) if block.file == "verify.py"]
    (tmp_path / "verify.py").write_text(program.text, "utf-8")

    def verified(*files: Path) -> tuple[int, list[str]]:
        command = [sys.executable, "-I", "-S", "verify.py", *map(str, files)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return verified


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose two runs hold whatever can be held."""
    file = tmp_path_factory.mktemp("made") / "odd.db"
    origin = Origin(actor="Zoë ☃", correlation_id="c-1", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    asked = Asked(origin=origin)
    with Ledger.open(Settings(database_url=f"sqlite:///{file}")) as ledger:
        for run_id in ("odd", "other"):
            ledger.create_run({"run_id": run_id, "goal": "größer", "phases": [{"phase_id": "p1"}]}, asked)
            started = {"type": "run.execution_started", "occurred_at": "2026-11-22T11:00:00+01:00"}
            ledger.propose(run_id, started)
            ledger.propose(run_id, {"type": "phase.started", "phase_id": "p1"}, asked)
            about = {"type": "phase.result_recorded", "phase_id": "p1", "attempt": 1}
            for result in (ODD, {}, {"inside": ODD}):
                ledger.propose(run_id, {**about, "data": {"result": result}})
            ledger.propose(run_id, {"type": "run.failed_environment"})
    return file


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Path:
    """A copy of that database."""
    copy = tmp_path / "odd.db"
    shutil.copy(made, copy)
    return copy


def url(database: Path) -> str:
    return f"sqlite:///{database}"


def heads(database: Path) -> list[str]:
    """What the verifier prints of runs that are sound."""
    with Ledger.open(Settings(database_url=url(database))) as ledger:
        runs = [ledger.run(run_id) for run_id in ("odd", "other")]
    return [f"{run['run_id']} {run['version']} {run['head_hash']}" for run in runs]


def breaks(database: Path) -> set[tuple[str, int]]:
    """Where the service finds the chain broken: runs and versions."""
    engine = open_engine(url(database))
    with reading(engine) as connection:
        found = {(each.run_id, each.version) for each in chain.breaks(store.read_by_run(connection))}
    engine.dispose()
    return found


def answers(database: Path, path: str, after: str) -> list[Path]:
    """The answers of a call, page by page, in files."""
    files: list[Path] = []
    with TestClient(create_app(Settings(database_url=url(database))), "http://127.0.0.1") as client:
        cursor: str | None = "0"
        while cursor is not None:
            answer = client.get(path, params={after: cursor, "limit": 4})
            files.append(database.parent / f"{path.replace('/', '-')}-{cursor}.json")
            files[-1].write_bytes(answer.content)
            cursor = answer.json()["next_cursor"]
    return files


def exports(database: Path, run_id: str | None) -> list[Path]:
    """The log, or a run of it, exported to a file."""
    file = database.parent / f"{run_id}.ndjson"
    with Ledger.open(Settings(database_url=url(database))) as ledger:
        file.write_bytes(b"".join(ndjson.pieces(ledger.snapshot(run_id))))
    return [file]


def test_the_verifier_agrees_that_a_history_is_sound(database: Path, verify: Verify) -> None:
    """The database, the answers about each run, and those about the whole log are what they were."""
    sound = (0, heads(database))
    assert breaks(database) == set()
    assert verify(database) == sound
    assert verify(*answers(database, "/v1/events", "after")) == sound
    one, other = (answers(database, f"/v1/runs/{name}/events", "after_version") for name in ("odd", "other"))
    assert verify(*one, *other) == sound
    assert verify(*exports(database, None)) == sound
    assert verify(*exports(database, "odd"), *exports(database, "other")) == sound


@pytest.mark.parametrize("field", [*HASHED, "body", "prev_hash", "hash"])
def test_the_verifier_sees_what_was_changed(field: str, database: Path, verify: Verify) -> None:
    """Whatever is changed in an event, the verifier finds it where the service finds it."""
    value = OTHER.get(field, f"coalesce({field}, '') || 'x'")
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        for (trigger,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        raw.execute(f"UPDATE events SET {field} = {value} WHERE position = 5")
    status, lines = verify(database)
    found = {(line.split()[1], int(line.split()[2])) for line in lines if line.startswith("BROKEN")}
    assert (status, found) == (1, breaks(database))


def test_the_verifier_sees_what_was_changed_in_an_answer(database: Path, verify: Verify) -> None:
    """The data of an answer are hashed as they are written: 0.10 is not 0.1."""
    pages = answers(database, "/v1/runs/odd/events", "after_version")
    text = pages[1].read_text("utf-8")
    pages[1].write_text(text.replace("[0.1,", "[0.10,", 1), "utf-8")
    status, lines = verify(*pages)
    assert (status, lines[0]) == (1, "BROKEN odd 5")


def test_the_verifier_sees_what_was_changed_in_an_export(database: Path, verify: Verify) -> None:
    """The body of a line is hashed as it is written."""
    (file,) = exports(database, "odd")
    file.write_text(file.read_text("utf-8").replace("[0.1,", "[0.10,", 1), "utf-8")
    status, lines = verify(file)
    assert (status, lines[0]) == (1, "BROKEN odd 5")


OTHER = {
    "body": "replace(body, '0.1', '0.10')",
    "version": "version + 100",
    **dict.fromkeys(("type_version", "attempt"), "7"),
    **dict.fromkeys(("implied", "actor_verified"), "1"),
}
"""Another value of a field, in SQL."""
