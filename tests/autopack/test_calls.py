"""What each call is answered, in the shapes that the executor's code relies on."""

from datetime import datetime
from typing import Any

import pytest

from tests.api.client import unused
from tests.autopack.conftest import Executor, led

START: dict[str, Any] = {
    "run": {
        "safety_profile": "normal",
        "run_scope": "multi_tier",
        "token_cap": 5_000_000,
        "max_phases": 25,
        "max_duration_minutes": 120,
    },
    "tiers": [
        {"tier_id": "T2", "tier_index": 1, "name": "Features"},
        {"tier_id": "T1", "tier_index": 0, "name": "Foundation", "description": "Core infrastructure"},
    ],
    "phases": [
        {"phase_id": "F2.1", "phase_index": 0, "tier_id": "T2", "name": "Search"},
        {
            "phase_id": "F1.1",
            "phase_index": 0,
            "tier_id": "T1",
            "name": "Setup database models",
            "task_category": "schema_change",
            "complexity": "medium",
            "builder_mode": "tweak_light",
            "scope": {"paths": ["src/a.py"], "read_only_context": ["docs/", {"path": ""}, {"path": "x"}]},
        },
    ],
}
RESULT: dict[str, Any] = {
    "run_type": "project_build",
    "allowed_paths": [],
    "patch_content": "diff --git a b",
    "files_changed": ["a.py"],
    "lines_added": 3,
    "lines_removed": 1,
    "builder_attempts": 1,
    "tokens_used": 1_234,
    "duration_minutes": 0.0,
    "probe_results": [],
    "suggested_issues": [],
    "status": "success",
    "notes": "",
}
REVIEW: dict[str, Any] = {
    "review_notes": "..",
    "issues_found": [{"issue_key": "k", "severity": "medium", "source": "auditor", "category": "general"}],
    "suggested_patches": [{"description": "..", "patch_content": "..", "files_affected": []}],
    "auditor_attempts": 1,
    "tokens_used": 50,
    "recommendation": "approve",
    "confidence": "medium",
}


def started(executor: Executor) -> dict[str, Any]:
    """The run of the example."""
    body = {**START, "run": {**START["run"], "run_id": unused()}}
    return executor.call("POST", "/runs/start", body)


def test_the_service_is_known_by_its_health(executor: Executor) -> None:
    """The executor goes on only where the service is autopack, healthy, and has its database."""
    told = executor.call("GET", "/health")
    assert (told["service"], told["status"], told["db_ok"]) == ("autopack", "healthy", True)
    assert told["database"] == "connected"


def test_a_run_is_started_with_its_tiers_and_phases(executor: Executor) -> None:
    """Tiers and phases come in the order of their indexes, each phase in the tier that its integer names."""
    run = started(executor)
    assert run["state"] == "RUN_CREATED"
    assert [(tier["tier_id"], tier["tier_index"], tier["state"]) for tier in run["tiers"]] == [
        ("T1", 0, "PENDING"),
        ("T2", 1, "PENDING"),
    ]
    assert [phase["phase_id"] for phase in run["phases"]] == ["F1.1", "F2.1"]
    for tier in run["tiers"]:
        assert isinstance(tier["id"], int)
        assert [phase["tier_id"] for phase in tier["phases"]] == [tier["id"]]
    first = run["phases"][0]
    assert first["scope"] == {
        "paths": ["src/a.py"],
        "read_only_context": [{"path": "docs/", "reason": ""}, {"path": "x", "reason": ""}],
    }
    assert (first["task_category"], first["complexity"]) == ("schema_change", "medium")
    assert run["phases"][1]["scope"] is None
    events = executor.client.read(f"/v1/runs/{run['id']}/events")["items"]
    assert events[0]["data"]["tiers"][0]["description"] == "Core infrastructure"


def test_integers_stand_for_the_same_things_for_ever(executor: Executor) -> None:
    """Each is the place of an event in the log: nothing changes it later, and no two are alike."""
    runs = [executor.run(executor.start("a", "b")) for _ in range(2)]
    numbers = [each["id"] for run in runs for each in (*run["tiers"], *run["phases"])]
    assert len(set(numbers)) == len(numbers)
    executor.report(runs[0]["id"], "b", "COMPLETE")
    again = executor.run(runs[0]["id"])
    assert [each["id"] for each in (*again["tiers"], *again["phases"])] == numbers[:3]


def test_times_are_naive(executor: Executor) -> None:
    """That executor compares times without a zone."""
    run_id = executor.start("a")
    executor.report(run_id, "a", "COMPLETE")
    run = executor.run(run_id)
    for name in ("created_at", "updated_at", "started_at", "completed_at"):
        assert datetime.fromisoformat(run[name]).tzinfo is None
        assert run["phases"][0].get(name, run[name])[-1] != "Z"


