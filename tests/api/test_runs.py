"""Creating runs, and reading them as they stand."""

from typing import Any

import pytest

from api.shapes import Phase, Run
from tests.api.client import Client, refused, unused

DEFAULTS = {
    "safety_profile": "normal",
    "run_scope": "multi_tier",
    "token_cap": 5_000_000,
    "max_phases": 25,
    "max_duration_minutes": 120,
    "max_attempts": 5,
}
NOTHING_SPENT = {"tokens_used": 0, "ci_runs_used": 0, "minor_issues": 0, "major_issues": 0}


def test_a_run_id_is_all_it_takes(client: Client) -> None:
    """A run is created from its id alone; the answer says where it is and shows every default."""
    run_id = unused()
    made = client.post("/v1/runs", json={"run_id": run_id})
    assert made.status_code == 201
    assert made.headers["location"] == f"/v1/runs/{run_id}"
    assert made.headers["etag"] == '"1"'
    run = made.json()
    assert run.keys() == Run.model_fields.keys()
    assert (run["run_id"], run["state"], run["version"]) == (run_id, "RUN_CREATED", 1)
    assert (run["config"], run["usage"], run["labels"]) == (DEFAULTS, NOTHING_SPENT, {})
    assert (run["tiers"], run["phases"], run["annotations"]) == ([], [], [])
    assert (run["held"], run["preserved"], run["archived"]) == (False, False, False)
    assert client.read(made.headers["location"]) == run


def test_a_goal_is_all_it_takes(client: Client) -> None:
    """A run that only has a goal is named for it; the next ones with that goal are numbered."""
    goal = f"Predict {unused('sizes')}!"
    name = goal.lower().removesuffix("!").replace(" ", "-")
    made = [client.post("/v1/runs", json={"goal": goal}) for _ in range(3)]
    assert [answer.json()["run_id"] for answer in made] == [name, f"{name}-2", f"{name}-3"]
    assert made[1].headers["location"] == f"/v1/runs/{name}-2"
    assert client.read(f"/v1/runs/{name}-2")["goal"] == goal


@pytest.mark.parametrize("body", [{}, {"goal": " \t"}, {"goal": None}, {"run_id": None, "labels": {}}])
def test_a_run_without_a_name_is_refused(client: Client, body: dict[str, Any]) -> None:
    """Without an id and without a goal nothing could be named, so nothing is created."""
    told = refused(client.post("/v1/runs", json=body), 422, "invalid-body")
    assert told["errors"] == [{"pointer": "", "detail": "a run_id or a goal is needed"}]


@pytest.mark.parametrize("state", ["QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED"])
def test_a_run_opens_in_the_state_that_is_named(client: Client, state: str) -> None:
    """A run is created in any of the opening states, by the event that leads there."""
    run_id = client.create(state=state, goal="Anything")
    assert client.read(f"/v1/runs/{run_id}")["state"] == state
    (event,) = client.read(f"/v1/runs/{run_id}/events")["items"]
    assert (event["state_before"], event["state_after"], event["version"]) == (None, state, 1)


@pytest.mark.parametrize(
    ("state", "meant"),
    [
        ("GATE", []),
        ("DONE_SUCCESS", []),
        ("READY", []),
        ("QUEUE", ["QUEUED"]),
        ("", []),
        ("queued", ["QUEUED"]),
    ],
)
def test_no_run_opens_in_another_state(client: Client, state: str, meant: list[str]) -> None:
    """A state that opens nothing, or that nobody knows, is refused with those that do."""
    run_id = unused()
    told = refused(client.post("/v1/runs", json={"run_id": run_id, "state": state}), 422, "unknown-state")
    assert told["states"] == ["QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED"]
    assert (told["state"], told["did_you_mean"]) == (state, meant)
    refused(client.get(f"/v1/runs/{run_id}"), 404, "run-not-found")


def test_a_run_comes_with_its_phases(client: Client) -> None:
    """What a creation says of config, labels, tiers and phases is what the run has, in its order."""
    made = client.post(
        "/v1/runs",
        json={
            "run_id": unused(),
            "config": {"max_attempts": 2, "token_cap": 10},
            "labels": {"team": "core", "é": "ü"},
            "tiers": [{"tier_id": "T1", "name": "Foundation"}, {"tier_id": "T2"}],
            "phases": [
                {"name": "Build it!", "tier_id": "T1", "scope": {"goal": "compiles", "odd": [1, None]}},
                {"phase_id": "own.name", "max_attempts": 7},
                {"scope": {"goal": "Test it"}},
                {},
            ],
        },
    )
    assert made.status_code == 201, made.text
    run = made.json()
    assert run["config"] == DEFAULTS | {"max_attempts": 2, "token_cap": 10}
    assert run["labels"] == {"team": "core", "é": "ü"}
    assert run["tiers"] == [
        {"tier_id": "T1", "name": "Foundation", "state": "PENDING"},
        {"tier_id": "T2", "name": None, "state": "PENDING"},
    ]
    assert [(phase["phase_id"], phase["index"], phase["max_attempts"]) for phase in run["phases"]] == [
        ("phase1-build-it", 1, 2),
        ("own.name", 2, 7),
        ("phase3-test-it", 3, 2),
        ("phase4", 4, 2),
    ]
    assert run["phases"][0]["scope"] == {"goal": "compiles", "odd": [1, None]}
    assert (run["version"], made.headers["etag"]) == (5, '"5"')
    assert client.read(f"/v1/runs/{run['run_id']}") == run
    for phase in run["phases"]:
        assert phase.keys() == Phase.model_fields.keys()
        assert phase["state"] == "QUEUED"
        assert client.read(f"/v1/runs/{run['run_id']}/phases/{phase['phase_id']}") == phase


