"""How a run came to be as it is: JSON and Markdown."""

from datetime import datetime
from typing import Any

import pytest
from httpx2 import Response

from domain.moves import QUARANTINED
from tests.api.client import Client, refused
from tests.api.conftest import Serve
from tests.runs import Record, RunInState

MARKDOWN = "text/markdown; charset=utf-8"
JSON = "application/json"


@pytest.fixture
def told(client: Client) -> str:
    """A run with something of everything in it; its id."""
    run_id = client.executing("p1", "p2", goal="Tell it", labels={"team": "core"}, config={"token_cap": 100})
    by = {"X-Actor": "builder-7"}
    client.record(run_id, "phase.started", phase_id="p1", data={"executor": "b-7"}, headers=by)
    refused(client.propose(run_id, "phase.started", phase_id="p1"), 409, "illegal-move")
    client.record(run_id, "phase.usage_recorded", phase_id="p1", attempt=1, data={"tokens_used": 70})
    client.record(
        run_id, "phase.failed", phase_id="p1", attempt=1, data={"outcome": "CI_FAILED", "detail": "3 red"}
    )
    client.record(run_id, "phase.requeued", phase_id="p1", data={"reason": "once more"})
    client.record(run_id, "phase.started", phase_id="p1")
    client.record(run_id, "run.annotated", data={"text": "watch the disk"})
    client.record(run_id, "run.failed_environment", data={"reason": "no disk"})
    return run_id


def audit(client: Client, run_id: str, **wanted: str) -> dict[str, Any]:
    return client.read(f"/v1/runs/{run_id}/audit", **wanted)


