"""A batch of CloudEvents 1.0 in JSON, one event a line."""

from collections.abc import Iterator

import orjson

from api.cloudevents import MEDIA_TYPE, cloud_event
from eventstore.snapshot import Snapshot

__all__ = ["MEDIA_TYPE", "pieces"]

SCHEMAS = "urn:runnotary:schema:"
"""A file outlives the address of the service that wrote it, so its events name their schemas without one."""


def pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """An event a piece."""
    before = b"[\n"
    for event in snapshot.events():
        yield before + orjson.dumps(cloud_event(event, SCHEMAS))
        before = b",\n"
    yield b"\n]\n" if snapshot.total else b"[]\n"
