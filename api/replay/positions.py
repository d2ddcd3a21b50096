"""The log in commit order: positions without holes, and time that does not run backwards."""

from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, select

from api.replay.findings import Finding
from eventstore import statements
from eventstore.schema import events

IN_ORDER = (
    select(events.c.position, events.c.hash, events.c.recorded_at)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
)


def out_of_place(connection: Connection, since: int = 0) -> Iterator[Finding]:
    """Where the log after a position has holes, or was recorded before what stands before it."""
    expected, at = since + 1, ""
    for position, _, recorded_at in statements.stream(connection, IN_ORDER, after=since):
        if position != expected:
            yield Finding(
                code="position-missing",
                detail=f"There is no event at position {expected}; the next one is at {position}.",
                position=expected,
            )
        if not isinstance(recorded_at, str) or recorded_at < at:
            yield Finding(
                code="time-backwards",
                detail=f"The event at position {position} was recorded at {recorded_at}, before {at}.",
                position=position,
            )
        expected, at = position + 1, max(at, str(recorded_at))
