"""Readers that take little or nothing: the service holds no more for them than a stretch of the log."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest

from api.app import create_app
from api.feeds.feeds import CHARS_AT_ONCE
from api.settings import Settings
from tests.databases import Scratch
from tests.end_to_end.service import Server, serving
from tests.feeds.reader import SECONDS, stream

pytestmark = pytest.mark.anyio

LARGE = {"type": "run.annotated", "run_id": "r", "data": {"text": "x" * 19_000}}
EVENTS = 400
"""Together more than a system keeps for a connection that sends."""


class Caller:
    """A caller of the application who takes what is sent only when they want to."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1)
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.sent.put(message)
        await self.sent.join()


@asynccontextmanager
async def called(app: Any, query: bytes) -> AsyncIterator[Caller]:
    """A stream that this caller has open."""
    caller = Caller()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/events/stream",
        "raw_path": b"/v1/events/stream",
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1"), (b"accept", b"application/x-ndjson")],
        "client": ("127.0.0.1", 1),
    }
    task = asyncio.create_task(app(scope, caller.receive, caller.send))
    try:
        yield caller
    finally:
        caller.gone.set()
        await asyncio.wait_for(task, SECONDS)


async def test_nothing_is_read_for_a_reader_who_takes_nothing(database_url: str) -> None:
    """However much is appended, the service reads on only when the reader has taken what was sent."""
    app = create_app(Settings(database_url=database_url))
    async with app.router.lifespan_context(app):
        ledger, told = app.state.ledger, list[int]()
        ledger.create_run({"run_id": "r"})
        ledger.propose_all([LARGE] * 60)
        async with called(app, b"after=0") as caller:
            while len(told) < EVENTS + 1:
                message = await asyncio.wait_for(caller.sent.get(), SECONDS)
                lines = message.get("body", b"").splitlines()
                assert sum(map(len, lines[:-1])) <= 1.2 * CHARS_AT_ONCE  # an event has more than its data
                told += [json.loads(line)["position"] for line in lines]
                if ledger.log(after=0, limit=1, newest=True)[0].position <= EVENTS:
                    ledger.propose_all([LARGE] * 20)
                assert caller.sent.empty()  # it waits, with what it has
                caller.sent.task_done()
    assert told[: EVENTS + 1] == list(range(1, EVENTS + 2))


def never_reading(server: Server) -> socket.socket:
    """A connection that asks for everything, and takes no more than that it may have it."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)  # else the system takes it for the reader
    made.settimeout(SECONDS)
    made.connect((server.host, server.port))
    made.sendall(b"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert made.recv(15) == b"HTTP/1.1 200 OK"
    return made


def fill(server: Server) -> None:
    """More than can be on its way to one who does not read."""
    server.create("r")
    for _ in range(EVENTS // 40):
        answer = server.call("POST", "/v1/events", {"atomic": True, "events": [LARGE] * 40})
        assert answer.status == 201


def test_a_reader_who_takes_nothing_is_cut_off(backend: str, scratch_database: Scratch) -> None:
    """After a while the connection is cut, and its room is another's, who goes on from what was taken."""
    limits = {"stream_stall_seconds": "0.3", "streams_max": "1"}
    with scratch_database(backend) as url, serving(url, **limits) as server:
        fill(server)
        with never_reading(server) as silent:
            until_let_in(server)
            taken = b"".join(iter(lambda: received(silent), b""))
        assert "a reader takes nothing" in server.logged()
        told = [block for block in taken.split(b"\n\n") if b"\ndata: " in block]
        place = len(told) - 1  # the last may have been cut off in the middle
        assert 0 < place < EVENTS
        with stream(server.host, server.port, after=place) as following:
            rest = following.next(EVENTS + 1 - place)
        assert [event["position"] for event in rest] == list(range(place + 1, EVENTS + 2))
        assert server.stop() == 0


def until_let_in(server: Server) -> None:
    """Until there is room for a stream."""
    while True:
        with closing(server.connect()) as connection:
            connection.request("GET", "/v1/events/stream")
            if connection.getresponse().status == 200:
                return


def received(connection: socket.socket) -> bytes:
    """What comes next; nothing where the connection was cut."""
    try:
        return connection.recv(1 << 20)
    except ConnectionResetError:
        return b""


def test_the_service_ends_though_streams_are_open(backend: str, scratch_database: Scratch) -> None:
    """Asked to end, it ends every stream itself: those who read see its end, who does not is cut off."""
    with (
        scratch_database(backend) as url,
        serving(
            url, shutdown_seconds="60", stream_stall_seconds="3600", stream_heartbeat_seconds="3600"
        ) as server,
    ):
        fill(server)
        with (
            never_reading(server),
            stream(server.host, server.port) as quiet,
            stream(server.host, server.port, after=0) as behind,
            stream(server.host, server.port, "text/event-stream", run_id="r", type="run.held") as filtered,
        ):
            assert behind.next(1)
            server.process.terminate()
            assert quiet.rest == b""
            assert behind.rest.endswith(b"\n")
            assert filtered.rest.startswith(b"retry: ")
            assert server.process.wait(SECONDS) == 0
        # The server would say so if it had waited until the seconds of open requests were over.
        assert server.logged().strip() == ""
