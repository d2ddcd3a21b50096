"""Proving the record over HTTP: a report, or how far it is and then the report; and what is refused."""

import asyncio
import json
import sqlite3
from collections.abc import Generator
from contextlib import closing
from typing import Any, cast

import pytest

import api.replay.verify
from api.replay.findings import REBUILD
from projections import ALL
from tests.api.client import Client, refused, unused

NDJSON = {"Accept": "application/x-ndjson"}


def verify(client: Client, **body: Any) -> dict[str, Any]:
    """The report on what is asked for."""
    answer = client.post("/v1/verify", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    told: dict[str, Any] = answer.json()
    return told


@pytest.fixture
def marred(own_client: Client) -> Client:
    """A service on whose database somebody wrote READY into the row of the run `sick`."""
    own_client.executing("p1", run_id="well")
    own_client.executing("p1", run_id="sick")
    with closing(sqlite3.connect(own_client.database_url.removeprefix("sqlite:///"))) as raw:
        raw.execute("DROP TRIGGER runs_update")
        raw.execute("UPDATE runs SET state = 'READY' WHERE run_id = 'sick'")
        raw.commit()
    return own_client


def test_a_sound_record_is_told_so(client: Client) -> None:
    """With how much was looked at; without a body it is everything."""
    run_id = client.executing("p1", "p2")
    position = client.read("/v1/events?after=0&limit=500")["items"][-1]["position"]
    for answer in (client.post("/v1/verify"), client.post("/v1/verify", json={})):
        told = answer.json()
        assert (answer.status_code, told["ok"], told["findings"]) == (200, True, [])
        assert told["up_to"] == told["events"] >= position
        assert told["first_bad_position"] is None
    of_run = verify(client, run_id=run_id)
    assert (of_run["events"], of_run["runs"], of_run["found"]) == (4, 1, 0)
    since = verify(client, since=told["up_to"] - 1)
    assert (since["events"], since["runs"]) == (4, 1)


def test_what_is_wrong_is_an_answer_and_no_error(marred: Client) -> None:
    """Each finding says what, where and what to do; the guard that was dropped is one of them."""
    told = verify(marred)
    lost, wrong = told["findings"]
    assert (told["ok"], told["found"], told["first_bad_position"]) == (False, 2, 6)
    assert (lost["code"], lost["position"]) == ("guards-missing", None)
    assert wrong == {
        "code": "table-differs",
        "position": 6,
        "run_id": "sick",
        "version": 3,
        "detail": "runs.state of run_id sick is 'READY'; the log makes it 'PHASE_EXECUTION'.",
        "remedy": REBUILD,
        "table": "runs",
        "key": {"run_id": "sick"},
        "column": "state",
        "expected": "PHASE_EXECUTION",
        "found": "READY",
    }
    assert verify(marred, run_id="well")["found"] == 1
    assert verify(marred, run_id="sick")["found"] == 2


def test_lines_tell_how_far_it_is(marred: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """One JSON document a line: progress that does not go back, and the report as the last."""
    monkeypatch.setattr(api.replay.verify, "SHARD", 1)
    answer = marred.post("/v1/verify", headers=NDJSON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, NDJSON["Accept"])
    *steps, last = map(json.loads, answer.text.splitlines())
    assert last == {"report": verify(marred)}
    done = [step["progress"]["done"] for step in steps]
    assert done == sorted(done)
    assert set(done) == {0, 3, 6}
    assert {step["progress"]["total"] for step in steps} == {6}


@pytest.mark.parametrize("headers", [{}, NDJSON])
def test_a_run_that_never_was_is_not_verified(client: Client, headers: dict[str, str]) -> None:
    """It is not found, with the ids that may have been meant; as a problem, whatever was to be told."""
    run_id = client.create(run_id=unused("nightly"))
    answer = client.post("/v1/verify", json={"run_id": f"{run_id}x"}, headers=headers)
    assert run_id in refused(answer, 404, "run-not-found")["similar"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"since": -1}, "/since"),
        ({"since": 2**63}, "/since"),
        ({"since": "1"}, "/since"),
        ({"since": 1.5}, "/since"),
        ({"since": None}, "/since"),
        ({"run_id": 1}, "/run_id"),
        ({"run": "one"}, "/run"),
        ([], ""),
    ],
)
def test_a_body_that_does_not_fit_is_refused(sqlite_client: Client, body: Any, pointer: str) -> None:
    """Every place that is wrong is pointed at."""
    told = refused(sqlite_client.post("/v1/verify", json=body), 422, "invalid-body")
    assert [error["pointer"] for error in told["errors"]] == [pointer]


