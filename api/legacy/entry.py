"""A row that was understood: the event that takes it over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.legacy.source import Legacy
from api.legacy.tiers import TierRows, Tiers
from api.legacy.values import Time
from domain.envelopes import Proposal
from domain.events.phase import PhaseTakenOver
from domain.events.run import RunTakenOver
from domain.events.taken_over import Finding, Source
from domain.times import stamp


@dataclass(frozen=True, slots=True)
class Entry:
    """A run or phase that is to be taken over, and what is odd about it."""

    event: RunTakenOver | PhaseTakenOver
    phase_id: str | None
    findings: Sequence[Finding]
    occurred_at: str | None = None

    @property
    def row(self) -> Mapping[str, Any] | None:
        """The row as the event keeps it; None where there was none."""
        return self.event.legacy

    @property
    def state(self) -> str | None:
        """The state that it is recorded in; None in quarantine."""
        return getattr(self.event, "state", None)

    def proposal(self, run_id: str, expected_version: int | None) -> Proposal:
        """What is to be recorded."""
        return Proposal(
            run_id=run_id,
            event=self.event,
            phase_id=self.phase_id,
            occurred_at=self.occurred_at,
            expected_version=expected_version,
        )


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the rows of one run."""

    legacy: Legacy
    now: datetime
    run_id: str
    has_run: bool
    """Whether there is a row of the run itself."""
    tier_rows: TierRows
    tiers: Tiers

    def source(self, table: str, times: Mapping[str, Time]) -> Source:
        """Where a row was found."""
        naive = [column for column, time in times.items() if time.naive]
        more: dict[str, Any] = {"naive_times": naive} if naive else {}
        return Source(file=self.legacy.file, sha256=self.legacy.sha256, table=table, **more)

    def occurred_at(self, times: Mapping[str, Time]) -> str | None:
        """When a row was last changed; None, which is now, where that is not known or is to come."""
        updated = times.get("updated_at")
        return stamp(updated.at) if updated is not None and updated.at <= self.now else None


def told(**fields: Any) -> dict[str, Any]:
    """The fields that there is something to say of."""
    return {name: value for name, value in fields.items() if value is not None}
