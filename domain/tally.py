"""What is counted of a run, event by event: figures are made of it, whatever becomes of the run later."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from domain.envelopes import RecordedEvent
from domain.told import said

FAILURES = frozenset(
    {
        "run.failed_budget_exhausted",
        "run.failed_policy_violation",
        "run.failed_requires_human_review",
        "run.failed_environment",
    }
)
"""How a run fails. Nothing that happens later takes one of these back."""

ENDS = FAILURES | {"run.succeeded"}

FOUND = frozenset({"run.imported", "phase.imported"})
SET = frozenset({"run.repaired", "phase.repaired"})
COUNTED = (
    ENDS
    | FOUND
    | SET
    | {
        "run.reopened",
        "run.quarantined",
        "run.annotated",
        "phase.started",
        "phase.completed",
        "phase.failed",
        "phase.released",
        "phase.quarantined",
        "phase.annotated",
    }
)
"""The events that figures are made of."""


class Counted(NamedTuple):
    """What is counted together."""

    day: str
    """The day of recording, in UTC, as 2026-11-22."""
    event: str
    code: str
    """How an attempt failed; the state that was found or set. Empty for every other event."""


Tally = Mapping[Counted, int]
NOTHING_COUNTED: Tally = MappingProxyType({})


def tallied(tally: Tally, event: RecordedEvent) -> Tally:
    """The tally after this event, which is one of `COUNTED`."""
    code = ""
    if event.type == "phase.failed":
        code = said(event.data, "outcome", str) or ""
    elif event.type in FOUND or event.type in SET:
        code = event.state_after or ""
    counted = Counted(event.recorded_at[:10], event.type, code)
    return {**tally, counted: tally.get(counted, 0) + 1}
