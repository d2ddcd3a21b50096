"""What that client reads, from the tables and the log."""

from datetime import datetime
from typing import Any

from api.autopack import views
from api.autopack.reporting import question, waiting
from api.autopack.views import Numbers
from api.commands import Command, Outcome
from api.ledger import Ledger
from domain.times import moment
from eventstore import store
from projections import finding, phases, runs
from projections.finding import Wanted

RUNS_MAX = 100
PHASES_MAX = 100
OFFSET_MAX = 2**31


def run(ledger: Ledger, run_id: str) -> dict[str, Any]:
    """A run with its tiers and phases.

    Raises:
        RunNotFound, Quarantined: there is none, or it has no state.
    """
    found = ledger.run(run_id)
    with ledger.reading() as connection:
        numbers = Numbers(store.first_positions(connection, [run_id]))
    return views.run(found, numbers)


def phase(ledger: Ledger, run_id: str, phase_id: str) -> dict[str, Any]:
    """A phase as it stands.

    Raises:
        RunNotFound, PhaseNotFound: there is none.
    """
    found = ledger.phase(run_id, phase_id)
    with ledger.reading() as connection:
        numbers = Numbers(store.first_positions(connection, [run_id]))
        of_run = runs.get(connection, run_id) or {"tiers": []}
    return views.phase(found, run_id, places(of_run), numbers)


def places(of_run: dict[str, Any]) -> dict[str, int]:
    """Where in its run each tier stands, from 0."""
    return {tier["tier_id"]: place for place, tier in enumerate(of_run["tiers"])}


def run_list(ledger: Ledger, limit: int, offset: int) -> dict[str, Any]:
    """A page of the runs, newest first. A page too large is cut down, as it was there."""
    limit, offset = max(1, min(limit, RUNS_MAX)), max(0, min(offset, OFFSET_MAX))
    with ledger.reading() as connection:
        found = finding.page(connection, Wanted(), limit=limit, offset=offset)
        of_runs = phases.of_runs(connection, [each["run_id"] for each in found])
        total = finding.count(connection, Wanted())
    shown = [views.summary(each, of_runs[each["run_id"]]) for each in found]
    return {"runs": shown, "total": total, "limit": limit, "offset": offset}


def phase_list(ledger: Ledger, run_id: str | None, page: int, page_size: int) -> dict[str, Any]:
    """A page of the phases, of all runs or of one."""
    size = max(1, min(page_size, PHASES_MAX))
    page = max(1, min(page, OFFSET_MAX // size))
    offset = (page - 1) * size
    with ledger.reading() as connection:
        found, total = phases.page(connection, run_id=run_id, offset=offset, limit=size)
        run_ids = {each["run_id"] for each in found}
        numbers = Numbers(store.first_positions(connection, run_ids))
        tiers = {each: places(runs.get(connection, each) or {"tiers": []}) for each in run_ids}
    items = [views.phase(each, each["run_id"], tiers[each["run_id"]], numbers) for each in found]
    return {
        "items": items,
        "total": total,
        "page": page,
        "page_size": size,
        "has_next": offset + size < total,
    }


def progress(ledger: Ledger, run_id: str, now: datetime) -> dict[str, Any]:
    """How far a run is, and how long it has taken.

    Raises:
        RunNotFound, Quarantined: there is none, or it has no state.
    """
    found = ledger.run(run_id)
    elapsed = None
    if found["started_at"] is not None:
        until = moment(found["completed_at"]) if found["completed_at"] else now
        elapsed = max(0, int((until - moment(found["started_at"])).total_seconds()))
    return views.progress(found, elapsed)


def approval(ledger: Ledger, command: Command, outcome: Outcome) -> dict[str, Any]:
    """The request for approval that this led to, or that asked the same before."""
    if outcome:
        return ledger.approvals.one(outcome[-1].event.position)
    known = waiting(ledger.folded(command.run_id or ""), question(command.raw))
    assert known is not None  # noqa: S101  # it was there in the transaction, and nothing is taken away
    return ledger.approvals.one(known.position)
