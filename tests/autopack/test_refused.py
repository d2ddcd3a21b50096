"""What cannot be done is refused, in a body that an executor that sees no status can show; and it is kept."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.bad import ODD_BODIES
from tests.api.client import unused
from tests.autopack.conftest import Executor

CALLS = ["update_status", "builder_result", "auditor_result"]


def shown(told: dict[str, Any], code: str) -> None:
    """That executor logs the body: it holds the problem, in words, with what to do."""
    assert told["code"] == code, told
    assert isinstance(told["detail"], str)
    assert told["detail"]
    assert told["remedy"]


@pytest.mark.parametrize("state", ["READY", "queued", "complete", "BLOCKED", "DONE_SUCCESS", ""])
def test_a_state_that_there_is_not_is_refused_and_kept(executor: Executor, state: str) -> None:
    """It never reaches the database; the refusal names the states that there are, and a likely one."""
    run_id = executor.start("a")
    told = executor.report(run_id, "a", state)
    shown(told, "unknown-state")
    assert told["states"] == ["QUEUED", "EXECUTING", "GATE", "CI_RUNNING", "COMPLETE", "FAILED", "SKIPPED"]
    assert (told["did_you_mean"][:1] == [state.upper()]) == (state in ("queued", "complete"))
    (kept,) = executor.client.read(f"/v1/runs/{run_id}/refusals")["items"]
    assert (kept["code"], kept["phase_id"], kept["proposal"]["state"]) == ("unknown-state", "a", state)
    assert executor.run(run_id)["phases"][0]["state"] == "QUEUED"


def test_a_run_is_not_created_in_a_state_that_there_is_not(executor: Executor) -> None:
    """READY is refused with what there is; nothing is there afterwards."""
    run_id = unused()
    shown(executor.call("POST", "/runs", {"run_id": run_id, "state": "READY"}), "unknown-state")
    shown(executor.run(run_id), "run-not-found")
    assert executor.client.read(f"/v1/runs/{run_id}/refusals")["items"][0]["code"] == "unknown-state"


@pytest.mark.parametrize(
    ("first", "then"), [("COMPLETE", "FAILED"), ("COMPLETE", "QUEUED"), ("SKIPPED", "GATE")]
)
def test_what_has_no_legal_path_is_refused_and_kept(executor: Executor, first: str, then: str) -> None:
    """A phase that is settled stays so; the refusal says what is legal."""
    run_id = executor.start("a", "b")
    executor.report(run_id, "a", first)
    told = executor.report(run_id, "a", then)
    shown(told, "illegal-move")
    assert told["state"] == first
    assert "phase.annotated" in told["legal"]
    assert executor.client.read(f"/v1/runs/{run_id}/refusals")["items"][0]["code"] == "illegal-move"


def test_the_sixth_attempt_is_refused_and_kept(executor: Executor) -> None:
    """The result and the failure after the last attempt are refusals; the attempts before them are events."""
    run_id = executor.start("a", "b")
    for _ in range(5):
        executor.result(run_id, "a", status="failed")
        executor.report(run_id, "a", "FAILED")
    shown(executor.result(run_id, "a", status="failed", notes="once more"), "attempts-exhausted")
    executor.client.post(
        f"/runs/{run_id}/phases/a/update_status",
        json={"state": "FAILED"},
        headers={"X-Occurred-At": "2030-01-01T00:00:00Z"},
    )
    kept = executor.client.read(f"/v1/runs/{run_id}/refusals")["items"]
    assert [each["code"] for each in kept] == ["attempts-exhausted"] * 2
    assert kept[1]["proposal"]["notes"] == "once more"
    assert executor.run(run_id)["phases"][0]["builder_attempts"] == 5


def test_what_is_not_there_is_refused(executor: Executor) -> None:
    """A run, a phase or a request that is not there is told as such, with the call that would make it."""
    told = executor.run(unused())
    shown(told, "run-not-found")
    assert told["call"]["path"] == "/v1/runs"
    run_id = executor.start("alpha")
    told = executor.report(run_id, "alpa", "COMPLETE")
    shown(told, "phase-not-found")
    assert told["similar"] == ["alpha"]
    shown(executor.report(unused(), "a", "COMPLETE"), "run-not-found")
    shown(executor.call("GET", "/approval/status/999999"), "approval-not-found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/runs/start", {}),
        ("/runs/start", {"run": "x"}),
        ("/runs/start", {"run": {"run_id": "READY/../weird id"}}),
        ("/runs/start", {"run": {"run_id": "odd-1", "max_phases": -1}}),
        ("/runs/start", {"run": {"run_id": "odd-2"}, "phases": [{"phase_id": "a", "tier_id": "T9"}]}),
        ("/runs/start", {"run": {"run_id": "odd-3"}, "phases": [{"phase_id": "a"}, {"phase_id": "a"}]}),
        ("/runs/start", {"run": {"run_id": "odd-4"}, "phases": [{"phase_id": "odd-4"}]}),
        ("/runs/start", {"run": {"run_id": "odd-5"}, "phases": [{"scope": "research/x"}]}),
        ("/runs/start", {"run": {"run_id": "odd-6"}, "phases": [{"scope": {"paths": "src"}}]}),
        ("/runs", {"state": 5}),
        ("/runs/RUN/phases", {"phase_id": 7}),
        ("/runs/RUN/phases", {"phase_id": "a b"}),
        ("/runs/RUN/phases/a/update_status", {}),
        ("/runs/RUN/phases/a/update_status", {"state": "COMPLETE", "tokens_used": -1}),
        ("/runs/RUN/phases/a/update_status", {"state": ["COMPLETE"]}),
        ("/runs/RUN/phases/a%20b/update_status", {"state": "COMPLETE"}),
        ("/runs/RUN/phases/a/builder_result", {"run_id": "another"}),
        ("/runs/RUN/phases/a/builder_result", {"phase_id": "another"}),
        ("/runs/RUN/phases/a/builder_result", {"tokens_used": 2**53}),
        ("/runs/RUN/phases/a/auditor_result", {"tokens_used": "many"}),
        ("/approval/request", {}),
        ("/approval/request", {"run_id": 5, "phase_id": 7}),
        ("/approval/request", {"run_id": "RUN", "phase_id": ["a"]}),
        ("/approval/request", {"run_id": "RUN", "phase_id": "b"}),
        ("/approval/request", {"run_id": "RUN", "decision_info": "x"}),
    ],
    ids=str,
)
def test_odd_bodies_are_refused(executor: Executor, path: str, body: dict[str, Any]) -> None:
    """None of them is a 500, none is accepted, and nothing is left behind."""
    run_id = executor.start("a")
    body = {name: run_id if value == "RUN" else value for name, value in body.items()}
    answer = executor.client.post(path.replace("RUN", run_id), json=body)
    assert 400 <= answer.status_code < 500
    assert executor.client.read(f"/v1/runs/{run_id}")["version"] == 2


@pytest.mark.parametrize("name", sorted(ODD_BODIES.keys() - {"unknown fields alone"}))
def test_bodies_that_are_no_json_are_refused(executor: Executor, name: str) -> None:
    """Whatever it is, an answer in the form of a problem comes back."""
    run_id = executor.start("a")
    for call in CALLS:
        answer = executor.client.post(
            f"/runs/{run_id}/phases/a/{call}",
            content=ODD_BODIES[name],
            headers={"Content-Type": "application/json"},
        )
        assert 400 <= answer.status_code < 500, call


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (["x" * 30_000], {}),
        ({"a": 1}, {}),
        ([1], {}),
        (None, {"issue_key": ""}),
        (None, {"issue_key": "a\x00"}),
        (None, {"severity": "x" * 200}),
    ],
    ids=["long", "an object", "numbers", "no key", "a NUL", "a long word"],
)
def test_odd_issues_are_refused(executor: Executor, evidence: object, said: dict[str, str]) -> None:
    """What is too long, or no list of texts, is told; nothing is noted."""
    run_id = executor.start("a")
    given = {"issue_key": "k", "severity": "minor", "source": "s", "category": "c", **said}
    answer = executor.client.post(f"/runs/{run_id}/phases/a/record_issue", params=given, json=evidence)
    assert answer.status_code == 422
    assert executor.client.read(f"/v1/runs/{run_id}")["annotations"] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "state",
        "tokens_used",
        "run_id",
        "phase_id",
        "status",
        "patch_content",
        "scope",
        "phases",
        "run",
        "tiers",
        "context",
        "metadata",
        "goal",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(FIELDS | st.text(max_size=8), JSON, max_size=5))
def test_whatever_is_sent_is_answered(executor: Executor, body: dict[str, Any]) -> None:
    """Every call takes or refuses any JSON object; the client of these tests fails on a 500."""
    run_id = executor.start("a")
    about = f"/runs/{run_id}/phases/a"
    for path in (
        *(f"{about}/{call}" for call in CALLS),
        f"/runs/{run_id}/phases",
        "/runs",
        "/approval/request",
    ):
        executor.client.post(path, content=dumped(body), headers={"Content-Type": "application/json"})


def dumped(body: dict[str, Any]) -> bytes:
    """JSON as Python writes it, with all that no JSON has."""
    return json.dumps(body).encode("utf-8", "surrogatepass")


def test_the_calls_are_there_only_where_they_are_wanted(sqlite_service: Any) -> None:
    """A service that is set up without them has none of these paths, and its document neither."""
    paths = sqlite_service.read("/openapi.json")["paths"]
    assert [path for path in paths if not path.startswith(("/v1/", "/livez", "/readyz", "/metrics"))] == []
    for path in ("/health", "/runs", "/runs/x", "/phases", "/approval/pending"):
        told = sqlite_service.get(path).json()
        assert told["code"] == "no-such-call"
