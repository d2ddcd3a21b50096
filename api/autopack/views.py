"""What that client is answered, in its shapes: its names, its integers, its times without a zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.autopack.creating import KEPT_OF_PHASE, OWN
from domain.envelopes import RecordedEvent
from domain.states import ATTEMPT_OPEN, SETTLED, ApprovalStatus, PhaseState, RunState, TierState

Json = Mapping[str, Any]

TIERS_MAX = 1_000
"""More than any run has: the numbers of its tiers lie between those of its first event and the next."""

NO_TIER = 0
UNKNOWN = "QUARANTINED"
"""Stands for the state of a phase that has none."""

STATUS = {
    ApprovalStatus.PENDING: "pending",
    ApprovalStatus.GRANTED: "approved",
    ApprovalStatus.DENIED: "rejected",
    ApprovalStatus.EXPIRED: "rejected",
}
"""What that client understands. It knows no word for a time that ran out, and would go on asking."""

TIMED_OUT = "nobody answered in time"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The integers that stand for things there: where in the log each begins."""

    first: Mapping[tuple[str, str | None], int]

    def phase(self, run_id: str, phase_id: str) -> int:
        """The number of a phase."""
        return self.first[run_id, phase_id]

    def tier(self, run_id: str, place: int) -> int:
        """The number of the tier at this place of its run, from 0."""
        return self.first[run_id, None] * TIERS_MAX + place


def naive(time: str | None) -> str | None:
    """A time in UTC that does not say so."""
    return time.removesuffix("Z") if time is not None else None


def run(found: Json, numbers: Numbers) -> dict[str, Any]:
    """A run with its tiers and phases."""
    run_id, config, usage = found["run_id"], found["config"], found["usage"]
    places = {tier["tier_id"]: place for place, tier in enumerate(found["tiers"])}
    phases = [phase(each, run_id, places, numbers) for each in found["phases"]]
    return {
        "id": run_id,
        "state": found["state"],
        "safety_profile": config["safety_profile"],
        "run_scope": config["run_scope"],
        "token_cap": config["token_cap"],
        "goal_anchor": found["goal"],
        "created_at": naive(found["created_at"]),
        "updated_at": naive(found["updated_at"]),
        "started_at": naive(found["started_at"]),
        "completed_at": naive(found["completed_at"]),
        "tokens_used": usage["tokens_used"],
        "ci_runs_used": usage["ci_runs_used"],
        "minor_issues_count": usage["minor_issues"],
        "major_issues_count": usage["major_issues"],
        "promotion_eligible_to_main": str(found["state"] == RunState.DONE_SUCCESS).lower(),
        "debt_status": debt(usage),
        "failure_reason": found["state"] if str(found["state"]).startswith("DONE_FAILED") else None,
        "tiers": [
            tier(each, numbers.tier(run_id, place), place, phases)
            for place, each in enumerate(found["tiers"])
        ],
        "phases": phases,
    }


def debt(usage: Json) -> str:
    """Whether issues are left."""
    return "has_minor_issues" if usage["minor_issues"] or usage["major_issues"] else "clean"


def tier(found: Json, number: int, place: int, phases: Sequence[Json]) -> dict[str, Any]:
    """A tier with its phases."""
    own = [each for each in phases if each["tier_id"] == number]
    minor, major = (sum(each[f"{kind}_issues_count"] for each in own) for kind in ("minor", "major"))
    return {
        "id": number,
        "tier_id": found["tier_id"],
        "name": found["name"] or found["tier_id"],
        "state": found["state"],
        "tier_index": place,
        "cleanliness": "not_clean" if minor or major else "clean",
        "minor_issues_count": minor,
        "major_issues_count": major,
        "phases": own,
    }


def phase(found: Json, run_id: str, places: Mapping[str, int], numbers: Numbers) -> dict[str, Any]:
    """A phase."""
    scope = dict(found["scope"] or {})
    own = scope.pop(OWN, None)
    own = own if isinstance(own, dict) else {}
    tier_id, outcome = found["tier_id"], found["last_outcome"] or {}
    failed = outcome if found["state"] == PhaseState.FAILED else {}
    return {
        "id": numbers.phase(run_id, found["phase_id"]),
        "phase_id": found["phase_id"],
        "run_id": run_id,
        "tier_id": numbers.tier(run_id, places[tier_id]) if tier_id in places else NO_TIER,
        "name": found["name"] or found["phase_id"],
        **{name: own.get(name) for name in KEPT_OF_PHASE},
        "state": found["state"] or UNKNOWN,
        "phase_index": found["index"] - 1,
        "scope": scope if found["scope"] is not None and (scope or not own) else None,
        "tokens_used": found["usage"]["tokens_used"],
        "minor_issues_count": found["usage"]["minor_issues"],
        "major_issues_count": found["usage"]["major_issues"],
        "builder_attempts": found["attempt"],
        "retry_attempt": found["attempt"],
        "max_builder_attempts": found["max_attempts"],
        "revision_epoch": found["revision"],
        "last_failure_reason": failed.get("code"),
        "started_at": naive(found["started_at"]),
        "completed_at": naive(found["completed_at"]),
        "updated_at": naive(found["updated_at"]),
    }