@pytest.mark.parametrize(
    ("phases", "status", "code"),
    [
        ([{"phase_id": "p"}, {"phase_id": "p"}], 409, "phase-exists"),
        ([{}, {"tier_id": "T9"}], 409, "unknown-tier"),
        ([{}] * 26, 409, "too-many-phases"),
        ([{}, {"phase_id": "no spaces"}], 422, "invalid-id"),
        ([{}, {"max_attempts": 0}], 422, "invalid-body"),
    ],
)
def test_a_run_is_created_whole_or_not_at_all(
    client: Client, phases: list[dict[str, Any]], status: int, code: str
) -> None:
    """When one phase of a new run is refused, there is no run."""
    run_id = unused()
    refused(client.post("/v1/runs", json={"run_id": run_id, "phases": phases}), status, code)
    refused(client.get(f"/v1/runs/{run_id}"), 404, "run-not-found")
    assert client.read("/v1/runs", q=run_id)["items"] == []


def test_a_run_is_created_once(client: Client) -> None:
    """An id that is taken is refused, with where the run stands, and the run stays as it is."""
    run_id = client.create(goal="The first")
    told = refused(client.post("/v1/runs", json={"run_id": run_id, "goal": "Other"}), 409, "run-exists")
    assert (told["run_id"], told["state"], told["current_version"]) == (run_id, "RUN_CREATED", 1)
    assert client.read(f"/v1/runs/{run_id}")["goal"] == "The first"


def test_a_retried_creation_is_the_same_run(client: Client) -> None:
    """The same creation under the same key creates one run, and is answered alike whatever came since."""
    body, headers = {"goal": unused(), "phases": [{"name": "Build"}]}, {"Idempotency-Key": unused("key")}
    first = client.post("/v1/runs", json=body, headers=headers)
    assert "idempotent-replayed" not in first.headers
    client.record(first.json()["run_id"], "run.held")
    again = client.post("/v1/runs", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert {name: again.headers[name] for name in ("location", "etag")} == {
        name: first.headers[name] for name in ("location", "etag")
    }
    assert len(client.read("/v1/runs", q=body["goal"])["items"]) == 1


def test_a_run_shows_what_its_events_made_of_it(client: Client) -> None:
    """Usage, labels, notes, switches and the states of tiers are as the events say."""
    run_id = client.create(
        labels={"team": "core", "old": "yes"},
        tiers=[{"tier_id": "T1"}, {"tier_id": "T2"}],
        phases=[{"phase_id": "p1", "tier_id": "T1"}, {"phase_id": "p2", "tier_id": "T2"}],
    )
    client.record(run_id, "run.execution_started")
    client.record(run_id, "phase.started", phase_id="p1", data={"executor": "builder-7"})
    client.record(run_id, "phase.usage_recorded", phase_id="p1", data={"tokens_used": 40, "ci_runs_used": 1})
    client.record(run_id, "run.usage_recorded", data={"tokens_used": 2, "minor_issues": 3})
    client.record(run_id, "run.labelled", data={"labels": {"old": None, "new": "1"}})
    client.record(run_id, "phase.annotated", phase_id="p1", data={"text": "flaky", "tags": ["ci"]})
    client.record(run_id, "phase.failed", phase_id="p1", attempt=1, data={"outcome": "CI", "detail": "red"})
    for switch in ("held", "preserved"):
        client.record(run_id, f"run.{switch}")
    run = client.read(f"/v1/runs/{run_id}")
    assert run["usage"] == NOTHING_SPENT | {"tokens_used": 42, "ci_runs_used": 1, "minor_issues": 3}
    assert run["labels"] == {"team": "core", "new": "1"}
    assert [tier["state"] for tier in run["tiers"]] == ["FAILED", "PENDING"]
    assert (run["held"], run["preserved"], run["archived"]) == (True, True, False)
    (note,) = run["annotations"]
    assert (note["text"], note["tags"], note["phase_id"], note["actor"]) == (
        "flaky",
        ["ci"],
        "p1",
        "anonymous",
    )
    phase = run["phases"][0]
    assert (phase["state"], phase["attempt"], phase["executor"]) == ("FAILED", 1, "builder-7")
    assert phase["last_outcome"] == {"code": "CI", "detail": "red"}
    assert phase["usage"] == NOTHING_SPENT | {"tokens_used": 40, "ci_runs_used": 1}
    assert run["started_at"] <= phase["started_at"] <= phase["completed_at"] <= run["updated_at"]
    assert run["completed_at"] is None


def test_a_run_that_is_not_there_has_namesakes(client: Client) -> None:
    """A run that nobody created is not found, and the answer names those that may have been meant."""
    run_id = client.create(run_id=unused("nightly-build"))
    for path in ("", "/events", "/moves", "/phases/p1", "/refusals"):
        told = refused(client.get(f"/v1/runs/{run_id}x{path}"), 404, "run-not-found")
        assert told["run_id"] == f"{run_id}x"
        assert run_id in told["similar"]
        assert run_id in told["remedy"]


@pytest.mark.parametrize("path", ["/v1/runs/{}", "/v1/runs/{}/events", "/v1/runs/a/phases/{}"])
@pytest.mark.parametrize("name", ["-a", "a b", "a%00", "%FF", "a" * 129, "%2e%2e", "%25"])
def test_what_cannot_be_an_id_is_said_so(client: Client, path: str, name: str) -> None:
    """A path that names what nothing can be called is refused, and not searched for."""
    refused(client.get(path.format(name)), 422, "invalid-id")
