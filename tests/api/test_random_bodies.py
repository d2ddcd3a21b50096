"""Bodies that nobody thought of: made at random, near to what each call takes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from domain.events import EVENTS
from domain.proposals import Batch, DryRun, NewPhase, NewRun, ProposedEvent, ProposedEventOfRun
from domain.states import RunState
from tests.api.client import Client

json_values: SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
words = st.sampled_from(
    ["", "a", "p1", "random-run", "T1", "x" * 129, "2026-11-22T10:00:00Z", *EVENTS, *RunState]
)
anything = words | json_values
of_events = sorted({field for event in EVENTS.values() for field in event.model_fields})


def like(names: list[str], values: SearchStrategy[Any] = anything) -> SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields, and now and then another one."""
    known = st.dictionaries(st.sampled_from(names), values, max_size=5)
    unknown = st.dictionaries(st.text(max_size=8), json_values, max_size=1)
    return st.builds(lambda odd, usual: {**odd, **usual}, unknown, known)


scopes = like(["goal", "paths", "deliverables", "constraints", "read_only_context", "chunk_number"])
phases = like(list(NewPhase.model_fields), anything | scopes)
data = like(of_events, anything | st.lists(words, max_size=3) | scopes | st.integers(0, 5))
proposals = st.builds(
    lambda body, kind, inner: {**body, "type": kind, "data": inner},
    like(list(ProposedEvent.model_fields), anything | st.sampled_from(["p1", 1, 0])),
    st.sampled_from([*EVENTS]) | words,
    data | json_values,
)
CALLS: dict[str, SearchStrategy[Any]] = {
    "/v1/runs": like(
        list(NewRun.model_fields), anything | st.lists(phases, max_size=3) | like(["token_cap"])
    ),
    "/v1/runs/random-run/phases": phases,
    "/v1/runs/random-run/events": proposals,
    "/v1/runs/random-run/dry-run": like(
        list(DryRun.model_fields),
        st.booleans() | st.integers(0, 3) | st.lists(proposals | like(["type"]), max_size=4),
    ),
    "/v1/events": like(
        list(Batch.model_fields),
        st.booleans()
        | st.lists(
            st.builds(lambda body, run: {**body, "run_id": run}, proposals, words)
            | like(list(ProposedEventOfRun.model_fields)),
            max_size=4,
        ),
    ),
}


@pytest.mark.parametrize("path", CALLS)
@settings(max_examples=75, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(made=st.data())
def test_a_random_body_is_recorded_or_refused(client: Client, path: str, made: st.DataObject) -> None:
    """Whatever object is sent, the answer is a success or a problem, and the service goes on."""
    body = made.draw(CALLS[path])
    answer = client.post(path, json=body)
    assert answer.status_code in {200, 201, 400, 404, 409, 412, 422}, answer.text
    if "results" in answer.json() and answer.status_code == 200:
        assert {result["status"] for result in answer.json()["results"]} <= {200, 201, 404, 409, 412, 422}
    assert client.get("/v1/runs/random-run").status_code in {200, 404}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
@example(b'{"type":"run.held"}\x00')
def test_random_bytes_are_refused(sqlite_client: Client, body: bytes) -> None:
    """Whatever bytes are sent, the answer is a problem."""
    answer = sqlite_client.post("/v1/runs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
