"""Quarantine and repairs over HTTP: everything goes on, and what is wrong is repaired in the open."""

from typing import Any

import pytest
from httpx2 import Response

from api.shapes_of_repairs import RepairShown, Waiting
from tests.api.client import Client, refused, unused
from tests.api.conftest import Serve
from tests.runs import Record

READY = {
    "goal": "Predict output sizes",
    "legacy": {"state": "READY"},
    "findings": [{"code": "illegal-run-state", "entity": "run", "value": "READY"}],
    "mapping": {"from": "READY", "kind": "semantic", "to": "RUN_CREATED"},
}


def ada(**more: str) -> dict[str, str]:
    return {"X-Actor": "ada", **more}


GRACE = {"X-Actor": "grace"}


def quarantined(client: Client, record: Record, **more: Any) -> str:
    """A run that was imported as READY, with a phase that waits and one in quarantine; its id."""
    run_id = unused()
    record(client.ledger, run_id, ("run.quarantined", None, None, {**READY, **more}))
    record(client.ledger, run_id, ("phase.imported", "QUEUED", "p1", {"state": "QUEUED"}))
    record(client.ledger, run_id, ("phase.quarantined", None, "p2", {"legacy": {"state": "BLOCKED"}}))
    return run_id


def proposed(client: Client, run_id: str, state: str, **more: Any) -> dict[str, Any]:
    body = {"run_id": run_id, "state": state, "reason": "seen", **more}
    answer = client.post("/v1/repairs", json=body, headers=ada())
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def decide(client: Client, repair: dict[str, Any], decision: str, **options: Any) -> Response:
    return client.post(f"/v1/repairs/{repair['repair_id']}/{decision}", **options)


# --- quarantine ---


def test_what_is_in_quarantine_holds_up_nothing(client: Client, record: Record) -> None:
    """Lists, health, events, moves, audit and history of it, and of all others, are 200."""
    run_id = quarantined(client, record)
    for path in (
        "/v1/runs",
        "/v1/quarantine",
        "/v1/repairs",
        "/v1/events?limit=500",
        "/v1/refusals",
        "/livez",
        "/readyz",
        f"/v1/runs/{run_id}/events",
        f"/v1/runs/{run_id}/moves",
        f"/v1/runs/{run_id}/audit",
        f"/v1/runs/{run_id}/refusals",
        f"/v1/runs/{run_id}/diff",
        f"/v1/runs/{run_id}/blame",
        f"/v1/runs/{run_id}/bisect?expr=phases[1]",
        f"/v1/runs/{run_id}/phases/p1",
        f"/v1/quarantine?run_id={run_id}",
    ):
        assert client.get(path).status_code == 200, path
    audit = client.get(f"/v1/runs/{run_id}/audit", headers={"Accept": "text/markdown"})
    assert (audit.status_code, "(quarantined)" in audit.text) == (200, True)


def test_whoever_asks_for_it_is_told_what_repairs_it(client: Client, record: Record) -> None:
    """Run, phase and events are answered with one problem: the value, the findings, and the call to make."""
    run_id = quarantined(client, record)
    call = {"method": "POST", "path": "/v1/repairs"}
    for answer in (
        client.get(f"/v1/runs/{run_id}"),
        client.propose(run_id, "run.execution_started"),
        client.propose(run_id, "phase.started", phase_id="p1"),
    ):
        told = refused(answer, 409, "quarantined")
        assert (told["value"], told["suggested"]) == ("READY", "RUN_CREATED")
        assert told["findings"] == READY["findings"]
        body = {"run_id": run_id, "state": "RUN_CREATED", "reason": "say why", "expected_version": 3}
        assert told["call"] == {**call, "body": body}
    told = refused(client.get(f"/v1/runs/{run_id}/phases/p2"), 409, "quarantined")
    assert told["value"] == "BLOCKED"
    body = {"run_id": run_id, "phase_id": "p2", "state": "say which", "reason": "say why"}
    assert told["call"] == {**call, "body": {**body, "expected_version": 3}}
    follow = client.post("/v1/repairs", json=told["call"]["body"])
    assert "QUEUED" in refused(follow, 422, "unknown-state")["states"]


