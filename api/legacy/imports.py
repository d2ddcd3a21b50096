"""Take over what a file holds: one transaction a run, and nothing twice."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from api.commands import Asked, by_service
from api.ledger import Ledger
from api.legacy.entry import Entry
from api.legacy.findings import About, about
from api.legacy.plan import Plan, RunPlan
from api.legacy.report import Report, Waiting
from api.legacy.source import Legacy
from domain.envelopes import Proposal, RecordedEvent
from domain.events.taken_over import Finding
from domain.evolve import fold
from domain.refusals import VersionMismatch
from eventstore import store

History = Callable[[str], Sequence[RecordedEvent]]
"""The events of a run."""

Record = Callable[[str, Sequence[Proposal]], object]
"""Has proposals of a run recorded, all or none."""

TAKEN_OVER = frozenset({"run.imported", "run.quarantined", "phase.imported", "phase.quarantined"})

Done = Literal["imported", "unchanged", "changed", "not_imported"]


def place_of(ledger: Ledger, asked: Asked) -> tuple[History, Record]:
    """The histories of a ledger, and what records in it."""

    def history(run_id: str) -> Sequence[RecordedEvent]:
        with ledger.reading() as connection:
            return store.read_run(connection, run_id)

    return history, lambda run_id, told: ledger.committer.commit(by_service(run_id, told, asked))


@dataclass(slots=True)
class Comparison:
    """What of a run is new, and what is not as it was imported."""

    new: Sequence[Entry]
    version: int
    findings: list[Finding] = field(default_factory=list)
    is_elsewhere: bool = False
    """Whether the run came about here, and was not imported."""

    @property
    def done(self) -> Done:
        """What becomes of the run."""
        if self.is_elsewhere:
            return "not_imported"
        if any(finding.code == "row-changed" for finding in self.findings):
            return "changed"
        return "imported" if self.new else "unchanged"

    def proposals(self, run_id: str) -> list[Proposal]:
        """What is to be recorded, if nobody else does anything about the run until then."""
        versions = [self.version, *[None] * len(self.new)]
        return [each.proposal(run_id, version) for each, version in zip(self.new, versions, strict=False)]


def take_over(legacy: Legacy, plan: Plan, history: History, record: Record | None) -> Iterator[Report | None]:
    """Take over what is not here yet: None after each run, and in the end the report.

    Without `record` nothing is recorded, and the report is the same.
    """
    done: Counter[Done] = Counter()
    quarantined: list[Waiting] = []
    findings = list(plan.findings)
    for run in plan.runs:
        found = recorded(run, history, record)
        done[found.done] += 1
        findings += [*run.findings, *found.findings]
        quarantined += [Waiting(run.run_id, each) for each in found.new if each.state is None]
        yield None
    yield Report(
        file=legacy.file,
        sha256=legacy.sha256,
        runs=len(legacy.rows["runs"]),
        tiers=len(legacy.rows["tiers"]),
        phases=len(legacy.rows["phases"]),
        imported=done["imported"],
        unchanged=done["unchanged"],
        changed=done["changed"],
        not_imported=done["not_imported"],
        quarantined=quarantined,
        findings=findings,
    )


def recorded(run: RunPlan, history: History, record: Record | None) -> Comparison:
    """Record what is new of a run; what it was compared to."""
    while True:
        found = compared(run, history(run.run_id))
        try:
            if record is not None and found.new:
                record(run.run_id, found.proposals(run.run_id))
        except VersionMismatch:
            continue  # something happened to the run in between: look again
        return found


def compared(run: RunPlan, events: Sequence[RecordedEvent]) -> Comparison:
    """What the log holds of a run already, and what it does not."""
    here = fold(events)
    if here is None:
        return Comparison([run.run, *run.phases], 0)
    known = {event.phase_id: event.data for event in events if event.type in TAKEN_OVER}
    if None not in known:
        stands = about("run", run.run_id).finding("exists-here", here.state)
        return Comparison([], here.version, [stands], is_elsewhere=True)
    found = Comparison([phase for phase in run.phases if phase.phase_id not in here.phases], here.version)
    for each in (run.run, *run.phases):
        of = about("phase" if each.phase_id else "run", run.run_id, **named(each))
        if each.phase_id in known:
            found.findings += changes(of, each, known[each.phase_id])
        elif (phase := here.phases.get(each.phase_id or "")) is not None:
            found.findings.append(of.finding("exists-here", phase.state))
    return found


def named(entry: Entry) -> dict[str, str]:
    """The phase that it is about, if it is about one."""
    return {"phase_id": entry.phase_id} if entry.phase_id is not None else {}


def changes(of: About, entry: Entry, data: Mapping[str, Any]) -> Iterator[Finding]:
    """Where a row, or that of a tier, is not the one that was imported; what is gone is not told."""
    row, before = entry.row, data.get("legacy") or {}
    if row is not None and row != before:
        columns = [name for name in {**before, **row} if before.get(name) != row.get(name)]
        told = {name: {"recorded": before.get(name), "found": row.get(name)} for name in columns}
        yield of.finding("row-changed", told, why=", ".join(columns))
    tiers = data.get("legacy_tiers") or []
    for tier in getattr(entry.event, "legacy_tiers", None) or []:
        if tier not in tiers:
            yield about("tier", of.run_id, tier_id=tier.get("tier_id")).finding("row-changed", tier)
