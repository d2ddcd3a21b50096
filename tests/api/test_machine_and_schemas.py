"""The machine and the schemas: what a program can learn about the service without trying it."""

import re
from typing import Any

import pytest

from domain import proposals
from domain.events import EVENTS
from domain.moves import LEADS_TO, NONE, RECORDED_BY_SERVICE, entity_of
from domain.states import PhaseState, RunState
from tests.api.client import Client, refused
from tests.api.json_schema import assert_is_schema, faults

STATES = {"run": [*RunState], "phase": [*PhaseState]}
PARTS = ("run", "phase", "proposal", "batch", "dry-run", "scope", "config")


def schema_of(client: Client, name: str) -> dict[str, Any]:
    return client.read(f"/v1/schemas/{name}")


@pytest.mark.parametrize("entity", ["run", "phase"])
def test_the_machine_is_told_whole(sqlite_client: Client, entity: str) -> None:
    """Every state and every event with where it comes from and leads to is what the table says."""
    told = sqlite_client.read(f"/v1/machine/{entity}")
    assert told == sqlite_client.read("/v1/machine")[entity]
    assert (told["entity"], told["states"]) == (entity, STATES[entity])
    assert {move["event"] for move in told["moves"]} == {kind for kind in EVENTS if entity_of(kind) == entity}
    rows = {
        (move["event"], source or NONE): move["to"] or source
        for move in told["moves"]
        for source in move["from"]
        if move["proposable"]
    }
    assert rows == {
        row: there
        for row, there in LEADS_TO.items()
        if entity_of(row[0]) == entity and row[0] not in RECORDED_BY_SERVICE
    }
    assert {move["event"] for move in told["moves"] if not move["proposable"]} == {
        kind for kind in RECORDED_BY_SERVICE if entity_of(kind) == entity
    }


@pytest.mark.parametrize("path", ["/openapi.json", "/v1/machine", "/v1/machine/run"])
def test_what_changes_with_the_program_only_is_told_once(sqlite_client: Client, path: str) -> None:
    """Whoever has the version that there is, is told so; whoever has another is told it."""
    etag = sqlite_client.get(path).headers["etag"]
    again = sqlite_client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert sqlite_client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize("entity", ["run", "phase"])
def test_the_diagram_draws_every_move(sqlite_client: Client, entity: str) -> None:
    """The Mermaid diagram has an arrow for each move that changes the state, and names no other state."""
    answer = sqlite_client.get(f"/v1/machine/{entity}.mermaid")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    first, *lines = answer.text.splitlines()
    assert first == "stateDiagram-v2"
    arrows: dict[tuple[str, str], set[str]] = {}
    ends = set()
    for line in lines:
        drawn = re.fullmatch(r" {4}(\[\*\]|[A-Z_]+) --> ([A-Z_]+): ([a-z_, ]+)", line)
        end = re.fullmatch(r" {4}([A-Z_]+) --> \[\*\]", line)
        assert drawn or end, line
        if drawn:
            arrows[drawn[1], drawn[2]] = {f"{entity}.{event}" for event in drawn[3].split(", ")}
        if end:
            ends.add(end[1])
    wanted: dict[tuple[str, str], set[str]] = {}
    for (kind, here), there in LEADS_TO.items():
        if entity_of(kind) == entity and here != there and kind not in RECORDED_BY_SERVICE:
            wanted.setdefault(("[*]" if here == NONE else here, there), set()).add(kind)
    assert arrows == wanted
    assert ends == {state for state in STATES[entity] if state.startswith(("DONE_", "COMPLETE", "SKIPPED"))}


@pytest.mark.parametrize("path", ["/v1/machine/tier", "/v1/machine/RUN", "/v1/machine/tier.mermaid"])
def test_there_are_two_machines(sqlite_client: Client, path: str) -> None:
    """Only runs and phases have a machine."""
    assert refused(sqlite_client.get(path), 422, "invalid-parameter")["errors"][0]["in"] == "path"


def test_every_schema_is_listed_and_found(sqlite_client: Client) -> None:
    """The list leads to a schema for every event and every body, each with a line that says what it is."""
    items = sqlite_client.read("/v1/schemas")["items"]
    assert [item["name"] for item in items] == [*PARTS, *EVENTS]
    for item in items:
        assert item["description"].endswith(".")
        answer = sqlite_client.get(item["href"])
        assert answer.headers["content-type"] == "application/schema+json"
        told = answer.json()
        assert (told["$id"], told["title"]) == (item["href"], item["name"])
        assert told["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert told["description"].startswith(item["description"])
        assert_is_schema(told)


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_has_an_example_that_is_accepted(sqlite_client: Client, kind: str) -> None:
    """The example of an event fits its own schema, and the domain takes it where callers may propose it."""
    told = schema_of(sqlite_client, kind)
    assert told["examples"]
    for example in told["examples"]:
        assert faults(told, example) == []
        body = {"type": kind, "data": example}
        body |= {"phase_id": "p1"} if kind.startswith("phase.") else {}
        assert proposals.proposed_event(body, "run").type == kind


@pytest.mark.parametrize("name", ["scope", "config"])
def test_scope_and_config_have_an_example_that_is_accepted(sqlite_client: Client, name: str) -> None:
    """The shape of a scope and of a config is shown by an example, which a run with such a phase takes."""
    told = schema_of(sqlite_client, name)
    assert told.get("examples")
    for example in told["examples"]:
        assert faults(told, example) == []
        body = {"config": example} if name == "config" else {"phases": [{"scope": example}]}
        run = sqlite_client.read(f"/v1/runs/{sqlite_client.create(**body)}")
        assert example.items() <= (run["config"] if name == "config" else run["phases"][0]["scope"]).items()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("phase.failed", {}),
        ("phase.failed", {"outcome": ""}),
        ("phase.started", {"executer": "x"}),
        ("phase.started", {"lease_seconds": 0}),
        ("run.usage_recorded", {"tokens_used": -1}),
        ("run.usage_recorded", {"tokens_used": 2**53}),
        ("run.annotated", {"text": ""}),
        ("run.annotated", {"text": " "}),
        ("run.labelled", {"labels": {}}),
        ("run.reopened", {}),
        ("phase.requeued", {"replan": 1}),
        ("phase.added", {"scope": {"paths": "src/"}}),
    ],
)
def test_schema_and_service_refuse_alike(sqlite_client: Client, kind: str, data: dict[str, Any]) -> None:
    """Data that the service refuses do not fit the published schema either."""
    assert faults(schema_of(sqlite_client, kind), data) != []
    body = {"phase_id": "p1"} if kind.startswith("phase.") else {}
    refused(sqlite_client.propose("any-run", kind, data=data, **body), 422, "invalid-body")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("phase.start", "phase.started"),
        ("Scope", "scope"),
        ("..%2fx", None),
        ("%00", None),
        ("x" * 500, None),
    ],
)
def test_a_schema_that_is_not_there_has_namesakes(
    sqlite_client: Client, name: str, meant: str | None
) -> None:
    """A name that no schema has is not found, and the answer names the one that may have been meant."""
    answer = sqlite_client.get(f"/v1/schemas/{name}")
    assert answer.status_code == 404
    if meant is not None:
        assert meant in refused(answer, 404, "no-such-schema")["similar"]
