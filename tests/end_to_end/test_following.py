"""Followers under load, with the service killed, stopped and cut off: every event once, in order."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from itertools import cycle
from threading import Condition, Thread
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from tests.databases import SERVER
from tests.end_to_end.service import SECONDS, Server, assert_sound, at_once, serving
from tests.feeds.reader import NDJSON, SSE, stream

WRITERS = 8
QUICK = {"stream_heartbeat_seconds": "0.5", "poll_seconds": "0.2"}


class Follower:
    """Follows one of some services, and another when that has ended, from the place that it has come to."""

    def __init__(self, servers: Callable[[], list[Server]], accept: str, **wanted: Any) -> None:
        self.told: list[int] = []
        self.connections = 0
        self._servers = servers
        self._accept = accept
        self._wanted = wanted
        self._place = "0"
        self._more = Condition()
        self._thread = Thread(target=self._follow, daemon=True)

    def wait_for(self, position: int) -> None:
        """Until it was told of this position."""
        with self._more:
            assert self._more.wait_for(lambda: self.told[-1:] >= [position], SECONDS), self.told[-1:]

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Until it has noticed that there is no service any more."""
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def _follow(self) -> None:
        for turn in cycle(range(2)):
            servers = self._servers()
            if not servers:
                return
            server = servers[turn % len(servers)]
            try:
                with stream(
                    server.host, server.port, self._accept, last=self._place, **self._wanted
                ) as following:
                    self.connections += 1
                    for place, position in self._places(following):
                        self._place = place
                        if position is not None:
                            self._tell(position)
            except (OSError, HTTPException, AssertionError):
                pass  # it is gone, or going down; another is asked

    def _places(self, following: Any) -> Iterator[tuple[str, int | None]]:
        if self._accept == NDJSON:
            for line in following.lines():
                if line:
                    position = json.loads(line)["position"]
                    yield str(position), position
                else:
                    yield self._place, None
        else:
            for message in following.messages():
                told = json.loads(message.data)["position"] if message.data else None
                yield message.id or self._place, told

    def _tell(self, position: int) -> None:
        with self._more:
            self.told.append(position)
            self._more.notify_all()


class Writers:
    """Eight who write until they have written so much, whichever service takes it."""

    def __init__(self, servers: Callable[[], list[Server]], each: int) -> None:
        self.written = 0
        self.failed: AssertionError | None = None
        self._servers = servers
        self._each = each
        self._more = Condition()
        self._thread = Thread(target=self._write_all, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait_for(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self.written >= count, SECONDS), (self.written, self.failed)

    def wait(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        assert self.failed is None

    def _write_all(self) -> None:
        try:
            at_once([lambda number=number: self._write(number) for number in range(WRITERS)])  # type: ignore[misc]  # mypy sees no default
        except AssertionError as error:  # also when there is no service any more
            self.failed = error

    def _write(self, number: int) -> None:
        run_id = f"run-{number}"
        self._send(number, "/v1/runs", {"run_id": run_id}, f"{number}")
        for each in range(self._each):
            note = {"type": "run.annotated", "data": {"text": "x" * (each % 7 + 1)}}
            kind = note if each % 3 else {"type": "run.held" if each % 2 else "run.unheld"}
            self._send(each + number, f"/v1/runs/{run_id}/events", kind, f"{number}.{each}")

    def _send(self, turn: int, path: str, body: dict[str, Any], key: str) -> None:
        while True:
            servers = self._servers()
            try:
                answer = servers[turn % len(servers)].call("POST", path, body, Idempotency_Key=key)
                if answer.status != 503:
                    assert answer.status == 201, answer
                    break
            except (OSError, HTTPException, ValueError):
                pass  # it is gone, perhaps in the middle of its answer; asked again under the same key
            turn += 1
        with self._more:
            self.written += 1
            self._more.notify_all()


class Services:
    """Processes on one database, of which one is replaced now and then."""

    def __init__(self, database_url: str, count: int) -> None:
        self._url = database_url
        self._stack = ExitStack()
        self._changed = Condition()
        self._is_closed = False
        self._all = [self._started() for _ in range(count)]

    def __call__(self) -> list[Server]:
        """Those that run, as soon as one does; none at the end of all."""
        with self._changed:
            # One that ran in that look may have ended by the next: what is given is what was seen.
            seen = self._changed.wait_for(lambda: self._running() or self._is_closed, SECONDS)
            assert seen
            return seen if isinstance(seen, list) else []

    def replace(self, place: int, *, kill: bool) -> None:
        """End one, gracefully or not, and start another for it."""
        ended = self._all[place]
        if kill:
            ended.kill()
        else:
            assert ended.stop() == 0
        started = self._started()
        with self._changed:
            self._all[place] = started
            self._changed.notify_all()

    def close(self) -> None:
        """End them all, and tell whoever waits for one."""
        self._stack.close()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _running(self) -> list[Server]:
        return [server for server in self._all if server.process.poll() is None]

    def _started(self) -> Server:
        return self._stack.enter_context(serving(self._url, **QUICK))


@contextmanager
def followed(
    database_url: str, processes: int, each: int
) -> Iterator[tuple[Services, Writers, list[Follower]]]:
    """Services, eight writers, and followers of everything and of a part; in the end all was told."""
    services = Services(database_url, processes)
    followers = [
        Follower(services, NDJSON),
        Follower(services, SSE),
        Follower(services, SSE, type="run.annotated"),
    ]
    try:
        writers = Writers(services, each)
        for follower in followers:
            follower.start()
        writers.start()
        yield services, writers, followers
        writers.wait()
        events = services()[0].call("GET", "/v1/events?newest=true&limit=1").body["items"]
        end = events[0]["position"]
        notes = [
            event["position"]
            for first in range(0, end, 500)
            for event in services()[0].call("GET", f"/v1/events?after={first}&limit=500").body["items"]
            if event["type"] == "run.annotated"
        ]
        for follower, wanted in zip(followers, (end, end, notes[-1]), strict=True):
            follower.wait_for(wanted)
        assert end == WRITERS * (each + 1)
        for follower in followers[:2]:
            assert follower.told == list(range(1, end + 1))
        assert followers[2].told == notes
    finally:
        services.close()
        for follower in followers:
            follower.join()
    assert_sound(database_url)


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_two_processes_are_followed_through_restarts_and_cuts(database_url: str) -> None:
    """Two processes on PostgreSQL are killed, stopped and cut off from it in turn."""
    name = make_url(database_url).database
    with (
        followed(database_url, 2, each=60) as (services, writers, followers),
        psycopg.connect(SERVER, autocommit=True) as postgresql,
    ):
        for turn, (place, kill) in enumerate([(0, True), (1, False), (1, True), (0, False)], 1):
            writers.wait_for(turn * 60)
            services.replace(place, kill=kill)
            postgresql.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
    assert all(follower.connections > 2 for follower in followers)


@pytest.mark.parametrize("backend", ["sqlite"], scope="session")
def test_one_process_is_followed_through_restarts(database_url: str) -> None:
    """One process on SQLite is killed and stopped in turn."""
    with followed(database_url, 1, each=40) as (services, writers, followers):
        for turn, kill in enumerate([True, False, True], 1):
            writers.wait_for(turn * 60)
            services.replace(0, kill=kill)
    assert all(follower.connections > 2 for follower in followers)


@pytest.mark.parametrize("backend", ["sqlite"], scope="session")
def test_two_processes_share_a_file(database_url: str) -> None:
    """Two processes on one SQLite file find by looking what the other has appended."""
    with followed(database_url, 2, each=20) as (services, writers, _):
        writers.wait_for(60)
        services.replace(0, kill=True)
