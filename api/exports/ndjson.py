"""Lines of JSON: a line for each event, column by column as it is stored; one for each key; and an end.

The data of an event are its `body`: a text in the JSON, not a value in it. So the text that was hashed goes
through any tool that reads and writes JSON, whatever that makes of 1.0, of spaces and of escapes.
"""

from collections.abc import Iterator

import orjson
from sqlalchemy import Boolean

from eventstore.schema import events
from eventstore.snapshot import Snapshot
from eventstore.store import NAMES, TRUTH

FORMAT = "runnotary.log.1"

FLAGS = [str(column.name) for column in events.c if isinstance(column.type, Boolean)]


def pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """A line a piece."""
    count = keys = 0
    for count, row in enumerate(snapshot.rows(), 1):  # noqa: B007  # counts for the end
        values = dict(zip(NAMES, row, strict=True))
        for name in FLAGS:
            values[name] = TRUTH.get(values[name], values[name])
        yield line(values)
    for keys, kept in enumerate(snapshot.keys(), 1):  # noqa: B007  # counts for the end
        yield line(
            {
                "key": kept.key,
                "fingerprint": kept.fingerprint,
                "positions": kept.positions,
                "recorded_at": kept.recorded_at,
            }
        )
    yield line({"end": {"format": FORMAT, "run_id": snapshot.run_id, "events": count, "keys": keys}})


def line(value: dict[str, object]) -> bytes:
    """A value on a line of its own."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