def summary(found: Json, phases: Sequence[Json]) -> dict[str, Any]:
    """A run in a list."""
    current = next((each for each in phases if each["state"] not in SETTLED), None)
    return {
        "id": found["run_id"],
        "state": found["state"] or UNKNOWN,
        "created_at": naive(found["created_at"]),
        "tokens_used": found["usage"]["tokens_used"],
        "token_cap": found["config"]["token_cap"],
        "phases_total": len(phases),
        "phases_completed": in_states(phases, {PhaseState.COMPLETE}),
        "current_phase_name": current["name"] or current["phase_id"] if current else None,
    }


def in_states(phases: Sequence[Json], states: frozenset[PhaseState] | set[PhaseState]) -> int:
    """How many phases are in one of these states."""
    return sum(each["state"] in states for each in phases)


def progress(found: Json, elapsed_seconds: int | None) -> dict[str, Any]:
    """How far a run is."""
    phases = found["phases"]
    return {
        "run_id": found["run_id"],
        "state": found["state"],
        "started_at": naive(found["started_at"]),
        "completed_at": naive(found["completed_at"]),
        "elapsed_seconds": elapsed_seconds,
        "tokens_used": found["usage"]["tokens_used"],
        "token_cap": found["config"]["token_cap"],
        "phases_total": len(phases),
        "phases_completed": in_states(phases, {PhaseState.COMPLETE}),
        "phases_in_progress": in_states(phases, ATTEMPT_OPEN),
        "phases_pending": in_states(phases, {PhaseState.QUEUED}),
        "phases": [
            {
                "phase_id": each["phase_id"],
                "name": each["name"] or each["phase_id"],
                "state": each["state"] or UNKNOWN,
                "phase_index": each["index"] - 1,
                "tokens_used": each["usage"]["tokens_used"],
                "builder_attempts": each["attempt"],
            }
            for each in phases
        ],
    }


def dashboard(found: Json) -> dict[str, Any]:
    """What the dashboard shows of a run."""
    phases, tiers, usage = found["phases"], found["tiers"], found["usage"]
    current = next((each for each in phases if each["state"] not in SETTLED), None)
    place = next(
        (i for i, each in enumerate(tiers) if current and each["tier_id"] == current["tier_id"]), None
    )
    done = in_states(phases, SETTLED)
    tiers_done = sum(each["state"] in (TierState.COMPLETE, TierState.SKIPPED) for each in tiers)
    cap = found["config"]["token_cap"]
    return {
        "run_id": found["run_id"],
        "state": found["state"],
        "current_tier_name": (tiers[place]["name"] or tiers[place]["tier_id"]) if place is not None else None,
        "current_phase_name": (current["name"] or current["phase_id"]) if current else None,
        "current_tier_index": place,
        "current_phase_index": current["index"] - 1 if current else None,
        "total_tiers": len(tiers),
        "total_phases": len(phases),
        "completed_tiers": tiers_done,
        "completed_phases": done,
        "percent_complete": percent(done, len(phases)),
        "tiers_percent_complete": percent(tiers_done, len(tiers)),
        "tokens_used": usage["tokens_used"],
        "token_cap": cap,
        "token_utilization": percent(usage["tokens_used"], cap),
        "minor_issues_count": usage["minor_issues"],
        "major_issues_count": usage["major_issues"],
        "quality_level": None,
        "quality_blocked": False,
        "quality_warnings": [],
    }


def percent(part: int, whole: int) -> float:
    """How much of a whole that is."""
    return round(100 * part / whole, 2) if whole else 0.0


def recorded(events: Sequence[RecordedEvent]) -> list[dict[str, Any]]:
    """What a call led to: nothing where it only said once more what was known."""
    return [
        {"type": event.type, "version": event.version, "phase_id": event.phase_id, "implied": event.implied}
        for event in events
    ]


def approval_asked(found: Json) -> dict[str, Any]:
    """What whoever asks for approval is answered."""
    return {
        "status": STATUS[found["status"]],
        "reason": f"A person has to answer: `runnotary approvals grant {found['approval_id']}`, or deny it.",
        "approval_id": found["approval_id"],
        "telegram_sent": False,
        "timeout_at": naive(found["expires_at"]),
    }


def approval(found: Json) -> dict[str, Any]:
    """What came of a request for approval."""
    status = found["status"]
    reason = TIMED_OUT if status == ApprovalStatus.EXPIRED else found["reason"]
    return {
        "approval_id": found["approval_id"],
        "run_id": found["run_id"],
        "phase_id": found["phase_id"],
        "status": STATUS[status],
        "requested_at": naive(found["asked_at"]),
        "responded_at": naive(found["answered_at"]),
        "timeout_at": naive(found["expires_at"]),
        "approval_reason": reason if STATUS[status] == "approved" else None,
        "rejected_reason": reason if STATUS[status] == "rejected" else None,
        "response_method": "timeout" if status == ApprovalStatus.EXPIRED else found["answered_by"],
    }


def approval_waiting(found: Json) -> dict[str, Any]:
    """A request that waits for an answer."""
    return {
        "id": found["approval_id"],
        "run_id": found["run_id"],
        "phase_id": found["phase_id"],
        "context": found["context"],
        "requested_at": naive(found["asked_at"]),
        "timeout_at": naive(found["expires_at"]),
        "decision_info": found["decision_info"],
        "deletion_info": found["deletion_info"],
        "telegram_sent": False,
    }
