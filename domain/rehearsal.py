"""What would happen: proposals judged one after another, as if those that are accepted had been recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.decide import OF_OPEN_ATTEMPT, decide, repeats
from domain.envelopes import NewEvent, Proposal, RecordedEvent
from domain.events import EVENTS
from domain.evolve import evolve
from domain.moves import LEADS_TO
from domain.refusals import Refusal
from domain.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What would come of one proposal."""

    would: Sequence[RecordedEvent] = ()
    """What would be recorded, in order: the events that it implies, and its own last."""
    repeats: int | None = None
    """The version of the event that it only reports once more."""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would come of several proposals."""

    before: Run
    results: Sequence[Rehearsed]
    run: Run
    """The run as it would be."""


def rehearse(run: Run, asked: Iterable[Proposal | Refusal], *, at: str, atomic: bool) -> Rehearsal:
    """What would come of these, in their order, if they were recorded at this time.

    A refusal among them stands for what could not even be understood. What is refused changes nothing, and
    the next is judged as if it had not been asked; where they are atomic, it is the last that is judged.
    """
    results, now = list[Rehearsed](), run
    for each in asked:
        result, now = rehearsed(now, each, at)
        results.append(result)
        if atomic and result.refusal is not None:
            return Rehearsal(run, results, run)
    return Rehearsal(run, results, now)


def rehearsed(run: Run, asked: Proposal | Refusal, at: str) -> tuple[Rehearsed, Run]:
    """What would come of one proposal, and the run after it."""
    if isinstance(asked, Refusal):
        return Rehearsed(refusal=asked), run
    if (version := repeats(run, asked)) is not None:
        return Rehearsed(repeats=version), run
    try:
        decided = decide(run, asked)
    except Refusal as refusal:
        refusal.is_of_new_run = run.version == 0
        return Rehearsed(refusal=refusal), run
    events, run = as_if_recorded(run, decided, at)
    return Rehearsed(would=events), run


def as_if_recorded(run: Run, decided: Iterable[NewEvent], at: str) -> tuple[list[RecordedEvent], Run]:
    """These events as they would be in the log, without what only the log gives; and the run after them."""
    events = []
    for new in decided:
        event = RecordedEvent(
            position=run.position,
            event_id="",
            run_id=run.run_id,
            version=run.version + 1,
            type=new.type,
            type_version=new.type_version,
            phase_id=new.phase_id,
            attempt=new.attempt,
            state_before=new.state_before,
            state_after=new.state_after,
            data=new.data,
            body="",
            implied=new.implied,
            occurred_at=at,
            recorded_at=at,
            actor="",
            actor_verified=False,
            correlation_id=None,
            causation_id=None,
            traceparent=None,
            prev_hash=run.head_hash,
            hash=run.head_hash,
        )
        run = evolve(run, event)
        events.append(event)
    return events, run


# --- the way to a state ---


@dataclass(frozen=True, slots=True)
class Step:
    """One event on the way to a state."""

    event: str
    leads_to: str
    refusal: Refusal | None
    """What would stand in its way, in the run as it would be after the steps before it."""


def walk(run: Run, path: Iterable[str], phase_id: str | None) -> list[Step]:
    """The steps of a way that the table of moves has, for a run or for one of its phases.

    What stands in the way of a step is told, and the next one is looked at as if it had been taken.
    """
    steps = []
    for event in path:
        here = run.condition if phase_id is None else run.condition_of(phase_id)
        proposal, leads_to, refusal = proposal_of(run, event, phase_id), LEADS_TO[event, here], None
        try:
            decided = decide(run, proposal)
        except Refusal as why:
            refusal = why
            decided = (
                NewEvent(
                    type=event,
                    type_version=proposal.event.type_version,
                    phase_id=phase_id,
                    attempt=proposal.attempt,
                    state_before=here,
                    state_after=leads_to,
                    data={},
                ),
            )
        steps.append(Step(event, leads_to, refusal))
        _, run = as_if_recorded(run, decided, run.updated_at or "")
    return steps


def proposal_of(run: Run, event: str, phase_id: str | None) -> Proposal:
    """This event as the right executor would propose it, whatever its data."""
    phase = run.phases.get(phase_id or "")
    attempt = phase.attempt if phase and event in OF_OPEN_ATTEMPT else None
    return Proposal(
        run_id=run.run_id, event=EVENTS[event].model_construct(), phase_id=phase_id, attempt=attempt
    )