def as_markdown(client: Client, run_id: str, **wanted: str) -> str:
    answer = client.get(f"/v1/runs/{run_id}/audit", params=wanted, headers={"Accept": "text/markdown"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MARKDOWN
    return answer.text


def kinds(story: dict[str, Any]) -> list[str]:
    return [
        entry["event"]["type"] if entry["kind"] == "event" else f"! {entry['refusal']['event']}"
        for entry in story["timeline"]
    ]


def test_the_story_has_every_event_and_every_refusal_in_its_place(client: Client, told: str) -> None:
    """Events are told as the log has them, and refusals as they were kept, between them."""
    story = audit(client, told)
    assert kinds(story) == [
        "run.created", "phase.added", "phase.added", "run.execution_started", "phase.started",
        "! phase.started", "phase.usage_recorded", "phase.failed", "phase.requeued", "phase.started",
        "run.annotated", "phase.failed", "run.failed_environment",
    ]  # fmt: skip
    events = [entry["event"] for entry in story["timeline"] if entry["kind"] == "event"]
    assert events == client.read(f"/v1/runs/{told}/events")["items"]
    refusals = [entry["refusal"] for entry in story["timeline"] if entry["kind"] == "refusal"]
    assert refusals == client.read(f"/v1/runs/{told}/refusals")["items"]
    assert story["counts"] == {"events": 12, "refusals": 1, "attempts": 2, "repairs": 0}
    assert story["refusals_since"] is None


def test_an_event_tells_what_moved_why_and_after_how_long(client: Client, told: str) -> None:
    """An entry has the words of its event, the time in the state before, and what brought it about."""
    *_, requeued, _, noted, implied, ended = (
        e for e in audit(client, told)["timeline"] if e["kind"] == "event"
    )
    assert (requeued["why"], requeued["moved"], requeued["caused_by"]) == ("once more", True, None)
    assert (noted["why"], noted["moved"], noted["spent_seconds"]) == ("watch the disk", False, None)
    assert implied["event"]["implied"]
    assert implied["caused_by"] == {"version": ended["event"]["version"], "type": "run.failed_environment"}
    started = audit(client, told)["run"]["started_at"]
    lasted = datetime.fromisoformat(ended["at"]) - datetime.fromisoformat(started)
    assert ended["spent_seconds"] == lasted.total_seconds()


def test_the_head_tells_where_the_run_stands(client: Client, told: str) -> None:
    """The head is the run as it is shown elsewhere, with what was used of what it may use."""
    head, run = audit(client, told)["run"], client.read(f"/v1/runs/{told}")
    assert {name: head[name] for name in head if name in run} == {
        name: run[name] for name in head if name in run
    }
    assert head["state_by"] == {
        "version": 12, "type": "run.failed_environment", "actor": "anonymous", "outside_moves": False,
        "why": "no disk",
    }  # fmt: skip
    assert head["caps"]["token_cap"] == {"used": 70, "cap": 100}
    assert head["caps"]["max_phases"] == {"used": 2, "cap": 25}
    assert head["caps"]["max_duration_minutes"]["cap"] == 120
    assert head["caps"]["max_duration_minutes"]["used"] >= 0
    assert [(stay["state"], stay["times"], stay["since"]) for stay in head["states"]] == [
        ("RUN_CREATED", 1, None), ("PHASE_EXECUTION", 1, None), ("DONE_FAILED_ENVIRONMENT", 1, None),
    ]  # fmt: skip


def test_attempts_are_told_with_their_ends(client: Client, told: str) -> None:
    """Each attempt has its executor, start, end, outcome, detail and what was spent in it."""
    (phase, other) = audit(client, told)["phases"]
    first, second = phase["attempts"]
    assert (first["attempt"], first["executor"], first["started_by"]["actor"]) == (1, "b-7", "builder-7")
    assert (first["outcome"], first["detail"], first["usage"]["tokens_used"]) == ("CI_FAILED", "3 red", 70)
    assert first["ended_by"] == {
        "version": 7, "type": "phase.failed", "actor": "anonymous", "outside_moves": False,
    }  # fmt: skip
    assert (second["attempt"], second["outcome"], second["detail"]) == (
        2,
        "RUN_FAILED",
        "run.failed_environment",
    )
    assert (other["phase_id"], other["attempts"], other["state"]) == ("p2", [], "QUEUED")


def test_what_goes_on_has_no_end(client: Client) -> None:
    """While the run is not over, its state, its phase's and the attempt go on since a time that is told."""
    run_id = client.executing("p1")
    started = client.record(run_id, "phase.started", phase_id="p1")["event"]["recorded_at"]
    story = audit(client, run_id)
    (phase,) = story["phases"]
    (attempt,) = phase["attempts"]
    assert [attempt[name] for name in ("ended_by", "ended_at", "seconds", "outcome", "detail")] == [None] * 5
    assert phase["states"][-1] == {"state": "EXECUTING", "times": 1, "seconds": 0.0, "since": started}
    assert story["run"]["states"][-1]["since"] == story["run"]["started_at"]
    assert story["run"]["caps"]["max_duration_minutes"]["used"] is None


def test_the_story_depends_on_no_clock(client: Client, told: str) -> None:
    """Asked again, the answer is the same, byte for byte."""
    for accept in (JSON, "text/markdown"):
        first, second = (
            client.get(f"/v1/runs/{told}/audit", headers={"Accept": accept}).content for _ in range(2)
        )
        assert first == second


def test_a_phase_is_told_alone(client: Client, told: str) -> None:
    """With phase_id there are its own entries, and the events of the run that decide about it."""
    client.propose(told, "run.created")
    client.propose(told, "phase.skipped", phase_id="p2", data={"reason": "x"})
    story = audit(client, told, phase_id="p2")
    assert kinds(story) == [
        "run.created", "phase.added", "run.execution_started", "run.failed_environment", "! phase.skipped",
    ]  # fmt: skip
    assert [phase["phase_id"] for phase in story["phases"]] == ["p2"]
    assert story["phase_id"] == "p2"
    answer = client.get(f"/v1/runs/{told}/audit", params={"phase_id": "p22"})
    assert "p2" in refused(answer, 404, "phase-not-found")["similar"]


def test_what_is_outside_the_moves_is_marked(
    client: Client, record: Record, run_in_state: RunInState
) -> None:
    """A run in quarantine has a story, and so has its repair; both are marked as no moves."""
    run_id = run_in_state(client.ledger, QUARANTINED)
    assert audit(client, run_id)["run"]["state"] is None
    record(
        client.ledger,
        run_id,
        ("run.repaired", "RUN_CREATED", None, {"state": "RUN_CREATED", "reason": "was READY"}),
    )
    client.record(run_id, "run.execution_started")
    story = audit(client, run_id)
    assert [entry["outside_moves"] for entry in story["timeline"]] == [True, True, False]
    assert audit(client, run_id)["run"]["state_by"]["type"] == "run.execution_started"
    assert story["counts"]["repairs"] == 1
    lines = [line for line in as_markdown(client, run_id).splitlines() if line.startswith("- ")]
    assert ["**outside the moves**" in line for line in lines] == [True, True, False]
    assert "(quarantined) → `RUN_CREATED`" not in lines[0]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("", JSON),
        ("application/json", JSON),
        ("text/markdown", MARKDOWN),
        ("TEXT/Markdown ; charset=utf-8", MARKDOWN),
        ("text/*", MARKDOWN),
        ("text/markdown, */*", MARKDOWN),
        ("text/markdown, application/json", JSON),
        ("text/markdown;q=0.9, application/json;q=0.8", MARKDOWN),
        ("application/json;q=0.8, text/markdown; q=0.9", MARKDOWN),
        ("text/markdown;q=0.8, application/json;q=0.9", JSON),
        ("text/markdown;q=0.8, */*", JSON),
        ("text/markdown;q=0", JSON),
        ("text/*, text/markdown;q=0", JSON),
        ("text/markdown;q=2", JSON),
        ("text/markdown;q=x, text/html", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("image/png", JSON),
        (";,;q=1,/", JSON),
    ],
)
def test_the_header_accept_chooses(client: Client, told: str, accept: str | None, expected: str) -> None:
    """Markdown is told where it is preferred; whatever else is asked for, JSON."""
    headers = {} if accept is None else {"Accept": accept}
    answer = client.get(f"/v1/runs/{told}/audit", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, expected)
    assert answer.headers["vary"] == "Accept"


def test_a_story_of_nothing_is_refused(client: Client, told: str) -> None:
    """A run that is not there has no story, and the call knows no other parameter."""
    refused(client.get("/v1/runs/nobody-s-run/audit"), 404, "run-not-found")
    refused(client.get(f"/v1/runs/{told}/audit", params={"phase": "p1"}), 422, "invalid-parameter")
    refused(client.get("/v1/runs/a b/audit"), 422, "invalid-id")
    refused(client.get(f"/v1/runs/{told}/audit", params={"phase_id": "a b"}), 422, "invalid-id")


def test_refusals_that_may_be_missing_are_said_to_be(serve: Serve, backend: str) -> None:
    """Once the oldest are let go, the story says from when on it has all; a younger run misses none."""
    with serve(backend, refusals_max=3) as client:
        old = client.create()
        for _ in range(3):
            refused(client.propose(old, "run.gate_entered"), 409, "illegal-move")
        assert audit(client, old)["refusals_since"] is None
        for _ in range(2):
            refused(client.propose("nobody-s-run", "run.held"), 404, "run-not-found")
        story = audit(client, old)
        (kept,) = [entry["refusal"] for entry in story["timeline"] if entry["kind"] == "refusal"]
        assert story["refusals_since"] == kept["refused_at"]
        assert f"Refusals from before {kept['refused_at'][:10]}" in as_markdown(client, old)
        young = client.create()
        refused(client.propose(young, "run.gate_entered"), 409, "illegal-move")
        assert audit(client, young)["refusals_since"] is None


def test_the_newest_refusals_are_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many refusals of one run the newest are told, and from when on."""
    monkeypatch.setattr("api.audit.REFUSALS_TOLD_MAX", 2)
    run_id = client.create()
    for kind in ("run.gate_entered", "run.ci_started", "run.snapshot_created"):
        refused(client.propose(run_id, kind), 409, "illegal-move")
    story = audit(client, run_id)
    assert kinds(story) == ["run.created", "! run.ci_started", "! run.snapshot_created"]
    assert story["refusals_since"] == story["timeline"][1]["at"]


# --- Markdown ---


def test_markdown_tells_the_same(client: Client, told: str) -> None:
    """The report has the facts, a line for each entry, the attempts and the time in each state."""
    text = as_markdown(client, told)
    lines = text.splitlines()
    assert lines[0] == f"# Audit of run `{told}`"
    assert "| Goal | Tell it |" in lines
    assert "| Tokens | 70 of 100 |" in lines
    assert [line for line in lines if line.startswith("#")][1:] == [
        "## What happened",
        f"### {audit(client, told)['timeline'][0]['at'][:10]}",
        "## Attempts",
        "## Time in each state",
    ]
    entries = [line for line in lines if line.startswith("- ")]
    assert len(entries) == 13
    assert "`phase.started` `p1` (1) by builder-7; `QUEUED` → `EXECUTING`, after " in entries[4]
    assert entries[5].startswith("- **refused** ")
    assert "`phase.started` `p1` by anonymous; `illegal-move`: phase.started may not happen" in entries[5]
    assert "; tokens used +70" in entries[6]
    assert entries[7].endswith("; says: CI_FAILED; 3 red")
    assert "; implied by **12** `run.failed_environment`; " in entries[11]
    assert entries[-1].endswith("; says: no disk")
    assert [line.count(" | ") for line in lines if line.startswith("| `p1` | 1 of 5 |")] == [8]
    assert text.endswith("|\n")


def test_a_phase_has_a_report_of_its_own(client: Client, told: str) -> None:
    """Its title names it, and its state is among the facts."""
    lines = as_markdown(client, told, phase_id="p1").splitlines()
    assert lines[0] == f"# Audit of run `{told}`, phase `p1`"
    implied = "`FAILED` since **11** `phase.failed` by anonymous; says: RUN_FAILED; run.failed_environment"
    assert f"| Phase | {implied} |" in lines
    assert "| Run | `DONE_FAILED_ENVIRONMENT` since **12** " in "\n".join(lines)
    assert not [line for line in lines if "p2" in line]


def test_a_refusal_of_what_was_not_understood_is_told(client: Client) -> None:
    """A proposal that named no event has a line too."""
    run_id = client.create()
    refused(client.post(f"/v1/runs/{run_id}/events", json={"type": 1}), 422, "invalid-body")
    assert answer_lines(client, run_id)[-1].startswith("- **refused** ")
    assert " a proposal by anonymous; `invalid-body`: " in answer_lines(client, run_id)[-1]


def answer_lines(client: Client, run_id: str) -> list[str]:
    return [line for line in as_markdown(client, run_id).splitlines() if line.startswith("- ")]


def test_the_document_tells_both_kinds(client: Client) -> None:
    """OpenAPI has JSON and Markdown of the answer."""
    answers: Response = client.read("/openapi.json")["paths"]["/v1/runs/{run_id}/audit"]["get"]["responses"]
    assert set(answers["200"]["content"]) == {JSON, "text/markdown"}  # type: ignore[index]
