"""The verifier of the page about the chain agrees with the service, about any history and its seals."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.commands import Asked
from api.exports import ndjson
from api.ledger import Ledger
from api.notary import Notary
from api.settings import Settings
from domain.envelopes import Origin
from domain.run import NO_HASH
from eventstore import chain, seals, store
from eventstore.chain import HASHED
from eventstore.database import open_engine, reading
from eventstore.seals import Comparison, Seal
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "reference/chain.md"
ODD = {
    "floats": [0.1, 1.0, -0.0, 1e-7, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 123456789.125],
    "integers": [0, -1, 9007199254740991, -9007199254740991],
    "texts": ["größer", "🧪", "\u2028", "\x7f", "\x01\x1f", '\b\f\n\r\t"\\/', "", "1e16", "a" * 3_000],
    "others": [None, True, False, [], {}, [[None]]],
    "ключ": {"": 1, "b": 1.5, "a": None, "B": "é", "\U0001f9ea": 1, "\uffff": 2, "\n": 3},
}


VECTORS = Path(__file__).parents[1] / "eventstore/vectors"
EVENTS = json.loads((VECTORS / "chain_v1.json").read_text("utf-8"))["events"]
PUBLISHED = [Seal(**row) for row in json.loads((VECTORS / "seals_v1.json").read_text("utf-8"))["seals"]]

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
    with Ledger.open(Settings(database_url=f"sqlite:///{file}", seal_events=4)) as ledger:
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


@pytest.fixture
def kept(database: Path, tmp_path: Path) -> Path:
    """Its seals, in a file elsewhere."""
    file = tmp_path / "seals.ndjson"
    seals.write_file(file, seals_in(database))
    return file


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


def seals_in(database: Path) -> list[Seal]:
    """The seals that a database holds."""
    engine = open_engine(url(database))
    with reading(engine) as connection:
        found = store.page_of_seals(connection)
    engine.dispose()
    return found


def misfits(database: Path, file: Path) -> set[int]:
    """The seals of a file that do not fit a database, as the service finds them."""
    comparison, engine = Comparison(seals.read_file(file)), open_engine(url(database))
    with reading(engine) as connection:
        for event in store.read_log(connection):
            comparison.feed(event.position, event.hash)
    engine.dispose()
    return {flaw.number for flaw in comparison.end()}


@contextmanager
def unguarded(database: Path) -> Iterator[sqlite3.Connection]:
    """What whoever may write the file can do."""
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        for (trigger,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        yield raw


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
    assert verify(database) == (0, [*sound[1], f"{database} has 5 seals, up to position 18 of 18"])
    assert verify(*answers(database, "/v1/events", "after")) == sound
    one, other = (answers(database, f"/v1/runs/{name}/events", "after_version") for name in ("odd", "other"))
    assert verify(*one, *other) == sound
    assert verify(*exports(database, None)) == sound
    assert verify(*exports(database, "odd"), *exports(database, "other")) == sound


@pytest.mark.parametrize("field", [*HASHED, "body", "prev_hash", "hash"])
def test_the_verifier_sees_what_was_changed(field: str, database: Path, verify: Verify) -> None:
    """Whatever is changed in an event, the verifier finds it where the service finds it."""
    value = OTHER.get(field, f"coalesce({field}, '') || 'x'")
    with unguarded(database) as raw:
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


def hashed_anew(raw: sqlite3.Connection) -> None:
    """Every hash of every run, made to match what the run says now."""
    raw.row_factory = sqlite3.Row
    heads: dict[str, str] = {}
    for row in raw.execute("SELECT * FROM events ORDER BY position").fetchall():
        head, body = heads.get(row["run_id"], NO_HASH), sha256(row["body"].encode()).hexdigest()
        sealed = chain.digest(head, *(row[name] for name in HASHED), body)
        raw.execute(
            "UPDATE events SET prev_hash = ?, hash = ? WHERE position = ?", [head, sealed, row["position"]]
        )
        heads[row["run_id"]] = sealed


def counted_anew(raw: sqlite3.Connection) -> None:
    """Positions without holes."""
    for i, (position,) in enumerate(
        raw.execute("SELECT position FROM events ORDER BY position").fetchall(), 1
    ):
        raw.execute("UPDATE events SET position = ? WHERE position = ?", [i, position])


TAMPERINGS: dict[str, tuple[list[Any], set[int]]] = {
    "the end cut off": (["DELETE FROM events WHERE position > 15"], {4, 5}),
    "the last event taken away": (["DELETE FROM events WHERE position = 18"], {5}),
    "a run taken away": (["DELETE FROM events WHERE run_id = 'odd'", counted_anew], {1, 2, 3, 4, 5}),
    "a run taken away, with holes": (["DELETE FROM events WHERE run_id = 'other'"], {3, 4, 5}),
    "an actor changed, and all hashed anew": (
        ["UPDATE events SET actor = 'mallory' WHERE position = 11", hashed_anew],
        {3, 4, 5},
    ),
    "two runs told in another order": (
        [
            f"UPDATE events SET position = {one} WHERE position = {other}"
            for one, other in ((99, 9), (9, 10), (10, 99))
        ],
        {3},
    ),
    "everything gone": (["DELETE FROM events"], {1, 2, 3, 4, 5}),
}
"""What is done to the log in SQL, leaving every chain sound, and which seals show it."""


@pytest.mark.parametrize("is_sealed_again", [False, True])
@pytest.mark.parametrize("how", TAMPERINGS)
def test_the_verifier_sees_what_only_seals_show(
    how: str, is_sealed_again: bool, database: Path, kept: Path, verify: Verify
) -> None:
    """The chain says nothing, the copy of the seals does, even where the log was sealed anew."""
    steps, wrong = TAMPERINGS[how]
    with unguarded(database) as raw:
        for step in steps:
            step(raw) if callable(step) else raw.execute(step)
        if is_sealed_again:
            raw.execute("DELETE FROM seals")
    if is_sealed_again:
        engine = open_engine(url(database))
        Notary(engine, Settings(seal_events=4), lambda: datetime.now(UTC), None).seal_to(18)
        engine.dispose()
        assert list(seals.flaws_of(seals_in(database))) == []
    assert breaks(database) == set()
    assert misfits(database, kept) == wrong
    status, lines = verify(database, kept)
    assert (status, told(lines, kept)) == (1, wrong)
    assert told(lines, database) == (set() if is_sealed_again else wrong)
    assert [line for line in lines if line.startswith("BROKEN")] == []


def told(lines: list[str], file: Path) -> set[int]:
    """The seals of a file that the verifier names."""
    found = (line.removeprefix(f"WRONG {file} seal ") for line in lines if line.startswith(f"WRONG {file} "))
    return {int(rest.split()[0]) for rest in found}


def test_the_verifier_sees_that_an_old_copy_was_restored(
    database: Path, kept: Path, tmp_path: Path, verify: Verify
) -> None:
    """Whether it is as it was, or has gone on since."""
    old = tmp_path / "old.db"
    shutil.copy(database, old)
    with Ledger.open(Settings(database_url=url(database))) as ledger:
        ledger.propose("odd", {"type": "run.annotated", "data": {"text": "late"}})
    seals.write_file(kept, seals_in(database))
    assert verify(database, kept)[0] == 0
    for text in (None, "other"):
        if text is not None:
            with Ledger.open(Settings(database_url=url(old))) as ledger:
                ledger.propose("odd", {"type": "run.annotated", "data": {"text": text}})
        status, lines = verify(old, kept)
        assert (status, told(lines, kept), misfits(old, kept)) == (1, {6}, {6})


@pytest.mark.parametrize("field", [*(field for field in asdict(PUBLISHED[1]) if field != "signature")])
def test_the_verifier_sees_a_changed_seal(field: str, database: Path, kept: Path, verify: Verify) -> None:
    """Whatever is changed in it but its signature, which is for another program."""
    found = seals.read_file(kept)
    other: dict[str, Any] = {"number": 9, "first_position": 6, "position": 9, "key_id": "k"}
    found[1] = replace(found[1], **{field: other.get(field, "f" * 64)})
    seals.write_file(kept, found)
    status, lines = verify(database, kept)
    assert status == 1
    assert min(told(lines, kept)) == min(each.number for each in seals.flaws_of(found))


def test_the_verifier_reads_the_log_and_the_seals_from_files(
    database: Path, kept: Path, verify: Verify
) -> None:
    """Events one a line, and answers of the service: both say the same."""
    pages = answers(database, "/v1/events", "after")
    events = [event for page in pages for event in orjson.loads(page.read_bytes())["items"]]
    exported = database.parent / "log.ndjson"
    exported.write_bytes(b"\n".join(map(orjson.dumps, events)))
    sound = [*heads(database), f"{kept} has 5 seals, up to position 18 of 18"]
    assert verify(exported, kept) == verify(kept, *pages) == (0, sound)


def test_the_verifier_agrees_with_the_published_vectors(tmp_path: Path, verify: Verify) -> None:
    """The seals of the vectors fit the events of the vectors, and no others."""
    log, kept = tmp_path / "log.ndjson", tmp_path / "kept.ndjson"
    log.write_text("\n".join(map(json.dumps, EVENTS)), "utf-8")
    seals.write_file(kept, PUBLISHED)
    assert verify(log, kept)[0] == 0
    log.write_text("\n".join(map(json.dumps, EVENTS[:-1])), "utf-8")
    status, lines = verify(log, kept)
    assert (status, told(lines, kept)) == (1, {3})


OTHER = {
    "body": "replace(body, '0.1', '0.10')",
    "version": "version + 100",
    **dict.fromkeys(("type_version", "attempt"), "7"),
    **dict.fromkeys(("implied", "actor_verified"), "1"),
}
"""Another value of a field, in SQL."""