def test_runs_and_phases_are_listed(executor: Executor) -> None:
    """Newest first, with what an inbox shows; a page too large is cut down, and one too far is empty."""
    run_id = executor.start("a", "b")
    executor.report(run_id, "a", "COMPLETE")
    told = executor.call("GET", "/runs?limit=1&unknown=x")
    assert told["limit"] == 1
    assert told["total"] >= 1
    (shown,) = told["runs"]
    assert {**shown, "created_at": None, "tokens_used": None} == {
        "id": run_id,
        "state": "PHASE_EXECUTION",
        "created_at": None,
        "tokens_used": None,
        "token_cap": 5_000_000,
        "phases_total": 2,
        "phases_completed": 1,
        "current_phase_name": "B",
    }
    assert executor.call("GET", "/runs?limit=100000&offset=99999999999999999999")["runs"] == []
    page = executor.call("GET", f"/phases?run_id={run_id}&page_size=1")
    assert (page["total"], page["has_next"], page["items"][0]["phase_id"]) == (2, True, "a")
    assert page["items"][0] == executor.run(run_id)["phases"][0]
    assert executor.call("GET", f"/phases?run_id={run_id}&page=99999999999999999999")["items"] == []


def test_progress_and_dashboard_tell_how_far_a_run_is(executor: Executor) -> None:
    """Counts, the phase that is next, and the share that is done."""
    run_id = executor.start("a", "b")
    executor.result(run_id, "a", **RESULT)
    told = executor.call("GET", f"/runs/{run_id}/progress")
    counts = ("phases_total", "phases_completed", "phases_in_progress", "phases_pending", "tokens_used")
    assert [told[name] for name in counts] == [2, 0, 1, 1, 1_234]
    assert told["elapsed_seconds"] >= 0
    assert told["phases"][0]["builder_attempts"] == 1
    executor.report(run_id, "a", "COMPLETE")
    board = executor.call("GET", f"/dashboard/runs/{run_id}/status")
    assert (board["percent_complete"], board["current_phase_name"], board["current_phase_index"]) == (
        50,
        "B",
        1,
    )
    assert (board["current_tier_name"], board["total_tiers"], board["completed_tiers"]) == (
        "Foundation",
        1,
        0,
    )


def test_a_phase_is_answered_with_all_that_the_executor_reads(executor: Executor) -> None:
    """Also what that service never gave it, for want of which it took every open attempt for stale."""
    run_id = executor.start("a")
    told = executor.report(run_id, "a", "COMPLETE")
    assert led(told) == ["(run.execution_started)", "(phase.started)", "phase.completed", "(run.succeeded)"]
    assert told["message"] == "Phase a updated to state COMPLETE"
    phase = told["phase"]
    assert (phase["state"], phase["builder_attempts"], phase["max_builder_attempts"]) == ("COMPLETE", 1, 5)
    assert phase["updated_at"] == phase["completed_at"]
    assert executor.run(run_id)["state"] == "DONE_SUCCESS"


def test_a_builder_result_is_kept_whole_and_submitted(executor: Executor) -> None:
    """It opens an attempt, counts its tokens once, and with a patch leads to the gate."""
    run_id = executor.start("a")
    body = {"phase_id": "a", "run_id": run_id, **RESULT}
    told = executor.result(run_id, "a", **body)
    assert (told["phase_state"], told["run_id"], told["phase_id"]) == ("GATE", run_id, "a")
    assert led(told) == [
        "(run.execution_started)",
        "(phase.started)",
        "phase.result_recorded",
        "(phase.usage_recorded)",
        "(phase.submitted)",
    ]
    events = executor.client.read(f"/v1/runs/{run_id}/events")["items"]
    (kept,) = [event for event in events if event["type"] == "phase.result_recorded"]
    assert kept["data"] == {"result": body}
    implied = [event for event in events if event["implied"]]
    assert {event["causation_id"] for event in implied} == {kept["event_id"]}
    assert led(executor.result(run_id, "a", **body)) == ["phase.result_recorded"]
    assert executor.run(run_id)["tokens_used"] == 1_234


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "success", "patch_content": "diff"}, "GATE"),
        ({"status": "success", "patch_content": None}, "EXECUTING"),
        ({"status": "failed", "patch_content": "diff"}, "EXECUTING"),
        ({"status": "needs_review", "patch_content": "diff"}, "EXECUTING"),
        ({"success": True, "patch_content": "diff"}, "GATE"),
        ({"success": False, "output": "x", "files_modified": [], "metadata": {}}, "EXECUTING"),
        ({}, "EXECUTING"),
    ],
    ids=str,
)
def test_only_a_success_with_a_patch_goes_to_the_gate(
    executor: Executor, body: dict[str, Any], state: str
) -> None:
    """In the newer shape and in the older one; whatever it says, the attempt is open and the body is kept."""
    run_id = executor.start("a")
    assert executor.result(run_id, "a", **body)["phase_state"] == state


