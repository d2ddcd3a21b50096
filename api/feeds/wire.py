"""A followed log in bytes: server-sent events (WHATWG HTML, 9.2), or lines of JSON."""

from collections.abc import Callable
from typing import NamedTuple

import orjson

from api.views import event_view
from domain.envelopes import RecordedEvent
from eventstore.store import Stretch

RETRY_MS = 1_000
"""After how long a browser asks again when a stream has ended."""


class Wire(NamedTuple):
    """A way to write a stream down."""

    media_type: str
    opening: Callable[[int], bytes]
    """What is sent first, to one who starts after a position."""
    event: Callable[[RecordedEvent], bytes]
    quiet: Callable[[int, int], bytes]
    """What is sent when nothing happens: the place that is reached, and the last one that was told."""

    def written(self, stretch: Stretch, told: int) -> bytes:
        """A stretch of the log; one without events is a sign of life."""
        return b"".join(map(self.event, stretch.events)) or self.quiet(stretch.place, told)


def sse_opening(place: int) -> bytes:
    """An id without data calls nobody, but is sent back by a browser that has to ask again."""
    return b"retry: %d\nid: %d\n\n" % (RETRY_MS, place)


def sse_event(event: RecordedEvent) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        event.position,
        event.type.encode(),
        orjson.dumps(event_view(event)),
    )


def sse_quiet(place: int, told: int) -> bytes:
    """A comment; and the place, if events have passed that are not wanted: they need not be passed again."""
    return b":\n" if place == told else b":\nid: %d\n\n" % place


def nothing(_: int) -> bytes:
    return b""


def line(event: RecordedEvent) -> bytes:
    return orjson.dumps(event_view(event), option=orjson.OPT_APPEND_NEWLINE)


def empty_line(*_: int) -> bytes:
    return b"\n"


SSE = Wire("text/event-stream", sse_opening, sse_event, sse_quiet)
NDJSON = Wire("application/x-ndjson", nothing, line, empty_line)
