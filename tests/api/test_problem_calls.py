"""The call that a problem gives does what the problem says."""

from typing import Any

import pytest
from httpx2 import Response

from tests.api.client import Client, refused, unused

MANY = {"phases": [{"phase_id": "p1", "max_attempts": 1}, {"phase_id": "p2"}], "config": {"token_cap": 10}}


def follow(client: Client, answer: Response, status: int) -> dict[str, Any]:
    """Do what a problem says is to be done now."""
    call = answer.json()["call"]
    followed = client.request(call["method"], call["path"], json=call.get("body"))
    assert followed.status_code == status, (call, followed.text)
    told: dict[str, Any] = followed.json()
    return told


@pytest.mark.parametrize("state", ["QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED"])
def test_the_calls_that_problems_give_lead_to_the_goal(client: Client, state: str) -> None:
    """Whoever does what each problem says gets a phase started that neither had a run nor was there."""
    run_id, starting = unused(), {"type": "phase.started", "phase_id": "p1"}
    if state != "RUN_CREATED":
        client.create(run_id=run_id, state=state)
    codes = []
    while (answer := client.post(f"/v1/runs/{run_id}/events", json=starting)).status_code != 201:
        codes.append(answer.json()["code"])
        assert len(codes) < 10, codes
        follow(client, answer, 201)
    executing = {"QUEUED": 2, "PLAN_BOOTSTRAP": 2, "RUN_CREATED": 1}[state]
    missing = ["run-not-found"] if state == "RUN_CREATED" else []
    assert codes == [*missing, "phase-not-found", *["run-not-executing"] * executing]


@pytest.mark.parametrize(
    ("code", "before", "proposed", "then"),
    [
        ("run-held", [("run.execution_started", {}), ("run.held", {})], ("phase.started", "p1"), 201),
        ("run-preserved", [("run.preserved", {})], ("run.archived", None), 201),
        ("run-terminal", [("run.failed_environment", {})], ("run.usage_recorded", None), 201),
        ("run-not-executing", [("run.phases_queued", {})], ("phase.started", "p2"), 201),
        (
            "budget-exhausted",
            [("run.execution_started", {}), ("run.usage_recorded", {"tokens_used": 10})],
            ("phase.started", "p1"),
            409,
        ),
        (
            "attempts-exhausted",
            [("run.execution_started", {}), ("phase.started", {}), ("phase.released", {})],
            ("phase.started", "p1"),
            409,
        ),
    ],
)
def test_the_call_that_clears_the_way_clears_it(
    client: Client, code: str, before: list[tuple[str, Any]], proposed: tuple[str, str | None], then: int
) -> None:
    """The event that a problem proposes is accepted, and then the first proposal, where it has a sense."""
    run_id = client.create(**MANY)
    for kind, data in before:
        fields = {"phase_id": "p1"} if kind.startswith("phase.") else {}
        attempt = {"attempt": 1} if kind == "phase.released" else {}
        client.record(run_id, kind, data=data, **fields, **attempt)
    kind, phase_id = proposed
    body = {"type": kind} | ({"phase_id": phase_id} if phase_id else {})
    answer = client.post(f"/v1/runs/{run_id}/events", json=body)
    refused(answer, 409, code)
    follow(client, answer, 201)
    assert client.post(f"/v1/runs/{run_id}/events", json=body).status_code == then


def test_the_calls_that_only_read_can_be_read(client: Client) -> None:
    """Where no proposal clears the way, the call that is given shows what there is to know."""
    run_id = client.executing("p1", "p2", config={"max_phases": 3}, tiers=[{"tier_id": "T1"}])
    client.record(run_id, "phase.started", phase_id="p1")
    over, full = client.executing(), client.executing("p1", config={"max_phases": 1})
    client.record(over, "run.succeeded")
    for answer, path in (
        (client.propose(run_id, "phase.started", phase_id="p1"), f"/v1/runs/{run_id}/moves"),
        (client.propose(run_id, "run.succeeded"), f"/v1/runs/{run_id}/moves"),
        (client.propose(over, "run.usage_recorded"), f"/v1/runs/{over}/moves"),
        (client.propose(run_id, "phase.completed", phase_id="p1"), f"/v1/runs/{run_id}/phases/p1"),
        (client.propose(run_id, "phase.completed", phase_id="p1", attempt=3), f"/v1/runs/{run_id}/phases/p1"),
        (client.post("/v1/runs", json={"run_id": run_id}), f"/v1/runs/{run_id}"),
        (client.post(f"/v1/runs/{run_id}/phases", json={"phase_id": "p1"}), f"/v1/runs/{run_id}/phases/p1"),
        (client.post(f"/v1/runs/{run_id}/phases", json={"tier_id": "T"}), f"/v1/runs/{run_id}"),
        (client.post(f"/v1/runs/{full}/phases", json={}), f"/v1/runs/{full}"),
        (client.propose(run_id, "run.held", expected_version=1), f"/v1/runs/{run_id}"),
        (client.propose(run_id, "run.hold"), "/v1/machine"),
        (client.propose(run_id, "run.repaired", data={"state": "GATE", "reason": "x"}), "/v1/machine"),
        (client.post("/v1/runs", json={"run_id": unused(), "state": "READY"}), "/v1/machine"),
        (client.propose(run_id, "run.annotated"), "/v1/schemas"),
        (client.get("/v1/schemas/nothing"), "/v1/schemas"),
        (client.get(f"/v1/runs/{run_id}?at_version=99"), f"/v1/runs/{run_id}"),
        (client.get(f"/v1/runs/{run_id}/blame?field=nothing"), f"/v1/runs/{run_id}/blame"),
        (client.get("/v1/runs?limit=0"), "/openapi.json"),
    ):
        assert answer.json()["call"] == {"method": "GET", "path": path}
        follow(client, answer, 200)


@pytest.mark.parametrize("phases", [[{"tier_id": "T"}], [{}] * 26, [{"phase_id": "p"}] * 2])
def test_the_call_for_a_run_that_was_not_created_can_be_made(
    client: Client, phases: list[dict[str, Any]]
) -> None:
    """When a run is not created for the sake of a phase, nobody is sent to read what is not there."""
    answer = client.post("/v1/runs", json={"run_id": unused(), "phases": phases})
    assert answer.status_code == 409
    if "call" in answer.json():
        follow(client, answer, 200)


def test_a_phase_called_like_its_run_is_not_said_to_be_missing(client: Client) -> None:
    """Who takes the run's id for the phase's is not told to add such a phase, since nobody can."""
    run_id = client.executing("p1")
    answer = client.propose(run_id, "phase.started", phase_id=run_id)
    if "call" in answer.json():
        follow(client, answer, 201 if answer.json()["call"]["method"] == "POST" else 200)
