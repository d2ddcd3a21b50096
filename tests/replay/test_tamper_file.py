"""Whatever bit of the file is flipped: verify or SQLite says so, or nothing that was recorded has changed."""

import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from api.replay.report import Report
from api.replay.verify import verify
from eventstore.database import UnusableDatabase, open_to_read
from tests.replay.logs import TABLES, Log

SEED = 20261122
FLIPS = 60
"""With 6,000 of them nothing was overlooked either."""

RUN = "story-1"

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def file(log: Log, tmp_path: Path) -> Path:
    """A copy of the log in a file that nobody has open."""
    path = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as copy:
        log.raw.backup(copy)
    return path


def flip(file: Path, place: int, bit: int) -> None:
    """Flip a bit of a byte of a file."""
    with file.open("r+b", buffering=0) as opened:
        byte = os.pread(opened.fileno(), 1, place)[0]
        os.pwrite(opened.fileno(), bytes([byte ^ 1 << bit]), place)


def held(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What is in the tables, read row by row without their indexes."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as raw:
        raw.text_factory = bytes
        return {table: raw.execute(f"SELECT * FROM {table} NOT INDEXED").fetchall() for table in TABLES}


def report_on(file: Path) -> Report | None:
    """What verify says of a file; None where it says that it cannot be read."""
    engine = open_to_read(f"sqlite:///{file}")
    try:
        *_, report = verify(engine)
    except (DBAPIError, sqlite3.Error, UnusableDatabase):
        return None
    finally:
        engine.dispose()
    assert isinstance(report, Report)
    return report


@on_sqlite
def test_a_flipped_bit_of_the_file_is_not_overlooked(file: Path) -> None:
    """What is not found is in what is free, or only makes reading faster."""
    sound, size, chance = held(file), file.stat().st_size, random.Random(SEED)
    verdicts = Counter[str]()
    for _ in range(FLIPS):
        place, bit = chance.randrange(size), chance.randrange(8)
        flip(file, place, bit)
        report = report_on(file)
        verdicts["unreadable" if report is None else "wrong" if report.found else "sound"] += 1
        if report is not None and not report.found:
            assert held(file) == sound, (place, bit)
        flip(file, place, bit)
    assert verdicts["wrong"] > FLIPS / 10  # much of the file is free, or an index


@on_sqlite
@pytest.mark.parametrize("table", ["events", "runs"])
def test_a_row_is_read_as_it_is_and_not_as_an_index_has_it(log: Log, file: Path, table: str) -> None:
    """Going along an index, SQLite would take the run's id from it, and see no change."""
    event = log.run(RUN)[4]
    before, after = (event.event_id, "") if table == "events" else ("", "PHASE_QUEUEING")
    row = f"{before}{RUN}{after}".encode()
    written = file.read_bytes()
    assert written.count(row) == 1
    flip(file, written.index(row) + len(before), 0)
    report = report_on(file)
    assert report is not None
    codes = {"content-changed"} if table == "events" else {"row-missing", "row-too-many"}
    assert {finding.code for finding in report.findings} >= codes
    assert table == "runs" or report.first_bad_position == event.position
