"""Rows of runs, as the events that take them over; and runs of which there is no row."""

from collections.abc import Sequence
from typing import Any

from api.legacy.columns import USAGE
from api.legacy.entry import Around, Entry, told
from api.legacy.findings import Reading, about
from api.legacy.mapping import STRANGE, recorded
from api.legacy.source import Row
from api.legacy.tiers import Tiers
from domain.events.run import RunImported, RunQuarantined, RunTakenOver
from domain.events.shared import RunConfig, Spent
from domain.events.taken_over import Finding
from domain.states import DONE, PhaseState

CONFIG = ("safety_profile", "run_scope", "token_cap", "max_phases", "max_duration_minutes")
ENDED = frozenset({PhaseState.COMPLETE, PhaseState.FAILED, PhaseState.SKIPPED})


def run_of(row: Row, around: Around, phases: Sequence[Entry]) -> Entry:
    """The event that takes this row over, with its tiers; its phases may contradict it."""
    reading = Reading(row, about("run", around.run_id))
    whole, times = reading.whole(), reading.look_over()
    state, mapping = reading.state()
    note_contradictions(reading, state, around.tiers, [phase.state for phase in phases])
    config = reading.taken(RunConfig, {name: name for name in CONFIG})
    data: dict[str, Any] = reading.taken(RunTakenOver, {"goal": "goal_anchor"}) | told(
        legacy=whole,
        source=around.source(row.table, times),
        mapping=mapping,
        config=RunConfig(**config) if config else None,
        usage=beside(phases, reading.taken(Spent, USAGE)),
    )
    findings = [*reading.findings, *around.tiers.findings]
    return Entry(event(data, state, around.tiers, findings), None, findings, around.occurred_at(times))


def run_without_row(around: Around, phases: Sequence[Entry]) -> Entry:
    """The event that stands in for a run that only its phases or tiers know."""
    of_phases = [each for phase in phases for each in phase.findings if each.code == "phase-without-run"]
    table = "phases" if phases else "tiers"
    data = told(source=around.source(table, {}), mapping=recorded(None, STRANGE))
    findings = around.tiers.findings
    # Those of the phases are told by the phases, and say here why there is such a run.
    return Entry(event(data, None, around.tiers, [*of_phases, *findings]), None, findings)


def event(data: dict[str, Any], state: str | None, tiers: Tiers, findings: Sequence[Finding]) -> RunTakenOver:
    """The event of a run with its tiers."""
    described, rows = list(tiers.described.values()), list(tiers.rows)
    data = data | told(tiers=described, legacy_tiers=rows, findings=list(findings))
    return RunQuarantined(**data) if state is None else RunImported(**data, state=state)


def note_contradictions(
    reading: Reading, state: str | None, tiers: Tiers, phases: Sequence[str | None]
) -> None:
    """Note where a run, its tiers and its phases do not go together."""
    if not phases:
        reading.note("run-without-phases", None)
    if not tiers.rows:
        reading.note("run-without-tiers", None)
    waiting = phases.count(PhaseState.QUEUED)
    if state in DONE and waiting:
        reading.note("done-with-queued-phases", waiting, why=f"{waiting} of {len(phases)} wait")
    if state is not None and state not in DONE and phases and all(phase in ENDED for phase in phases):
        reading.note("open-run-all-phases-ended", state)


def beside(phases: Sequence[Entry], counted: dict[str, int]) -> Spent | None:
    """What a run spent beside its phases: its own counters are to hold both."""
    spent = {}
    for name, total in counted.items():
        of_phases = sum(getattr(phase.event.usage, name) for phase in phases if phase.event.usage is not None)
        spent[name] = max(total - of_phases, 0)
    return Spent(**spent) if spent else None
