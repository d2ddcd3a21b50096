"""The log in commit order: positions without holes, time that does not run backwards, seals that fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from api.replay.findings import Finding
from eventstore import statements
from eventstore.schema import events
from eventstore.seals import Comparison, Flaw, Seal, flaws_of

IN_ORDER = (
    select(events.c.position, events.c.hash, events.c.recorded_at)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Seals that the log is to fit."""

    where: str
    """Where they were kept."""
    seals: Sequence[Seal]


@dataclass(frozen=True, slots=True)
class Order:
    """The order of the log after a position, as something to verify."""

    since: int
    kept: Sequence[Kept]


def out_of_order(connection: Connection, order: Order) -> Iterator[Finding]:
    """Where the log has holes, was recorded before what stands before it, or does not fit its seals."""
    compared = [(kept, Comparison(after(kept.seals, order.since))) for kept in order.kept]
    end, at = order.since, ""
    for position, sealed, recorded_at in statements.stream(connection, IN_ORDER, after=order.since):
        if position != end + 1:
            yield Finding(
                code="position-missing",
                detail=f"There is no event at position {end + 1}; the next one is at {position}.",
                position=end + 1,
            )
        if not isinstance(recorded_at, str) or recorded_at < at:
            yield Finding(
                code="time-backwards",
                detail=f"The event at position {position} was recorded at {recorded_at}, before {at}.",
                position=position,
            )
        end, at = position, str(recorded_at)
        for _, comparison in compared:
            comparison.feed(position, sealed)
    for kept, comparison in compared:
        for flaw in flaws_of(kept.seals):
            yield found("seal-broken", flaw, kept, flaw.first_position)
        for flaw in comparison.end():
            if flaw.position > end:
                yield found("log-cut-off", flaw, kept, max(flaw.first_position, end + 1))
            else:
                yield found("seal-differs", flaw, kept, flaw.first_position)


def after(seals: Sequence[Seal], since: int) -> list[Seal]:
    """The seals over what came after a position only."""
    return [seal for seal in seals if seal.first_position > since]


def found(code: str, flaw: Flaw, kept: Kept, position: int) -> Finding:
    """A finding about a seal, or about the stretch of the log that it covers."""
    return Finding(
        code=code,
        detail=f"In {kept.where}, {flaw}.",
        position=position,
        facts={"seal": flaw.number, "first_position": flaw.first_position, "last_position": flaw.position},
    )