def test_the_list_of_what_waits_is_paged(client: Client, record: Record) -> None:
    """Each run and phase comes once; the calls that it names can be made."""
    run_id, other = quarantined(client, record), quarantined(client, record)
    seen = []
    for page in client.pages("/v1/quarantine?limit=1"):
        seen += [(each["run_id"], each["phase_id"]) for each in page["items"]]
        assert all(each.keys() == Waiting.model_fields.keys() for each in page["items"])
    mine = [each for each in seen if each[0] in (run_id, other)]
    assert mine == sorted(mine, key=lambda each: (each[0], each[1] or ""))
    assert len(mine) == len(set(mine)) == 4
    (first, _) = client.read("/v1/quarantine", run_id=run_id)["items"]
    made = client.post("/v1/repairs", json=first["call"]["body"], headers=ada())
    assert made.status_code == 201
    (first, _) = client.read("/v1/quarantine", run_id=run_id)["items"]
    assert first["proposed"] == [made.json()["repair_id"]]


def test_the_incident_from_quarantine_to_success(client: Client, record: Record) -> None:
    """Propose, look at the preview, approve: then the run executes on to its end."""
    run_id = quarantined(client, record)
    evidence = ["https://git.example/report"]
    repair = proposed(client, run_id, "RUN_CREATED", finding="illegal-run-state", evidence=evidence)
    assert repair.keys() == RepairShown.model_fields.keys()
    preview = repair["preview"]
    assert {"field": "state", "from": None, "to": "RUN_CREATED", "kind": "changed"} in preview["changes"]
    assert "run.execution_started" in [move["type"] for move in preview["legal"]]
    assert [(each["code"], each["phase_id"]) for each in preview["contradicts"]] == [("quarantined", "p2")]
    assert client.read(f"/v1/repairs/{repair['repair_id']}") == repair
    approved = decide(client, repair, "approve", headers=GRACE)
    assert approved.status_code == 200
    told = approved.json()
    assert (told["status"], told["decided_by"], told["event_version"]) == ("approved", "grace", 4)
    decide(client, proposed(client, run_id, "SKIPPED", phase_id="p2"), "approve")
    assert client.read(f"/v1/quarantine?run_id={run_id}")["items"] == []
    for kind, fields in (
        ("run.execution_started", {}),
        ("phase.started", {"phase_id": "p1"}),
        ("phase.completed", {"phase_id": "p1", "attempt": 1}),
        ("run.succeeded", {}),
    ):
        client.record(run_id, kind, **fields)
    assert client.read(f"/v1/runs/{run_id}")["state"] == "DONE_SUCCESS"
    entry = next(
        each
        for each in client.read(f"/v1/runs/{run_id}/audit")["timeline"]
        if each["kind"] == "event" and each["event"]["type"] == "run.repaired"
    )
    assert entry["event"]["data"]["repair"]["evidence"] == evidence
    assert entry["event"]["data"]["repair"]["proposed_by"] == "ada"


# --- proposing and deciding ---


