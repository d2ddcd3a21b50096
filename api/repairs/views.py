"""What callers see of repairs, and of what waits for one."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.history.fields import changes, flatten
from api.problems import REPAIRS, repair_of
from api.views import move_view, run_view
from domain.moves import legal_events
from domain.repairs import Repair, after, contradictions
from domain.run import Run
from eventstore.repairs import Kept

PROPOSED = (
    "repair_id",
    "status",
    "run_id",
    "phase_id",
    "version",
    "before",
    "state",
    "reason",
    "evidence",
    "finding",
    "proposed_by",
    "proposed_by_verified",
    "proposed_at",
)
DECIDED = ("decided_by", "decided_by_verified", "decided_at", "decided_why", "event_version")


def repair_view(kept: Kept) -> dict[str, Any]:
    """A repair as callers see it."""
    repair = kept.repair
    return {
        **{name: getattr(repair, name) for name in PROPOSED},
        "is_out_of_date": kept.is_out_of_date,
        **{name: getattr(repair, name) for name in DECIDED},
        "preview": kept.preview,
    }


def preview_view(run: Run, repair: Repair, at: str) -> dict[str, Any]:
    """What would come of a repair at this time: what changes, what is legal then, and what it contradicts."""
    then, phase_id = after(run, repair, at), repair.phase_id
    condition = then.condition if phase_id is None else then.condition_of(phase_id)
    already = set(contradictions(run))
    return {
        "changes": [
            {"field": change.field, "from": change.before, "to": change.after, "kind": change.kind}
            for change in changes(flatten(run_view(run)), flatten(run_view(then)))
        ],
        "legal": [
            move_view(then, event, phase_id)
            for event in legal_events("run" if phase_id is None else "phase", condition)
        ],
        "contradicts": [
            {
                "code": each.code,
                "detail": each.detail,
                "phase_id": each.phase_id,
                "is_so_already": each in already,
            }
            for each in contradictions(then)
        ],
    }


def waiting_view(row: Mapping[str, Any], proposed: Sequence[str]) -> dict[str, Any]:
    """A run or phase in quarantine as callers see it, with the call that repairs it."""
    names = ("run_id", "phase_id", "version", "since", "value", "kind", "suggested", "findings")
    body = repair_of(row["run_id"], row["phase_id"], row["suggested"], row["version"])
    call = {"method": "POST", "path": REPAIRS, "body": body}
    return {**{name: row[name] for name in names}, "proposed": list(proposed), "call": call}
