"""The log of everything: dense positions, pages, one type, and CloudEvents."""

import json
import re

import pytest

from tests.api.client import Client, next_path, refused, unused
from tests.api.json_schema import faults

CLOUDEVENTS = "application/cloudevents-batch+json"
# After the JSON Schema of CloudEvents 1.0.2; what it says of attributes in general is tested by hand.
CLOUDEVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "format": "uri-reference", "minLength": 1},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"type": "string", "minLength": 1},
        "dataschema": {"type": "string", "format": "uri", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time", "minLength": 1},
        "data": {"type": "object"},
    },
}


def tail(client: Client) -> int:
    """The position of a new event."""
    position: int = client.record(client.create(), "run.held")["event"]["position"]
    return position


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 500])
def test_pages_show_every_event_once_in_order(client: Client, limit: int) -> None:
    """Positions are dense over the pages, whatever their size, and the last page says that it is."""
    after = tail(client)
    runs = [client.create(phases=[{}]), client.create()]
    client.record(runs[0], "run.held")
    refused(client.propose(runs[0], "run.gate_entered"), 409, "illegal-move")
    client.record(runs[1], "run.held")
    events = []
    for page in client.pages(f"/v1/events?after={after}&limit={limit}"):
        assert len(page["items"]) <= limit
        events += page["items"]
        assert page["next_cursor"] in (str(events[-1]["position"]), None)
    assert [event["position"] for event in events] == list(range(after + 1, after + 6))
    assert [event["run_id"] for event in events] == [runs[0], runs[0], runs[1], runs[0], runs[1]]


def test_the_log_starts_at_its_first_event(client: Client) -> None:
    """Without a place to start from, the log is told from position 1."""
    client.create()
    events = client.read("/v1/events", limit=3)["items"]
    assert [event["position"] for event in events] == [1, 2, 3][: len(events)]
    assert client.read("/v1/events", after=0, limit=3)["items"] == events


def test_nothing_comes_after_the_end(client: Client) -> None:
    """A reader that is ahead of the log, by one or by all that a number can be, is told nothing."""
    for after in (tail(client), 2**63 - 1):
        assert client.read("/v1/events", after=after) == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("after", ["-1", str(2**63), "1e3", "last", "", "0x10"])
def test_a_place_in_the_log_is_a_number(client: Client, after: str) -> None:
    """What is no position is refused."""
    told = refused(client.get("/v1/events", params={"after": after}), 422, "invalid-parameter")
    assert [error["name"] for error in told["errors"]] == ["after"]


def test_one_type_may_be_read_alone(client: Client) -> None:
    """With a type only its events are told, with the positions that they have, page by page."""
    after, run_id = tail(client), client.create()
    for number in range(5):
        client.record(run_id, "run.annotated", data={"text": str(number)})
        client.record(run_id, "run.held" if number % 2 else "run.unheld")
    positions = []
    for page in client.pages(f"/v1/events?after={after}&type=run.annotated&limit=2"):
        positions += [event["position"] for event in page["items"]]
        assert {event["type"] for event in page["items"]} == {"run.annotated"}
    assert positions == [after + 2, after + 4, after + 6, after + 8, after + 10]


@pytest.mark.parametrize("kind", ["run.annotate", "RUN.HELD", "%", "' OR 1=1 --", ""])
def test_an_unknown_type_is_refused_as_a_filter(client: Client, kind: str) -> None:
    """A type that no event has is refused, since an empty list would hide the slip."""
    told = refused(client.get("/v1/events", params={"type": kind}), 422, "unknown-event")
    assert told["event"] == kind


def test_the_log_is_told_as_cloudevents(client: Client) -> None:
    """Asked for a batch of CloudEvents, the log is one that keeps to their specification, event by event."""
    after, run_id = tail(client), client.executing("p1", goal="é")
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    client.record(
        run_id, "phase.started", phase_id="p1", headers={"traceparent": trace, "X-Actor": "builder"}
    )
    answer = client.get(f"/v1/events?after={after}&limit=3", headers={"Accept": CLOUDEVENTS})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CLOUDEVENTS
    assert next_path(answer) == f"/v1/events?limit=3&after={after + 3}"
    rest = client.get(f"/v1/events?after={after + 3}", headers={"Accept": f"{CLOUDEVENTS}, */*;q=0.1"})
    told = answer.json() + rest.json()
    plain = client.read("/v1/events", after=after)["items"]
    for cloud, event in zip(told, plain, strict=True):
        assert faults(CLOUDEVENT, cloud) == []
        assert [name for name in cloud if not re.fullmatch("[a-z0-9]{1,20}", name)] == []
        assert (cloud["id"], cloud["type"], cloud["data"]) == (
            event["event_id"],
            event["type"],
            event["data"],
        )
        assert (cloud["source"], cloud["time"]) == (f"/v1/runs/{run_id}", event["occurred_at"])
        assert int(cloud["sequence"]) == event["position"]
        assert None not in cloud.values()
        assert client.get(cloud["source"]).status_code == 200
        assert client.get(cloud["dataschema"]).status_code == 200
    assert sorted(told, key=lambda each: str(each["sequence"])) == told
    started = told[-1]
    assert (started["subject"], started["attempt"], started["actor"]) == ("p1", 1, "builder")
    assert (started["statebefore"], started["stateafter"]) == ("QUEUED", "EXECUTING")
    assert started["traceparent"] == trace


def test_the_schema_of_a_cloudevent_is_a_uri(client: Client) -> None:
    """CloudEvents wants `dataschema` to be a URI that says where it is by itself."""
    tail(client)
    (cloud,) = client.get("/v1/events?limit=1", headers={"Accept": CLOUDEVENTS}).json()
    assert re.match(r"[a-z][a-z0-9+.-]*:", cloud["dataschema"]), cloud["dataschema"]


def test_data_come_back_as_they_were_sent(client: Client) -> None:
    """Whatever JSON an executor records is given back as it was."""
    run_id = client.executing("p1")
    result = json.loads(
        '{"": null, "unicode": "é 🎉 \\u2028 \\u0001 \\ud83c\\udf89",'
        ' "numbers": [0, -1, 9007199254740991, 1.5, 1e-7, 1e308, -0.0],'
        ' "nested": [[[{"a": [{}]}]]], "quotes": "\\"\\\\/", "z": 1, "a": 2, "é": true}'
    )
    sent = {"phase_id": "p1", "data": {"result": result}}
    position = client.record(run_id, "phase.result_recorded", **sent)["event"]["position"]
    (event,) = client.read("/v1/events", after=position - 1, limit=1)["items"]
    assert event["data"] == {"result": result}
    assert repr(event["data"]["result"]["numbers"]) == repr(result["numbers"])


def test_a_run_is_read_from_the_log_as_from_itself(client: Client) -> None:
    """An event is the same in the log and among the events of its run."""
    after, run_id = tail(client), unused()
    client.record(run_id, "run.queued", data={"goal": "x"})
    client.record(run_id, "run.failed_environment")
    in_log = client.read("/v1/events", after=after)["items"]
    assert client.read(f"/v1/runs/{run_id}/events")["items"] == in_log
