"""What a replay tells: how far it is, and in the end what it came to."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from api.replay.findings import Finding, foremost


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is."""

    stage: str
    done: int
    total: int
    """Events, of both."""

    def view(self) -> dict[str, Any]:
        """As callers see it."""
        return {"stage": self.stage, "done": self.done, "total": self.total}


@dataclass(slots=True)
class Report:
    """What a replay came to."""

    up_to: int = 0
    """The position that the log ended at."""
    events: int = 0
    runs: int = 0
    found: int = 0
    """How many findings there are, also those that are not kept."""
    findings: list[Finding] = field(default_factory=list)
    """The first of them: see `api.replay.findings.foremost`."""

    def add(self, findings: Iterable[Finding]) -> None:
        """Take these findings in."""
        more = list(findings)
        if more:
            self.found += len(more)
            self.findings = foremost([*self.findings, *more])

    def reach(self, up_to: int) -> None:
        """The log has been followed up to this position, too."""
        self.events += up_to - self.up_to
        self.up_to = up_to

    @property
    def first_bad_position(self) -> int | None:
        """Where the log first goes wrong or, if it does not, where a table first parts from it."""
        return next((each.position for each in self.findings if each.position is not None), None)

    def view(self) -> dict[str, Any]:
        """As callers see it."""
        return {
            "ok": not self.found,
            "up_to": self.up_to,
            "events": self.events,
            "runs": self.runs,
            "found": self.found,
            "first_bad_position": self.first_bad_position,
            "findings": [each.view() for each in self.findings],
        }


Steps = Generator[Progress | Report, None, None]
"""A replay under way: how far it is, and in the end its report. Closing it gives it up."""
