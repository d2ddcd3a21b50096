"""The log as a file, one file of code a format. All are written piece by piece, whatever their length.

`ndjson` holds all that there is and can be restored; the others are views for other programs.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from api.exports import cloudevents, ndjson, ocel, xes
from eventstore.snapshot import Snapshot

Name = Literal["ndjson", "cloudevents", "ocel", "xes"]

BLOCK_BYTES = 65_536
"""At least so much is handed on at once."""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write the log down."""

    media_type: str
    suffix: str
    pieces: Callable[[Snapshot], Iterator[bytes]]
    schema: dict[str, str]
    """What it is, in the words of JSON Schema, as far as it is JSON."""
    passes: int = 1
    """How often it reads the log."""


TEXT = {"type": "string"}

FORMATS: dict[Name, Format] = {
    "ndjson": Format("application/x-ndjson", "ndjson", ndjson.pieces, TEXT),
    "cloudevents": Format(cloudevents.MEDIA_TYPE, "json", cloudevents.pieces, {"type": "array"}),
    "ocel": Format("application/json", "jsonocel", ocel.pieces, {"type": "object"}, passes=2),
    "xes": Format("application/xml", "xes", xes.pieces, TEXT),
}


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer and larger pieces."""
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)
