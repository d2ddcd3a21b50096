"""Setting a state outside the moves, in the open: what is proposed, what would come of it, who approves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import Field

from domain.decide import outside_the_moves
from domain.envelopes import Origin, Proposal
from domain.events.phase import PhaseRepaired
from domain.events.run import RunRepaired
from domain.events.shared import Count, Filled, Label, Model
from domain.judge import unknown_state
from domain.naming import valid_ids
from domain.proposals import IdText, validated
from domain.refusals import (
    NothingToRepair,
    PhaseNotFound,
    RepairDecided,
    RepairOutOfDate,
    RunNotFound,
    SecondPersonNeeded,
    VersionMismatch,
)
from domain.rehearsal import as_if_recorded
from domain.run import Phase, Run
from domain.states import ATTEMPT_OPEN, ENDED, EXECUTING, SETTLED, STATES, PhaseState, RunState
from domain.values import keep

ANONYMOUS = "anonymous"
"""The actor of whoever gives no name."""

Status = Literal["proposed", "approved", "rejected"]
Evidence = Annotated[
    list[Filled], Field(max_length=50, description="What shows that it is right: text, or links.")
]
WHY = "Why the state is to be set outside the moves."


class NewRepair(Model):
    """A repair to propose: the state that a run, or one of its phases, is to be in."""

    run_id: IdText
    phase_id: IdText | None = Field(None, description="The phase; left out: the run itself.")
    state: str = Field(description="The state that it is to be in.", examples=["RUN_CREATED"])
    reason: Filled = Field(description=WHY)
    evidence: Evidence = Field(default_factory=list)
    finding: Label | None = Field(None, description="The code of the finding that it answers.")
    expected_version: Count | None = Field(None, description="The version that the run is believed to be at.")


class SuggestedRepairs(Model):
    """Repairs to propose for all that waits in quarantine and has a suggestion."""

    reason: Filled | None = Field(None, description=f"{WHY} Left out: that the import suggests it.")
    evidence: Evidence = Field(default_factory=list)


class Approval(Model):
    """The approval of one repair. There is nothing to say but who approves, and that is in no body."""


class ApprovalOfAll(Model):
    """The approval of all proposed repairs that answer one finding."""

    finding: Label = Field(description="The code of the finding.", examples=["illegal-run-state"])


class Rejection(Model):
    """The rejection of one repair."""

    reason: Filled = Field(description="Why it is not approved.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A repair as it was proposed, and what was decided."""

    repair_id: str
    run_id: str
    phase_id: str | None
    version: int
    """The version of the run that it is bound to."""
    before: str | None
    """The state at that version; None in quarantine."""
    state: str
    reason: str
    evidence: Sequence[str]
    finding: str | None
    proposed_by: str
    proposed_by_verified: bool
    proposed_at: str
    status: Status = "proposed"
    decided_by: str | None = None
    decided_by_verified: bool | None = None
    decided_at: str | None = None
    decided_why: str | None = None
    event_version: int | None = None
    """The version of its event, once it is approved."""


def new_repair(raw: Mapping[str, Any]) -> NewRepair:
    """A repair to propose, understood.

    Raises:
        InvalidBody, InvalidId: it cannot be understood.
    """
    keep(raw)
    wanted = validated(NewRepair, raw)
    valid_ids(wanted.run_id, wanted.phase_id)
    return wanted


# --- may it be proposed, and decided ---


def judge(run: Run, wanted: NewRepair) -> None:
    """Refuse a repair of what is not there, to what is no state, or to where it is already.

    Raises:
        RunNotFound, VersionMismatch, PhaseNotFound, UnknownState, NothingToRepair: it cannot be proposed.
    """
    phase_id, expected = wanted.phase_id, wanted.expected_version
    if run.version == 0:
        raise RunNotFound(run.run_id)
    if expected is not None and expected != run.version:
        raise VersionMismatch(run.run_id, expected, run.version, run.state)
    if phase_id is not None and phase_id not in run.phases:
        raise PhaseNotFound(run.run_id, phase_id, get_close_matches(phase_id, run.phases))
    if wanted.state not in STATES["run" if phase_id is None else "phase"]:
        raise unknown_state(run, wanted.state, phase_id)
    if wanted.state == state_of(run, phase_id):
        raise NothingToRepair(run.run_id, wanted.state, phase_id)


def judge_open(repair: Repair) -> None:
    """Refuse to decide again.

    Raises:
        RepairDecided: it is approved or rejected.
    """
    if repair.status != "proposed":
        raise RepairDecided(
            repair.repair_id,
            repair.run_id,
            repair.status,
            repair.decided_by or ANONYMOUS,
            repair.decided_at or "",
        )


def judge_approval(repair: Repair, run: Run, approver: str, *, two_persons: bool) -> None:
    """Refuse an approval that comes too late, or from the wrong person.

    Raises:
        RepairDecided, SecondPersonNeeded, RepairOutOfDate: it may not be approved.
    """
    judge_open(repair)
    if two_persons and approver in (ANONYMOUS, repair.proposed_by):
        raise SecondPersonNeeded(repair.repair_id, repair.run_id, repair.proposed_by, approver)
    if run.version != repair.version:
        raise RepairOutOfDate(
            repair.repair_id,
            repair.run_id,
            repair.version,
            run.version,
            again(repair),
        )


