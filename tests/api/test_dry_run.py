"""What would happen if it were proposed, over HTTP."""

from json import loads
from typing import Any

import pytest

from api.shapes import Run
from tests.api.bad import ODD_VALUES, nested
from tests.api.client import Client, refused, unused

JSON = {"Content-Type": "application/json"}


def dry_run(client: Client, run_id: str, *events: dict[str, Any], **how: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/runs/{run_id}/dry-run", json={"events": events, **how})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_it_tells_what_would_be_recorded(client: Client) -> None:
    """Events as they would be, the run as it would be, and what would be legal then; nothing is recorded."""
    run_id = client.executing("p1")
    before = client.read(f"/v1/runs/{run_id}")
    started = {"type": "phase.started", "phase_id": "p1", "data": {"executor": "b-1"}}
    told = dry_run(client, run_id, started, {"type": "run.failed_environment"})
    assert (told["run_id"], told["at_version"], told["refused"]) == (run_id, 3, 0)
    assert told["results"] == [
        {
            "status": 201,
            "would": [
                {
                    "version": 4, "type": "phase.started", "phase_id": "p1", "attempt": 1,
                    "state_before": "QUEUED", "state_after": "EXECUTING", "implied": False,
                    "data": {"executor": "b-1"},
                }
            ],
        },
        {
            "status": 201,
            "would": [
                {
                    "version": 5, "type": "phase.failed", "phase_id": "p1", "attempt": 1,
                    "state_before": "EXECUTING", "state_after": "FAILED", "implied": True,
                    "data": {"outcome": "RUN_FAILED", "detail": "run.failed_environment"},
                },
                {
                    "version": 6, "type": "run.failed_environment", "phase_id": None, "attempt": None,
                    "state_before": "PHASE_EXECUTION", "state_after": "DONE_FAILED_ENVIRONMENT",
                    "implied": False, "data": {},
                },
            ],
        },
    ]  # fmt: skip
    assert told["run"].keys() == Run.model_fields.keys() - {"position", "head_hash"}
    assert (told["run"]["state"], told["run"]["version"]) == ("DONE_FAILED_ENVIRONMENT", 6)
    assert told["run"]["phases"][0]["last_outcome"]["code"] == "RUN_FAILED"
    assert "run.reopened" in [move["type"] for move in told["moves"]["moves"]]
    assert client.read(f"/v1/runs/{run_id}") == before


def test_a_refusal_is_told_as_it_would_be_and_not_kept(client: Client) -> None:
    """The problem is that of the proposal, and no refusal of the run is left behind."""
    run_id = client.create(phases=[{"phase_id": "p1"}])
    starting = {"type": "phase.started", "phase_id": "p1"}
    told = dry_run(client, run_id, starting, {"type": "run.execution_started"}, starting, starting)
    assert [result["status"] for result in told["results"]] == [409, 201, 201, 409]
    assert told["refused"] == 2
    assert client.read(f"/v1/runs/{run_id}/refusals")["items"] == []
    problem = told["results"][0]["problem"]
    really = refused(client.propose(run_id, "phase.started", phase_id="p1"), 409, problem["code"])
    for name in problem.keys() - {"instance", "request_id"}:
        assert problem[name] == really[name]


def test_a_repeated_report_names_what_it_repeats(client: Client) -> None:
    """It is answered 200 with the version of the event, and leads to nothing."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1")
    done = {"type": "phase.completed", "phase_id": "p1", "attempt": 1}
    assert [(r["status"], r.get("repeats")) for r in dry_run(client, run_id, done, done)["results"]] == [
        (201, None),
        (200, 5),
    ]


def test_what_if_it_had_been_refused(client: Client) -> None:
    """From an earlier version, the later events without one of them show what hung on it."""
    run_id = client.executing("p1")
    client.record(run_id, "run.held")
    client.record(run_id, "run.unheld")
    start = {"type": "phase.started", "phase_id": "p1"}
    client.record(run_id, "phase.started", phase_id="p1")
    told = dry_run(client, run_id, start, at_version=4)
    assert [result["problem"]["code"] for result in told["results"]] == ["run-held"]
    assert (told["at_version"], told["run"]["version"], told["run"]["held"]) == (4, 4, True)


def test_all_or_nothing_leaves_the_run_as_it_was(client: Client) -> None:
    """An atomic dry run ends with the first refusal, and the run would be what it is."""
    run_id = client.executing("p1")
    events = [{"type": "run.held"}, {"type": "run.succeeded"}, {"type": "run.unheld"}]
    told = dry_run(client, run_id, *events, atomic=True)
    assert [result["status"] for result in told["results"]] == [201, 409]
    assert (told["run"]["version"], told["run"]["held"]) == (3, False)
    body = {"events": [*events, {"type": "run.heald"}], "atomic": True}
    refused(client.post(f"/v1/runs/{run_id}/dry-run", json=body), 422, "unknown-event")


def test_a_run_that_nobody_created_can_be_tried(client: Client) -> None:
    """From version 0 there need be no run; where all is refused, there would be none."""
    run_id = unused()
    told = dry_run(client, run_id, {"type": "run.created"}, {"type": "phase.added"}, at_version=0)
    assert (told["at_version"], told["run"]["phases"][0]["phase_id"]) == (0, "phase1")
    told = dry_run(client, run_id, {"type": "run.held"}, at_version=0)
    assert (told["run"], told["refused"], told["moves"]["state"]) == (None, 1, None)
    assert "run.created" in [move["type"] for move in told["moves"]["moves"]]
    missing = client.post(f"/v1/runs/{run_id}/dry-run", json={"events": [{"type": "run.created"}]})
    refused(missing, 404, "run-not-found")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "run.heald"}, "unknown-event"),
        ({"type": "run.held", "run_id": "RUN"}, "invalid-body"),
        ({"type": "run.held", "event_id": "e-1"}, "invalid-body"),
        ({"type": "run.held", "expected_version": 9}, "version-mismatch"),
        ({"type": "run.repaired", "data": {"state": "GATE", "reason": "x"}}, "reserved-event"),
        ({"type": "phase.started", "phase_id": "a b"}, "invalid-id"),
        ({}, "invalid-body"),
        ({"type": "run.annotated", "data": {"text": "nul \x00"}}, "invalid-body"),
        ({"type": "run.annotated", "data": {"text": loads(nested(33))}}, "invalid-body"),
    ],
)
def test_each_event_is_understood_by_itself(client: Client, event: dict[str, Any], code: str) -> None:
    """What is wrong with one event is told in its place, and the others are tried."""
    told = dry_run(client, client.create(), {"type": "run.held"}, event, {"type": "run.unheld"})
    assert [result["status"] == 201 for result in told["results"]] == [True, False, True]
    assert told["results"][1]["problem"]["code"] == code


@pytest.mark.parametrize(
    ("parameters", "headers", "code"),
    [({"at_version": "1"}, {}, "invalid-parameter"), ({}, {"If-Match": '"1"'}, "invalid-parameter")],
)
def test_it_takes_neither_parameters_nor_a_version_in_a_header(
    client: Client, parameters: dict[str, str], headers: dict[str, str], code: str
) -> None:
    """Which version is meant is said in the body."""
    body = {"events": [{"type": "run.held"}]}
    answer = client.post(f"/v1/runs/{client.create()}/dry-run", params=parameters, json=body, headers=headers)
    refused(answer, 422, code)


@pytest.mark.parametrize("name", ODD_VALUES)
def test_no_value_is_too_odd(sqlite_client: Client, name: str) -> None:
    """Whatever stands in an event, the answer is a problem, or an event that would be recorded so."""
    run_id, value = sqlite_client.executing("p1"), ODD_VALUES[name]
    odd = value if isinstance(value, bytes) else value.encode()
    head = b'{"events": [{"type": "phase.result_recorded", "phase_id": "p1", "data": {"result": {"odd": '
    answer = sqlite_client.post(f"/v1/runs/{run_id}/dry-run", content=head + odd + b"}}}]}", headers=JSON)
    proposal = head[len(b'{"events": [') :] + odd + b"}}}"
    really = sqlite_client.post(f"/v1/runs/{run_id}/events", content=proposal, headers=JSON)
    if answer.status_code == 200:
        (result,) = answer.json()["results"]
        assert (result["status"], result.get("problem", {}).get("code")) == (
            really.status_code,
            really.json().get("code"),
        )
    else:
        assert (answer.status_code, answer.json()["code"]) == (really.status_code, really.json()["code"])
