"""Adding phases to a run, and reading them."""

import pytest

from api.shapes import Phase
from domain.moves import QUARANTINED
from tests.api.client import Client, refused, unused
from tests.runs import PhaseInState, RunInState


def test_a_phase_is_added(client: Client) -> None:
    """A phase is added with what is said of it; the answer says where it is and at which version the run."""
    run_id = client.create(tiers=[{"tier_id": "T1"}], config={"max_attempts": 3})
    body = {"name": "Build", "tier_id": "T1", "scope": {"goal": "compiles", "paths": ["src/"]}}
    made = client.post(f"/v1/runs/{run_id}/phases", json=body)
    assert made.status_code == 201
    assert made.headers["location"] == f"/v1/runs/{run_id}/phases/phase1-build"
    assert made.headers["etag"] == '"2"'
    phase = made.json()
    assert phase.keys() == Phase.model_fields.keys()
    assert (phase["run_id"], phase["phase_id"], phase["index"]) == (run_id, "phase1-build", 1)
    assert (phase["state"], phase["attempt"], phase["max_attempts"]) == ("QUEUED", 0, 3)
    assert {name: phase[name] for name in body} == body
    assert client.read(made.headers["location"]) == phase
    assert client.read(f"/v1/runs/{run_id}")["phases"] == [phase]


def test_a_phase_without_any_word_has_a_number(client: Client) -> None:
    """An empty body adds a phase that is called after its place."""
    run_id = client.create(phases=[{"phase_id": "first"}])
    made = client.post(f"/v1/runs/{run_id}/phases", json={})
    assert (made.status_code, made.json()["phase_id"], made.json()["index"]) == (201, "phase2", 2)


def test_a_retried_addition_is_the_same_phase(client: Client) -> None:
    """The same addition under the same key adds one phase, even when it leaves the id to the service."""
    run_id, headers = client.create(), {"Idempotency-Key": unused("key")}
    made = [client.post(f"/v1/runs/{run_id}/phases", json={}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    assert [answer.headers.get("idempotent-replayed") for answer in made] == [None, "true"]
    assert len(client.read(f"/v1/runs/{run_id}")["phases"]) == 1


def test_a_phase_is_added_once(client: Client) -> None:
    """A phase that is there is refused, with its state."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1")
    answer = client.post(f"/v1/runs/{run_id}/phases", json={"phase_id": "p1"})
    told = refused(answer, 409, "phase-exists")
    assert (told["run_id"], told["phase_id"], told["state"]) == (run_id, "p1", "EXECUTING")


def test_a_phase_is_not_called_like_its_run(client: Client) -> None:
    """An id tells whether a run or a phase is meant, so a phase cannot have its run's."""
    run_id = client.create()
    told = refused(client.post(f"/v1/runs/{run_id}/phases", json={"phase_id": run_id}), 422, "invalid-id")
    assert (told["field"], told["value"]) == ("phase_id", run_id)


def test_a_tier_has_to_be_one_of_the_run(client: Client) -> None:
    """A phase of a tier that the run does not have is refused, with the tiers that it has."""
    run_id = client.create(tiers=[{"tier_id": "T1"}, {"tier_id": "T2"}])
    answer = client.post(f"/v1/runs/{run_id}/phases", json={"tier_id": "T3"})
    assert refused(answer, 409, "unknown-tier")["tiers"] == ["T1", "T2"]


def test_a_run_takes_no_more_phases_than_it_may(client: Client) -> None:
    """Beyond config.max_phases a phase is refused."""
    run_id = client.create(config={"max_phases": 2}, phases=[{}])
    assert client.post(f"/v1/runs/{run_id}/phases", json={}).status_code == 201
    told = refused(client.post(f"/v1/runs/{run_id}/phases", json={}), 409, "too-many-phases")
    assert told["max_phases"] == 2


def test_a_run_that_is_over_takes_no_phase(client: Client) -> None:
    """Nothing is added to a run that ended."""
    run_id = client.executing()
    client.record(run_id, "run.succeeded")
    told = refused(client.post(f"/v1/runs/{run_id}/phases", json={}), 409, "run-terminal")
    assert told["state"] == "DONE_SUCCESS"


def test_a_phase_belongs_to_a_run(client: Client) -> None:
    """Neither is a phase added to a run that is not there, nor is it found in another run."""
    there, elsewhere, nowhere = client.executing("p1"), client.create(), unused()
    refused(client.post(f"/v1/runs/{nowhere}/phases", json={}), 404, "run-not-found")
    refused(client.get(f"/v1/runs/{elsewhere}/phases/p1"), 404, "phase-not-found")
    told = refused(client.get(f"/v1/runs/{there}/phases/p11"), 404, "phase-not-found")
    assert (told["run_id"], told["phase_id"], told["similar"]) == (there, "p11", ["p1"])


def test_the_same_phase_id_in_two_runs_is_two_phases(client: Client) -> None:
    """A phase is named by its run and its own id together."""
    one, other = client.executing("p1"), client.executing("p1")
    client.record(one, "phase.started", phase_id="p1")
    assert client.read(f"/v1/runs/{one}/phases/p1")["state"] == "EXECUTING"
    assert client.read(f"/v1/runs/{other}/phases/p1")["state"] == "QUEUED"


def test_a_quarantined_run_is_shown_without_a_state(client: Client, run_in_state: RunInState) -> None:
    """A run that waits for a repair is listed without a state, and says so where it is asked for."""
    run_id = run_in_state(client.ledger, QUARANTINED)
    (listed,) = [run for run in client.read("/v1/runs", q=run_id)["items"] if run["run_id"] == run_id]
    assert listed["state"] is None
    assert client.read(f"/v1/runs/{run_id}/events")["items"][0]["state_after"] is None
    refused(client.get(f"/v1/runs/{run_id}"), 409, "quarantined")
    for kind in ("run.held", "run.annotated", "run.failed_environment"):
        data = {"text": "x"} if kind == "run.annotated" else {}
        refused(client.propose(run_id, kind, data=data), 409, "quarantined")
    refused(client.post(f"/v1/runs/{run_id}/phases", json={}), 409, "quarantined")


def test_a_quarantined_phase_is_shown_without_a_state(client: Client, phase_in_state: PhaseInState) -> None:
    """In its run a phase that waits for a repair has no state; by itself it is refused, as all about it."""
    run_id, phase_id = phase_in_state(client.ledger, QUARANTINED)
    refused(client.get(f"/v1/runs/{run_id}/phases/{phase_id}"), 409, "quarantined")
    assert client.read(f"/v1/runs/{run_id}")["phases"][0]["state"] is None
    refused(client.propose(run_id, "phase.started", phase_id=phase_id), 409, "quarantined")
    client.record(run_id, "run.held")


@pytest.mark.parametrize("attempts", [1, 3])
def test_attempts_are_counted(client: Client, attempts: int) -> None:
    """Each start opens the next attempt until none is left."""
    run_id = client.create(phases=[{"phase_id": "p1", "max_attempts": attempts}])
    client.record(run_id, "run.execution_started")
    for number in range(1, attempts + 1):
        told = client.record(run_id, "phase.started", phase_id="p1")
        assert (told["event"]["attempt"], told["phase"]["attempt"]) == (number, number)
        client.record(run_id, "phase.released", phase_id="p1", attempt=number)
    told = refused(client.propose(run_id, "phase.started", phase_id="p1"), 409, "attempts-exhausted")
    assert (told["attempt"], told["max_attempts"]) == (attempts, attempts)
