"""Callers that send nonsense, or go away in the middle, harm nobody but themselves."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.databases import Scratch
from tests.end_to_end.service import SECONDS, Server, assert_sound, serving

HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
BROKEN = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no version": b"GET /livez\r\n\r\n",
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: example.com\r\n\r\n",
    "a NUL in the path": b"GET /v1/runs/\x00 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "high bytes in the path": b"GET /v1/runs/\xff\xfe HTTP/1.1\r\n" + HEAD + b"\r\n",
    "half an escape in the path": b"GET /v1/runs/%zz%2 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "no UTF-8 in the path": b"GET /v1/runs/%ff%ed%a0%80 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a whole address as the path": b"GET http://example.com/livez HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a star as the path": b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a long path": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a NUL in a header": b"GET /livez HTTP/1.1\r\n" + HEAD + b"X-Actor: a\x00b\r\n\r\n",
    "high bytes in headers": b"GET /v1/runs HTTP/1.1\r\n" + HEAD + b"X-Request-ID: \xff\xfe\r\n\r\n",
    "a header without a name": b"GET /livez HTTP/1.1\r\n" + HEAD + b": a\r\n\r\n",
    "a length that is none": b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Content-Length: x\r\n\r\n{}",
    "a negative length": b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n{}",
    "digits that are no length": b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Content-Length: \xb2\r\n\r\n{}",
    "a length without end": (
        b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n"
    ),
    "two lengths": b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and pieces": (
        b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a piece without end": (
        b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n"
    ),
    "half a body": b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b'Content-Length: 100\r\n\r\n{"run_id": "half',
    "half the headers": b"POST /v1/runs HTTP/1.1\r\n" + HEAD,
    "a body before it is wanted": b"POST /v1/runs HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\n\r\n",
    "a wish for another protocol": (
        b"GET /v1/events HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(backend: str, scratch_database: Scratch) -> Iterator[Server]:
    """A process that is alive in the end, and leaves a sound log."""
    with scratch_database(backend) as url:
        with serving(url) as running:
            yield running
            assert running.call("GET", "/readyz").status == 200
        assert_sound(url)


def sent(server: Server, name: str) -> bytes:
    """All that comes back when this is sent and no more follows."""
    with closing(socket.create_connection((server.host, server.port), SECONDS)) as connection:
        with suppress(OSError):
            connection.sendall(BROKEN[name])
            if name in UNFINISHED:
                connection.shutdown(socket.SHUT_WR)
        told = b""
        with suppress(OSError):
            while piece := connection.recv(65_536):
                told += piece
        return told


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_is_answered_or_hung_up_on(server: Server, name: str) -> None:
    """Whatever bytes come in, the answer is none or a refusal, and the next caller is served."""
    told = sent(server, name)
    assert told or name in UNFINISHED
    if told:
        status = int(told.split(b" ", 2)[1])
        assert status == 100 or 400 <= status < 500 or (name in HARMLESS and status == 200), told[:500]
    assert server.call("GET", "/livez").status == 200


UNFINISHED = {
    "nothing",
    "half a body",
    "half the headers",
    "a body before it is wanted",
    "a piece without end",
    "no version",
    "no host",
    "two hosts",
}
"""Those after which the service would wait for more, or keep the connection."""

HARMLESS = {"a wish for another protocol", "high bytes in headers", "a whole address as the path"}
"""What may as well be overlooked, or means what it says."""


def test_a_caller_who_goes_away_leaves_nothing_half_done(server: Server) -> None:
    """Requests whose callers hang up are recorded once at most, and may be sent again."""
    run_id = server.create("hang-up")
    for number in range(60):
        body = json.dumps({"type": "run.annotated", "data": {"text": str(number)}}).encode()
        head = f"POST /v1/runs/{run_id}/events HTTP/1.1\r\nIdempotency-Key: hang-up-{number}\r\n".encode()
        request = head + HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        cut = len(request) if number % 3 else len(request) - number % len(body) - 1
        with closing(socket.create_connection((server.host, server.port), SECONDS)) as connection:
            connection.sendall(request[:cut])
            if number % 2:  # not even a farewell: the connection is reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    for number in range(60):
        body_again = {"type": "run.annotated", "data": {"text": str(number)}}
        path, key = f"/v1/runs/{run_id}/events", f"hang-up-{number}"
        assert server.call("POST", path, body_again, Idempotency_Key=key).status == 201
    notes = [note["text"] for note in server.call("GET", f"/v1/runs/{run_id}").body["annotations"]]
    assert sorted(notes, key=int) == [str(number) for number in range(60)]


def test_a_caller_who_goes_away_is_no_defect(scratch_database: Scratch) -> None:
    """Half a request is the affair of who sent it: the log, where defects are looked for, is silent."""
    with scratch_database("sqlite") as url, serving(url) as server:
        for name in ("half a body", "half the headers", "a body before it is wanted", "a piece without end"):
            sent(server, name)
        assert server.stop() == 0
        assert "Traceback" not in server.logged()
