"""What a replay finds wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
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
LOOK = (
    "If the machine was another when the event was taken, nothing is wrong with the record. "
    "If it was not, somebody wrote the event past the guards: find out who."
)

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
"""Findings that a report holds in full, the first of them. All are counted."""


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
            "version": shown(self.version),
            "detail": printable(self.detail, 1_000),
            "remedy": REMEDIES[self.code],
            **told,
        }


def shown(value: Any) -> Any:
    """A value of the database, or a row of it, as JSON can hold it, whatever it is."""
    match value:
        case str():
            return printable(value, 2_000)
        case Mapping():
            return {str(name): shown(each) for name, each in value.items()}
        case float() if isfinite(value):
            return value
        case bool() | int() | None:
            return value
        case _:
            return printable(repr(value), 2_000)


def foremost(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that a report holds: first what is wrong with the log, in its order, then with the tables.

    Where the log is not right, what the tables are to hold is not known.
    """
    return sorted(findings, key=place)[:KEPT]


def place(finding: Finding) -> tuple[bool, bool, int]:
    """Where a finding stands among others."""
    return REMEDIES[finding.code] is REBUILD, finding.position is None, finding.position or 0
