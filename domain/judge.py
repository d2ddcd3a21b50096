"""What stands in the way of an event: the table of moves, and the guards that are not about the state."""

from difflib import get_close_matches

from domain.events.run import Answer
from domain.evolve import ANSWERS
from domain.moves import (
    LEADS_TO,
    NONE,
    QUARANTINED,
    RECORDED_BY_SERVICE,
    TABLE,
    Entity,
    entity_of,
    legal_events,
    shortest_path,
)
from domain.refusals import (
    ApprovalAnswered,
    ApprovalNotFound,
    AttemptsExhausted,
    BudgetExhausted,
    IllegalMove,
    InvalidId,
    NoLease,
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
    UnknownState,
)
from domain.run import Phase, Run
from domain.states import ATTEMPT_OPEN, EXECUTING, SETTLED, STATES, ApprovalStatus, PhaseState, RunState

NOT_A_PHASE = "it is the id of the run, and an id tells which of the two is meant"


def blocker(run: Run, event: str, phase_id: str | None = None) -> Refusal | None:
    """What stands in the way of this event now, whatever its data; None when nothing does."""
    try:
        judge_proposable(run, event, phase_id)
        if entity_of(event) == "run":
            judge_run(run, event)
            judge_waiting(run, event)
        else:
            judge_phase(run, phase_id or "", event)
    except Refusal as refusal:
        return refusal
    return None


def startable(run: Run) -> list[Phase]:
    """The phases that may start now and are handed out to executors: those of a run that is not archived."""
    waiting = [p for p in run.phases.values() if p.state == PhaseState.QUEUED and p.attempt < p.max_attempts]
    # What else could stand in the way is about the run, and so the same for all of them.
    if not waiting or run.archived or blocker(run, "phase.started", waiting[0].phase_id) is not None:
        return []
    return waiting


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


def answered(run: Run, answer: Answer) -> int:
    """The version of the request for approval that this answers.

    Raises:
        ApprovalNotFound, ApprovalAnswered: nobody waits for that answer.
    """
    judge_waiting(run, answer.type, answer.approval)
    waiting = [version for version, each in run.approvals.items() if each.status == ApprovalStatus.PENDING]
    if answer.approval is None:
        if len(waiting) > 1:
            raise ApprovalNotFound(None, run.run_id, waiting)
        return waiting[0]
    asked = run.approvals[answer.approval]
    if asked.status != ApprovalStatus.PENDING:
        raise ApprovalAnswered(run.run_id, asked.version, asked.status, asked.answered_by)
    return asked.version


def judge_waiting(run: Run, event: str, approval: int | None = None) -> None:
    """Refuse an answer where nobody asks: this one was never asked, or none waits."""
    if event not in ANSWERS:
        return
    waiting = [version for version, each in run.approvals.items() if each.status == ApprovalStatus.PENDING]
    if approval not in run.approvals if approval is not None else not waiting:
        raise ApprovalNotFound(approval, run.run_id, waiting)


def judge_phase(run: Run, phase_id: str, event: str, attempt: int | None = None) -> None:
    """Refuse an event of a phase that may not happen now; the attempt only where it is named."""
    judge_known(run, event)
    if run.is_over and event != "phase.annotated":
        raise RunTerminal(run.run_id, event, str(run.state), run.version)
    if event == "phase.added":
        judge_added(run, phase_id, run.phases.get(phase_id))
        return
    phase = known_phase(run, phase_id)
    if attempt is not None and event != "phase.started":
        judge_attempt(run, phase, event, attempt)
    if (event, phase.condition) not in LEADS_TO:
        raise illegal(run, event, phase.condition, phase_id)
    if event == "phase.started":
        judge_attempt(run, phase, event, attempt or phase.attempt + 1)
        judge_start(run, phase)


def known_phase(run: Run, phase_id: str) -> Phase:
    """The phase of this id.

    Raises:
        PhaseNotFound, InvalidId, Quarantined: there is none, or it has no state.
    """
    phase = run.phases.get(phase_id)
    if phase is None:
        if phase_id == run.run_id:
            raise InvalidId("phase_id", phase_id, NOT_A_PHASE)
        raise PhaseNotFound(run.run_id, phase_id, get_close_matches(phase_id, run.phases))
    if phase.condition == QUARANTINED:
        raise quarantined(run, phase_id)
    return phase


def judge_known(run: Run, event: str) -> None:
    """Refuse anything about a run that is not there or has no state."""
    if run.version == 0 and (entity_of(event) == "phase" or (event, NONE) not in LEADS_TO):
        raise RunNotFound(run.run_id)
    if run.condition == QUARANTINED:
        raise quarantined(run)


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
            # While it waits nobody has taken the phase over yet, and yet the attempt is over.
            is_over = phase.state == PhaseState.QUEUED and ATTEMPT_OPEN.issuperset(TABLE[event].sources)
            fits = attempt == current and not is_over
    if not fits:
        raise stale(run, phase, event, attempt)


def judge_heartbeat(run: Run, phase_id: str, attempt: int) -> None:
    """Refuse a heartbeat that renews no lease."""
    if run.version == 0:
        raise RunNotFound(run.run_id)
    phase = run.phases.get(phase_id)
    if phase is None:
        raise PhaseNotFound(run.run_id, phase_id, get_close_matches(phase_id, run.phases))
    if QUARANTINED in (run.condition, phase.condition):
        raise quarantined(run, None if run.condition == QUARANTINED else phase_id)
    if attempt != phase.attempt or phase.state not in ATTEMPT_OPEN:
        raise stale(run, phase, "heartbeat", attempt)
    if run.is_over:
        raise RunTerminal(run.run_id, "heartbeat", str(run.state), run.version)
    if phase.lease is None:
        raise NoLease(run.run_id, phase_id, attempt)


def stale(run: Run, phase: Phase, event: str, attempt: int) -> StaleAttempt:
    """The refusal of what speaks for an attempt that is not the current one, or is over."""
    released = phase.released
    why = released.why if released is not None and released.attempt == attempt else None
    return StaleAttempt(run.run_id, phase.phase_id, event, attempt, phase.attempt, phase.state, why)


def quarantined(run: Run, phase_id: str | None = None) -> Quarantined:
    """The refusal of anything about a run or phase without a state, with what is known of why it has none."""
    why = run.quarantine if phase_id is None else run.phases[phase_id].quarantine
    if why is None:
        return Quarantined(run.run_id, phase_id, run.version)
    findings = [dict(finding) for finding in why.findings]
    return Quarantined(run.run_id, phase_id, run.version, why.value, why.suggested, findings)


def unknown_state(run: Run, to: str, phase_id: str | None) -> UnknownState:
    """The refusal of a state that is none of what was asked about; it may be one of the other entity."""
    other: Entity = "phase" if phase_id is None else "run"
    states = STATES["run" if phase_id is None else "phase"]
    meant = get_close_matches(to.upper(), states, n=2)
    if to not in STATES[other]:
        return UnknownState(to, states, meant)
    # Of the phases, one for which there is something to tell.
    phases_there = sorted(run.phases.values(), key=lambda phase: phase.state == to)
    named = phases_there[0].phase_id if phases_there and phase_id is None else None
    return UnknownState(to, states, meant, other, run.run_id, named)


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
