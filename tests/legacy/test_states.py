"""Every state that was ever found there and is none: renamed by the exact table, or put into quarantine."""

from pathlib import Path
from typing import Any

import pytest

from api.ledger import Ledger
from api.legacy.mapping import MEANINGS, Entity, meaning
from domain.refusals import Quarantined
from domain.states import PhaseState, RunState, TierState
from eventstore import store
from tests.legacy.conftest import codes, imported, is_proven
from tests.legacy.making import PHASE, RUN, TIER, made

RENAMED = {
    ("run", "queued"): "QUEUED",
    ("phase", "queued"): "QUEUED",
    ("phase", "complete"): "COMPLETE",
    ("phase", "completed"): "COMPLETE",
    ("phase", "COMPLETED"): "COMPLETE",
    ("phase", "failed"): "FAILED",
    ("phase", "executing"): "EXECUTING",
    ("phase", "skipped"): "SKIPPED",
}
SUGGESTED = {
    ("run", "READY"): "RUN_CREATED",
    ("run", "EXECUTING"): "PHASE_EXECUTION",
    ("run", "IN_PROGRESS"): "PHASE_EXECUTION",
    ("run", "RUNNING"): "PHASE_EXECUTION",
    ("run", "PENDING"): "QUEUED",
    ("run", "SUCCEEDED"): "DONE_SUCCESS",
    ("run", "FAILED_SYSTEM_ERROR"): "DONE_FAILED_ENVIRONMENT",
    ("run", "DONE_FAILED_TOKEN_CAP_EXCEEDED"): "DONE_FAILED_BUDGET_EXHAUSTED",
    ("phase", "in_progress"): "EXECUTING",
    ("phase", "IN_PROGRESS"): "EXECUTING",
    ("phase", "running"): "EXECUTING",
    ("phase", "pending"): "QUEUED",
    ("phase", "PENDING"): "QUEUED",
    ("phase", "ready"): "QUEUED",
    ("phase", "CI_FAILED"): "FAILED",
    ("phase", "DELIVERABLES_VALIDATION_FAILED"): "FAILED",
}
AMBIGUOUS = [
    *(
        ("run", word)
        for word in ("PAUSED", "COMPLETE", "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "DONE")
    ),
    ("run", "archived"),
    ("run", "DONE_FAILED_PHASE_LIMIT_EXCEEDED"),
    *(("phase", word) for word in ("BLOCKED", "blocked", "REPLAN_REQUESTED", "APPROVAL_PENDING", "TIMEOUT")),
    ("phase", "ERROR"),
    ("phase", "rolled_back"),
]
UNKNOWN = [
    ("run", "INVALID"),
    *(("phase", word) for word in ("invalid_state", "INVALID_STATE", "BAD_STATE", "NOT_FOUND", "UNKNOWN")),
    ("run", "never seen"),
    ("phase", ""),
    ("run", "ready"),
    ("run", "QUEUED "),
    ("run", "Queued"),
    ("phase", 5),
    ("run", None),
    ("phase", b"QUEUED"),
]
"""Also words that are merely like one that the table has, and values that are no words."""

KINDS = [
    *((entity, word, "rename", to) for (entity, word), to in RENAMED.items()),
    *((entity, word, "semantic", to) for (entity, word), to in SUGGESTED.items()),
    *((entity, word, "ambiguous", None) for entity, word in AMBIGUOUS),
    *((entity, word, "unknown", None) for entity, word in UNKNOWN),
]


@pytest.mark.parametrize(("entity", "word", "kind", "to"), KINDS)
def test_a_word_is_taken_for_what_the_table_says(
    sqlite_ledger: Ledger, tmp_path: Path, entity: Entity, word: Any, kind: str, to: str | None
) -> None:
    """It is recorded with what was found; only a spelling gets a state, everything else waits without one."""
    tables = {"run": "runs", "phase": "phases"}
    rows = {"run": RUN, "phase": PHASE}
    path = made(tmp_path / "old.db", **{tables[entity]: [{**rows[entity], "state": word}]})
    report = imported(sqlite_ledger, path)
    (finding,) = [each for each in report.findings if each.code.startswith("illegal")]
    with sqlite_ledger.reading() as connection:
        (event,) = [each for each in store.read_run(connection, "one") if each.type.startswith(f"{entity}.")]
    found = {"_legacy_bytes": "UVVFVUVE"} if word == b"QUEUED" else word
    assert event.data["mapping"] == {"from": found, "kind": kind, "to": to}
    is_renamed = kind == "rename"
    assert (event.type, event.state_after) == (
        f"{entity}.{'imported' if is_renamed else 'quarantined'}",
        to if is_renamed else None,
    )
    assert finding.code == f"illegal-{entity}-state"
    assert (finding.value, finding.action) == (found, "renamed" if is_renamed else "quarantined")
    named = {"phase_id": "p1"} if entity == "phase" else {}
    waits = [{"run_id": "one", **named, "from": found, "kind": kind, "to": to}]
    assert report.view()["quarantined"] == ([] if is_renamed else waits)
    assert is_proven(sqlite_ledger)


@pytest.mark.parametrize("entity", ["run", "phase"])
def test_a_legal_state_is_taken_over(sqlite_ledger: Ledger, tmp_path: Path, entity: Entity) -> None:
    """Every state that is one comes as it is, and nothing was mapped."""
    states = RunState if entity == "run" else PhaseState
    runs = [{**RUN, "id": f"run-{state}", "state": state if entity == "run" else "GATE"} for state in states]
    phases = [
        {**PHASE, "run_id": run["id"], "state": state if entity == "phase" else "QUEUED"}
        for run, state in zip(runs, states, strict=True)
    ]
    report = imported(sqlite_ledger, made(tmp_path / "old.db", runs=runs, phases=phases, tiers=[]))
    assert report.quarantined == []
    assert not [code for code in codes(report) if code.startswith("illegal")]
    for run, state in zip(runs, states, strict=True):
        stands = sqlite_ledger.run(run["id"])
        assert (stands["state"] if entity == "run" else stands["phases"][0]["state"]) == state


@pytest.mark.parametrize("word", ["QUEUED", "BROKEN", "pending", None])
def test_an_illegal_state_of_a_tier_is_told(sqlite_ledger: Ledger, tmp_path: Path, word: str | None) -> None:
    """What state a tier is in follows from its phases; the word that was there is in its row."""
    report = imported(sqlite_ledger, made(tmp_path / "old.db", tiers=[{**TIER, "state": word}]))
    (finding,) = report.findings
    assert (finding.code, finding.tier_id, finding.value) == ("illegal-tier-state", "T1", word)
    assert sqlite_ledger.run("one")["tiers"] == [{"tier_id": "T1", "name": "Foundation", "state": "PENDING"}]


def test_the_table_renames_to_states_only() -> None:
    """What is applied or suggested is a state, and no row of the table is about one that is legal already."""
    states = {"run": RunState, "phase": PhaseState, "tier": TierState}
    for (entity, word), told in MEANINGS.items():
        assert word not in states[entity].__members__
        assert (told.to is not None) == (told.kind in ("rename", "semantic"))
        assert told.to is None or told.to in states[entity].__members__


def test_a_word_is_known_to_the_letter() -> None:
    """Nothing is guessed from likeness: a letter more, less or other makes it unknown."""
    for entity, word in MEANINGS:
        for other in (f"{word} ", word[:-1], f"{word}S", word.swapcase()):
            if (entity, other) not in MEANINGS:
                assert meaning(entity, other).kind == "unknown"


def test_what_is_in_quarantine_takes_no_event(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """Lists and other runs go on; the run itself and a phase that waits are refused."""
    runs = [RUN, {**RUN, "id": "two", "state": "READY"}]
    phases = [{**PHASE, "state": "BLOCKED"}, {**PHASE, "run_id": "two"}]
    imported(sqlite_ledger, made(tmp_path / "old.db", runs=runs, phases=phases))
    assert [run["state"] for run in sqlite_ledger.runs(limit=9)] == [None, "RUN_CREATED"]
    with pytest.raises(Quarantined):
        sqlite_ledger.run("two")
    with pytest.raises(Quarantined):
        sqlite_ledger.propose("two", {"type": "run.execution_started"})
    sqlite_ledger.propose("one", {"type": "run.execution_started"})
    with pytest.raises(Quarantined):
        sqlite_ledger.propose("one", {"type": "phase.started", "phase_id": "p1"})
