"""What a replay finds wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.values import printable

RESTORE = (
    "The log was changed behind the service's back. Keep this database as evidence, "
    "and restore the last export or backup that verifies."
)
REBUILD = "Where nothing is wrong with the log, the table is: have it made anew with `runnotary rebuild`."
SEALS = (
    "The seals themselves were changed, or made by somebody else. Compare with a copy that was kept "
    "elsewhere: `runnotary verify --seals FILE`."
)
LOOK = "Nothing is wrong with the record: the machine of today differs from the one that took the event."

REMEDIES: Mapping[str, str] = {
    "position-missing": RESTORE,
    "time-backwards": RESTORE,
    "chain-broken": RESTORE,
    "content-changed": RESTORE,
    "version-missing": RESTORE,
    "seal-differs": RESTORE,
    "log-cut-off": RESTORE,
    "seal-broken": SEALS,
    "signature-wrong": SEALS,
    "out-of-order": RESTORE,
    "unreadable": RESTORE,
    "state-before-differs": RESTORE,
    "unknown-event": LOOK,
    "illegal-move": LOOK,
    "table-differs": REBUILD,
    "row-missing": REBUILD,
    "row-too-many": REBUILD,
    "guards-missing": "Find out who dropped them, and put them back with `runnotary db guard`.",
    "tables-outdated": "Bring the database up to date: `runnotary db upgrade`.",
}
"""Every code of a finding, and what to do about it."""

KEPT = 1_000
"""Findings that a report holds in full; the first by position. All are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it has to be."""

    code: str
    detail: str
    position: int | None = None
    """Where in the log it shows first."""
    run_id: str | None = None
    version: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        """As callers see it."""
        told = {name: shown(value) for name, value in self.facts.items()}
        return {
            "code": self.code,
            "position": self.position,
            "run_id": shown(self.run_id),
            "version": self.version,
            "detail": printable(self.detail, 1_000),
            "remedy": REMEDIES[self.code],
            **told,
        }


def shown(value: Any) -> Any:
    """A value of the database as JSON can hold it, whatever it is."""
    if isinstance(value, str):
        return printable(value, 2_000)
    if isinstance(value, bytes):
        return printable(repr(value), 2_000)
    return value


def foremost(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that a report holds, the first in the log first."""
    no_place = 2**63
    in_order = sorted(findings, key=lambda each: no_place if each.position is None else each.position)
    return in_order[:KEPT]
