"""Proposing several events in one request: whole or not at all, or each by itself."""

from typing import Any

import pytest

from tests.api.client import Client, refused, unused


def note(run_id: str, text: object = "x", **fields: Any) -> dict[str, Any]:
    return {"run_id": run_id, "type": "run.annotated", "data": {"text": text}, **fields}


def held(run_id: str) -> dict[str, Any]:
    return {"run_id": run_id, "type": "run.held"}


def test_a_whole_batch_is_recorded(client: Client) -> None:
    """An atomic batch is recorded in its order, over several runs, each event seeing those before it."""
    one, other = unused(), client.create()
    events: list[dict[str, Any]] = [
        {"run_id": one, "type": "run.created", "data": {"goal": "x"}},
        {"run_id": one, "type": "phase.added", "phase_id": "p1"},
        note(other),
        {"run_id": one, "type": "run.execution_started", "expected_version": 2},
        {"run_id": one, "type": "phase.started", "phase_id": "p1"},
        {"run_id": one, "type": "phase.completed", "phase_id": "p1", "attempt": 1},
    ]
    answer = client.post("/v1/events", json={"atomic": True, "events": events})
    assert answer.status_code == 201, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201] * 6
    assert [result["replayed"] for result in results] == [False] * 6
    recorded = [result["event"] for result in results]
    assert [event["type"] for event in recorded] == [event["type"] for event in events]
    first = recorded[0]["position"]
    assert [event["position"] for event in recorded] == list(range(first, first + 6))
    assert [event["version"] for event in recorded if event["run_id"] == one] == [1, 2, 3, 4, 5]
    assert client.read("/v1/events", after=first - 1, limit=6)["items"] == recorded
    assert client.read(f"/v1/runs/{one}/phases/p1")["state"] == "COMPLETE"


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        ({"type": "run.gate_entered"}, 409, "illegal-move"),
        ({"type": "run.gone"}, 422, "unknown-event"),
        ({"type": "run.held", "expected_version": 7}, 412, "version-mismatch"),
        ({"type": "phase.started", "phase_id": "p1"}, 404, "phase-not-found"),
        ({"type": "run.annotated", "data": {"text": 1}}, 422, "invalid-body"),
        ({"type": "run.held", "run_id": "no-such-run"}, 404, "run-not-found"),
        ({"type": "run.held", "run_id": "no such run"}, 422, "invalid-id"),
    ],
)
@pytest.mark.parametrize("place", [0, 2])
def test_one_refusal_refuses_the_whole_batch(
    client: Client, bad: dict[str, Any], status: int, code: str, place: int
) -> None:
    """When one event of an atomic batch is refused, the answer is that refusal and nothing is recorded."""
    run_id, before = client.create(), client.create()
    events = [note(run_id), note(before)]
    events.insert(place, {"run_id": run_id, **bad})
    told = refused(client.post("/v1/events", json={"atomic": True, "events": events}), status, code)
    if code == "invalid-body":
        assert [error["pointer"] for error in told["errors"]] == [f"/events/{place}/data/text"]
    assert [client.read(f"/v1/runs/{each}")["version"] for each in (run_id, before)] == [1, 1]
    position = client.record(run_id, "run.held")["event"]["position"]
    assert client.read("/v1/events", after=position - 2)["items"][0]["run_id"] == before


def test_each_event_is_judged_by_itself(client: Client) -> None:
    """Without atomic, what is legal is recorded, and each refusal stands in its place with its own status."""
    run_id = client.create()
    events = [
        note(run_id, "first"),
        {"run_id": run_id, "type": "run.gate_entered"},
        {"run_id": run_id, "type": "run.execution_started"},
        {"type": "run.held"},
        {"run_id": run_id, "type": "run.gate_entered"},
        {"run_id": "nobody", "type": "run.held"},
        note(run_id, "last"),
    ]
    answer = client.post("/v1/events", json={"atomic": False, "events": events})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 409, 201, 422, 201, 404, 201]
    problems = [result["problem"] for result in results if "problem" in result]
    assert [problem["code"] for problem in problems] == ["illegal-move", "invalid-body", "run-not-found"]
    assert [problem["status"] for problem in problems] == [409, 422, 404]
    assert {problem["request_id"] for problem in problems} == {answer.headers["x-request-id"]}
    assert problems[2]["call"]["path"] == "/v1/runs"
    run = client.read(f"/v1/runs/{run_id}")
    assert (run["version"], run["state"]) == (5, "GATE")
    assert [each["text"] for each in run["annotations"]] == ["first", "last"]


