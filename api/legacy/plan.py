"""What a file leads to: for every run that it knows of, the events that take it over."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api.legacy.entry import Around, Entry
from api.legacy.findings import About, about
from api.legacy.mapping import Entity
from api.legacy.phases import phase_of
from api.legacy.runs import run_of, run_without_row
from api.legacy.source import TABLES, Legacy, Row
from api.legacy.tiers import TierRows, ordinal, tiers_of
from api.legacy.values import kept
from domain.events.taken_over import Finding
from domain.naming import is_id

ENTITIES: Mapping[str, Entity] = {"runs": "run", "tiers": "tier", "phases": "phase"}


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run with its phases, to be taken over in one transaction."""

    run_id: str
    run: Entry
    phases: Sequence[Entry]
    beside: Sequence[Finding]
    """What is odd about rows that are not taken over."""

    @property
    def findings(self) -> list[Finding]:
        """All that is odd about it."""
        return [*self.run.findings, *(each for phase in self.phases for each in phase.findings), *self.beside]


@dataclass(frozen=True, slots=True)
class Plan:
    """All runs of a file, and what is odd about the rest of it."""

    runs: Sequence[RunPlan]
    findings: Sequence[Finding]


@dataclass(slots=True)
class Rows:
    """The rows that name one run."""

    runs: list[Row] = field(default_factory=list)
    tiers: list[Row] = field(default_factory=list)
    phases: list[Row] = field(default_factory=list)


def plan(legacy: Legacy, now: datetime) -> Plan:
    """What a file leads to."""
    findings = [*unread(legacy)]
    by_run: dict[str, Rows] = {}
    for table in TABLES:
        for row in legacy.rows[table]:
            run_id = row["id" if table == "runs" else "run_id"]
            if isinstance(run_id, str) and is_id(run_id):
                getattr(by_run.setdefault(run_id, Rows()), table).append(row)
            else:
                findings.append(unnamed(row, run_id))
    tier_rows: dict[Any, list[Row]] = {}
    for row in legacy.rows["tiers"]:
        tier_rows.setdefault(row["id"], []).append(row)
    return Plan([plan_of(run_id, rows, legacy, tier_rows, now) for run_id, rows in by_run.items()], findings)


def plan_of(run_id: str, rows: Rows, legacy: Legacy, tier_rows: TierRows, now: datetime) -> RunPlan:
    """What the rows of one run lead to."""
    beside = [twice(row, about("run", run_id)) for row in rows.runs[1:]]
    has_run = bool(rows.runs)
    around = Around(legacy, now, run_id, has_run, tier_rows, tiers_of(run_id, rows.tiers, has_run=has_run))
    phases: dict[str, Entry] = {}
    for row in sorted(rows.phases, key=lambda row: place(row, tier_rows)):
        phase_id = row["phase_id"]
        phase = about("phase", run_id, phase_id=phase_id)
        if not (isinstance(phase_id, str) and is_id(phase_id)):
            beside.append(phase.finding("id-not-legal", kept(phase_id), column="phase_id"))
        elif phase_id in phases:
            beside.append(twice(row, phase))
        else:
            phases[phase_id] = phase_of(row, phase_id, around)
    entries = list(phases.values())
    run = run_of(rows.runs[0], around, entries) if has_run else run_without_row(around, entries)
    return RunPlan(run_id, run, entries, beside)


def place(row: Row, tier_rows: TierRows) -> tuple[float, float]:
    """Where a phase comes in its run: by the index of its tier, and in that by its own."""
    of_tier = [ordinal(tier["tier_index"]) for tier in tier_rows.get(row["tier_id"], ())]
    return (of_tier[0] if of_tier else ordinal(None), ordinal(row["phase_index"]))


def twice(row: Row, of: About) -> Finding:
    """A row that comes after another with the same id."""
    return of.finding("row-twice", {name: kept(value) for name, value in row.found.items()})


def unnamed(row: Row, run_id: Any) -> Finding:
    """A row of which nobody can say which run it is about."""
    named = {f"{name}_id": row[f"{name}_id"] for name in ("tier", "phase") if ENTITIES[row.table] == name}
    column = "id" if row.table == "runs" else "run_id"
    return about(ENTITIES[row.table], run_id, **named).finding("id-not-legal", kept(run_id), column=column)


def unread(legacy: Legacy) -> Iterator[Finding]:
    """The tables that are not there, or could not be read."""
    for table, why in legacy.unread.items():
        code = "table-missing" if why is None else "table-unreadable"
        yield about(ENTITIES[table], None).finding(code, table, why=why)
