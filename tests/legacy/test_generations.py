"""Three generations of the schema: what a column tells is taken, and one that is not there says nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.ledger import Ledger
from tests.legacy.conftest import codes, imported
from tests.legacy.making import PHASE, RUN, made

ADDED_LATER: Mapping[int, tuple[set[str], set[str]]] = {
    1: ({"goal_anchor"}, {"scope", "retry_attempt", "revision_epoch", "last_failure_reason"}),
    2: ({"goal_anchor"}, {"retry_attempt", "revision_epoch", "last_failure_reason"}),
    3: (set(), set()),
}
"""By generation, the columns of runs and of phases that it does not have yet."""

FAILED = {**PHASE, "state": "FAILED", "builder_attempts": 5, "retry_attempt": 2, "revision_epoch": 1}


@pytest.mark.parametrize("generation", ADDED_LATER)
def test_every_generation_is_read(sqlite_ledger: Ledger, tmp_path: Path, generation: int) -> None:
    """The oldest counts attempts as calls of the builder; the newest has a column for them."""
    of_runs, of_phases = ADDED_LATER[generation]
    run, phase = without(RUN, of_runs), without(FAILED, of_phases)
    report = imported(sqlite_ledger, made(tmp_path / "old.db", runs=[run], phases=[phase]))
    is_newest = generation == 3
    left = ["failed-with-retries-left"] if is_newest else []
    assert codes(report) == ["open-run-all-phases-ended", *left]
    stands = sqlite_ledger.run("one")
    assert stands["goal"] == (RUN["goal_anchor"] if is_newest else None)
    (found,) = stands["phases"]
    assert found["scope"] == (None if generation == 1 else {"goal": "Make it compile"})
    assert (found["attempt"], found["revision"]) == ((2, 1) if is_newest else (5, 0))
    events = sqlite_ledger.log(after=0, limit=2)
    assert [event.data["legacy"] for event in events] == [run, phase]


def without(row: Mapping[str, Any], columns: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in columns}
