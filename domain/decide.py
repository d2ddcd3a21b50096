"""Whether a proposed event may happen, and what happens then. Judges; records nothing."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from domain.envelopes import NewEvent, Proposal
from domain.events.phase import PhaseAdded, PhaseFailed
from domain.events.shared import Event, Opening
from domain.moves import (
    LEADS_TO,
    LEGAL,
    NONE,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    TABLE,
    entity_of,
    legal_events,
    shortest_path,
)
from domain.naming import phase_id_for
from domain.refusals import (
    AttemptRequired,
    AttemptsExhausted,
    BudgetExhausted,
    IllegalMove,
    InvalidId,
    PhaseExists,
    PhaseNotFound,
    PhasesOpen,
    Quarantined,
    Refusal,
    ReservedEvent,
    RunHeld,
    RunNotExecuting,
    RunNotFound,
    RunPreserved,
    RunTerminal,
    StaleAttempt,
    TooManyPhases,
    UnknownTier,
    VersionMismatch,
)
from domain.run import DEFAULT_CONFIG, Phase, Run
from domain.states import ATTEMPT_OPEN, EXECUTING, SETTLED, RunState

NOT_A_PHASE = "it is the id of the run, and an id tells which of the two is meant"

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
    return decide_run(run, proposal) if is_of_run else decide_phase(run, proposal)


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


def blocker(run: Run, event: str, phase_id: str | None = None) -> Refusal | None:
    """What stands in the way of this event now, whatever its data; None when nothing does."""
    try:
        judge_proposable(run, event, phase_id)
        if entity_of(event) == "run":
            judge_run(run, event)
        else:
            judge_phase(run, phase_id or "", event)
    except Refusal as refusal:
        return refusal
    return None


def judge_proposable(run: Run, event: str, phase_id: str | None) -> None:
    """Refuse what only the service itself records."""
    if event in RECORDED_BY_SERVICE:
        entity = entity_of(event)
        condition = run.condition if entity == "run" else run.condition_of(phase_id or "")
        raise ReservedEvent(event, legal_events(entity, condition))


def judge_run(run: Run, event: str) -> None:
    """Refuse an event of the run that may not happen now."""
    judge_known(run, event)
    if (event, run.condition) not in LEADS_TO:
        if run.is_over and event == "run.usage_recorded":
            raise RunTerminal(run.run_id, event, str(run.state), run.version)
        raise illegal(run, event, run.condition, None)
    if event == "run.succeeded":
        unsettled = {p.phase_id: p.state for p in run.phases.values() if p.state not in SETTLED}
        if unsettled:
            raise PhasesOpen(run.run_id, unsettled)
    if event == "run.archived" and run.preserved:
        raise RunPreserved(run.run_id, run.preserved_why)


def judge_phase(run: Run, phase_id: str, event: str, attempt: int | None = None) -> None:
    """Refuse an event of a phase that may not happen now; the attempt only where it is named."""
    judge_known(run, event)
    phase = run.phases.get(phase_id)
    if run.is_over and event != "phase.annotated":
        raise RunTerminal(run.run_id, event, str(run.state), run.version)
    if event == "phase.added":
        judge_added(run, phase_id, phase)
        return
    if phase is None:
        if phase_id == run.run_id:
            raise InvalidId("phase_id", phase_id, NOT_A_PHASE)
        raise PhaseNotFound(run.run_id, phase_id, get_close_matches(phase_id, run.phases))
    if phase.condition == QUARANTINED:
        raise Quarantined(run.run_id, phase_id, run.version)
    if attempt is not None and event != "phase.started":
        judge_attempt(run, phase, event, attempt)
    if (event, phase.condition) not in LEADS_TO:
        raise illegal(run, event, phase.condition, phase_id)
    if event == "phase.started":
        judge_attempt(run, phase, event, attempt or phase.attempt + 1)
        judge_start(run, phase)


def judge_known(run: Run, event: str) -> None:
    """Refuse anything about a run that is not there or has no state."""
    if run.version == 0 and (entity_of(event) == "phase" or (event, NONE) not in LEADS_TO):
        raise RunNotFound(run.run_id)
    if run.condition == QUARANTINED:
        raise Quarantined(run.run_id, None, run.version)


def judge_added(run: Run, phase_id: str, phase: Phase | None) -> None:
    """Refuse a phase that cannot be added."""
    if phase is not None:
        raise PhaseExists(run.run_id, phase_id, phase.state)
    if phase_id == run.run_id:
        raise InvalidId("phase_id", phase_id, NOT_A_PHASE)
    if len(run.phases) >= run.config["max_phases"]:
        raise TooManyPhases(run.run_id, run.config["max_phases"])


def judge_start(run: Run, phase: Phase) -> None:
    """Refuse to open an attempt while the run does not let one."""
    if run.state not in EXECUTING:
        path = shortest_path("run", run.condition, RunState.PHASE_EXECUTION) or []
        raise RunNotExecuting(run.run_id, phase.phase_id, str(run.state), path)
    if run.held:
        raise RunHeld(run.run_id, phase.phase_id)
    if run.usage.tokens_used >= run.config["token_cap"]:
        used, cap = run.usage.tokens_used, run.config["token_cap"]
        raise BudgetExhausted(run.run_id, phase.phase_id, used, cap)
    if phase.attempt >= phase.max_attempts:
        raise AttemptsExhausted(run.run_id, phase.phase_id, phase.attempt, phase.max_attempts)


def judge_attempt(run: Run, phase: Phase, event: str, attempt: int) -> None:
    """Refuse what speaks for an attempt that is not the current one.

    A result, a usage or a note may still come from an attempt that is over: it tells of the past.
    """
    current = phase.attempt
    match event:
        case "phase.started":
            fits = attempt == current + 1
        case "phase.usage_recorded" | "phase.result_recorded" | "phase.annotated":
            fits = attempt <= current
        case _:
            fits = attempt == current
    if not fits:
        raise StaleAttempt(run.run_id, phase.phase_id, event, attempt, current, phase.state)


def illegal(run: Run, event: str, condition: str, phase_id: str | None) -> IllegalMove:
    """The refusal of a move that the table does not have."""
    return IllegalMove(
        run_id=run.run_id,
        phase_id=phase_id,
        event=event,
        state=condition,
        legal=legal_events(entity_of(event), condition),
        sources=[str(source) for source in TABLE[event].sources],
        current_version=run.version,
    )


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
