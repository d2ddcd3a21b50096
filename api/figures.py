"""Figures: how runs and phases stand, and what happened to them. `docs/reference/figures.md` defines each.

What happened is summed from the tallies of the log: a run that failed has failed, whatever became of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select, true

from domain.events.shared import INTEGER_MAX
from domain.states import DONE_FAILED, PhaseState, RunState
from domain.tally import ENDS
from eventstore import store
from projections import annotations, labels, phases, runs, tallies
from projections.finding import Wanted, matches
from projections.tallies import TABLE, Ended, Sum

GROUPS_MAX = 366
"""Most days, and most values of a label, that are told one by one."""

OUTCOMES_MAX = 50
"""Most outcomes that are told one by one."""

FAILED = frozenset({*DONE_FAILED, PhaseState.FAILED})
NONE_ENDED = Ended("", 0, 0)

HALF = 2**32
"""What is above it is summed apart: SQLite fails where a sum leaves 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which figures: of which runs, and of which days."""

    runs: Wanted
    since: str | None = None
    """The first day of what happened, as 2026-11-22."""
    until: str | None = None
    """The last day of what happened."""


EVERYTHING = Asked(runs=Wanted(archived=None))
"""Archived runs count: whoever clears up changes no figure."""


def figures(connection: Connection, asked: Asked) -> dict[str, Any]:
    """All figures, in one picture of the database."""
    of_runs = matches(asked.runs)
    counted = and_(true(), *conditions(asked, of_runs))
    daily = tallies.sums(connection, TABLE.c.day, counted)
    by_day = grouped(daily, tallies.ended(connection, TABLE.c.day, counted))
    outcomes = Counter[str]()
    for each in daily:
        if each.event == "phase.failed":
            outcomes[each.code] += each.times
    told = dict(outcomes.most_common(OUTCOMES_MAX))
    return {
        "position": store.tail(connection).position,
        "now": {
            "runs": runs_now(connection, of_runs),
            "phases": phases_now(connection, of_runs),
            "tokens": tokens_now(connection, of_runs),
        },
        "happened": happened(daily, together(connection, counted)),
        "outcomes": told,
        "other_outcomes": outcomes.total() - sum(told.values()),
        "by_day": [{"day": day, "happened": by_day[day]} for day in sorted(by_day)[-GROUPS_MAX:]],
        "earlier_days": max(0, len(by_day) - GROUPS_MAX),
        "by_label": [
            of_label(connection, name, of_runs, counted) for name, value in asked.runs.labels if value is None
        ],
    }


def conditions(asked: Asked, of_runs: ColumnElement[bool]) -> Iterator[ColumnElement[bool]]:
    """What is counted."""
    if asked.runs != EVERYTHING.runs:
        yield TABLE.c.run_id.in_(select(runs.TABLE.c.run_id).where(of_runs))
    if asked.since is not None:
        yield TABLE.c.day >= asked.since
    if asked.until is not None:
        yield TABLE.c.day <= asked.until


# --- as things stand ---


def runs_now(connection: Connection, of_runs: ColumnElement[bool]) -> dict[str, Any]:
    """How many runs there are, by state and by mark."""
    table = runs.TABLE
    marks = {
        "held": table.c.held,
        "preserved": table.c.preserved,
        "archived": table.c.archived,
        "annotated": table.c.run_id.in_(select(annotations.TABLE.c.run_id)),
    }
    query = select(*(func.count(case((mark, 1))) for mark in marks.values())).where(of_runs)
    found = dict(zip(marks, connection.execute(query).one(), strict=True))
    states = select(table.c.state, func.count()).where(of_runs).group_by(table.c.state)
    return in_states(connection.execute(states).all(), RunState) | found


def phases_now(connection: Connection, of_runs: ColumnElement[bool]) -> dict[str, Any]:
    """How many phases there are, by state."""
    state = phases.TABLE.c.state
    joined = select(state, func.count()).where(phases.TABLE.c.run_id == runs.TABLE.c.run_id, of_runs)
    return in_states(connection.execute(joined.group_by(state)).all(), PhaseState)


def in_states(found: Iterable[tuple[str | None, int]], known: Iterable[str]) -> dict[str, Any]:
    """Numbers by state, every known state among them; what has none is in quarantine."""
    numbers = dict(found)
    quarantined = numbers.pop(None, 0)
    by_state = {str(state): 0 for state in known} | numbers
    return {"all": sum(by_state.values()) + quarantined, "by_state": by_state, "quarantined": quarantined}


def tokens_now(connection: Connection, of_runs: ColumnElement[bool]) -> dict[str, int]:
    """The tokens that runs have used, against their caps."""
    used, cap = runs.TABLE.c.tokens_used, runs.TABLE.c.token_cap
    halves = [func.sum(half) for number in (used, cap) for half in (number // HALF, number % HALF)]
    counts = (func.count(case((used >= cap, 1))), func.count(case((used > cap, 1))))
    *parts, at_cap, over_cap = connection.execute(select(*halves, *counts).where(of_runs)).one()
    high_used, low_used, high_cap, low_cap = (int(part or 0) for part in parts)
    return {
        "used": min(high_used * HALF + low_used, INTEGER_MAX),
        "cap": min(high_cap * HALF + low_cap, INTEGER_MAX),
        "runs_at_cap": at_cap,
        "runs_over_cap": over_cap,
    }


# --- what happened ---


def grouped(sums: Iterable[Sum], ended: Iterable[Ended]) -> dict[str, dict[str, Any]]:
    """What happened, by group."""
    of: dict[str, list[Sum]] = {}
    for each in sums:
        of.setdefault(each.group, []).append(each)
    ends = {each.group: each for each in ended}
    return {group: happened(several, ends.get(group, NONE_ENDED)) for group, several in of.items()}


def happened(sums: Iterable[Sum], ended: Ended) -> dict[str, Any]:
    """What happened to one group of runs."""
    times, failures = Counter[str](), Counter[str]()
    for each in sums:
        times[each.event] += each.times
        if each.code in FAILED:
            failures[each.event] += each.times
    completed, failed = times["phase.completed"], times["phase.failed"]
    return {
        "runs": {
            "ended": ended.ended,
            "failed": ended.failed,
            "failure_rate": rate(ended.failed, ended.ended),
            "reopened": times["run.reopened"],
        },
        "ends": {event: times[event] for event in sorted(ENDS)},
        "attempts": {
            "opened": times["phase.started"],
            "completed": completed,
            "failed": failed,
            "released": times["phase.released"],
            "failure_rate": rate(failed, completed + failed),
        },
        "imported": {
            **of_both(times, "imported"),
            "failed_runs": failures["run.imported"],
            "failed_phases": failures["phase.imported"],
        },
        "quarantined": of_both(times, "quarantined"),
        "repaired": of_both(times, "repaired"),
        "annotated": of_both(times, "annotated"),
    }


def of_both(times: Counter[str], what: str) -> dict[str, int]:
    """How often something happened to runs, and to phases."""
    return {"runs": times[f"run.{what}"], "phases": times[f"phase.{what}"]}


def rate(part: int, whole: int) -> float | None:
    """A part of a whole, from 0 to 1; None of nothing."""
    return round(part / whole, 4) if whole else None


def together(connection: Connection, counted: ColumnElement[bool]) -> Ended:
    """The runs that ended, each once, however many days or labels it is counted under."""
    return next(iter(tallies.ended(connection, literal(""), counted)), NONE_ENDED)


# --- by label ---


def of_label(
    connection: Connection, name: str, of_runs: ColumnElement[bool], counted: ColumnElement[bool]
) -> dict[str, Any]:
    """The figures of each value of a label, those with the most runs first."""
    value = labels.TABLE.c.value
    of_name = labels.TABLE.c.name == name
    joined = (of_name, labels.TABLE.c.run_id == TABLE.c.run_id, counted)
    found = grouped(tallies.sums(connection, value, *joined), tallies.ended(connection, value, *joined))
    query = select(value, func.count()).where(of_name, labels.TABLE.c.run_id == runs.TABLE.c.run_id, of_runs)
    number = func.count().desc()
    several = connection.execute(query.group_by(value).order_by(number, value)).all()
    return {
        "name": name,
        "values": [
            {"value": each, "runs": count, "happened": found.get(each) or happened((), NONE_ENDED)}
            for each, count in several[:GROUPS_MAX]
        ],
        "other_values": max(0, len(several) - GROUPS_MAX),
    }
