"""What would happen is what happens when it is proposed; and what stands in the way of a state."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from domain.decide import OF_OPEN_ATTEMPT, repeats
from domain.envelopes import Proposal, RecordedEvent
from domain.judge import blocker
from domain.moves import shortest_path
from domain.proposals import DryRun, proposed_event, to_rehearse
from domain.refusals import AttemptRequired, InvalidBody, PhasesOpen, Refusal, RunNotExecuting, RunNotFound
from domain.rehearsal import Rehearsal, rehearse, walk
from domain.run import Annotation, Approval, Phase, Run
from domain.states import PhaseState, RunState
from tests.domain.conftest import NEEDED, RUN_ID, UNHURRIED, WORKING, Given, Story
from tests.domain.steps import Step, proposal_of, steps

AT = "2026-11-22T12:00:00.000000Z"


def asked(*words: str) -> list[Proposal]:
    """Proposals without data: "type", "type phase" or "type phase attempt"."""
    made = []
    for each in words:
        kind, phase, attempt, *_ = (*each.split(), "", "")
        raw = {"type": kind, "phase_id": phase or None, "attempt": int(attempt) if attempt else None}
        made.append(proposed_event(raw, RUN_ID))
    return made


def what(event: RecordedEvent) -> tuple[Any, ...]:
    """An event without what only the log gives."""
    return (
        event.version,
        event.type,
        event.phase_id,
        event.attempt,
        event.state_before,
        event.state_after,
        event.implied,
        event.data,
    )


TIMES = {"created_at", "updated_at", "started_at", "completed_at", "at", "asked_at", "answered_at"}
OF_LOG = {"position", "head_hash", "actor", "asked_by", "answered_by"}


def timeless(thing: Run | Phase | Annotation | Approval) -> dict[str, Any]:
    """What something is, without what only the log gives; of times, whether there is one."""
    told = {name: getattr(thing, name) for name in type(thing).__annotations__ if name not in OF_LOG}
    told |= {name: told[name] is not None for name in TIMES & told.keys()}
    if isinstance(thing, Run):
        told["phases"] = {name: timeless(phase) for name, phase in thing.phases.items()}
        told["annotations"] = [timeless(note) for note in thing.annotations]
        told["approvals"] = [timeless(approval) for approval in thing.approvals.values()]
    if isinstance(thing, Phase) and thing.last_move is not None:
        told["last_move"] = replace(thing.last_move, occurred_at="")
    return told


def outcomes(rehearsal: Rehearsal) -> list[object]:
    """Of each proposal its event type, the version that it repeats, or the kind of its refusal."""
    return [
        type(each.refusal) if each.refusal else each.repeats or each.would[-1].type
        for each in rehearsal.results
    ]


@hypothesis_given(st.data())
@settings(UNHURRIED, max_examples=60)
def test_what_would_happen_is_what_happens(data: st.DataObject) -> None:
    """For any proposals on any run: the same events, repeats and refusals, and in the end the same run."""
    before = given_any(data, 12).run
    story = Story(before)
    made: list[Step] = []
    expected: list[object] = []
    for _ in range(data.draw(st.integers(1, 12))):
        step = data.draw(steps(story.run))
        made.append(step)
        if (version := repeats(story.run, proposal_of(step))) is not None:
            expected.append(version)
            continue
        story.when(step[0], step[1], step[2], **step[3])
        expected.append(story.refusal.facts() if story.refusal else list(map(what, story.happened)))
    told = rehearse(before, map(proposal_of, made), at=AT, atomic=False)
    assert told.before is before
    assert [
        each.refusal.facts() if each.refusal else each.repeats or list(map(what, each.would))
        for each in told.results
    ] == expected
    assert timeless(told.run) == timeless(story.run)


def given_any(data: st.DataObject, most: int) -> Story:
    story = Story().when("run.created", config={"max_phases": 3, "max_attempts": 2, "token_cap": 10})
    for _ in range(data.draw(st.integers(0, most))):
        kind, phase, attempt, said = data.draw(steps(story.run))
        story.when(kind, phase, attempt, **said)
    return story


def test_what_is_refused_changes_nothing(given: Given) -> None:
    """The next proposal is judged as if the refused one had not been made."""
    run = given(*WORKING).run
    told = rehearse(
        run,
        asked("run.succeeded", "phase.completed p1", "phase.completed p1 1", "run.succeeded"),
        at=AT,
        atomic=False,
    )
    assert outcomes(told) == [PhasesOpen, AttemptRequired, "phase.completed", "run.succeeded"]
    assert (told.run.state, told.run.version, run.state) == ("DONE_SUCCESS", 6, "PHASE_EXECUTION")


def test_all_or_nothing_ends_with_the_first_refusal(given: Given) -> None:
    """What is atomic leaves the run as it was when one of it is refused."""
    run = given(*WORKING).run
    proposals = asked("run.gate_entered", "run.succeeded", "run.held")
    told = rehearse(run, proposals, at=AT, atomic=True)
    assert (outcomes(told), told.run) == (["run.gate_entered", PhasesOpen], run)
    assert rehearse(run, proposals[::2], at=AT, atomic=True).run.held


def test_a_report_that_comes_again_is_a_repeat(given: Given) -> None:
    """It names the event that it repeats, recorded or only imagined."""
    run = given(*WORKING, "phase.submitted p1 1").run
    told = rehearse(
        run,
        asked("phase.submitted p1 1", "phase.completed p1 1", "phase.completed p1 1"),
        at=AT,
        atomic=False,
    )
    assert outcomes(told) == [5, "phase.completed", 6]


def test_a_run_can_be_made_up_from_nothing() -> None:
    """From before its first event a run begins with what opens it."""
    told = rehearse(Run(run_id=RUN_ID), asked("run.held", "run.created", "run.held"), at=AT, atomic=False)
    assert outcomes(told) == [RunNotFound, "run.created", "run.held"]
    assert (told.run.state, told.run.created_at) == ("RUN_CREATED", AT)
    assert told.results[0].refusal is not None
    assert told.results[0].refusal.is_of_new_run


@pytest.mark.parametrize(
    "raw", [{"type": "run.heald"}, {"type": "run.held", "x": 1}, {"type": "run.held", "event_id": "e-1"}, {}]
)
def test_what_cannot_be_understood_is_a_refusal_in_its_place(raw: dict[str, Any]) -> None:
    """It is refused as it would be, and those around it are judged."""
    made = list(to_rehearse(DryRun(events=[{"type": "run.created"}, raw, {"type": "run.held"}]), RUN_ID))
    assert isinstance(made[1], Refusal)
    told = rehearse(Run(run_id=RUN_ID), made, at=AT, atomic=False)
    assert outcomes(told) == ["run.created", type(made[1]), "run.held"]


def test_what_is_atomic_is_understood_as_a_whole() -> None:
    """As in a batch, what cannot be understood is told before anything is judged, with its place."""
    events = [{"type": "run.succeeded"}, {"type": "run.held"}, {"type": "run.held", "event_id": "e-1"}]
    with pytest.raises(InvalidBody) as refused:
        list(to_rehearse(DryRun(events=events, atomic=True), RUN_ID))
    assert [error["pointer"] for error in refused.value.errors] == ["/events/2/event_id"]


def test_an_event_id_has_no_place_where_nothing_is_recorded() -> None:
    """Whether an id is taken is for the log to say, so none is accepted, and the refusal points at it."""
    (refusal,) = to_rehearse(DryRun(events=[{"type": "run.held", "event_id": "e-1"}]), RUN_ID)
    assert isinstance(refusal, InvalidBody)
    assert [error["pointer"] for error in refusal.errors] == ["/event_id"]


# --- the way to a state ---


def test_a_step_is_judged_in_the_run_that_it_would_meet(given: Given) -> None:
    """What a later step needs, an earlier one may have brought about, and what is open stays so."""
    run = given("run.created", "phase.added p1").run
    way = walk(run, ["run.execution_started", "run.succeeded"], None)
    assert [(step.event, step.leads_to, type(step.refusal)) for step in way] == [
        ("run.execution_started", "PHASE_EXECUTION", type(None)),
        ("run.succeeded", "DONE_SUCCESS", PhasesOpen),
    ]
    way = walk(run, ["phase.started", "phase.completed"], "p1")
    assert [type(step.refusal) for step in way] == [RunNotExecuting, type(None)]


def test_a_way_that_ends_a_run_ends_its_phases(given: Given) -> None:
    """What a step implies is there for the next one: a run that failed has no open attempt."""
    run = given(*WORKING).run
    way = walk(
        run, ["run.failed_environment", "run.reopened", "run.execution_started", "run.succeeded"], None
    )
    refusal = way[-1].refusal
    assert isinstance(refusal, PhasesOpen)
    assert refusal.open_phases == {"p1": "FAILED"}


@hypothesis_given(st.data())
@settings(UNHURRIED, max_examples=60)
def test_every_way_is_walked_as_it_is_told(data: st.DataObject) -> None:
    """To any state the first step is blocked by what blocks it now, and a way that is free can be gone."""
    run = given_any(data, 20).run
    phase_id = data.draw(st.sampled_from([None, *run.phases]))
    states = [*PhaseState] if phase_id else [*RunState]
    goal = data.draw(st.sampled_from(states))
    here = run.condition if phase_id is None else run.condition_of(phase_id)
    path = shortest_path("phase" if phase_id else "run", here, goal) or []
    way = walk(run, path, phase_id)
    assert [step.event for step in way] == path
    assert [step.leads_to for step in way][-1:] == ([goal] if path else [])
    if way:
        first, now = way[0].refusal, blocker(run, path[0], phase_id)
        assert (first and (type(first), first.facts())) == (now and (type(now), now.facts()))
    if all(step.refusal is None for step in way):
        story = Story(run)
        for event in path:
            gone = story.when(event, phase_id, **needed(story.run, event, phase_id))
            assert gone.refusal is None, (event, gone.refusal)


def needed(run: Run, event: str, phase_id: str | None) -> dict[str, Any]:
    """What a proposal of this event has to say."""
    said: dict[str, Any] = dict(NEEDED.get(event, {}))
    if phase_id is not None and event in OF_OPEN_ATTEMPT:
        said["attempt"] = run.phases[phase_id].attempt
    return said
