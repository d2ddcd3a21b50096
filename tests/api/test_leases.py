"""Claims, heartbeats, and the leases that are out."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.shapes_of_leases import Claimed, LeaseOut, Renewed
from tests.api.client import Client, refused, unused

Body = dict[str, Any]


@pytest.fixture
def team() -> Body:
    """The labels of runs that only this test works on."""
    return {"team": unused("team")}


@pytest.fixture
def claim(team: Body) -> Body:
    """A claim of a phase of such a run."""
    return {"executor": "e1", "lease_seconds": 300, "labels": team}


@pytest.fixture
def run_id(client: Client, team: Body) -> Iterator[str]:
    """A run with two phases that may start; it is over afterwards."""
    run_id = client.executing("p1", "p2", labels=team)
    yield run_id
    client.propose(run_id, "run.failed_environment")


def test_a_claim_is_answered_with_the_phase(client: Client, run_id: str, claim: Body) -> None:
    """With its event, its run's version, and until when it is the executor's."""
    answer = client.post("/v1/claims", json=claim, headers={"X-Actor": "pool-1"})
    assert (answer.status_code, answer.headers["etag"]) == (201, '"5"')
    told = answer.json()
    assert told.keys() == Claimed.model_fields.keys()
    assert (told["event"]["type"], told["event"]["actor"]) == ("phase.started", "pool-1")
    assert told["run"] == {"run_id": run_id, "state": "PHASE_EXECUTION", "version": 5}
    assert told["phase"] == client.read(f"/v1/runs/{run_id}/phases/p1")
    assert (told["phase"]["executor"], told["phase"]["attempt"]) == ("e1", 1)
    assert told["phase"]["lease"] == {"lease_seconds": 300, "granted_at": told["event"]["recorded_at"]}
    assert told["lease"]["lease_seconds"] == 300
    assert told["lease"]["expires_at"] > told["event"]["recorded_at"]


def test_where_there_is_nothing_to_claim_there_is_no_body(client: Client, claim: Body) -> None:
    """That is no error, and nothing of it is kept."""
    answer = client.post("/v1/claims", json=claim, headers={"Idempotency-Key": unused("key")})
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_retried_claim_is_the_same_phase(client: Client, run_id: str, claim: Body) -> None:
    """The same claim under the same key is answered as before, whatever became of the phase since."""
    headers = {"Idempotency-Key": unused("key")}
    first = client.post("/v1/claims", json=claim, headers=headers)
    client.record(run_id, "phase.completed", phase_id="p1", attempt=1)
    again = client.post("/v1/claims", json=claim, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert [each.headers.get("idempotent-replayed") for each in (first, again)] == [None, "true"]
    other = client.post("/v1/claims", json={**claim, "executor": "e2"}, headers=headers)
    refused(other, 422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"executor": ""}, "invalid-body"),
        ({"executor": None}, "invalid-body"),
        ({"lease_seconds": 0}, "invalid-body"),
        ({"lease_seconds": "60"}, "invalid-body"),
        ({"lease_seconds": 604_801}, "invalid-body"),
        ({"lease_seconds": 86_401}, "lease-too-long"),
        ({"labels": ["a"]}, "invalid-body"),
        ({"phase_id": "p1"}, "invalid-body"),
    ],
)
def test_what_cannot_be_claimed_is_refused(client: Client, claim: Body, change: Body, code: str) -> None:
    """With what is wrong about it."""
    told = refused(client.post("/v1/claims", json=claim | change), 422, code)
    assert code != "invalid-body" or [error["pointer"].split("/")[1] for error in told["errors"]] == [*change]


def test_a_claim_is_about_no_version(client: Client, claim: Body) -> None:
    """Nobody can know the version of a run that he does not know yet."""
    answer = client.post("/v1/claims", json=claim, headers={"If-Match": '"1"'})
    refused(answer, 422, "invalid-parameter")


def test_a_heartbeat_tells_until_when_the_phase_is_the_executors(
    client: Client, run_id: str, claim: Body
) -> None:
    """Later than before; the run stays at its version."""
    claimed = client.post("/v1/claims", json=claim).json()
    answer = client.post(f"/v1/runs/{run_id}/phases/p1/heartbeat", json={"attempt": 1})
    told = answer.json()
    assert (answer.status_code, told.keys()) == (200, Renewed.model_fields.keys())
    assert (told["run_id"], told["phase_id"], told["attempt"]) == (run_id, "p1", 1)
    assert (told["executor"], told["lease_seconds"]) == ("e1", 300)
    assert told["expires_at"] > claimed["lease"]["expires_at"]
    assert client.read(f"/v1/runs/{run_id}")["version"] == claimed["run"]["version"]


def test_a_heartbeat_that_renews_nothing_is_refused(client: Client, run_id: str, claim: Body) -> None:
    """It says what to do now, and where to look."""
    client.post("/v1/claims", json=claim)
    client.record(run_id, "phase.started", phase_id="p2")
    path = f"/v1/runs/{run_id}/phases"
    for phase_id, attempt, code in (("p1", 2, "stale-attempt"), ("p2", 1, "no-lease")):
        told = refused(client.post(f"{path}/{phase_id}/heartbeat", json={"attempt": attempt}), 409, code)
        assert told["call"] == {"method": "GET", "path": f"{path}/{phase_id}"}
    refused(client.post(f"{path}/p9/heartbeat", json={"attempt": 1}), 404, "phase-not-found")
    refused(client.post("/v1/runs/no-run/phases/p1/heartbeat", json={"attempt": 1}), 404, "run-not-found")
    refused(client.post(f"{path}/p1/heartbeat", json={}), 422, "invalid-body")
    client.record(run_id, "phase.released", phase_id="p1", attempt=1, data={"why": "shut down"})
    told = refused(client.post(f"{path}/p1/heartbeat", json={"attempt": 1}), 409, "stale-attempt")
    assert told["why"] == "shut down"


def test_leases_are_listed_page_by_page(client: Client, run_id: str, claim: Body) -> None:
    """What runs out first comes first, on however many pages."""
    for seconds in (200, 100):
        assert client.post("/v1/claims", json={**claim, "lease_seconds": seconds}).status_code == 201
    whole = client.read("/v1/leases")["items"]
    mine = [each for each in whole if each["run_id"] == run_id]
    assert [each["phase_id"] for each in mine] == ["p2", "p1"]
    assert mine[0].keys() == LeaseOut.model_fields.keys()
    paged, path = list[Body](), "/v1/leases?limit=1"
    while path:
        answer = client.get(path)
        paged += answer.json()["items"]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert paged == whole
    assert run_id not in [each["run_id"] for each in client.read("/v1/leases?overdue=true")["items"]]
    assert mine == [
        each for each in client.read("/v1/leases?overdue=false")["items"] if each["run_id"] == run_id
    ]
