"""Whatever body is sent, it is recorded or refused with a reason; it breaks nothing and leaves nothing."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from api.shapes import Event, Phase, Run
from domain.proposals import NewPhase, NewRun, ProposedEvent
from tests.api.bad import ODD_BODIES, ODD_VALUES, PLACES, UNKEPT, valid, whole
from tests.api.client import Client, refused, unused
from tests.api.conftest import Serve
from tests.databases import Connect, Digest

JSON = {"Content-Type": "application/json"}
ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], scope="session")
"""For what is refused before any database is asked."""
REFUSED = {400, 413, 422}

Unchanged = Callable[[], Any]


@pytest.fixture(scope="module")
def client(backend: str, serve: Serve) -> Iterator[Client]:
    """A service on a database of this file's own, small enough to be looked at whole each time."""
    with serve(backend) as own:
        yield own


@pytest.fixture
def run_id(client: Client) -> str:
    """A run with a phase, which nothing bad may change."""
    return client.executing("p1")


@pytest.fixture
def unchanged(client: Client, connect: Connect, digest: Digest, run_id: str) -> Unchanged:
    """Whatever is done in this `with` changes nothing but the refusals."""

    @contextmanager
    def watched() -> Iterator[None]:
        with closing(connect(client.database_url)) as raw:
            before = digest(raw, "refusals")
            yield
            assert digest(raw, "refusals") == before

    return watched


@pytest.mark.parametrize("path", PLACES)
def test_the_places_take_what_is_good(client: Client, run_id: str, path: str) -> None:
    """Where these tests put bad values good ones are accepted: so it is the value that is refused."""
    for value in ("1", r'"\ud83d\ude00 \u0001"', "[]", "1.5e300", "-0.0", str(2**53 - 1), '{"": {}}'):
        where, body = whole(path, value, run_id)
        assert client.post(where, content=body, headers=JSON).status_code == 201, value


@pytest.mark.parametrize("name", ODD_VALUES)
def test_an_odd_value_is_refused(client: Client, run_id: str, unchanged: Unchanged, name: str) -> None:
    """A value that some reader or store would not give back as it came is refused by every call."""
    with unchanged():
        for path in PLACES:
            where, body = whole(path, ODD_VALUES[name], run_id)
            answer = client.post(where, content=body, headers=JSON)
            if name == "ten million letters":
                refused(answer, 413, "body-too-large")
            elif name in UNKEPT:
                refused(answer, 422, "invalid-body")
            else:
                refused(answer, 400, "not-json")


@pytest.mark.parametrize("name", ODD_BODIES)
def test_an_odd_body_is_refused(client: Client, run_id: str, unchanged: Unchanged, name: str) -> None:
    """A body that is not one JSON object in UTF-8 is refused by every call."""
    with unchanged():
        for path in PLACES:
            if "/phases" in path and name == "a key twice":
                continue
            where, _ = whole(path, "1", run_id)
            answer = client.post(where, content=ODD_BODIES[name], headers=JSON)
            assert answer.status_code in REFUSED, answer.text


@ON_SQLITE
@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a",
     "text/json", "application/problem+json", "application/json; charset=utf-16", "application/jsonx",
     "application/json; charset=iso-8859-1", "application/json, text/plain", "json", "*/*", "\xff/json",
     "application/json; charset*=utf-16''x", "application/json; charset*0*=%00''x",
     "application/json; charset*=%00''%00", ";;;=", "a" * 5_000],
)  # fmt: skip
def test_a_body_of_another_kind_is_refused(
    client: Client, run_id: str, unchanged: Unchanged, content_type: str | None
) -> None:
    """Without the content type of JSON in UTF-8 nothing is read: a page of another site cannot send that."""
    with unchanged():
        for path in PLACES:
            where, body = whole(path, "1", run_id)
            headers = {} if content_type is None else {"Content-Type": content_type}
            refused(client.post(where, content=body, headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json;charset=UTF-8", 'application/json; charset="utf-8"', "APPLICATION/JSON"],
)
def test_json_may_be_named_in_other_words(client: Client, run_id: str, content_type: str) -> None:
    """The content type is read as its standard says."""
    where, body = whole("/v1/runs/RUN/events", "1", run_id)
    assert client.post(where, content=body, headers={"Content-Type": content_type}).status_code == 201


TAKEN: dict[str, type[BaseModel]] = {
    "/v1/runs": NewRun,
    "/v1/runs/RUN/phases": NewPhase,
    "/v1/runs/RUN/events": ProposedEvent,
}
OWNED = {*Run.model_fields, *Phase.model_fields, *Event.model_fields}
"""Whatever the service says of a run, a phase or an event."""


@ON_SQLITE
@pytest.mark.parametrize("path", TAKEN)
def test_what_the_service_decides_cannot_be_sent(
    client: Client, run_id: str, unchanged: Unchanged, path: str
) -> None:
    """A body that names a field which is the service's own is refused with a pointer, never overlooked."""
    with unchanged():
        for field in OWNED - TAKEN[path].model_fields.keys() - {"reason"} | {"Type", "__proto__", "id", ""}:
            where, body = valid(path, run_id)
            told = refused(client.post(where, json={**body, field: 1}), 422, "invalid-body")
            assert [error["pointer"] for error in told["errors"]] == [f"/{field}"]
            if path == "/v1/runs/RUN/events":
                batch = {"atomic": True, "events": [{**body, "run_id": run_id, field: 1}]}
                if field != "run_id":
                    told = refused(client.post("/v1/events", json=batch), 422, "invalid-body")
                    assert [error["pointer"] for error in told["errors"]] == [f"/events/0/{field}"]


@ON_SQLITE
@pytest.mark.parametrize("value", [True, False, "1", 1.0, 1.5, -1, 2**53 - 1.0, [], {}, [1], "", " 1"])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v1/runs", "/config/token_cap"),
        ("/v1/runs", "/config/max_phases"),
        ("/v1/runs", "/phases/0/max_attempts"),
        ("/v1/runs/RUN/phases", "/max_attempts"),
        ("/v1/runs/RUN/events", "/attempt"),
        ("/v1/runs/RUN/events", "/expected_version"),
    ],
)
def test_only_an_integer_is_one(
    client: Client, run_id: str, unchanged: Unchanged, path: str, place: str, value: object
) -> None:
    """Where a number is wanted, a truth value, a text, a fraction or a negative number is refused."""
    where, body = valid(path, run_id)
    here: Any = body
    *parents, last = [int(part) if part.isdigit() else part for part in place[1:].split("/")]
    for part in parents:
        here = here[part] if isinstance(part, int) or part in here else here.setdefault(part, {})
    here[last] = value
    with unchanged():
        told = refused(client.post(where, json=body), 422, "invalid-body")
    assert [error["pointer"] for error in told["errors"]] == [place]


