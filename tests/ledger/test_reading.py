"""Reading: runs, phases, moves and the log, as they stand and as they are asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from api.ledger import Ledger
from domain.refusals import PhaseNotFound, Quarantined, RunNotFound, UnknownState
from eventstore.store import Wanted
from tests.runs import Record


def note(text: str) -> dict[str, Any]:
    return {"type": "run.annotated", "data": {"text": text, "tags": ["manual"]}}


def test_a_run_is_shown_whole(ledger: Ledger, a_run: str) -> None:
    """With everything that has a default, its tiers as their phases make them, phases in order, and notes."""
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p2", "data": {"executor": "builder-7"}})
    usage = {"tokens_used": 41_000, "ci_runs_used": 1}
    ledger.propose(a_run, {"type": "phase.usage_recorded", "phase_id": "p2", "data": usage})
    ledger.propose(a_run, note("looks good"))
    run = ledger.run(a_run)
    assert (run["run_id"], run["state"], run["version"]) == (a_run, "PHASE_EXECUTION", 8)
    assert run["goal"] == "Predict output sizes"
    assert run["config"] == {
        "safety_profile": "normal",
        "run_scope": "multi_tier",
        "token_cap": 5_000_000,
        "max_phases": 25,
        "max_duration_minutes": 120,
        "max_attempts": 5,
    }
    assert run["labels"] == {"team": "core"}
    assert run["tiers"] == [
        {"tier_id": "T1", "name": "Foundation", "state": "IN_PROGRESS"},
        {"tier_id": "T2", "name": None, "state": "PENDING"},
    ]
    assert run["usage"] == {"tokens_used": 41_000, "ci_runs_used": 1, "minor_issues": 0, "major_issues": 0}
    assert (run["held"], run["preserved"], run["archived"]) == (False, False, False)
    assert run["created_at"] <= run["started_at"] <= run["updated_at"]
    assert run["completed_at"] is None
    assert [(p["phase_id"], p["index"], p["state"]) for p in run["phases"]] == [
        ("p1", 1, "QUEUED"),
        ("p2", 2, "EXECUTING"),
        ("p3", 3, "QUEUED"),
    ]
    assert [(n["text"], n["tags"], n["phase_id"], n["version"]) for n in run["annotations"]] == [
        ("looks good", ["manual"], None, 8)
    ]
    last = ledger.events_of(a_run, after_version=7, limit=5)[0]
    assert (run["head_hash"], run["position"]) == (last["hash"], last["position"])


@pytest.mark.parametrize("mark", ["held", "preserved", "archived"])
def test_a_run_shows_its_marks(ledger: Ledger, a_run: str, mark: str) -> None:
    """Each by itself, until it is taken away."""
    for event, is_set in ((f"run.{mark}", True), (f"run.un{mark}", False)):
        ledger.propose(a_run, {"type": event})
        run = ledger.run(a_run)
        found = {name: run[name] for name in ("held", "preserved", "archived")}
        assert found == {"held": False, "preserved": False, "archived": False, mark: is_set}


def test_a_phase_is_shown_whole(ledger: Ledger, a_run: str) -> None:
    """As the run shows it."""
    ledger.propose(a_run, {"type": "phase.started", "phase_id": "p1", "data": {"executor": "builder-7"}})
    failed = {"type": "phase.failed", "phase_id": "p1", "attempt": 1}
    ledger.propose(a_run, {**failed, "data": {"outcome": "CI_FAILED", "detail": "3 tests red"}})
    phase = ledger.phase(a_run, "p1")
    assert phase == ledger.run(a_run)["phases"][0]
    assert (phase["state"], phase["attempt"], phase["max_attempts"]) == ("FAILED", 1, 5)
    assert (phase["name"], phase["tier_id"], phase["scope"]) == ("Schema", "T1", {"goal": "tables"})
    assert phase["last_outcome"] == {"code": "CI_FAILED", "detail": "3 tests red"}
    assert phase["started_at"] <= phase["completed_at"] == phase["updated_at"]
    assert ledger.phase(a_run, "p3")["max_attempts"] == 2


def test_a_run_that_is_not_there_is_missed_kindly(ledger: Ledger, a_run: str) -> None:
    """With the ids that may have been meant."""
    ledger.create_run({"run_id": "a-ruin"})
    ledger.create_run({"run_id": "zebra"})
    calls: list[Callable[[str], object]] = [
        ledger.run,
        ledger.folded,
        ledger.moves,
        lambda run_id: ledger.phase(run_id, "p1"),
        lambda run_id: ledger.events_of(run_id, after_version=0, limit=5),
    ]
    for call in calls:
        with pytest.raises(RunNotFound) as refused:
            call("a-rum")
        assert set(refused.value.similar) == {"a-run", "a-ruin"}
        with pytest.raises(RunNotFound) as refused:
            call("%_")
        assert refused.value.similar == []


def test_a_phase_that_is_not_there_is_missed_kindly(ledger: Ledger, a_run: str) -> None:
    """With the phases of that run that may have been meant, and none of another's."""
    ledger.create_run({"run_id": "other", "phases": [{"phase_id": "p111"}]})
    with pytest.raises(PhaseNotFound) as refused:
        ledger.phase(a_run, "p11")
    assert refused.value.similar == ["p1"]
    with pytest.raises(PhaseNotFound):
        ledger.phase("other", "p1")


