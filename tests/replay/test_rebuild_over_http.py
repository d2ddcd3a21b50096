"""Rebuilding over HTTP: one answer, or a line for each step; given up when nobody listens any more."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Engine

import projections
from api.replay import rebuild as module
from tests.api.client import Client, assert_problem, refused
from tests.databases import Connect, Scratch
from tests.end_to_end import service
from tests.end_to_end.service import SECONDS, Server, serving
from tests.replay.rebuilding import TABLES, assert_right, last, left_over, rebuilding

PATH = "/v1/projections/rebuild"
LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    """A service with two runs, of which one has a phase."""
    with Client(database_url) as own:
        own.post("/v1/runs", json={"run_id": "one", "phases": [{"phase_id": "p1"}]})
        own.post("/v1/runs", json={"run_id": "two"})
        yield own


def lines(answer: Response) -> list[Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("name", [None, *TABLES])
def test_the_answer_says_what_was_replayed(client: Client, raw: Any, name: str | None) -> None:
    """Of all tables, or of the one that is named."""
    raw.execute("DELETE FROM annotations")
    answer = client.post(PATH, json={} if name is None else {"projection": name})
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": True, "up_to": 3, "events": 3, "runs": 2,
        "found": 0, "first_bad_position": None, "findings": [],
    }  # fmt: skip
    assert_right(client.ledger.engine, raw)


def test_each_step_is_a_line(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """For who asks for lines: how far it is, and in the end the report."""
    monkeypatch.setattr(module, "SHARD", 1)
    *steps, end = lines(client.post(PATH, json={}, headers=LINES))
    assert [step["progress"] for step in steps] == [
        {"stage": "fold", "done": 0, "total": 3},
        {"stage": "fold", "done": 2, "total": 3},
        {"stage": "fold", "done": 3, "total": 3},
        {"stage": "swap", "done": 3, "total": 3},
    ]
    assert end == {"report": client.post(PATH, json={}).json()}


def test_projections_are_listed(client: Client) -> None:
    """With their rows, before a rebuild and after it."""
    before = client.read("/v1/projections")
    rows = dict.fromkeys((each.TABLE.name for each in projections.ALL), 0) | {"runs": 2, "phases": 1}
    assert [(each["name"], each["rows"]) for each in before["items"]] == [*rows.items()]
    assert before["next_cursor"] is None
    client.post(PATH, json={})
    assert client.read("/v1/projections") == before
    refused(client.get("/v1/projections?limit=1"), 422, "invalid-parameter")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"projection": "events"}, 422, "invalid-body"),
        ({"projection": ""}, 422, "invalid-body"),
        ({"projection": ["runs"]}, 422, "invalid-body"),
        ({"projection": "runs\x00"}, 422, "invalid-body"),
        ({"projections": "runs"}, 422, "invalid-body"),
        ([], 422, "invalid-body"),
        ("{", 400, "not-json"),
    ],
)
def test_what_cannot_be_understood_is_refused(client: Client, body: Any, status: int, code: str) -> None:
    """Before anything is done, also to who asks for lines."""
    for headers in ({}, LINES):
        sent = {"content": body} if isinstance(body, str) else {"json": body}
        answer = client.post(PATH, headers={"Content-Type": "application/json", **headers}, **sent)
        told = refused(answer, status, code)
        if body == {"projection": "events"}:
            assert ", ".join(each.TABLE.name for each in projections.ALL) in str(told["errors"])
    assert client.post(PATH + "?projection=runs", json={}).json()["code"] == "invalid-parameter"


def test_one_replay_at_a_time(client: Client, raw: Any) -> None:
    """A service that rebuilds is asked to verify, or to rebuild: it says that it is at it already."""
    under_way = rebuilding(client.ledger)
    next(under_way)
    for path in (PATH, "/v1/verify"):
        for headers in ({}, LINES):
            refused(client.post(path, json={}, headers=headers), 409, "replay-under-way")
    assert client.read("/v1/runs/one")["version"] == 2
    under_way.close()
    assert client.post(PATH, json={}).status_code == 200
    assert_right(client.ledger.engine, raw)


def test_what_goes_wrong_in_the_middle_is_the_last_line(
    client: Client, open_ledger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a problem, for there is no status left to give."""
    fold_part = module.fold_part

    def overtaken(engine: Engine, task: module.Task) -> module.Folded:
        monkeypatch.setattr(module, "fold_part", fold_part)
        last(rebuilding(open_ledger()))
        return fold_part(engine, task)

    monkeypatch.setattr(module, "fold_part", overtaken)
    answer = client.post(PATH, json={}, headers=LINES)
    *steps, end = lines(answer)
    assert len(steps) == 1
    assert (end["problem"]["status"], end["problem"]["code"]) == (409, "rebuild-taken-over")
    assert end["problem"]["request_id"] == answer.headers["x-request-id"]
    monkeypatch.setattr(module, "fold_part", overtaken)
    answer = client.post(PATH, json={})
    assert_problem(answer)
    refused(answer, 409, "rebuild-taken-over")


def asks(server: Server, accept: str) -> socket.socket:
    """A caller who has asked for a rebuild."""
    caller = socket.create_connection((server.host, server.port), SECONDS)
    caller.sendall(
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode()
    )
    return caller


def under_way(server: Server) -> bool:
    return server.call("POST", "/v1/verify", {}).status == 409


@pytest.fixture
def _patiently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services whose rebuilds wait for ever."""
    command = tmp_path / "runnotary"
    command.write_text(
        f"#!{sys.executable}\nfrom api.cli import main\nfrom api.replay import rebuild\n"
        "if __name__ == '__main__':\n    rebuild.PATIENCE = float('inf')\n    main()\n"
    )
    command.chmod(0o700)
    monkeypatch.setattr(service, "COMMAND", command)


@pytest.mark.usefixtures("_patiently")
@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_a_rebuild_ends_with_its_caller(
    backend: str, scratch_database: Scratch, connect: Connect, accept: str
) -> None:
    """Somebody reads a table for long, the swap waits for that, and who wanted it goes away."""
    with scratch_database(backend) as url, closing(connect(url)) as raw, serving(url) as server:
        server.create("one")
        with raw.transaction():
            raw.execute("SELECT count(*) FROM runs")
            with closing(asks(server, accept)):
                while not left_over(raw):
                    pass
            give_up = monotonic() + SECONDS
            while under_way(server):
                assert monotonic() < give_up
            assert left_over(raw) == []
        assert server.call("POST", PATH, {}).body["ok"] is True
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_service_that_is_stopped_does_not_wait_for_a_rebuild(
    backend: str, scratch_database: Scratch, connect: Connect
) -> None:
    """It gives it up, and what it had made is taken away, or left to the next one."""
    with scratch_database(backend) as url, closing(connect(url)) as raw:
        with serving(url, shutdown_seconds="1") as server:
            server.create("one")
            with raw.transaction():
                raw.execute("SELECT count(*) FROM runs")
                with closing(asks(server, "application/x-ndjson")):
                    while not left_over(raw):
                        pass
                    assert server.stop() == 0
        with serving(url) as server:
            assert server.call("GET", "/v1/runs/one").status == 200
            assert server.call("POST", PATH, {}).body["ok"] is True
            assert left_over(raw) == []
