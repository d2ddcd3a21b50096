"""The history of a run over HTTP: as it was, what changed, which event set what, when something became so."""

from typing import Any

import pytest
from httpx2 import Response

from api.shapes_of_history import Bisection, Blame, Diff
from tests.api.client import Client, refused, unused
from tests.runs import Record


def seen(answer: Response) -> tuple[int, bytes, str | None]:
    """All of an answer that has to do with the run; of a problem all but which request it was."""
    told = answer.json()
    content = answer.content
    if answer.status_code >= 400:
        content = repr(sorted((name, told[name]) for name in told.keys() - {"request_id"})).encode()
    return answer.status_code, content, answer.headers.get("etag")


@pytest.fixture
def lived(client: Client, record: Record) -> tuple[str, list[tuple[int, bytes, str | None]]]:
    """A run that was in quarantine and was repaired, and what was answered after each of its events."""
    run_id = unused()
    quarantined = ("run.quarantined", None, None, {"goal": "größer", "legacy": {"state": "READY"}})
    repaired = ("run.repaired", "PHASE_EXECUTION", None, {"state": "PHASE_EXECUTION", "reason": "it was"})
    answers = []
    for step in (quarantined, repaired):
        record(client.ledger, run_id, step)
        client.create()  # so that positions are no versions
        answers.append(seen(client.get(f"/v1/runs/{run_id}")))
    for kind, fields in (
        (
            "phase.added",
            {"phase_id": "p1", "data": {"scope": {"goal": "a", "odd": [1.0, None, {"é": "\u2028"}]}}},
        ),
        ("phase.started", {"phase_id": "p1", "data": {"executor": "builder-7"}}),
        ("phase.annotated", {"phase_id": "p1", "data": {"text": "flaky", "tags": ["ci"]}}),
        ("phase.usage_recorded", {"phase_id": "p1", "data": {"tokens_used": 7}}),
        ("run.labelled", {"data": {"labels": {"b": "1", "a": "2"}}}),
        ("phase.failed", {"phase_id": "p1", "attempt": 1, "data": {"outcome": "CI"}}),
        ("run.failed_environment", {}),
        ("run.reopened", {"data": {"reason": "mended"}}),
    ):
        client.record(run_id, kind, **fields)
        client.create()
        answers.append(seen(client.get(f"/v1/runs/{run_id}")))
    return run_id, answers


def test_the_past_is_answered_as_it_was(client: Client, lived: Any) -> None:
    """Byte for byte, with its ETag, by version, position and time; a quarantine is refused as it was then."""
    run_id, answers = lived
    path = f"/v1/runs/{run_id}"
    events = client.read(f"{path}/events")["items"]
    assert [status for status, _, _ in answers[:2]] == [409, 200]
    for event, then in zip(events, answers, strict=True):
        assert seen(client.get(path, params={"at_version": event["version"]})) == then
        assert seen(client.get(path, params={"at_position": event["position"]})) == then
        assert seen(client.get(path, params={"at_position": event["position"] + 1})) == then
        assert seen(client.get(path, params={"at_time": event["recorded_at"]})) == then
    assert seen(client.get(path, params={"at_position": 2**63 - 1})) == answers[-1]
    assert seen(client.get(path, params={"at_time": "9999-12-31T23:59:59-00:00"})) == answers[-1]


def test_a_time_may_have_any_offset(client: Client) -> None:
    """Half past ten in one place is the same moment as in another."""
    run_id = client.create()
    path = f"/v1/runs/{run_id}"
    assert client.read(path, at_time="2999-01-01T00:00:00+05:30") == client.read(path)
    for time in ("1999-12-31t23:59:59.123456789z", "2000-01-01 05:29:59.123456+05:30"):
        told = refused(client.get(path, params={"at_time": time}), 404, "no-such-version")
        assert told["time"] == "1999-12-31T23:59:59.123456Z"
    told = refused(client.get(f"{path}?at_time=2999-01-01T00:00:00+05:30"), 422, "invalid-parameter")
    assert "+ is written %2B" in told["detail"]


