"""The process dies at its work: what was acknowledged is there once, the rest may be sent again."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Condition, Event, Thread
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from tests.databases import SERVER
from tests.end_to_end.service import SECONDS, Answer, Server, ask, assert_sound, serving

WRITERS = 6
SEALED = {"seal_events": "20", "seal_seconds": "1"}
"""How often the log is sealed, so that a process dies while it seals, too."""


@dataclass
class Load:
    """Callers that never rest, and what each of them was told."""

    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was answered to each request, by its key."""
    unknown: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """Requests without an answer, by their keys."""
    refused: Counter[int] = field(default_factory=Counter)
    _told: Condition = field(default_factory=Condition)
    _number: int = 0

    @contextmanager
    def on(self, server: Server) -> Iterator[None]:
        """Callers of this server, until it is gone or this `with` ends."""
        ended = Event()
        self._number += 1
        threads = [
            Thread(target=self._write, args=(server, f"{self._number}-{i}", ended)) for i in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join(SECONDS)

    def wait_for(self, more: int) -> None:
        """Until so many more requests are acknowledged."""
        with self._told:
            wanted = len(self.acknowledged) + more
            assert self._told.wait_for(lambda: len(self.acknowledged) >= wanted, SECONDS)

    def send_again(self, server: Server) -> None:
        """Send what had no answer once more, under its key."""
        for key, (path, body) in self.unknown.items():
            for _ in range(2):
                answer = server.call("POST", path, body, Idempotency_Key=key)
                assert answer.status == 201, answer
                assert told(self.acknowledged.setdefault(key, answer.body)) == told(answer.body)
        self.unknown.clear()

    def _write(self, server: Server, name: str, ended: Event) -> None:
        run_id, number = f"run-{name}", 0
        try:
            with closing(server.connect()) as connection:
                self._send(
                    connection, f"{name}.new", "/v1/runs", {"run_id": run_id, "phases": [{"phase_id": "p"}]}
                )
                while not ended.is_set():
                    number += 1
                    key = f"{name}.{number}"
                    note: dict[str, Any] = {
                        "run_id": run_id,
                        "type": "run.annotated",
                        "data": {"text": key, "tags": [name]},
                    }
                    if number % 5:
                        path, body = f"/v1/runs/{run_id}/events", {k: note[k] for k in ("type", "data")}
                    else:
                        path, body = "/v1/events", {"atomic": True, "events": [note] * 3}
                    self._send(connection, key, path, body)
        except (OSError, HTTPException):
            pass  # the server is gone; what was on its way is noted

    def _send(self, connection: Any, key: str, path: str, body: dict[str, Any]) -> None:
        self.unknown[key] = (path, body)
        answer: Answer = ask(connection, "POST", path, body, Idempotency_Key=key)
        if answer.status == 503:
            self.refused[answer.status] += 1
            return
        assert answer.status == 201, answer
        with self._told:
            self.acknowledged[key] = answer.body
            del self.unknown[key]
            self._told.notify_all()


def told(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that an answer tells of; a creation tells of none."""
    results = answer.get("results", [answer] if "event" in answer else [])
    return [result["event"] for result in results]


def assert_kept(load: Load, database_url: str) -> None:
    """Everything that was acknowledged is in the log, once, as it was told."""
    log = assert_sound(database_url)
    hashes = {event["event_id"]: event["hash"] for event in log}
    for answer in load.acknowledged.values():
        for event in told(answer):
            assert hashes.get(event["event_id"]) == event["hash"]
    noted = Counter(event["data"]["text"] for event in log if "tags" in event["data"])
    once = {key: 3 if int(key.partition(".")[2]) % 5 == 0 else 1 for key in noted}
    assert noted == once
    expected = {key for key in load.acknowledged if not key.endswith(".new")}
    assert expected <= noted.keys() <= expected | load.unknown.keys()


def test_what_was_acknowledged_survives_kill(database_url: str) -> None:
    """Killed three times under load and started again, the service has lost nothing and doubled nothing."""
    load = Load()
    for _ in range(3):
        with serving(database_url, **SEALED) as server:
            load.send_again(server)
            with load.on(server):
                load.wait_for(150)
                server.kill()
        assert_kept(load, database_url)
    with serving(database_url, **SEALED) as server:
        load.send_again(server)
        assert server.call("GET", "/readyz").status == 200
        with load.on(server):
            load.wait_for(20)
    assert load.unknown == {}
    assert_kept(load, database_url)


def test_what_was_acknowledged_survives_sigterm(database_url: str) -> None:
    """Asked to end under load, the service ends with 0, and what it acknowledged is there."""
    load = Load()
    for _ in range(2):
        with serving(database_url, **SEALED) as server:
            load.send_again(server)
            with load.on(server):
                load.wait_for(100)
                assert server.stop() == 0
            assert "Traceback" not in server.logged()
        assert_kept(load, database_url)


@pytest.mark.parametrize("backend", ["sqlite"], scope="session")
def test_two_processes_take_turns_on_one_file(database_url: str) -> None:
    """A second process on the same SQLite file waits its turn, and a killed one leaves nothing locked."""
    load = Load()
    with serving(database_url, **SEALED) as one, serving(database_url, **SEALED) as other:
        with load.on(one), load.on(other):
            load.wait_for(150)
            one.kill()
            load.wait_for(50)
        load.send_again(other)
    assert_kept(load, database_url)


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_what_was_acknowledged_survives_lost_connections(database_url: str) -> None:
    """When PostgreSQL cuts every connection again and again, nothing is lost and nothing doubled."""
    load, cut = Load(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with serving(database_url, **SEALED) as server:
        with load.on(server), psycopg.connect(SERVER, autocommit=True) as postgresql:
            for _ in range(10):
                load.wait_for(15)
                postgresql.execute(cut, [make_url(database_url).database])
            load.wait_for(15)
        load.send_again(server)
        assert server.call("GET", "/readyz").status == 200
    assert_kept(load, database_url)