def test_a_proposal_says_where_it_is(client: Client) -> None:
    """It is found under the Location that it is answered with; a key is answered for again."""
    run_id = client.executing("p1")
    body = {"run_id": run_id, "state": "GATE", "reason": "seen"}
    headers = ada(**{"Idempotency-Key": unused("key")})
    first, again = (client.post("/v1/repairs", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert client.read(first.headers["Location"]) == first.json() == again.json()


def test_what_a_proposal_is_refused_for(client: Client) -> None:
    """Each refusal has its status and its code, and is kept with the others of the run."""
    run_id = client.executing("p1")

    def asked(**body: Any) -> Response:
        return client.post("/v1/repairs", json={"run_id": run_id, "reason": "seen", **body})

    refused(asked(state="PHASE_EXECUTION"), 409, "nothing-to-repair")
    refused(asked(state="READY"), 422, "unknown-state")
    refused(asked(state="GATE", phase_id="p9"), 404, "phase-not-found")
    refused(asked(state="GATE", run_id=unused()), 404, "run-not-found")
    refused(asked(state="GATE", run_id="a b"), 422, "invalid-id")
    refused(asked(state="GATE", expected_version=1), 412, "version-mismatch")
    refused(asked(state="GATE", force=True), 422, "invalid-body")
    refused(asked(), 422, "invalid-body")
    (newest, *_) = client.read(f"/v1/runs/{run_id}/refusals")["items"]
    assert (newest["code"], newest["proposal"]["run_id"]) == ("invalid-body", run_id)
    kept = client.read(f"/v1/runs/{run_id}/refusals")["items"]
    assert {each["event"] for each in kept if each["code"] != "invalid-body"} == {
        "run.repaired",
        "phase.repaired",
    }


def test_what_a_decision_is_refused_for(client: Client) -> None:
    """A repair that is not there, is out of date, or was decided; the call of each helps."""
    run_id = client.executing("p1")
    refused(client.post("/v1/repairs/nothing/approve"), 404, "repair-not-found")
    refused(client.get("/v1/repairs/nothing"), 404, "repair-not-found")
    told_with = {"evidence": ["the log of the build"], "finding": "seen-by-hand"}
    repair = proposed(client, run_id, "COMPLETE", phase_id="p1", **told_with)
    client.record(run_id, "run.held")
    told = refused(decide(client, repair, "approve"), 409, "repair-out-of-date")
    assert (told["version"], told["current_version"]) == (3, 4)
    anew = client.request(told["call"]["method"], told["call"]["path"], json=told["call"]["body"])
    assert anew.status_code == 201
    assert (anew.json()["phase_id"], anew.json()["version"]) == ("p1", 4)
    assert {name: anew.json()[name] for name in told_with} == told_with
    refused(decide(client, repair, "reject", json={}), 422, "invalid-body")
    assert decide(client, repair, "reject", json={"reason": "old"}).json()["status"] == "rejected"
    told = refused(decide(client, repair, "approve", headers=GRACE), 409, "repair-decided")
    assert told["decision"] == client.read(told["call"]["path"])["status"] == "rejected"


def test_a_decision_is_answered_again(client: Client) -> None:
    """Whoever never got the answer asks again, with a key or without."""
    run_id = client.executing("p1")
    repair = proposed(client, run_id, "GATE")
    first = decide(client, repair, "approve", headers=GRACE)
    again = decide(client, repair, "approve", headers=GRACE, json={})
    assert first.json() == again.json()
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert client.read(f"/v1/runs/{run_id}")["version"] == 4


def test_two_persons_over_http(serve: Serve, backend: str) -> None:
    """Where two are asked for, one alone is told 403 and whom to ask."""
    with serve(backend, repair_two_persons=True) as client:
        repair = proposed(client, client.create(), "GATE")
        for headers in (ada(), {}):
            told = refused(decide(client, repair, "approve", headers=headers), 403, "second-person-needed")
            assert told["call"]["path"] == f"/v1/repairs/{repair['repair_id']}"
        assert decide(client, repair, "approve", headers=GRACE).status_code == 200


def test_all_at_once(serve: Serve, backend: str, record: Record) -> None:
    """All that is suggested is proposed, and all that answers a finding approved; each has a result."""
    with serve(backend) as client:
        run_ids = sorted([quarantined(client, record), quarantined(client, record)])
        answer = client.post("/v1/repairs/suggested", json={"reason": "READY meant created"}, headers=ada())
        results = answer.json()["results"]
        assert [(each["status"], each["repair"]["run_id"]) for each in results] == [
            (201, run_id) for run_id in run_ids
        ]
        again = client.post("/v1/repairs/suggested", json={}, headers=ada()).json()["results"]
        assert [(each["status"], each["repair"]) for each in again] == [
            (200, each["repair"]) for each in results
        ]
        decide(client, proposed(client, run_ids[0], "SKIPPED", phase_id="p1"), "approve")
        finding = {"finding": "illegal-run-state"}
        told = client.post("/v1/repairs/approve", json=finding, headers=GRACE).json()["results"]
        assert [each["status"] for each in told] == [409, 200]
        assert told[0]["problem"]["code"] == "repair-out-of-date"
        assert client.read(f"/v1/runs/{run_ids[1]}")["state"] == "RUN_CREATED"


def test_repairs_are_listed_page_by_page(client: Client) -> None:
    """The newest first, each once, by run, status and finding."""
    run_id = client.executing("p1")
    made = [
        proposed(client, run_id, state, finding="seen-by-hand")["repair_id"]
        for state in ("GATE", "CI_RUNNING", "DONE_SUCCESS")
    ]
    seen = []
    for page in client.pages(f"/v1/repairs?run_id={run_id}&limit=1"):
        seen += [each["repair_id"] for each in page["items"]]
    assert seen == made[::-1]
    client.post(f"/v1/repairs/{made[0]}/reject", json={"reason": "no"})
    for status, expected in (("rejected", made[:1]), ("proposed", made[:0:-1]), ("approved", [])):
        found = client.read("/v1/repairs", run_id=run_id, status=status, finding="seen-by-hand")["items"]
        assert [each["repair_id"] for each in found] == expected
    refused(client.get("/v1/repairs?status=open"), 422, "invalid-parameter")


@pytest.mark.parametrize("word", ["force", "override", "skip_checks", "unsafe", "bypass"])
def test_nothing_is_forced(client: Client, word: str) -> None:
    """There is no parameter and no field that sets a state past the moves and past approval."""
    run_id = client.executing("p1")
    refused(client.propose(run_id, "run.succeeded", **{word: True}), 422, "invalid-body")
    refused(client.post(f"/v1/runs/{run_id}/events?{word}=true", json={}), 422, "invalid-parameter")
