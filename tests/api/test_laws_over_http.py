"""Every pair of state and event, over HTTP: what is accepted is what the table says."""

from collections.abc import Iterator
from typing import Any

import pytest

from domain.decide import OF_OPEN_ATTEMPT, decide, repeats
from domain.events import EVENTS
from domain.evolve import ANSWERS, fold
from domain.moves import LEADS_TO, NONE, QUARANTINED, RECORDED_BY_SERVICE, Entity, entity_of
from domain.proposals import proposed_event
from domain.refusals import Refusal
from domain.run import Run
from domain.states import PhaseState, RunState
from eventstore import store
from tests.api.client import Client
from tests.api.conftest import Serve
from tests.runs import PhaseInState, RunInState, ask

CONDITIONS: dict[Entity, list[str]] = {
    "run": [NONE, *RunState, QUARANTINED],
    "phase": [NONE, *PhaseState, QUARANTINED],
}
PAIRS = [(condition, event) for event in EVENTS for condition in CONDITIONS[entity_of(event)]]


@pytest.fixture(scope="module")
def client(backend: str, serve: Serve) -> Iterator[Client]:
    """A service on a database of this file's own."""
    with serve(backend) as own:
        yield own


def proposal(event: str, phase_id: str | None, attempt: int) -> dict[str, Any]:
    """A proposal with whose form nobody could find fault."""
    body: dict[str, Any] = {"type": event, "data": EVENTS[event].example}
    if phase_id is not None:
        body["phase_id"] = phase_id
        body |= {"attempt": attempt} if event in OF_OPEN_ATTEMPT else {}
    return body


def decided(client: Client, run_id: str, body: dict[str, Any]) -> tuple[str, object]:
    """What the domain says to a proposal, as the run stands in the log."""
    with client.ledger.reading() as connection:
        run = fold(store.read_run(connection, run_id)) or Run(run_id=run_id)
    try:
        understood = proposed_event(body, run_id)
        if repeats(run, understood) is not None:
            return "repeats", None
        return "accepted", decide(run, understood)[-1].state_after
    except Refusal as refusal:
        return "refused", refusal.code


@pytest.mark.parametrize("event", EVENTS)
def test_http_accepts_what_the_table_and_the_domain_accept(
    client: Client, run_in_state: RunInState, phase_in_state: PhaseInState, event: str
) -> None:
    """In every state an event is answered 201 if the table has the row, and if the domain accepts it."""
    of_run = entity_of(event) == "run"
    for condition in CONDITIONS[entity_of(event)]:
        run_id, phase_id = (
            (run_in_state(client.ledger, condition), None)
            if of_run
            else phase_in_state(client.ledger, condition)
        )
        if event in ANSWERS:
            ask(client.ledger, run_id)
        body = proposal(event, phase_id, 1)
        verdict, said = decided(client, run_id, body)
        answer = client.post(f"/v1/runs/{run_id}/events", json=body)
        if verdict == "repeats":
            assert answer.status_code == 200
            continue
        legal = (event, condition) in LEADS_TO and event not in RECORDED_BY_SERVICE
        assert (verdict == "accepted") == legal, (condition, said)
        assert (answer.status_code == 201) == legal, (condition, answer.text)
        told = answer.json()
        if legal:
            state = told["run"]["state"] if of_run else told["phase"]["state"]
            assert state == said == LEADS_TO[event, condition], condition
        else:
            assert answer.status_code in {404, 409, 422}, condition
            assert told["code"] == said, condition


@pytest.mark.parametrize("entity", ["run", "phase"])
def test_the_moves_are_what_is_accepted(
    client: Client, run_in_state: RunInState, phase_in_state: PhaseInState, entity: Entity
) -> None:
    """In every state the moves that HTTP shows are those that the table has, and nothing blocks them."""
    for condition in CONDITIONS[entity][1:]:
        if entity == "run":
            run_id = run_in_state(client.ledger, condition)
            ask(client.ledger, run_id)
            moves = client.read(f"/v1/runs/{run_id}/moves")["moves"]
        else:
            run_id, _ = phase_in_state(client.ledger, condition)
            moves = client.read(f"/v1/runs/{run_id}/moves")["phases"][0]["moves"]
        assert {move["type"]: move["leads_to"] for move in moves} == {
            event: there
            for (event, here), there in LEADS_TO.items()
            if here == condition and event not in RECORDED_BY_SERVICE and entity_of(event) == entity
        }
        assert [move["blocked_by"] for move in moves] == [None] * len(moves)


def test_everything_was_tried() -> None:
    """The pairs are all there are: 13 run states, 7 of phases, none and quarantine, by their events."""
    runs, phases = ([event for event in EVENTS if entity_of(event) == each] for each in ("run", "phase"))
    assert len(PAIRS) == len(runs) * 15 + len(phases) * 9