@pytest.mark.parametrize("atomic", [True, False])
def test_a_batch_is_retried_under_its_key(client: Client, atomic: bool) -> None:
    """The same batch under the same key is recorded once, and answered with what it led to then."""
    run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
    batch = {"atomic": atomic, "events": [note(run_id), held(run_id), note(run_id)]}
    first = client.post("/v1/events", json=batch, headers=headers)
    client.record(run_id, "run.unheld")
    again = client.post("/v1/events", json=batch, headers=headers)
    assert again.status_code == first.status_code == (201 if atomic else 200)
    assert [result.pop("replayed") for result in again.json()["results"]] == [True] * 3
    assert "idempotent-replayed" not in first.headers
    assert (again.headers.get("idempotent-replayed") == "true") == atomic
    for old, new in zip(first.json()["results"], again.json()["results"], strict=True):
        assert {**new, "replayed": False} == old
    assert client.read(f"/v1/runs/{run_id}")["version"] == 5


def test_a_key_is_not_for_another_batch(client: Client) -> None:
    """A key that was used for a batch is refused for another one, and for a single event."""
    run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
    batch: dict[str, Any] = {"atomic": True, "events": [note(run_id, "one"), note(run_id, "two")]}
    assert client.post("/v1/events", json=batch, headers=headers).status_code == 201
    other = {"atomic": True, "events": list(reversed(batch["events"]))}
    refused(client.post("/v1/events", json=other, headers=headers), 422, "idempotency-key-reused")
    single = client.propose(run_id, "run.held", headers=headers)
    refused(single, 422, "idempotency-key-reused")
    assert client.read(f"/v1/runs/{run_id}")["version"] == 3


def test_what_was_refused_under_a_key_may_be_recorded_later(client: Client) -> None:
    """A refusal is no answer for ever: once it is legal the same batch under the same key is recorded."""
    run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
    batch = {"atomic": False, "events": [note(run_id), {"run_id": run_id, "type": "run.gate_entered"}]}
    first = client.post("/v1/events", json=batch, headers=headers).json()["results"]
    client.record(run_id, "run.execution_started")
    again = client.post("/v1/events", json=batch, headers=headers).json()["results"]
    assert [result["status"] for result in first] == [201, 409]
    assert [result["status"] for result in again] == [201, 201]
    assert [result["replayed"] for result in again] == [True, False]


def test_an_event_id_comes_once_in_a_whole_batch(client: Client) -> None:
    """In an atomic batch two events cannot have one id; each by itself, the second repeats the first."""
    run_id, event_id = client.create(), unused("event")
    events = [note(run_id, event_id=event_id)] * 2
    answer = client.post("/v1/events", json={"atomic": True, "events": events})
    assert refused(answer, 422, "idempotency-key-reused")["key"] == event_id
    results = client.post("/v1/events", json={"atomic": False, "events": events}).json()["results"]
    assert [result["replayed"] for result in results] == [False, True]
    assert results[0]["event"] == results[1]["event"]
    assert client.read(f"/v1/runs/{run_id}")["version"] == 2


@pytest.mark.parametrize("atomic", [True, False])
def test_a_batch_of_the_most_events_is_recorded_and_retried(client: Client, atomic: bool) -> None:
    """A thousand events go into one batch, and the answer to its retry is the same."""
    run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
    batch = {"atomic": atomic, "events": [note(run_id, str(i)) for i in range(1_000)]}
    first, again = (client.post("/v1/events", json=batch, headers=headers) for _ in range(2))
    for answer in (first, again):
        assert [result["status"] for result in answer.json()["results"]] == [201] * 1_000
    versions = [result["event"]["version"] for result in first.json()["results"]]
    assert versions == list(range(2, 1_002))
    told = [[(each["event"], each["run"]) for each in sent.json()["results"]] for sent in (first, again)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/atomic"),
        ({"atomic": True}, "/events"),
        ({"atomic": True, "events": []}, "/events"),
        ({"atomic": False, "events": [{}] * 1_001}, "/events"),
        ({"atomic": "yes", "events": [{}]}, "/atomic"),
        ({"atomic": 1, "events": [{}]}, "/atomic"),
        ({"atomic": True, "events": {}}, "/events"),
        ({"atomic": True, "events": ["run.held"]}, "/events/0"),
        ({"atomic": True, "events": [{}], "run_id": "a"}, "/run_id"),
        ({"atomic": True, "events": [{"type": "run.held"}]}, "/events/0/run_id"),
    ],
)
def test_what_is_no_batch_is_refused(client: Client, body: dict[str, Any], pointer: str) -> None:
    """A batch without its parts, of no event or of too many, is refused where it is wrong."""
    told = refused(client.post("/v1/events", json=body), 422, "invalid-body")
    assert pointer in [error["pointer"] for error in told["errors"]]