def test_a_quarantined_run_says_so(ledger: Ledger, record: Record) -> None:
    """It has no state to show until a repair gives it one; its events are there."""
    record(ledger, "old", ("run.quarantined", None, None, {"legacy": {"state": "READY"}}))
    with pytest.raises(Quarantined):
        ledger.run("old")
    assert [event["type"] for event in ledger.events_of("old", after_version=0, limit=5)] == [
        "run.quarantined"
    ]
    record(ledger, "old", ("run.repaired", "RUN_CREATED", None, {"state": "RUN_CREATED", "reason": "x"}))
    assert ledger.run("old")["state"] == "RUN_CREATED"
    ledger.propose("old", {"type": "run.execution_started"})
    assert ledger.run("old")["state"] == "PHASE_EXECUTION"


def test_the_events_of_a_run_are_read_page_by_page(ledger: Ledger, a_run: str) -> None:
    """After a version, as many as are wanted."""
    pages = [ledger.events_of(a_run, after_version=after, limit=2) for after in (0, 2, 4, 6)]
    assert [[event["version"] for event in page] for page in pages] == [[1, 2], [3, 4], [5], []]
    first = pages[0][0]
    assert (first["type"], first["state_before"], first["state_after"]) == (
        "run.created",
        None,
        "RUN_CREATED",
    )
    assert first["data"]["goal"] == "Predict output sizes"
    assert pages[0][1]["causation_id"] == first["event_id"]


def test_the_log_is_read_from_a_cursor(ledger: Ledger, a_run: str) -> None:
    """Of all runs, in commit order, of one type if one is named."""
    ledger.create_run({"run_id": "b"})
    assert [event.position for event in ledger.log(after=0, limit=100)] == [1, 2, 3, 4, 5, 6]
    assert [event.run_id for event in ledger.log(after=4, limit=1)] == [a_run]
    assert [
        event.run_id for event in ledger.log(after=0, limit=9, wanted=Wanted(types=("run.created",)))
    ] == [a_run, "b"]
    assert ledger.log(after=6, limit=5) == []


def test_moves_say_what_is_legal_and_what_stands_in_the_way(ledger: Ledger, a_run: str) -> None:
    """For the run and for each of its phases."""
    ledger.propose(a_run, {"type": "run.held"})
    moves = ledger.moves(a_run)
    assert (moves["state"], moves["version"]) == ("PHASE_EXECUTION", 6)
    by_type = {move["type"]: move for move in moves["moves"]}
    assert by_type["run.gate_entered"]["leads_to"] == "GATE"
    assert by_type["run.gate_entered"]["blocked_by"] is None
    assert by_type["run.succeeded"]["blocked_by"]["code"] == "phases-open"
    assert "run.created" not in by_type
    assert [phase["phase_id"] for phase in moves["phases"]] == ["p1", "p2", "p3"]
    started = {move["type"]: move for move in moves["phases"][0]["moves"]}["phase.started"]
    assert started["blocked_by"]["code"] == "run-held"


