"""Rows of phases, as the events that take them over."""

from typing import Any

from api.legacy.columns import ATTEMPTS_MAX, USAGE
from api.legacy.entry import Around, Entry, told
from api.legacy.findings import Reading, about
from api.legacy.scopes import scope_of
from api.legacy.source import Row
from api.legacy.tiers import tier_of
from api.legacy.values import kept
from domain.events.phase import PhaseImported, PhaseQuarantined, PhaseTakenOver
from domain.events.shared import Spent
from domain.states import PhaseState


def phase_of(row: Row, phase_id: str, around: Around) -> Entry:
    """The event that takes this row over."""
    reading = Reading(row, about("phase", around.run_id, phase_id=phase_id))
    whole, times = reading.whole(), reading.look_over()
    if not around.has_run:
        reading.note("phase-without-run", around.run_id)
    elif phase_id == around.run_id:
        reading.note("run-id-is-phase-id", phase_id)
    state, mapping = reading.state()
    fields = reading.taken(PhaseTakenOver, columns_of(row))
    scope, code, why = scope_of(row["scope"])
    if code is not None:
        reading.note(code, kept(row["scope"]), column="scope", why=why)
    if state == PhaseState.FAILED and fields.get("attempt", 0) < ATTEMPTS_MAX:
        reading.note("failed-with-retries-left", fields.get("attempt", 0))
    data: dict[str, Any] = fields | told(
        legacy=whole,
        source=around.source(row.table, times),
        mapping=mapping,
        usage=Spent(**spent) if (spent := reading.taken(Spent, USAGE)) else None,
        scope=scope,
        tier_id=tier_of(reading, around.run_id, around.tier_rows, around.tiers),
    )
    data |= told(findings=reading.findings)
    event = PhaseQuarantined(**data) if state is None else PhaseImported(**data, state=state)
    return Entry(event, phase_id, reading.findings, around.occurred_at(times))


def columns_of(row: Row) -> dict[str, str]:
    """Which column tells a field; the oldest schema counts the attempts as calls of the builder."""
    attempts = "retry_attempt" if row.has("retry_attempt") else "builder_attempts"
    return {
        "name": "name",
        "max_attempts": "max_builder_attempts",
        "attempt": attempts,
        "revision": "revision_epoch",
    }