@pytest.mark.parametrize("run_id", ["", "a b", "\x00", "../x", "x" * 129])
def test_an_id_that_no_run_can_have_is_refused(client: Client, run_id: str) -> None:
    """No database is asked for it."""
    answer = client.post("/v1/verify", json={"run_id": run_id})
    assert answer.status_code == 422
    assert answer.json()["code"] in {"invalid-id", "invalid-body"}


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/projections/rebuild"])
def test_a_parameter_that_nobody_knows_is_refused(sqlite_client: Client, path: str) -> None:
    """What is asked of verify goes into the body."""
    told = refused(sqlite_client.post(path, params={"since": 1}), 422, "invalid-parameter")
    assert [error["name"] for error in told["errors"]] == ["since"]
    refused(sqlite_client.get("/v1/verify"), 405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/projections/rebuild"])
@pytest.mark.parametrize("headers", [{}, NDJSON])
def test_one_replay_at_a_time(own_client: Client, path: str, headers: dict[str, str]) -> None:
    """While one is under way another is refused; when it has ended, or was given up, it is not."""
    own_client.create()
    with closing(cast("Generator[Any]", own_client.ledger.replay.verify())) as under_way:
        next(under_way)
        refused(own_client.post(path, headers=headers), 409, "replay-under-way")
    assert own_client.post(path, headers=headers).status_code == 200
    assert own_client.post(path, headers=headers).status_code == 200


def test_who_goes_away_does_not_keep_others_waiting(
    own_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who hangs up in the middle of the lines gives the replay up."""
    monkeypatch.setattr(api.replay.verify, "SHARD", 1)
    for _ in range(5):
        own_client.create()
    asyncio.run(hang_up(own_client, "/v1/verify"))
    for _ in range(1_000):  # what the service was at when the caller went it ends first
        answer = own_client.post("/v1/verify")
        if answer.status_code == 200:
            break
    assert answer.json()["events"] == 5


async def hang_up(client: Client, path: str) -> None:
    """Ask for lines, and go away after the first."""
    told: list[bytes] = []
    first = asyncio.Event()
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if (message := next(asked, None)) is not None:
            return message
        await first.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            told.append(message["body"])
            first.set()
            await asyncio.sleep(0)

    headers = [(b"host", b"127.0.0.1:8000"), (b"accept", NDJSON["Accept"].encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await client.service(scope, receive, send)
    assert b"".join(told).startswith(b'{"progress":')
    assert b'"report"' not in b"".join(told)


def test_the_tables_made_from_the_log_are_listed(own_client: Client) -> None:
    """Each with the version of its shape and how many rows it has."""
    own_client.create(labels={"a": "b", "c": "d"}, phases=[{}, {}, {}])
    told, rows = own_client.read("/v1/projections"), {"runs": 1, "phases": 3, "run_labels": 2}
    assert told == {
        "items": [
            {"name": each.TABLE.name, "version": each.VERSION, "rows": rows.get(each.TABLE.name, 0)}
            for each in ALL
        ],
        "next_cursor": None,
    }
    refused(own_client.get("/v1/projections", params={"limit": 1}), 422, "invalid-parameter")
