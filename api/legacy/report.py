"""What came of an import, as data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.legacy.entry import Entry
from domain.events.taken_over import Finding


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an import put into quarantine."""

    run_id: str
    entry: Entry

    def view(self) -> dict[str, Any]:
        """As the report has it."""
        mapping = self.entry.event.mapping
        assert mapping is not None  # noqa: S101  # a state that is none was taken for something
        named = {} if self.entry.phase_id is None else {"phase_id": self.entry.phase_id}
        return {"run_id": self.run_id, **named, **mapping.model_dump()}


@dataclass(frozen=True, slots=True)
class Report:
    """What a file holds, what was done, and all that is odd about it."""

    file: str
    sha256: str
    runs: int
    tiers: int
    phases: int
    """Rows of each table."""
    imported: int
    """Runs of which something was recorded now."""
    unchanged: int
    """Runs that were imported before, and are the same."""
    changed: int
    """Runs that were imported before, and are not the same: what was recorded stays."""
    not_imported: int
    """Runs that are here already, and were not imported."""
    quarantined: Sequence[Waiting]
    """Runs and phases that were recorded without a state now."""
    findings: Sequence[Finding]

    def view(self) -> dict[str, Any]:
        """As JSON has it."""
        numbers = (
            "file",
            "sha256",
            "runs",
            "tiers",
            "phases",
            "imported",
            "unchanged",
            "changed",
            "not_imported",
        )
        return {
            **{name: getattr(self, name) for name in numbers},
            "quarantined": [each.view() for each in self.quarantined],
            "counts": dict(sorted(Counter(finding.code for finding in self.findings).items())),
            "findings": [finding.model_dump(exclude_unset=True) for finding in self.findings],
        }
