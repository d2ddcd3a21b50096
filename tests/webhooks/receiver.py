"""A receiver of webhooks: a real HTTP server in a thread."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

SECONDS = 60
"""Only so that a test that waits for what never comes ends at all."""


@dataclass
class Message:
    """What came."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def event(self) -> dict[str, Any]:
        """The event that it tells of."""
        told: dict[str, Any] = json.loads(self.body)["data"]
        return told


@dataclass
class Receiver:
    """Answers as it is told to, and keeps what it took."""

    url: str = ""
    answers: dict[str, int] = field(default_factory=dict)
    """The status for messages about a run; 200 where none is said; 0 answers nothing at all."""
    taken: list[Message] = field(default_factory=list)
    refused: list[Message] = field(default_factory=list)
    location: str = ""
    is_moody: bool = False
    """Whether every third message is refused the first time."""
    _came: Condition = field(default_factory=Condition)

    def wait(self, taken: int = 0, refused: int = 0) -> None:
        """Until so many messages were taken, and so many refused."""
        with self._came:
            assert self._came.wait_for(
                lambda: len(self.taken) >= taken and len(self.refused) >= refused, SECONDS
            ), (len(self.taken), len(self.refused))

    def came(self, message: Message) -> int:
        """Keep a message; what to answer."""
        with self._came:
            status = self.answers.get(message.event["run_id"], 200)
            if self.is_moody and message.event["position"] % 3 == 0:
                sent_before = {each.headers["webhook-id"] for each in self.refused}
                status = 200 if message.headers["webhook-id"] in sent_before else 503
            (self.taken if status == 200 else self.refused).append(message)
            self._came.notify_all()
        return status


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver on this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # as the library calls it
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.came(Message(headers, body, self.path))
            if not status:
                self.rfile.read(1)  # until the caller has given up
                self.close_connection = True
                return
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
