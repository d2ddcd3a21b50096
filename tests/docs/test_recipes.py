"""The how-tos that change the code are followed, on a copy of the house, and what comes of it works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.ledger import Ledger
from api.settings import Settings
from tests.docs.pages import DOCS, Block, blocks

ROOT = DOCS.parent
PACKAGES = ("domain", "eventstore", "projections", "api")

ADDED_EVENT = """
import sys
from api.checks import examine
from api.ledger import Ledger
from api.settings import Settings
from domain.refusals import IllegalMove

with Ledger.open(Settings(database_url=sys.argv[1])) as ledger:
    assert [check.detail for check in examine(ledger.engine) if not check.ok and check.stops_start] == []
    body = {"type": "phase.unskipped", "phase_id": "p1", "data": {"reason": "needed"}}
    (recorded,) = ledger.propose("a-run", body)
    phase = recorded.run.phases["p1"]
    assert (phase.state, phase.last_outcome) == ("QUEUED", None)
    try:
        ledger.propose("a-run", body)
    except IllegalMove:
        print("as the page says")
"""

ADDED_READ_MODEL = """
import sys
from api.ledger import Ledger
from api.settings import Settings
from projections import tiers

with Ledger.open(Settings(database_url=sys.argv[1])) as ledger, ledger.reading() as connection:
    assert tiers.in_state(connection, "SKIPPED") == [("a-run", "T1")]
    ledger.create_run({"run_id": "b", "tiers": [{"tier_id": "T1"}, {"tier_id": "T2"}]})
with Ledger.open(Settings(database_url=sys.argv[1])) as ledger, ledger.reading() as connection:
    assert tiers.in_state(connection, "PENDING") == [("b", "T1"), ("b", "T2")]
    print("as the page says")
"""


@pytest.fixture
def old_database(new_database_url: str) -> str:
    """A database of today, with a skipped phase in a tier."""
    with Ledger.open(Settings(database_url=new_database_url)) as ledger:
        tiers, phases = [{"tier_id": "T1"}], [{"phase_id": "p1", "tier_id": "T1"}]
        ledger.create_run({"run_id": "a-run", "tiers": tiers, "phases": phases})
        ledger.propose("a-run", {"type": "phase.skipped", "phase_id": "p1", "data": {"reason": "late"}})
    return new_database_url


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "script"), [("add-an-event-type", ADDED_EVENT), ("add-a-read-model", ADDED_READ_MODEL)]
)
def test_a_page_that_changes_the_code_works(page: str, script: str, old_database: str, house: Path) -> None:
    """With the changes of the page, a database of today is brought up to date, and does what is wanted."""
    follow(DOCS / f"how-to/{page}.md", house)
    done = subprocess.run(
        [sys.executable, "-c", script, old_database],
        cwd=house,
        env=os.environ | {"PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "as the page says\n", done.stderr


def follow(page: Path, house: Path) -> None:
    """Make the changes of a page."""
    for block in blocks(page):
        if block.file is not None:
            (house / block.file).write_text(block.text, "utf-8")
        else:
            assert block.target is not None, f"{page.name}:{block.line} says not where it goes"
            changed = house / block.target
            changed.write_text(with_part(changed.read_text("utf-8"), block), "utf-8")


def with_part(text: str, block: Block) -> str:
    """A file with a part of a page: a difference where its lines are, anything else at the end."""
    if block.language != "diff":
        return f"{text}\n\n{block.text}"
    lines = block.text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(old) == 1, f"{block.target} has this not once: {old}"
    return text.replace(old, new)
