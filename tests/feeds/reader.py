"""A reader of streams, over a plain connection: nothing in between that could lose or mend anything."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from itertools import islice
from typing import Any
from urllib.parse import urlencode

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
SECONDS = 60
"""Only so that a test that waits for what never comes ends at all."""


@dataclass(frozen=True)
class Message:
    """A block of a stream of server-sent events."""

    id: str | None
    event: str | None
    data: str | None


@dataclass(frozen=True)
class Stream:
    """An open stream."""

    answer: HTTPResponse

    def lines(self) -> Iterator[str]:
        """Every line, until the stream ends; a line that is cut off is none."""
        while line := self.answer.readline():
            if line.endswith(b"\n"):
                yield line.decode().removesuffix("\n")

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event of a stream of JSON."""
        return (json.loads(line) for line in self.lines() if line)

    def next(self, count: int) -> list[dict[str, Any]]:
        """So many events of a stream of JSON, as soon as they have come."""
        return list(islice(self.events(), count))

    def messages(self) -> Iterator[Message]:
        """Every block of a stream of server-sent events; comments are no part of one."""
        fields: dict[str, str] = {}
        for line in self.lines():
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif fields:
                yield Message(fields.get("id"), fields.get("event"), fields.get("data"))
                fields = {}

    @property
    def rest(self) -> bytes:
        """What is left, to the end that the server has put to it."""
        return self.answer.read()


@contextmanager
def stream(
    host: str, port: int, accept: str = NDJSON, last: str | None = None, **wanted: Any
) -> Iterator[Stream]:
    """A stream of the service there."""
    headers = {"Accept": accept} | ({"Last-Event-ID": last} if last is not None else {})
    with closing(HTTPConnection(host, port, timeout=SECONDS)) as connection:
        connection.request("GET", f"/v1/events/stream?{urlencode(wanted, doseq=True)}", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert answer.headers["content-type"].partition(";")[0] == accept
        yield Stream(answer)