def test_an_auditor_result_moves_nothing(executor: Executor) -> None:
    """It is kept, and its tokens count."""
    run_id = executor.start("a")
    executor.result(run_id, "a", **RESULT)
    told = executor.result(run_id, "a", "auditor", phase_id="a", run_id=run_id, **REVIEW)
    assert led(told) == ["phase.result_recorded", "(phase.usage_recorded)"]
    assert executor.run(run_id)["phases"][0]["state"] == "GATE"
    assert executor.run(run_id)["tokens_used"] == 1_284


def test_an_issue_is_noted_and_counted(executor: Executor) -> None:
    """Major ones as major, all others as minor; what shows it is in the note."""
    run_id = executor.start("a")
    said = {"source": "auditor", "category": "general"}
    path = f"/runs/{run_id}/phases/a/record_issue"
    told = executor.call(
        "POST", path, ["src/a.py:7"], params={"issue_key": "k1", "severity": "major", **said}
    )
    assert led(told) == ["phase.annotated", "(phase.usage_recorded)"]
    told = executor.call("POST", path, params={"issue_key": "k2", "severity": "low", **said})
    assert told["phase_file"] == {"phase_id": "a", "minor_issue_count": 1, "major_issue_count": 1}
    notes = executor.client.read(f"/v1/runs/{run_id}")["annotations"]
    assert [note["text"] for note in notes] == [
        "k1 (major, general, auditor)\nsrc/a.py:7",
        "k2 (low, general, auditor)",
    ]
    assert executor.run(run_id)["tiers"][0]["cleanliness"] == "not_clean"


def test_the_older_calls_are_answered_too(executor: Executor) -> None:
    """PUT of a phase, and the two creations that scripts expected and never had."""
    run_id = unused()
    run = executor.call("POST", "/runs", {"run_id": run_id, "goal": "Mend it", "state": "QUEUED"})
    assert (run["id"], run["state"], run["goal_anchor"]) == (run_id, "QUEUED", "Mend it")
    added = executor.call("POST", f"/runs/{run_id}/phases", {"phase_id": "a", "description": "all of it"})
    assert (added["phase_id"], added["tier_id"], added["description"]) == ("a", 0, "all of it")
    told = executor.call(
        "PUT", f"/runs/{run_id}/phases/a", {"state": "EXECUTING", "metadata": {"model": "m"}}
    )
    assert led(told) == [
        "(run.created)",
        "(run.execution_started)",
        "phase.started",
        "(phase.result_recorded)",
    ]
    assert executor.call("POST", "/runs", {"id": unused(), "state": None})["state"] == "RUN_CREATED"


def test_totals_beside_a_state_are_counted_by_what_is_more(executor: Executor) -> None:
    """That client sends sums; the log has increments, and the sums are right."""
    run_id = executor.start("a", "b")
    executor.report(run_id, "a", "EXECUTING", builder_attempts=1, tokens_used=1_000)
    executor.report(run_id, "a", "EXECUTING", tokens_used=1_500, minor_issues_count=2, quality_level="ok")
    executor.report(run_id, "a", "COMPLETE", tokens_used=1_500, quality_blocked=False, unknown="x")
    run = executor.run(run_id)
    assert (run["tokens_used"], run["minor_issues_count"]) == (1_500, 2)


def test_a_key_makes_any_call_repeatable(executor: Executor) -> None:
    """The same call under the same key is answered again, and nothing is added."""
    run_id = executor.start("a")
    path, key = f"/runs/{run_id}/phases/a/update_status", {"Idempotency-Key": unused("key")}
    first, again = (executor.call("POST", path, {"state": "FAILED"}, headers=key) for _ in range(2))
    assert led(first) == led(again)
    version = executor.client.read(f"/v1/runs/{run_id}")["version"]
    answer = executor.client.post(path, json={"state": "FAILED"})
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert answer.json()["events"] == []
    assert executor.client.read(f"/v1/runs/{run_id}")["version"] == version


def test_what_a_recording_says_happened_then(executor: Executor) -> None:
    """A report may say when it was; two failures an hour apart are two attempts, however fast they come."""
    run_id = executor.start("a", "b")
    path = f"/runs/{run_id}/phases/a/update_status"
    for at in ("2025-12-23T13:00:00Z", "2025-12-23T14:00:00Z", "2025-12-23T14:00:03Z"):
        executor.call("POST", path, {"state": "FAILED"}, headers={"X-Occurred-At": at})
    assert executor.run(run_id)["phases"][0]["builder_attempts"] == 2
    events = executor.client.read(f"/v1/runs/{run_id}/events")["items"]
    assert {event["occurred_at"][:13] for event in events if event["phase_id"] == "a"} >= {
        "2025-12-23T13",
        "2025-12-23T14",
    }
