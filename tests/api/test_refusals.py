"""What was refused is kept, apart from the log."""

from typing import Any

import pytest

from api.shapes_of_moves import RefusalShown
from tests.api.client import Client, refused, unused
from tests.api.conftest import Serve


def refusals_of(client: Client, run_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.read(f"/v1/runs/{run_id}/refusals")["items"]
    return items


def test_a_refusal_is_kept_with_all_that_was_said(client: Client) -> None:
    """Who was refused what, why, what to do, and what had been proposed: all of it can be read later."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1")
    proposed = {"type": "phase.started", "phase_id": "p1", "data": {"executor": "other"}}
    headers = {"X-Actor": "builder-8", "X-Request-ID": unused("request")}
    answer = client.post(f"/v1/runs/{run_id}/events", json=proposed, headers=headers)
    told = refused(answer, 409, "illegal-move")
    (kept,) = refusals_of(client, run_id)
    assert kept.keys() == RefusalShown.model_fields.keys()
    assert (kept["run_id"], kept["phase_id"], kept["event"]) == (run_id, "p1", "phase.started")
    assert {name: kept[name] for name in ("code", "detail", "remedy")} == {
        name: told[name] for name in ("code", "detail", "remedy")
    }
    assert kept["facts"] == {name: told[name] for name in kept["facts"]}
    assert kept["facts"]["state"] == "EXECUTING"
    assert kept["proposal"] == proposed
    assert (kept["actor"], kept["actor_verified"]) == ("builder-8", False)
    assert kept["request_id"] == headers["X-Request-ID"] == told["request_id"]
    assert kept["refused_at"] >= client.read(f"/v1/runs/{run_id}")["updated_at"]


def test_nothing_else_remembers_a_refusal(client: Client) -> None:
    """A refused proposal takes no position, no version and no key."""
    run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
    before = client.read(f"/v1/runs/{run_id}")
    for _ in range(3):
        refused(client.propose(run_id, "run.gate_entered", headers=headers), 409, "illegal-move")
    assert client.read(f"/v1/runs/{run_id}") == before
    assert len(refusals_of(client, run_id)) == 3
    client.record(run_id, "run.execution_started")
    told = client.record(run_id, "run.gate_entered", headers=headers)
    assert (told["event"]["version"], told["event"]["position"]) == (3, before["position"] + 2)


def test_refusals_are_told_newest_first_page_by_page(client: Client) -> None:
    """Pages show each refusal of a run once, the newest first, and none of another run."""
    run_id, other = client.create(), client.create()
    kinds = ["run.gate_entered", "run.ci_started", "run.snapshot_created", "run.succeeded", "run.reopened"]
    for kind in kinds:
        data = {"reason": "x"} if kind == "run.reopened" else {}
        refused(client.propose(run_id, kind, data=data), 409, "illegal-move")
        refused(client.propose(other, "run.gate_entered"), 409, "illegal-move")
    seen = []
    for page in client.pages(f"/v1/runs/{run_id}/refusals?limit=2"):
        seen += [refusal["event"] for refusal in page["items"]]
        assert len(page["items"]) <= 2
    assert seen == kinds[::-1]
    newest = client.read("/v1/refusals", limit=2)
    assert [refusal["run_id"] for refusal in newest["items"]] == [other, run_id]
    older = client.read("/v1/refusals", limit=1, cursor=newest["next_cursor"])["items"]
    assert older[0]["refusal_id"] < newest["items"][-1]["refusal_id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "phase.start", "phase_id": "p1"}, "unknown-event"),
        ({"type": "phase.started", "phase_id": "p 1"}, "invalid-id"),
        ({"type": "run.held", "oops": 1}, "invalid-body"),
        ({"type": 1}, "invalid-body"),
        ({"type": "run.annotated", "data": {"text": "nul \x00"}}, "invalid-body"),
        ({"type": "run.repaired", "data": {"state": "GATE", "reason": "x"}}, "reserved-event"),
        ({"type": "run.held", "expected_version": 9}, "version-mismatch"),
    ],
)
def test_what_cannot_be_understood_is_kept_too(client: Client, body: dict[str, Any], code: str) -> None:
    """A proposal that nobody can make sense of leaves a refusal of its run."""
    run_id = client.create()
    answer = client.post(f"/v1/runs/{run_id}/events", json=body)
    assert answer.status_code in (412, 422)
    (kept,) = refusals_of(client, run_id)
    assert kept["code"] == code
    assert kept["proposal"] in (body, None)


def test_what_is_refused_to_no_run_is_kept_under_its_name(client: Client) -> None:
    """A proposal to a run that nobody created is found under the id that it named."""
    run_id = unused()
    refused(client.propose(run_id, "run.held"), 404, "run-not-found")
    (kept,) = refusals_of(client, run_id)
    assert kept["code"] == "run-not-found"
    refused(client.get(f"/v1/runs/{unused()}/refusals"), 404, "run-not-found")


def test_each_refused_event_of_a_batch_is_kept(client: Client) -> None:
    """Of a batch each refused event is kept; of an atomic one, what refused it."""
    run_id = client.create()
    events = [{"run_id": run_id, "type": kind} for kind in ("run.gate_entered", "run.held", "run.ci_started")]
    client.post("/v1/events", json={"atomic": False, "events": events})
    assert [kept["event"] for kept in refusals_of(client, run_id)] == ["run.ci_started", "run.gate_entered"]
    refused(client.post("/v1/events", json={"atomic": True, "events": events}), 409, "illegal-move")
    assert len(refusals_of(client, run_id)) == 3


def test_a_long_proposal_is_not_kept(client: Client) -> None:
    """A refusal is kept whole, a proposal only if it is short, so that refusals cannot fill a disk."""
    run_id = client.create()
    answer = client.propose(run_id, "run.annotated", data={"text": "x" * 20_001})
    refused(answer, 422, "invalid-body")
    (kept,) = refusals_of(client, run_id)
    assert (kept["code"], kept["proposal"]) == ("invalid-body", None)


def test_only_the_newest_refusals_are_kept(serve: Serve, backend: str) -> None:
    """Beyond the limit the oldest refusal goes when a new one comes."""
    with serve(backend, refusals_max=3) as client:
        for number in range(5):
            refused(client.propose(f"run-{number}", "run.held"), 404, "run-not-found")
        kept = client.read("/v1/refusals")["items"]
        assert [refusal["run_id"] for refusal in kept] == ["run-4", "run-3", "run-2"]
        events = [{"run_id": f"run-{number}", "type": "run.held"} for number in range(5, 15)]
        client.post("/v1/events", json={"atomic": False, "events": events})
        kept = client.read("/v1/refusals")["items"]
        assert [refusal["run_id"] for refusal in kept] == ["run-14", "run-13", "run-12"]
