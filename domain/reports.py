"""What a report means that names a state and no event: the legal events that lead there.

An executor that knows only states says "COMPLETE" of a phase that nobody started. What it says becomes the
event that it means; what has to have happened before, and what follows for the run, become events of their
own, marked as implied. Nothing is made up that the table of moves does not have.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain.decide import OF_OPEN_ATTEMPT
from domain.envelopes import Proposal
from domain.events import EVENTS
from domain.events.phase import PhaseAnnotated
from domain.judge import illegal, judge_known, known_phase
from domain.moves import LEADS_TO, shortest_path
from domain.run import Phase, Run
from domain.states import DONE, DONE_FAILED, ENDED, EXECUTING, PhaseState, RunState
from domain.times import moment

REPEATED_WITHIN = timedelta(seconds=5)
"""A failure that is reported again so soon, and no attempt was opened in between, is the same failure."""

EVENT_TO: dict[PhaseState, str] = {
    PhaseState.QUEUED: "phase.requeued",
    PhaseState.EXECUTING: "phase.started",
    PhaseState.GATE: "phase.submitted",
    PhaseState.CI_RUNNING: "phase.ci_started",
    PhaseState.COMPLETE: "phase.completed",
    PhaseState.FAILED: "phase.failed",
    PhaseState.SKIPPED: "phase.skipped",
}
"""What a report of a state says that happened, where no legal path leads there."""

SAID: dict[str, dict[str, Any]] = {
    "phase.failed": {"outcome": "FAILED"},
    "phase.skipped": {"reason": "reported as SKIPPED, without a reason"},
    "run.reopened": {"reason": "every phase had ended, and the executor went on"},
    "run.succeeded": {"reason": "every phase is complete or skipped"},
    "run.failed_requires_human_review": {"reason": "every phase has ended, and some have failed"},
}
"""What an event tells where the report tells nothing."""


def state_reported(
    run: Run, phase_id: str, state: PhaseState, *, at: str, told: Sequence[Proposal] = ()
) -> list[Proposal]:
    """What follows from a report that a phase is in this state; nothing where it is known.

    `at` is when it was reported, `told` what was said beside the state.

    Raises:
        Refusal: there is no such phase, or no legal path leads there.
    """
    judge_known(run, EVENT_TO[state])
    phase = known_phase(run, phase_id)
    steps = steps_to(phase, state, at)
    if steps is None:
        raise illegal(run, EVENT_TO[state], phase.condition, phase_id)
    if not steps:
        return [replace(each, implied=i > 0) for i, each in enumerate(told)]
    before = gone_on(run, starts="phase.started" in steps)
    states = {other.phase_id: other.state for other in run.phases.values()} | {phase_id: state}
    after = ended(reached(run, before), states.values())
    return [*of_run(run, before), *of_phase(run, phase, steps), *told, *of_run(run, after)]


def result_reported(
    run: Run, phase_id: str, result: Mapping[str, Any], *, tokens: int, works: bool, submits: bool
) -> list[Proposal]:
    """What follows from the result of a builder or an auditor.

    `works` says that somebody worked on the phase, so that an attempt was open; `submits`, that the work is
    handed in with it. `tokens` are those of one call: told again in the same attempt, it is the same call.

    Raises:
        Refusal: there is no such phase.
    """
    judge_known(run, "phase.result_recorded")
    phase = known_phase(run, phase_id)
    starts = works and phase.state in (PhaseState.QUEUED, PhaseState.FAILED)
    steps = path("phase", phase.condition, PhaseState.EXECUTING) if starts else []
    attempt = phase.attempt + starts or None
    before = gone_on(run, starts=True) if starts else []
    follows = []
    if tokens and (starts or tokens != phase.last_tokens):
        follows.append(proposed(run, "phase.usage_recorded", phase, attempt, tokens_used=tokens))
    if submits and (starts or phase.state == PhaseState.EXECUTING):
        follows.append(proposed(run, "phase.submitted", phase, attempt))
    return [
        *of_run(run, before),
        *(replace(step, implied=True) for step in of_phase(run, phase, steps)),
        replace(proposed(run, "phase.result_recorded", phase, attempt, result=result), implied=False),
        *follows,
    ]


def issue_reported(run: Run, phase_id: str, note: PhaseAnnotated, figure: str) -> list[Proposal]:
    """What follows from an issue that was found: a note and, unless the run is over, one more in a figure.

    Raises:
        Refusal: there is no such phase.
    """
    judge_known(run, "phase.annotated")
    phase = known_phase(run, phase_id)
    counted = [] if run.is_over else [proposed(run, "phase.usage_recorded", phase, None, **{figure: 1})]
    return [Proposal(run_id=run.run_id, event=note, phase_id=phase_id), *counted]


def usage_reported(run: Run, phase_id: str, totals: Mapping[str, int]) -> list[Proposal]:
    """What follows from figures of a phase that are totals: what is more than is known, as an increment."""
    phase = run.phases.get(phase_id)
    if phase is None:
        return []
    known = phase.usage.counts()
    more = {name: total - known[name] for name, total in totals.items() if total > known[name]}
    return [proposed(run, "phase.usage_recorded", phase, None, **more)] if more else []


def phase_reported(run: Run, added: Proposal) -> list[Proposal]:
    """What follows from a phase that is to be added: a run that had ended for want of phases goes on."""
    return [*of_run(run, gone_on(run, starts=False)), added]


def steps_to(phase: Phase, state: PhaseState, at: str) -> list[str] | None:
    """The events that lead a phase to a state: none where it is there, None where no legal ones do.

    A failure nobody told of is never made up. One that is reported again is the next attempt's.
    """
    if phase.state != state:
        return shortest_path("phase", phase.condition, state, past={PhaseState.FAILED})
    if state == PhaseState.FAILED and not is_repeated(phase, at):
        return [*path("phase", state, PhaseState.QUEUED), *path("phase", PhaseState.QUEUED, state)]
    return []


def is_repeated(phase: Phase, at: str) -> bool:
    """Whether a failure that is reported at this time is the one that is known."""
    last = phase.last_move
    if last is None or last.event != "phase.failed":
        return False
    return abs(moment(at) - moment(last.occurred_at)) <= REPEATED_WITHIN


def gone_on(run: Run, *, starts: bool) -> list[str]:
    """What has to have happened to a run of which something is reported; `starts`, that a phase starts.

    A run that was ended by implication is reopened: nobody had decided that it was over. One that somebody
    ended stays so.
    """
    goes_on = run.state in DONE_FAILED and run.ended_by_implication
    if run.is_over and not goes_on:
        return []
    if starts and run.state not in EXECUTING:
        return path("run", run.condition, RunState.PHASE_EXECUTION)
    return ["run.reopened"] if goes_on else []


def ended(state: str, phases: Iterable[str | None]) -> list[str]:
    """How a run in this state ends with phases in these: not at all while one of them has not ended."""
    found = set(phases)
    if state in DONE or not found <= ENDED:
        return []
    failed = PhaseState.FAILED in found
    goal = RunState.DONE_FAILED_REQUIRES_HUMAN_REVIEW if failed else RunState.DONE_SUCCESS
    return path("run", state, goal)


def reached(run: Run, names: Iterable[str]) -> str:
    """The state of the run after these events of its own."""
    state = run.condition
    for name in names:
        state = LEADS_TO[name, state]
    return state


def path(entity: Any, state: str, goal: str) -> list[str]:
    """The events that lead from one state to another, which can be reached without ending anything."""
    return shortest_path(entity, state, goal, past={*DONE, PhaseState.FAILED}) or []


def of_run(run: Run, names: Iterable[str]) -> Iterator[Proposal]:
    """These events of the run, implied."""
    for name in names:
        event = EVENTS[name](**SAID.get(name, {}))
        yield Proposal(run_id=run.run_id, event=event, implied=True)


def of_phase(run: Run, phase: Phase, names: Sequence[str]) -> Iterator[Proposal]:
    """These events of the phase; all but the last are implied."""
    attempt = phase.attempt
    for number, name in enumerate(names, 1):
        attempt += name == "phase.started"
        told = proposed(run, name, phase, attempt if name in OF_OPEN_ATTEMPT else None, **SAID.get(name, {}))
        yield replace(told, implied=number < len(names))


def proposed(run: Run, name: str, phase: Phase, attempt: int | None, **data: Any) -> Proposal:
    """An event of the phase, implied."""
    event = EVENTS[name](**data)
    return Proposal(run_id=run.run_id, event=event, phase_id=phase.phase_id, attempt=attempt, implied=True)
