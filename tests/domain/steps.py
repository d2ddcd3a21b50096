"""What may be proposed next: strategies that make histories get far."""

from typing import Any

from hypothesis import strategies as st

from domain.envelopes import Proposal
from domain.events import EVENTS
from domain.judge import blocker
from domain.moves import RECORDED_BY_SERVICE, STAYS, TABLE
from domain.proposals import proposed_event
from domain.run import Run
from tests.domain.conftest import NEEDED, RUN_ID

RUN_EVENTS = [event for event in EVENTS if event.startswith("run.") and event not in RECORDED_BY_SERVICE]
PHASE_EVENTS = [event for event in EVENTS if event.startswith("phase.") and event not in RECORDED_BY_SERVICE]
OPENING = {"config": {"max_phases": 3, "max_attempts": 2, "token_cap": 10}}
Step = tuple[str, str | None, int | None, dict[str, Any]]


def data_of(event: str, amount: int) -> dict[str, Any]:
    if event.endswith("usage_recorded"):
        return {"tokens_used": amount, "ci_runs_used": 1}
    if event in ("run.queued", "run.bootstrapped", "run.created"):
        return OPENING
    return NEEDED.get(event) or EVENTS[event].example


def allowed(run: Run) -> list[tuple[str, str | None]]:
    """What may happen now, to the run, to its phases, and to the next one."""
    phases = [*run.phases, f"p{len(run.phases) + 1}"]
    events: list[tuple[str, str | None]] = [
        (event, None) for event in RUN_EVENTS if blocker(run, event) is None
    ]
    return events + [(e, p) for e in PHASE_EVENTS for p in phases if blocker(run, e, p) is None]


@st.composite
def steps(draw: st.DrawFn, run: Run) -> Step:
    """The next proposal: mostly a move of a phase or of the run that may happen now, sometimes anything."""
    anything: list[tuple[str, str | None]] = [(event, None) for event in RUN_EVENTS]
    anything += [(event, phase) for event in PHASE_EVENTS for phase in ("p1", "p2", "p3")]
    now = allowed(run)
    moves = [step for step in now if TABLE[step[0]].leads_to != STAYS]
    onward = [step for step in moves if not step[0].startswith(("run.failed_", "run.succeeded"))]
    work = [step for step in onward if step[1] and step[0] not in ("phase.added", "phase.skipped")]
    likely = draw(st.sampled_from([work, work, work, onward, onward, now, moves, anything]))
    event, phase = draw(st.sampled_from(likely or onward or anything))
    attempt = None
    if phase is not None and event not in ("phase.added", "phase.started"):
        current = run.phases[phase].attempt if phase in run.phases else 0
        attempt = draw(st.sampled_from([current, current, current, current - 1, current + 1]))
    return event, phase, attempt if attempt and attempt > 0 else None, data_of(event, draw(st.integers(0, 9)))


def proposal_of(step: Step) -> Proposal:
    event, phase, attempt, data = step
    return proposed_event({"type": event, "phase_id": phase, "attempt": attempt, "data": data}, RUN_ID)
