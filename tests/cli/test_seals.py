"""`runnotary seals`: the list, the copy in a file, and what that refuses."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventstore import seals


@pytest.fixture
def sealed(runnotary: Any) -> Any:
    """The command, where three seals are kept: each command that records something seals it when it ends."""
    assert runnotary("create", "one", "--phase", "Build").exit_code == 0
    for text in ("a", "b"):
        note(runnotary, text)
    return runnotary


def note(runnotary: Any, text: str) -> None:
    told = runnotary("propose", "one", "run.annotated", "--data", json.dumps({"text": text}))
    assert told.exit_code == 0


def test_seals_are_listed(sealed: Any) -> None:
    """One a line, with the stretch that it covers."""
    lines = [line.split() for line in sealed("seals").stdout.splitlines()]
    assert lines[0] == ["seal", "from", "to", "sealed", "(UTC)", "hash", "signed", "by"]
    assert [line[:3] for line in lines[1:]] == [["1", "1", "2"], ["2", "3", "3"], ["3", "4", "4"]]
    assert {line[-1] for line in lines[1:]} == {"nobody"}
    some = sealed("seals", "--limit", "1", "--after", "1")
    assert (len(some.stdout.splitlines()), some.stderr) == (2, "There are more: --after 2\n")


def test_that_there_are_none_is_told(runnotary: Any) -> None:
    """A database without events has no seals, and its copy is empty."""
    runnotary("db", "upgrade")
    assert runnotary("seals").stderr == "No seals.\n"
    told = runnotary("seals", "--export", "seals.ndjson")
    assert told.stdout == "seals.ndjson: 0 seals, 0 of them new; nothing is sealed yet.\n"
    assert Path("seals.ndjson").read_bytes() == b""


def test_a_copy_grows_with_the_log(sealed: Any) -> None:
    """It holds what the service answers, and is written again as often as one likes."""
    for count, new in ((3, 3), (3, 0), (4, 1)):
        if count == 4:
            note(sealed, "c")
        told = sealed("seals", "--export", "seals.ndjson")
        reach = f"{new} of them new; up to position {count + 1}."
        assert (told.exit_code, told.stderr) == (0, "")
        assert told.stdout == f"seals.ndjson: {count} seals, {reach}\n"
        lines = Path("seals.ndjson").read_text("utf-8").splitlines()
        assert list(map(json.loads, lines)) == json.loads(sealed("seals", "--json").stdout)["items"]


def test_a_copy_has_all_pages(sealed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many seals one answer holds."""
    from api.cli import seals as command

    monkeypatch.setattr(command, "PAGE_MAX", 2)
    sealed("seals", "--export", "seals.ndjson")
    assert [seal.number for seal in seals.read_file(Path("seals.ndjson"))] == [1, 2, 3]


def test_a_copy_of_another_history_is_not_written_over(sealed: Any) -> None:
    """The first seal that differs is named, and the file stays as it was."""
    shutil.copy("runnotary.db", "old.db")
    note(sealed, "c")
    sealed("seals", "--export", "seals.ndjson")
    before = Path("seals.ndjson").read_bytes()
    for first in ("the database ends before", "and goes on with something else"):
        if first.startswith("and"):
            old = "sqlite:///old.db"
            sealed("propose", "one", "run.annotated", "--data", '{"text": "x"}', "--database", old)
        told = sealed("seals", "--export", "seals.ndjson", "--database", "sqlite:///old.db")
        assert (told.exit_code, told.stdout) == (1, "")
        assert told.stderr.startswith(
            "runnotary: The seals in seals.ndjson are not those of this database: its history was replaced "
            "or cut. The first that differs is seal 4, over positions 5 to 5, "
        )
        assert Path("seals.ndjson").read_bytes() == before


def test_seals_that_do_not_hold_together_are_not_copied(sealed: Any) -> None:
    """What is wrong with them is told."""
    with closing(sqlite3.connect("runnotary.db", isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER seals_update")
        raw.execute("UPDATE seals SET sealed_at = '2026' WHERE number = 2")
        flawed(sealed, "do not hold together: seal 2 (positions 3 to 3): it is not what was hashed")
        raw.execute("UPDATE seals SET hash = 'x' WHERE number = 2")
        flawed(sealed, "Seal 2 of this database is none")


def flawed(runnotary: Any, words: str) -> None:
    runnotary("db", "guard")
    told = runnotary("seals", "--export", "seals.ndjson")
    assert (told.exit_code, told.stdout) == (1, "")
    assert words in told.stderr
    assert not Path("seals.ndjson").exists()
    with closing(sqlite3.connect("runnotary.db", isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER seals_update")


def test_a_file_that_holds_something_else_is_left_alone(sealed: Any) -> None:
    """Whatever it is, it is somebody's."""
    Path("letter.txt").write_text("Dear seals,\n")
    for name, words in (("letter.txt", "letter.txt, line 1, is no seal"), (".", "cannot be read")):
        told = sealed("seals", "--export", name)
        assert (told.exit_code, told.stdout) == (1, "")
        assert words in told.stderr
    assert Path("letter.txt").read_text() == "Dear seals,\n"
    told = sealed("seals", "--export", "nowhere/seals.ndjson")
    assert (told.exit_code, told.stderr) == (
        1, "runnotary: nowhere/seals.ndjson cannot be written: No such file or directory.\n",
    )  # fmt: skip
    assert sealed("seals", "--export", "seals.ndjson", "--json").exit_code == 2


def test_what_is_unsealed_can_be_sealed_at_once(runnotary: Any, serving: Any, tmp_path: Path) -> None:
    """While a service waits for its time; once more, and nothing is left to do."""
    with serving(tmp_path) as service:
        assert service.post("/v1/runs", {"run_id": "one"}).is_success
        assert service.get("/v1/seals").json()["items"] == []
        for _ in range(2):
            assert runnotary("db", "seal").stdout == "Sealed up to position 1.\n"
        assert len(service.get("/v1/seals").json()["items"]) == 1
        assert service.end() == (0, "")
    assert len(json.loads(runnotary("seals", "--json").stdout)["items"]) == 1


def test_a_service_seals_before_it_ends(runnotary: Any, serving: Any, tmp_path: Path) -> None:
    """With its key, where it has one."""
    key = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", "seal.pem"]
    subprocess.run(key, cwd=tmp_path, check=True, capture_output=True)
    with serving(tmp_path, RUNNOTARY_SEAL_KEY="seal.pem") as service:
        assert service.post("/v1/runs", {"run_id": "one"}).is_success
        assert service.end() == (0, "")
    (seal,) = json.loads(runnotary("seals", "--json").stdout)["items"]
    assert (seal["position"], len(seal["key_id"]), len(seal["signature"])) == (1, 16, 128)


def test_a_key_that_cannot_be_used_stops_the_start(process: Any, tmp_path: Path) -> None:
    """In one line, before there is a database or a port."""
    (tmp_path / "letter.pem").write_text("Dear key,")
    told = process("serve", "--port", "0", RUNNOTARY_SEAL_KEY="letter.pem")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("runnotary: RUNNOTARY_SEAL_KEY: letter.pem is no private key in PEM. ")
    assert told.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["letter.pem"]