@ON_SQLITE
@pytest.mark.parametrize("value", [None, 1, True, [], {}, ["a"], 1.5])
@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/runs", "state"), ("/v1/runs/RUN/events", "type"), ("/v1/runs/RUN/events", "data")],
)
def test_only_a_value_of_its_kind_is_one(
    client: Client, run_id: str, unchanged: Unchanged, path: str, field: str, value: object
) -> None:
    """A field that wants a text, or an object, is refused with anything else."""
    where, body = valid(path, run_id)
    if field == "data" and value == {}:
        value = 0
    with unchanged():
        told = refused(client.post(where, json={**body, field: value}), 422, "invalid-body")
    assert [error["pointer"] for error in told["errors"]] == [f"/{field}"]


@ON_SQLITE
@pytest.mark.parametrize("place", ["run_id", "phase_id", "event_id"])
@pytest.mark.parametrize(
    "value", ["", " ", "-a", "a b", "a\n", "a/b", "é", "a" * 129, "a" * 900_000, "..", "/"]
)
def test_only_an_id_is_one(client: Client, run_id: str, unchanged: Unchanged, place: str, value: str) -> None:
    """What cannot be an id is refused as one wherever it stands, however long it is."""
    event = {
        "run_id": run_id,
        "type": "phase.annotated",
        "phase_id": "p1",
        "data": {"text": "x"},
        place: value,
    }
    calls: list[tuple[str, dict[str, Any]]] = [("/v1/events", {"atomic": True, "events": [event]})]
    if place == "run_id":
        calls.append(("/v1/runs", {"run_id": value}))
    else:
        del event["run_id"]
        calls[0] = (f"/v1/runs/{run_id}/events", event)
    if place == "phase_id":
        calls.append((f"/v1/runs/{run_id}/phases", {"phase_id": value}))
        calls.append(("/v1/runs", {"run_id": unused(), "phases": [{"phase_id": value}]}))
    with unchanged():
        for path, body in calls:
            told = refused(client.post(path, json=body), 422, "invalid-id")
            assert told["field"] == place


def test_many_faults_are_told_in_a_few_words(sqlite_client: Client) -> None:
    """However much is wrong with a body, the answer is short."""
    run_id = sqlite_client.create()
    bodies: list[dict[str, Any]] = [
        {f"field-{i}": i for i in range(20_000)},
        {"type": "run.annotated", "data": {f"field-{i}": i for i in range(20_000)}},
        {"type": "run.labelled", "data": {"labels": {f"label-{i}": i for i in range(20_000)}}},
        {"type": "x" * 900_000},
        {"type": "run.annotated", "x" * 900_000: 1},
        {"type": "run.annotated", "data": {"text": ["x"] * 20_000}},
        {"type": "run.annotated", "data": {"text": "x", "tags": [1] * 20_000}},
    ]
    for body in bodies:
        answer = sqlite_client.post(f"/v1/runs/{run_id}/events", json=body)
        assert answer.status_code == 422
        assert len(answer.content) < 20_000
    answer = sqlite_client.post("/v1/runs", json={"run_id": run_id, "state": "x" * 900_000})
    assert (answer.status_code, len(answer.content) < 20_000) == (422, True)


def test_a_key_that_comes_twice_is_found_among_many(sqlite_client: Client) -> None:
    """Looking for the key that comes twice takes no longer than reading the body."""
    keys = [*map(str, range(30_000)), "29999"]
    body = f"{{{','.join(f'{json.dumps(key)}:0' for key in keys)}}}".encode()
    refused(sqlite_client.post("/v1/runs", content=body, headers=JSON), 400, "not-json")


def test_a_long_key_over_many_values_takes_little_memory(sqlite_client: Client) -> None:
    """What a body takes in memory while it is looked at is in proportion to its length."""
    run_id, result = sqlite_client.executing("p1"), {"k" * 20_000: [0] * 20_000}
    body = {"type": "phase.result_recorded", "phase_id": "p1", "data": {"result": result}}
    tracemalloc.start()
    try:
        answer = sqlite_client.post(f"/v1/runs/{run_id}/events", json=body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 201
    assert most < 50_000_000
