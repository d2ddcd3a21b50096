"""Proposing one event, and reading the events of a run."""

from typing import Any

import pytest

from api.shapes import Event
from domain.events import EVENTS
from tests.api.client import Client, refused, unused


def test_an_accepted_event_is_told_whole(client: Client) -> None:
    """The answer to an accepted proposal is the event with all its fields, the run's head, and the phase."""
    run_id = client.executing("p1")
    data = {"executor": "builder-7", "lease_seconds": 60, "reason": "its turn"}
    answer = client.propose(run_id, "phase.started", phase_id="p1", data=data)
    assert answer.status_code == 201
    told = answer.json()
    event = told["event"]
    assert event.keys() == Event.model_fields.keys()
    assert (event["type"], event["type_version"], event["data"]) == ("phase.started", 1, data)
    assert (event["run_id"], event["phase_id"], event["attempt"]) == (run_id, "p1", 1)
    assert (event["state_before"], event["state_after"]) == ("QUEUED", "EXECUTING")
    assert (event["version"], event["implied"]) == (4, False)
    assert event["occurred_at"] == event["recorded_at"]
    assert told["implied"] == []
    assert told["run"] == {"run_id": run_id, "state": "PHASE_EXECUTION", "version": 4}
    assert answer.headers["etag"] == '"4"'
    assert told["phase"] == client.read(f"/v1/runs/{run_id}/phases/p1")
    assert client.read(f"/v1/runs/{run_id}/events")["items"][-1] == event
    assert client.read("/v1/events", after=event["position"] - 1, limit=1)["items"] == [event]


def test_an_event_of_the_run_tells_of_no_phase(client: Client) -> None:
    """The answer to an event that is about the run has no phase in it."""
    told = client.record(client.create(), "run.held", data={"reason": "wait"})
    assert told.keys() == {"event", "implied", "run"}


def test_the_end_of_a_run_ends_its_attempts(client: Client) -> None:
    """When a run fails, what is being worked on fails before it, marked as implied and as caused by it."""
    run_id = client.executing("p1", "p2", "p3")
    for phase_id in ("p1", "p3"):
        client.record(run_id, "phase.started", phase_id=phase_id)
    told = client.record(run_id, "run.failed_environment")
    assert [(each["type"], each["phase_id"], each["implied"]) for each in told["implied"]] == [
        ("phase.failed", "p1", True),
        ("phase.failed", "p3", True),
    ]
    assert {each["causation_id"] for each in told["implied"]} == {told["event"]["event_id"]}
    versions = [each["version"] for each in (*told["implied"], told["event"])]
    assert versions == [8, 9, 10]
    assert told["run"] == {"run_id": run_id, "state": "DONE_FAILED_ENVIRONMENT", "version": 10}
    states = [phase["state"] for phase in client.read(f"/v1/runs/{run_id}")["phases"]]
    assert states == ["FAILED", "QUEUED", "FAILED"]


@pytest.mark.parametrize("kind", ["run.queued", "run.bootstrapped", "run.created"])
def test_an_opening_event_opens_a_run(client: Client, kind: str) -> None:
    """A run may also be opened by proposing its first event."""
    run_id = unused()
    told = client.record(run_id, kind, data={"goal": "Anything"}, expected_version=0)
    assert told["run"]["version"] == 1
    assert client.read(f"/v1/runs/{run_id}")["goal"] == "Anything"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000Z"),
        ("2026-11-22T12:00:00.5+02:00", "2026-11-22T10:00:00.500000Z"),
        ("1999-12-31t23:59:59.123456789z", "1999-12-31T23:59:59.123456Z"),
    ],
)
def test_when_it_happened_is_kept_in_utc(client: Client, said: str, kept: str) -> None:
    """An executor's own time is kept beside the time of recording, in UTC."""
    event = client.record(client.create(), "run.annotated", data={"text": "x"}, occurred_at=said)["event"]
    assert event["occurred_at"] == kept
    assert event["recorded_at"] > "2026"


@pytest.mark.parametrize("said", ["yesterday", "2026-11-22", "2026-11-22T10:00:00", "", 0, None, True])
def test_a_time_that_is_none_is_refused(client: Client, said: object) -> None:
    """A time without an offset, or no time at all, is refused where it stands; null is as good as nothing."""
    answer = client.propose(client.create(), "run.annotated", data={"text": "x"}, occurred_at=said)
    if said is None:
        assert answer.status_code == 201
    else:
        (error,) = refused(answer, 422, "invalid-body")["errors"]
        assert error["pointer"] == "/occurred_at"


def test_an_event_id_serves_as_a_key(client: Client) -> None:
    """An event that names its own id is recorded once under it; another event cannot have that id."""
    run_id, event_id = client.create(), unused("event")
    first = client.propose(run_id, "run.annotated", data={"text": "one"}, event_id=event_id)
    again = client.propose(run_id, "run.annotated", data={"text": "one"}, event_id=event_id)
    assert first.json()["event"]["event_id"] == event_id
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = client.propose(run_id, "run.annotated", data={"text": "two"}, event_id=event_id)
    assert refused(other, 422, "idempotency-key-reused")["key"] == event_id
    made_here = client.record(run_id, "run.held")["event"]["event_id"]
    taken = client.propose(run_id, "run.unheld", event_id=made_here)
    refused(taken, 422, "idempotency-key-reused")


