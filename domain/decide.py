"""Whether a proposed event may happen, and what happens then. Judges; records nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.envelopes import NewEvent, Proposal
from domain.events.phase import PhaseAdded, PhaseFailed
from domain.events.run import Answer, RunApprovalRequested
from domain.events.shared import Event, Opening
from domain.judge import answered, illegal, judge_phase, judge_proposable, judge_run, known_phase
from domain.moves import (
    LEADS_TO,
    LEGAL,
    NONE,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    entity_of,
)
from domain.naming import phase_id_for
from domain.refusals import (
    AttemptRequired,
    RunNotFound,
    UnknownTier,
    VersionMismatch,
)
from domain.run import DEFAULT_CONFIG, Phase, Run
from domain.states import ATTEMPT_OPEN

REPEATABLE = frozenset({"phase.submitted", "phase.completed", "phase.failed", "phase.released"})
"""Reports that are answered again, not refused, when they repeat the last move of their attempt."""

OF_OPEN_ATTEMPT = frozenset(
    {
        "phase.submitted",
        "phase.ci_started",
        "phase.revised",
        "phase.completed",
        "phase.failed",
        "phase.released",
    }
)
"""Events that only the open attempt may bring about, and that therefore name it."""


def repeats(run: Run, proposal: Proposal) -> int | None:
    """The version of the event that this report says once more, if it does."""
    phase = run.phases.get(proposal.phase_id or "")
    last = phase.last_move if phase else None
    if last is None or proposal.type not in REPEATABLE:
        return None
    return last.version if (last.event, last.attempt) == (proposal.type, proposal.attempt) else None


def decide(run: Run, proposal: Proposal) -> tuple[NewEvent, ...]:
    """What happens if this is accepted, in order. A run that does not exist yet is at version 0.

    Raises:
        Refusal: it may not happen; nothing does.
    """
    if not proposal.by_service:
        judge_proposable(run, proposal.type, proposal.phase_id)
    expected = proposal.expected_version
    if expected is not None and expected != run.version:
        raise VersionMismatch(run.run_id, expected, run.version, run.state)
    if proposal.type in RECORDED_BY_SERVICE:
        return (outside_the_moves(run, proposal),)
    is_of_run = entity_of(proposal.type) == "run"
    decided = decide_run(run, proposal) if is_of_run else decide_phase(run, proposal)
    return tuple(replace(event, implied=True) for event in decided) if proposal.implied else decided


def outside_the_moves(run: Run, proposal: Proposal) -> NewEvent:
    """What only the service records: a state that is set as the event says, and marked as such for ever."""
    event, phase_id = proposal.event, proposal.phase_id
    if phase_id is not None and run.version == 0:
        raise RunNotFound(run.run_id)
    condition = run.condition if phase_id is None else run.condition_of(phase_id)
    leads_to = str(getattr(event, "state", QUARANTINED))
    if (event.type, condition, leads_to) not in LEGAL:
        raise illegal(run, event.type, condition, phase_id)
    data = event.model_dump(mode="json", exclude_unset=True)
    if isinstance(event, Opening):
        data |= completed(run, event)
    state_after = None if leads_to == QUARANTINED else leads_to
    before = None if condition in (NONE, QUARANTINED) else condition
    return NewEvent(
        type=event.type,
        type_version=event.type_version,
        phase_id=phase_id,
        attempt=proposal.attempt,
        state_before=before,
        state_after=state_after,
        data=data,
    )


def decide_run(run: Run, proposal: Proposal) -> tuple[NewEvent, ...]:
    """What an event of the run itself brings about."""
    judge_run(run, proposal.type)
    data = proposal.event.model_dump(mode="json", exclude_unset=True)
    match proposal.event:
        case RunApprovalRequested(phase_id=str() as phase_id):
            known_phase(run, phase_id)
        case Answer() as answer:
            data["approval"] = answered(run, answer)
        case _:
            pass
    if isinstance(proposal.event, Opening):
        data |= completed(run, proposal.event)
    implied: tuple[NewEvent, ...] = ()
    if proposal.type.startswith("run.failed_"):
        implied = tuple(
            failed_with_run(phase, proposal.type)
            for phase in run.phases.values()
            if phase.state in ATTEMPT_OPEN
        )
    leads_to = LEADS_TO[proposal.type, run.condition]
    return (*implied, new_event(proposal.event, run.state, leads_to, data))


def completed(run: Run, opening: Opening) -> dict[str, Any]:
    """What an opening event says with all that it leaves to the defaults, so that these may change later."""
    if opening.tiers is not None:
        tiers = [tier.tier_id for tier in opening.tiers]
        for phase in run.phases.values():
            if phase.tier_id is not None and phase.tier_id not in tiers:
                raise UnknownTier(run.run_id, phase.tier_id, tiers)
    if opening.config is None:
        return {"config": dict(DEFAULT_CONFIG)} if run.version == 0 else {}
    return {"config": {**run.config, **opening.config.model_dump(exclude_unset=True)}}


def decide_phase(run: Run, proposal: Proposal) -> tuple[NewEvent, ...]:
    """What an event of a phase brings about."""
    event, attempt = proposal.event, proposal.attempt
    data = event.model_dump(mode="json", exclude_unset=True)
    if isinstance(event, PhaseAdded):
        phase_id = proposal.phase_id or free_phase_id(run, event)
        judge_phase(run, phase_id, event.type)
        if event.tier_id is not None and event.tier_id not in (t["tier_id"] for t in run.tiers):
            raise UnknownTier(run.run_id, event.tier_id, [t["tier_id"] for t in run.tiers])
        data["max_attempts"] = event.max_attempts or run.config["max_attempts"]
        return (new_event(event, None, LEADS_TO[event.type, NONE], data, phase_id),)
    phase_id = proposal.phase_id or ""
    judge_phase(run, phase_id, event.type, attempt)
    phase = run.phases[phase_id]
    if event.type in OF_OPEN_ATTEMPT and attempt is None:
        raise AttemptRequired(run.run_id, phase_id, event.type, phase.attempt)
    if event.type == "phase.started":
        attempt = phase.attempt + 1
    leads_to = LEADS_TO[event.type, phase.condition]
    return (new_event(event, phase.state, leads_to, data, phase_id, attempt),)


def free_phase_id(run: Run, event: PhaseAdded) -> str:
    """The id of a phase that was given none: after its number and its name, or else its goal."""
    name = event.name or (event.scope.goal if event.scope else None)
    taken = 0
    while True:
        phase_id = phase_id_for(len(run.phases) + 1, name, taken)
        if phase_id not in run.phases and phase_id != run.run_id:
            return phase_id
        taken += 1


def new_event(
    event: Event,
    state_before: str | None,
    leads_to: str,
    data: Mapping[str, Any],
    phase_id: str | None = None,
    attempt: int | None = None,
) -> NewEvent:
    """The event as it is to be recorded."""
    return NewEvent(
        type=event.type,
        type_version=event.type_version,
        phase_id=phase_id,
        attempt=attempt,
        state_before=state_before,
        state_after=str(leads_to),
        data=data,
    )


def failed_with_run(phase: Phase, event: str) -> NewEvent:
    """The end of an attempt that its run's failure brings about."""
    return NewEvent(
        type=PhaseFailed.type,
        type_version=PhaseFailed.type_version,
        phase_id=phase.phase_id,
        attempt=phase.attempt,
        state_before=phase.state,
        state_after=LEADS_TO[PhaseFailed.type, phase.condition],
        data={"outcome": "RUN_FAILED", "detail": event},
        implied=True,
    )
