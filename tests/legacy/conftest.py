"""Importing a file, as the command does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.commands import Asked
from api.ledger import Ledger
from api.legacy.imports import place_of, take_over
from api.legacy.plan import plan
from api.legacy.report import Report
from api.legacy.source import read
from api.replay.rebuild import rebuild
from api.replay.verify import verify
from api.settings import Settings
from domain.envelopes import Origin
from tests.databases import Scratch

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
IMPORTER = Asked(origin=Origin(actor="importer"))


def imported(ledger: Ledger, path: Path, *, dry_run: bool = False) -> Report:
    """What comes of an import."""
    legacy = read(path)
    history, record = place_of(ledger, IMPORTER)
    *steps, report = take_over(legacy, plan(legacy, NOW), history, None if dry_run else record)
    assert steps == [None] * len(steps)
    assert report is not None
    return report


def codes(report: Report) -> list[str]:
    """The codes of the findings, in order."""
    return [finding.code for finding in report.findings]


def is_proven(ledger: Ledger) -> bool:
    """Whether the log and the tables made from it are right, also when these are made anew."""
    ends = [list(steps)[-1].view() for steps in (verify(ledger.engine), rebuild(ledger.engine))]
    return [end["ok"] for end in ends] == [True, True]


@pytest.fixture
def sqlite_ledger(scratch_database: Scratch) -> Iterator[Ledger]:
    """A ledger, for what has nothing to do with the kind of database."""
    with scratch_database("sqlite") as url, Ledger.open(Settings(database_url=url)) as ledger:
        yield ledger
