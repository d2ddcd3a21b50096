"""What may happen now: legal moves, where they lead, what stands in the way, and the way to a state."""

from typing import Any

import pytest

from domain.events import EVENTS
from domain.moves import QUARANTINED
from domain.states import PhaseState, RunState
from tests.api.client import Client, refused
from tests.runs import PhaseInState, RunInState


def moves_of(client: Client, run_id: str, **wanted: str) -> dict[str, Any]:
    return client.read(f"/v1/runs/{run_id}/moves", **wanted)


def by_type(moves: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {move["type"]: move for move in moves}


def blocked(moves: list[dict[str, Any]], kind: str) -> str | None:
    blocker = by_type(moves)[kind]["blocked_by"]
    return None if blocker is None else blocker["code"]


def test_the_moves_say_what_each_leads_to(client: Client) -> None:
    """For the run and each phase the moves tell where they lead, whether they move, and what they need."""
    run_id = client.executing("p1", "p2")
    client.record(run_id, "phase.started", phase_id="p2")
    told = moves_of(client, run_id)
    assert (told["run_id"], told["version"], told["state"]) == (run_id, 5, "PHASE_EXECUTION")
    moves = by_type(told["moves"])
    assert moves["run.gate_entered"] == {
        "type": "run.gate_entered",
        "leads_to": "GATE",
        "moves": True,
        "requires": [],
        "blocked_by": None,
    }
    assert (moves["run.annotated"]["leads_to"], moves["run.annotated"]["moves"]) == ("PHASE_EXECUTION", False)
    assert moves["run.annotated"]["requires"] == ["text"]
    assert "run.created" not in moves
    assert "run.repaired" not in moves
    assert [(phase["phase_id"], phase["state"], phase["attempt"]) for phase in told["phases"]] == [
        ("p1", "QUEUED", 0),
        ("p2", "EXECUTING", 1),
    ]
    assert by_type(told["phases"][0]["moves"])["phase.skipped"]["requires"] == ["reason"]
    assert by_type(told["phases"][1]["moves"])["phase.failed"]["requires"] == ["outcome"]
    assert told["may_add_phase"] == {"blocked_by": None}


def test_what_stands_in_the_way_is_told_as_the_proposal_would(client: Client) -> None:
    """A move that a guard would refuse is blocked by the code, words and remedy of that refusal."""
    run_id = client.create(phases=[{"phase_id": "p1"}])
    blocker = by_type(moves_of(client, run_id)["phases"][0]["moves"])["phase.started"]["blocked_by"]
    told = refused(client.propose(run_id, "phase.started", phase_id="p1"), 409, "run-not-executing")
    assert blocker == {name: told[name] for name in ("code", "detail", "remedy")}


def test_every_guard_blocks_its_move(client: Client) -> None:
    """Whatever guard refuses a proposal shows as what blocks the move, as long as it does."""
    run_id = client.create(
        phases=[{"phase_id": "p1", "max_attempts": 1}, {"phase_id": "p2"}],
        config={"token_cap": 10, "max_phases": 2},
    )
    told = moves_of(client, run_id)
    assert told["may_add_phase"]["blocked_by"]["code"] == "too-many-phases"
    client.record(run_id, "run.execution_started")
    assert blocked(moves_of(client, run_id)["moves"], "run.succeeded") == "phases-open"
    client.record(run_id, "run.held")
    assert blocked(moves_of(client, run_id)["phases"][0]["moves"], "phase.started") == "run-held"
    client.record(run_id, "run.unheld")
    client.record(run_id, "run.preserved")
    assert blocked(moves_of(client, run_id)["moves"], "run.archived") == "run-preserved"
    client.record(run_id, "phase.started", phase_id="p1")
    client.record(run_id, "phase.released", phase_id="p1", attempt=1)
    started = [blocked(phase["moves"], "phase.started") for phase in moves_of(client, run_id)["phases"]]
    assert started == ["attempts-exhausted", None]
    client.record(run_id, "run.usage_recorded", data={"tokens_used": 10})
    started = [blocked(phase["moves"], "phase.started") for phase in moves_of(client, run_id)["phases"]]
    assert started == ["budget-exhausted"] * 2
    client.record(run_id, "run.failed_budget_exhausted")
    told = moves_of(client, run_id)
    assert blocked(told["phases"][0]["moves"], "phase.skipped") == "run-terminal"
    assert blocked(told["moves"], "run.reopened") is None


@pytest.mark.parametrize("state", [*RunState])
def test_a_path_leads_where_it_says(client: Client, run_in_state: RunInState, state: str) -> None:
    """The shortest path from any state to any other is walked by proposing its events, or there is none."""
    there = {"PHASE_EXECUTION", "DONE_SUCCESS", "SNAPSHOT_CREATED", "QUEUED"}
    for target in sorted(there):
        run_id = run_in_state(client.ledger, state)
        path = moves_of(client, run_id, to=target)["path"]
        assert path["to"] == target
        assert path["reachable"] == (bool(path["steps"]) or state == target)
        for step in path["steps"]:
            data = {"reason": "on the way"} if step["type"] == "run.reopened" else {}
            assert client.record(run_id, step["type"], data=data)["run"]["state"] == step["leads_to"]
        if path["reachable"]:
            assert client.read(f"/v1/runs/{run_id}")["state"] == target


@pytest.mark.parametrize("state", [*PhaseState])
def test_a_path_of_a_phase_leads_where_it_says(
    client: Client, phase_in_state: PhaseInState, state: str
) -> None:
    """The shortest path of a phase is walked by proposing its events for the attempt that it names."""
    for target in PhaseState:
        run_id, phase_id = phase_in_state(client.ledger, state)
        told = moves_of(client, run_id, to=target, phase_id=phase_id)
        attempt = told["phases"][0]["attempt"]
        for step in told["path"]["steps"]:
            fields: dict[str, Any] = {"phase_id": phase_id, "data": EVENTS[step["type"]].example}
            if step["type"] == "phase.started":
                attempt += 1
            elif step["type"] not in {"phase.requeued", "phase.skipped"}:
                fields["attempt"] = attempt
            assert client.record(run_id, step["type"], **fields)["phase"]["state"] == step["leads_to"]
        if told["path"]["reachable"]:
            assert client.read(f"/v1/runs/{run_id}/phases/{phase_id}")["state"] == target
        else:
            assert state in {"COMPLETE", "SKIPPED"}


def test_a_path_tells_what_blocks_its_first_step(client: Client) -> None:
    """A way that the table has and a guard closes is told with what closes it."""
    run_id = client.executing("p1")
    path = moves_of(client, run_id, to="DONE_SUCCESS")["path"]
    assert [step["type"] for step in path["steps"]] == ["run.succeeded"]
    assert path["blocked_by"]["code"] == "phases-open"
    client.record(run_id, "phase.skipped", phase_id="p1", data={"reason": "not needed"})
    assert moves_of(client, run_id, to="DONE_SUCCESS")["path"]["blocked_by"] is None


def test_each_step_is_told_with_what_would_block_it_by_then(client: Client) -> None:
    """A step is judged in the run as it would be after those before it, in the words of its refusal."""
    run_id = client.create(phases=[{"phase_id": "p1"}])
    path = moves_of(client, run_id, to="DONE_SUCCESS")["path"]
    first, last = path["steps"]
    assert (first["type"], first["blocked_by"], path["blocked_by"]) == ("run.execution_started", None, None)
    client.record(run_id, "run.execution_started")
    told = refused(client.propose(run_id, "run.succeeded"), 409, "phases-open")
    assert last["blocked_by"] == {name: told[name] for name in ("code", "detail", "remedy")}


def test_a_path_tells_what_its_steps_need(client: Client, run_in_state: RunInState) -> None:
    """What the data of an event have to hold is told with its step."""
    run_id = run_in_state(client.ledger, RunState.DONE_FAILED_ENVIRONMENT)
    steps = moves_of(client, run_id, to="PHASE_EXECUTION")["path"]["steps"]
    assert [(step["type"], step["requires"]) for step in steps] == [
        ("run.reopened", ["reason"]),
        ("run.execution_started", []),
    ]


@pytest.mark.parametrize("state", [*RunState])
def test_every_event_that_leads_there_says_why_not(
    sqlite_client: Client, run_in_state: RunInState, state: str
) -> None:
    """The direct moves to a state are all that lead there; each is legal now, or refused as a proposal is."""
    for target in RunState:
        direct = moves_of(sqlite_client, run_in_state(sqlite_client.ledger, state), to=target)["path"][
            "direct"
        ]
        moves = [m for m in sqlite_client.read("/v1/machine/run")["moves"] if m["to"] == target]
        assert [(m["type"], m["while"]) for m in direct] == [(m["event"], m["from"]) for m in moves]
        for move in direct:
            run_id = run_in_state(sqlite_client.ledger, state)
            data = {"reason": "r"} if move["type"] == "run.reopened" else {}
            answer = sqlite_client.propose(run_id, move["type"], data=data)
            assert (move["blocked_by"] is None) == (answer.status_code == 201), (state, move)
            if move["blocked_by"] is not None:
                assert move["blocked_by"]["code"] == answer.json()["code"]
                assert move["blocked_by"]["remedy"] == answer.json()["remedy"]


def test_it_is_said_of_a_state_that_it_is_reached(client: Client) -> None:
    """Where a run is there already, there is nothing to do, and what led there may not happen again."""
    run_id = client.executing("p1")
    path = moves_of(client, run_id, to="PHASE_EXECUTION")["path"]
    assert (path["is_there"], path["reachable"], path["steps"], path["blocked_by"]) == (True, True, [], None)
    assert [move["blocked_by"]["code"] for move in path["direct"]] == ["illegal-move"]
    assert not moves_of(client, run_id, to="GATE")["path"]["is_there"]
    assert moves_of(client, run_id, to="QUEUED", phase_id="p1")["path"]["is_there"]


def test_a_state_of_the_other_kind_is_told_with_the_call_that_asks_rightly(client: Client) -> None:
    """COMPLETE is a state of phases: the answer names one, and the call that asks about it; and the like."""
    run_id = client.executing("p1", "p2")
    client.record(run_id, "phase.started", phase_id="p1")
    client.record(run_id, "phase.completed", phase_id="p1", attempt=1)
    for wanted, entity, named in (
        ({"to": "COMPLETE"}, "phase", "p2"),
        ({"to": "EXECUTING"}, "phase", "p1"),
        ({"to": "DONE_SUCCESS", "phase_id": "p1"}, "run", None),
    ):
        told = refused(client.get(f"/v1/runs/{run_id}/moves", params=wanted), 422, "unknown-state")
        assert (told["entity"], told.get("phase_id")) == (entity, named)
        path = client.read(told["call"]["path"])["path"]
        assert (path["to"], len(client.read(told["call"]["path"])["phases"])) == (
            wanted["to"],
            1 if named else 2,
        )
    without = client.create()
    told = refused(client.get(f"/v1/runs/{without}/moves?to=COMPLETE"), 422, "unknown-state")
    assert client.read(told["call"]["path"])["phases"] == []


def test_a_phase_may_be_asked_about_alone(client: Client) -> None:
    """With phase_id the answer has that phase only; a phase that is not there is not found."""
    run_id = client.create(phases=[{"phase_id": "build"}, {"phase_id": "test"}])
    told = moves_of(client, run_id, phase_id="test")
    assert [phase["phase_id"] for phase in told["phases"]] == ["test"]
    answer = client.get(f"/v1/runs/{run_id}/moves", params={"phase_id": "biuld", "to": "COMPLETE"})
    assert refused(answer, 404, "phase-not-found")["similar"] == ["build"]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ({"to": "READY"}, []),
        ({"to": "done_success"}, ["DONE_SUCCESS"]),
        ({"to": "COMPLETE"}, []),
        ({"to": "COMPLET", "phase_id": "p1"}, ["COMPLETE"]),
        ({"to": "DONE_SUCCESS", "phase_id": "p1"}, []),
        ({"to": ""}, []),
        ({"to": QUARANTINED}, []),
    ],
)
def test_a_path_leads_to_states_only(client: Client, wanted: dict[str, str], meant: list[str]) -> None:
    """A goal that is no state of what is asked about is refused, with those that are."""
    run_id = client.create(phases=[{"phase_id": "p1"}])
    told = refused(client.get(f"/v1/runs/{run_id}/moves", params=wanted), 422, "unknown-state")
    assert told["state"] == wanted["to"]
    assert told["states"] == [*(PhaseState if "phase_id" in wanted else RunState)]
    assert [each for each in told["did_you_mean"] if each in meant] == meant


def test_nothing_may_happen_to_what_has_no_state(client: Client, run_in_state: RunInState) -> None:
    """A run in quarantine has no legal moves, and no way leads out of it."""
    told = moves_of(client, run_in_state(client.ledger, QUARANTINED), to="GATE")
    assert (told["state"], told["moves"]) == (None, [])
    assert told["may_add_phase"]["blocked_by"]["code"] == "quarantined"
    assert (told["path"]["reachable"], told["path"]["steps"]) == (False, [])
    assert [move["blocked_by"]["code"] for move in told["path"]["direct"]] == ["quarantined"]