def again(repair: Repair) -> dict[str, Any]:
    """The body that proposes the same once more."""
    names = ("run_id", "phase_id", "state", "reason", "evidence", "finding")
    return {name: value for name in names if (value := getattr(repair, name)) not in (None, [])}


def rejected(repair: Repair, by: Origin, at: str, why: str) -> Repair:
    """The repair after it was rejected."""
    return replace(decided(repair, "rejected", by, at), decided_why=why)


def approved(repair: Repair, by: Origin, at: str, event_version: int) -> Repair:
    """The repair after it was approved, and its event has this version."""
    return replace(decided(repair, "approved", by, at), event_version=event_version)


def decided(repair: Repair, status: Status, by: Origin, at: str) -> Repair:
    """The repair after a decision."""
    return replace(
        repair,
        status=status,
        decided_by=by.actor,
        decided_by_verified=by.actor_verified,
        decided_at=at,
    )


def repaired(repair: Repair) -> Proposal:
    """The event that an approved repair is, with all that led to it."""
    behind = {
        "repair_id": repair.repair_id,
        "before": repair.before,
        "evidence": list(repair.evidence),
        **({"finding": repair.finding} if repair.finding is not None else {}),
        "proposed_by": repair.proposed_by,
        "proposed_at": repair.proposed_at,
        "approved_by": repair.decided_by,
        "approved_at": repair.decided_at,
    }
    event: RunRepaired | PhaseRepaired
    if repair.phase_id is None:
        event = RunRepaired(state=RunState(repair.state), reason=repair.reason, repair=behind)
    else:
        event = PhaseRepaired(state=PhaseState(repair.state), reason=repair.reason, repair=behind)
    return Proposal(run_id=repair.run_id, event=event, phase_id=repair.phase_id, by_service=True)


def state_of(run: Run, phase_id: str | None) -> str | None:
    """The state of a run, or of one of its phases; None in quarantine."""
    return run.state if phase_id is None else run.phases[phase_id].state


# --- what would come of it ---


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that the moves would not have let come about, or that they will not let go on."""

    code: str
    """The refusal of the guard, or the finding of an import, that speaks of the same."""
    detail: str
    phase_id: str | None = None


def after(run: Run, repair: Repair, at: str) -> Run:
    """The run as it would be, if the repair were approved at this time."""
    return as_if_recorded(run, [outside_the_moves(run, repaired(repair))], at)[1]


def contradictions(run: Run) -> Iterator[Contradiction]:
    """What the guards would say against the states that a run and its phases are in together."""
    phases = run.phases.values()
    if run.state is None:
        yield Contradiction("quarantined", "The run has no state: no event of it is taken.")
    for phase in phases:
        if phase.state is None:
            said = f"Phase {phase.phase_id!r} has no state: no event of it is taken."
            yield Contradiction("quarantined", said, phase.phase_id)
        if phase.state in ATTEMPT_OPEN and run.is_over:
            said = f"Phase {phase.phase_id!r} is {phase.state}, and the run is over: nobody can report on it."
            yield Contradiction("run-terminal", said, phase.phase_id)
        elif phase.state in ATTEMPT_OPEN and run.state is not None and run.state not in EXECUTING:
            said = f"Phase {phase.phase_id!r} is {phase.state}; no phase starts while the run is {run.state}."
            yield Contradiction("run-not-executing", said, phase.phase_id)
        if exhausted(phase):
            used = f"{phase.attempt} of {phase.max_attempts} attempts"
            said = f"Phase {phase.phase_id!r} is {phase.state}, and has had {used}."
            yield Contradiction("attempts-exhausted", said, phase.phase_id)
    unsettled = [phase.phase_id for phase in phases if phase.state not in SETTLED]
    if run.state == RunState.DONE_SUCCESS and unsettled:
        said = f"The run succeeded, and not every phase is COMPLETE or SKIPPED: {', '.join(unsettled[:10])}."
        yield Contradiction("phases-open", said)
    if run.state in EXECUTING and run.usage.tokens_used >= run.config["token_cap"]:
        used = f"{run.usage.tokens_used:,} of {run.config['token_cap']:,} tokens"
        yield Contradiction("budget-exhausted", f"No phase starts: {used} are used.")
    if phases and run.state is not None and not run.is_over and all(p.state in ENDED for p in phases):
        yield Contradiction(
            "open-run-all-phases-ended", f"The run is {run.state}, and every phase has ended."
        )


def exhausted(phase: Phase) -> bool:
    """Whether a phase waits for an attempt that it will not get, or has one too many."""
    if phase.state in ATTEMPT_OPEN:
        return phase.attempt > phase.max_attempts
    return phase.state == PhaseState.QUEUED and phase.attempt >= phase.max_attempts
