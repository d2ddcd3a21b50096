"""Rows of tiers: which tiers a run has, and which of them a phase is in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from api.legacy.findings import Reading, about
from api.legacy.source import Row
from api.legacy.values import kept
from domain.events.shared import TIERS_MAX, Tier
from domain.events.taken_over import Finding
from domain.naming import is_id

TOO_MANY = f"a run has at most {TIERS_MAX:,} tiers"

TierRows = Mapping[Any, Sequence[Row]]
"""The rows of all tiers, by their `id`, which phases name."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """The tiers of one run."""

    described: Mapping[str, Tier]
    """By label."""
    rows: Sequence[dict[str, Any]]
    findings: Sequence[Finding]


def tiers_of(run_id: str, rows: Iterable[Row], *, has_run: bool) -> Tiers:
    """What the rows of a run's tiers say."""
    described: dict[str, Tier] = {}
    whole, findings = [], list[Finding]()
    for row in sorted(rows, key=lambda row: ordinal(row["tier_index"])):
        label = row["tier_id"]
        reading = Reading(row, about("tier", run_id, tier_id=label))
        whole.append(reading.whole())
        reading.look_over()
        reading.state()
        if not has_run:
            reading.note("tier-without-run", run_id)
        if not (isinstance(label, str) and is_id(label)):
            reading.note("id-not-legal", reading.about.tier_id, column="tier_id", action="left-out")
        elif label in described:
            reading.note("tier-label-twice", label)
        elif len(described) == TIERS_MAX:
            reading.note("value-not-usable", label, column="tier_id", why=TOO_MANY)
        else:
            described[label] = Tier(tier_id=label, **reading.taken(Tier, {"name": "name"}))
        findings += reading.findings
    return Tiers(described, whole, findings)


def tier_of(reading: Reading, run_id: str, rows: TierRows, tiers: Tiers) -> str | None:
    """The label of the tier that a phase is in, if its run has it; notes why not."""
    wanted = reading.row["tier_id"]
    if wanted is None:
        return None
    found = rows.get(wanted, ())
    if not found:
        reading.note("tier-missing", kept(wanted), column="tier_id")
        return None
    labels = [row["tier_id"] for row in found if row["run_id"] == run_id]
    if not labels:
        other = {"tier_id": found[0]["tier_id"], "run_id": found[0]["run_id"]}
        reading.note("phase-in-foreign-tier", {name: kept(value) for name, value in other.items()})
        return None
    return labels[0] if labels[0] in tiers.described else None


def ordinal(value: Any) -> float:
    """A place in an order; the last where none is named."""
    return value if isinstance(value, (int, float)) else inf