def test_the_past_has_an_etag_too(client: Client) -> None:
    """Who has a version need not be told it again."""
    run_id = client.executing("p1")
    path = f"/v1/runs/{run_id}?at_version=2"
    etag = client.get(path).headers["etag"]
    assert etag == '"2"'
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": '"3"'}).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?at_version=1&at_position=1", 422, "invalid-parameter"),
        ("?at_version=1&at_time=2999-01-01T00:00:00Z", 422, "invalid-parameter"),
        ("?at_version=0", 422, "invalid-parameter"),
        ("?at_version=-1", 422, "invalid-parameter"),
        ("?at_version=1.5", 422, "invalid-parameter"),
        ("?at_version=99999999999999999999999", 422, "invalid-parameter"),
        ("?at_position=99999999999999999999999", 422, "invalid-parameter"),
        ("?at_time=now", 422, "invalid-parameter"),
        ("?at=1", 422, "invalid-parameter"),
        ("?at_version=2147483647", 404, "no-such-version"),
        ("?at_time=0001-01-01T00:00:00Z", 404, "no-such-version"),
        ("/diff?from=9", 404, "no-such-version"),
        ("/diff?from=-1", 422, "invalid-parameter"),
        ("/diff?to=2147483648", 422, "invalid-parameter"),
        ("/diff?with=a b", 422, "invalid-id"),
        ("/diff?with=nobody", 404, "run-not-found"),
        ("/diff?start=1", 422, "invalid-parameter"),
        ("/diff?from=1&from=2&to=x", 422, "invalid-parameter"),
        ("/blame?field=nothing", 422, "unknown-field"),
        ("/blame?phase_id=p9", 404, "phase-not-found"),
        ("/blame?phase_id=a b", 422, "invalid-id"),
        ("/blame?at_version=9", 404, "no-such-version"),
        ("/blame?field=state&phase=p1", 422, "invalid-parameter"),
        ("/bisect", 422, "invalid-parameter"),
        ("/bisect?expr=", 422, "invalid-expression"),
        ("/bisect?expr=usage.tokens_used > 1000", 422, "invalid-expression"),
        (f"/bisect?expr={'a' * 1_001}", 422, "invalid-parameter"),
        ("/bisect?expr=state&from=1", 422, "invalid-parameter"),
    ],
)
def test_what_cannot_be_told_is_refused(client: Client, query: str, status: int, code: str) -> None:
    """Moments that never were, more than one of them, and what no call knows."""
    run_id = client.executing("p1")
    refused(client.get(f"/v1/runs/{run_id}{query}"), status, code)


def test_what_changed_is_told_field_by_field(client: Client) -> None:
    """Between two versions of a run, with the events; between two runs, without."""
    run_id, other = client.executing("p1"), client.executing("p1")
    client.record(run_id, "phase.started", phase_id="p1", data={"reason": "now"}, headers={"X-Actor": "b-7"})
    told = client.read(f"/v1/runs/{run_id}/diff", **{"from": 3})
    assert told == Diff.model_validate(told).model_dump(by_alias=True)
    assert {"field": "phases/p1/state", "from": "QUEUED", "to": "EXECUTING", "kind": "changed"} in told[
        "changes"
    ]
    (event,) = told["events"]
    assert (event["type"], event["actor"], event["reason"]) == ("phase.started", "b-7", "now")
    assert client.read(f"/v1/runs/{run_id}/diff") == told
    both = client.read(f"/v1/runs/{run_id}/diff", **{"with": other, "from": 3, "to": 3})
    assert {change["field"] for change in both["changes"]} <= {"created_at", "started_at"}
    assert both["events"] is None


def test_who_set_a_field_is_told(client: Client) -> None:
    """With the event, what was there before, and how often it was set."""
    run_id = client.executing("p1")
    client.record(run_id, "phase.usage_recorded", phase_id="p1", data={"tokens_used": 5})
    told = client.read(f"/v1/runs/{run_id}/blame", field="tokens_used", phase_id="p1")
    assert told == Blame.model_validate(told).model_dump()
    (setting,) = told["fields"]
    assert (setting["field"], setting["value"], setting["before"]) == ("phases/p1/usage/tokens_used", 5, 0)
    assert (setting["times_set"], setting["event"]["version"]) == (2, told["version"])


def test_when_something_became_so_is_told(client: Client) -> None:
    """With the event that made it so; that it never did is an answer too."""
    run_id = client.executing("p1")
    client.record(run_id, "run.gate_entered", headers={"X-Actor": "ada"})
    told = client.read(f"/v1/runs/{run_id}/bisect", expr="state == 'GATE'")
    assert told == Bisection.model_validate(told).model_dump()
    assert (told["version"], told["event"]["actor"], told["last_version_without"]) == (4, "ada", 3)
    told = client.read(f"/v1/runs/{run_id}/bisect", expr="state == 'READY'")
    assert (told["version"], told["event"], told["last_version_without"]) == (None, None, 4)
