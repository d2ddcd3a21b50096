"""What `verify` looks at where nothing can be written."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from api.ledger import Ledger
from api.settings import Settings
from eventstore.database import UnusableDatabase
from tests.replay.verified import found, verified

NOBODY = 65_534
"""A user who owns nothing."""


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user who may not write what others own; root may write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may read."""
    with TemporaryDirectory() as made:
        path = Path(made)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """With a folder in which nothing can be written, nor made."""
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    with as_nobody():
        with pytest.raises(OSError, match="Permission denied"):
            (folder / "new").touch()
        yield
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before


def filled(file: Path) -> str:
    """The URL of a database with five events."""
    url = f"sqlite:///{file}"
    with Ledger.open(Settings(database_url=url)) as ledger:
        ledger.create_run({"run_id": "kept", "phases": [{}, {}]})
        ledger.propose("kept", {"type": "run.execution_started"})
        ledger.propose("kept", {"type": "run.annotated", "data": {"text": "x"}})
    return url


def test_a_file_is_verified_where_nothing_can_be_written(folder: Path) -> None:
    """And it is left alone, with what lies beside it."""
    url = filled(folder / "kept.db")
    assert verified(url).view()["events"] == 5
    with read_only(folder):
        assert verified(url).view()["events"] == 5
    with closing(sqlite3.connect(folder / "kept.db")) as raw:
        raw.execute("DROP TRIGGER runs_update")
        raw.execute("UPDATE runs SET state = 'READY'")
        raw.commit()
    with read_only(folder):
        assert {code for code, _ in found(verified(url))} == {"guards-missing", "table-differs"}


def test_a_file_and_what_is_not_yet_in_it(folder: Path) -> None:
    """Changes that a service left beside the file are read where files can be made, and else told of."""
    url = filled(folder / "first.db")
    with Ledger.open(Settings(database_url=url)) as ledger:
        ledger.propose("kept", {"type": "run.gate_entered"})
        for end in ("", "-wal"):
            shutil.copy(folder / f"first.db{end}", folder / f"left.db{end}")
    for path in folder.glob("first.db*"):
        path.unlink()
    left = f"sqlite:///{folder}/left.db"
    with (
        read_only(folder),
        pytest.raises(UnusableDatabase, match=r"changes in left\.db-wal that cannot be read"),
    ):
        verified(left)
    assert verified(left).view()["events"] == 6