def test_the_shortest_path_to_a_state_is_named(ledger: Ledger, a_run: str) -> None:
    """For the run, and for a phase."""
    path = ledger.moves(a_run, to="SNAPSHOT_CREATED")["path"]
    assert [step["type"] for step in path["steps"]] == ["run.gate_entered", "run.snapshot_created"]
    path = ledger.moves(a_run, to="COMPLETE", phase_id="p1")["path"]
    assert [step["type"] for step in path["steps"]] == ["phase.started", "phase.completed"]
    assert ledger.moves(a_run, to="QUEUED")["path"]["reachable"] is False
    with pytest.raises(UnknownState):
        ledger.moves(a_run, to="READY")
    with pytest.raises(PhaseNotFound):
        ledger.moves(a_run, phase_id="p9")


@pytest.fixture
def many(ledger: Ledger) -> list[str]:
    """Seven runs, the oldest first."""
    for i in range(7):
        labels = {"team": ("core", "web")[i % 2]} | ({"odd": "yes"} if i % 2 else {})
        ledger.create_run({"run_id": f"r{i}", "goal": f"Goal 100% of_{i} Größe", "labels": labels})
    ledger.propose("r1", {"type": "run.archived"})
    ledger.propose("r2", {"type": "run.execution_started"})
    ledger.propose("r3", {"type": "run.labelled", "data": {"labels": {"team": "core", "odd": None}}})
    ledger.propose("r4", {"type": "run.failed_environment"})
    return [f"r{i}" for i in range(7)]


def ids(ledger: Ledger, **wanted: Any) -> list[str]:
    return [run["run_id"] for run in ledger.runs(limit=wanted.pop("limit", 100), **wanted)]


@pytest.mark.usefixtures("many")
def test_runs_are_found_by_what_they_are(ledger: Ledger) -> None:
    """By state, label, words of goal or id, newest first; archived ones when they are asked for."""
    assert ids(ledger) == ["r6", "r5", "r4", "r3", "r2", "r0"]
    assert ids(ledger, archived=True) == ["r1"]
    assert len(ids(ledger, archived=None)) == 7
    assert ids(ledger, states=["PHASE_EXECUTION", "DONE_FAILED_ENVIRONMENT"]) == ["r4", "r2"]
    assert ids(ledger, states=["READY"]) == []
    assert ids(ledger, labels=[("team", "core")]) == ["r6", "r4", "r3", "r2", "r0"]
    assert ids(ledger, labels=[("team", "web"), ("odd", None)], archived=None) == ["r5", "r1"]
    assert ids(ledger, labels=[("odd", None)]) == ["r5"]
    assert ids(ledger, labels=[("odd", "no")]) == []
    assert ids(ledger, text="GOAL 100% OF_3") == ["r3"]
    assert ids(ledger, text="R2") == ["r2"]
    assert ids(ledger, text="of%3") == []
    assert ids(ledger, text="100_") == []
    assert ids(ledger, text="Größe", labels=[("team", "web")], states=["RUN_CREATED"]) == ["r5"]


def test_runs_are_read_page_by_page(ledger: Ledger, many: list[str]) -> None:
    """Each once, whatever is added meanwhile."""
    found: list[str] = []
    before = None
    while page := ledger.runs(limit=2, archived=None, before=before):
        found += [run["run_id"] for run in page]
        before = (page[-1]["created_at"], page[-1]["run_id"])
        ledger.create_run({"run_id": f"later-{len(found)}"})
    assert found == many[::-1]


def test_runs_of_one_moment_are_read_page_by_page_too(ledger: Ledger) -> None:
    """Where the time does not tell two runs apart, their ids do."""
    ledger.propose_all([{"run_id": f"r{i}", "type": "run.queued"} for i in range(5)])
    pages, before = [], None
    while page := ledger.runs(limit=2, before=before):
        pages.append([run["run_id"] for run in page])
        before = (page[-1]["created_at"], page[-1]["run_id"])
    assert pages == [["r4", "r3"], ["r2", "r1"], ["r0"]]