def test_a_report_is_repeated_without_a_key(client: Client) -> None:
    """A report of the last move of an attempt is answered again with 200, and recorded once."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1")
    for kind in ("phase.submitted", "phase.completed"):
        first = client.propose(run_id, kind, phase_id="p1", attempt=1)
        again = client.propose(run_id, kind, phase_id="p1", attempt=1)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json()["event"] == first.json()["event"]
        assert again.headers["idempotent-replayed"] == "true"
    assert client.read(f"/v1/runs/{run_id}")["version"] == 6


def test_a_start_is_never_repeated_without_a_key(client: Client) -> None:
    """A second start is refused, since it may be another executor's, and tells what is legal."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1")
    told = refused(client.propose(run_id, "phase.started", phase_id="p1"), 409, "illegal-move")
    assert (told["state"], told["event"], told["current_version"]) == ("EXECUTING", "phase.started", 4)
    assert set(told["legal"]) > {"phase.submitted", "phase.completed", "phase.failed", "phase.released"}
    assert "phase.started" not in told["legal"]


def test_a_zombie_cannot_advance_a_phase(client: Client) -> None:
    """What speaks for an attempt that is over, or for none, is refused."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1")
    client.record(run_id, "phase.released", phase_id="p1", attempt=1)
    client.record(run_id, "phase.started", phase_id="p1")
    for attempt in (1, 3):
        answer = client.propose(run_id, "phase.completed", phase_id="p1", attempt=attempt)
        told = refused(answer, 409, "stale-attempt")
        assert (told["attempt"], told["current_attempt"]) == (attempt, 2)
    told = refused(client.propose(run_id, "phase.completed", phase_id="p1"), 409, "attempt-required")
    assert told["current_attempt"] == 2
    client.record(run_id, "phase.completed", phase_id="p1", attempt=2)


@pytest.mark.parametrize("expected", [0, 1, 3, 2**53 - 1])
def test_another_version_than_expected_is_refused(client: Client, expected: int) -> None:
    """A proposal that believes the run elsewhere is refused with where it is."""
    run_id = client.executing()
    answer = client.propose(run_id, "run.held", expected_version=expected)
    told = refused(answer, 412, "version-mismatch")
    assert (told["expected_version"], told["current_version"]) == (expected, 2)
    assert told["state"] == "PHASE_EXECUTION"
    client.record(run_id, "run.held", expected_version=2)


@pytest.mark.parametrize("kind", ["phase.start", "PHASE.STARTED", "READY", "", "phase.started\n"])
def test_an_unknown_event_is_refused(client: Client, kind: str) -> None:
    """A type that nobody knows is refused with those that may have been meant."""
    told = refused(client.propose(client.create(), kind), 422, "unknown-event")
    assert told["event"] == kind
    assert ("phase.started" in told["did_you_mean"]) == (kind in ("phase.start", "phase.started\n"))


@pytest.mark.parametrize(
    "kind", [name for name in EVENTS if name.endswith(("imported", "repaired", "tined"))]
)
def test_nobody_proposes_what_only_the_service_records(client: Client, kind: str) -> None:
    """Imports, repairs and quarantines cannot be proposed, for a run or a phase that is there or not."""
    for run_id in (client.executing("p1"), unused()):
        of_phase = {"phase_id": "p1"} if kind.startswith("phase.") else {}
        answer = client.propose(run_id, kind, data=EVENTS[kind].example, **of_phase)
        refused(answer, 422, "reserved-event")


@pytest.mark.parametrize(
    ("kind", "fields", "pointer"),
    [
        ("phase.started", {}, "/phase_id"),
        ("run.held", {"phase_id": "p1"}, "/phase_id"),
        ("run.held", {"attempt": 1}, "/attempt"),
        ("phase.added", {"attempt": 1}, "/attempt"),
        ("phase.failed", {"phase_id": "p1", "attempt": 1}, "/data/outcome"),
        ("phase.skipped", {"phase_id": "p1", "data": {"reason": " "}}, "/data/reason"),
        ("run.annotated", {"data": {"text": "x", "tags": ["a", 1]}}, "/data/tags/1"),
        ("run.labelled", {"data": {"labels": {"a/b~c": 1}}}, "/data/labels/a~1b~0c"),
        ("phase.added", {"data": {"scope": {"read_only_context": [{"path": 1}]}}}, "/data/scope/read_only"),
        ("run.usage_recorded", {"data": {"tokens_used": -1}}, "/data/tokens_used"),
        ("phase.started", {"phase_id": "p1", "data": {"executer": "x"}}, "/data/executer"),
    ],
)
def test_what_does_not_fit_is_pointed_at(
    client: Client, kind: str, fields: dict[str, Any], pointer: str
) -> None:
    """A body that does not fit is refused with a JSON pointer to the place."""
    told = refused(client.propose(client.executing("p1"), kind, **fields), 422, "invalid-body")
    assert {error["pointer"].startswith(pointer) for error in told["errors"]} == {True}


def test_the_events_of_a_run_are_a_chain(client: Client) -> None:
    """Versions are dense from 1, each event names the hash before it, and pages lead from one to the next."""
    run_id = client.executing("p1", "p2")
    for number in range(8):
        client.record(run_id, "run.annotated", data={"text": str(number)})
    events = []
    for page in client.pages(f"/v1/runs/{run_id}/events?limit=5"):
        assert len(page["items"]) <= 5
        events += page["items"]
    assert [event["version"] for event in events] == list(range(1, 13))
    assert [event["prev_hash"] for event in events] == ["0" * 64, *(event["hash"] for event in events[:-1])]
    assert client.read(f"/v1/runs/{run_id}")["head_hash"] == events[-1]["hash"]
    newer = client.read(f"/v1/runs/{run_id}/events", after_version=10)
    assert newer == {"items": events[10:], "next_cursor": None}
    assert client.read(f"/v1/runs/{run_id}/events", after_version=12)["items"] == []
