"""The story of a run: what happened and what was refused, in order, and how long it took."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from domain.envelopes import RecordedEvent
from domain.evolve import fold
from domain.moves import RECORDED_BY_SERVICE
from domain.states import ATTEMPT_OPEN
from domain.story import Attempt, Happening, Refused, Stay, is_outside_moves, tell, why
from domain.times import moment
from tests.domain.conftest import UNHURRIED, WORKING, Given, Story
from tests.domain.steps import steps

SECOND = timedelta(seconds=1)


def refused_at(version: int, phase_id: str | None = None) -> dict[str, Any]:
    """A refusal of the time of the event with this version."""
    return {"refused_at": f"2026-11-22T00:00:{version:02}.000000Z", "phase_id": phase_id}


def order(timeline: Any) -> list[int | str]:
    """Versions of events, and `x` for refusals."""
    return [each.event.version if isinstance(each, Happening) else "x" for each in timeline]


def short(stays: Any) -> list[tuple[str | None, int, int, str | None]]:
    """States with how often, for how many seconds, and since which second they were entered."""
    return [(s.state, s.times, int(s.spent.total_seconds()), s.since and s.since[17:19]) for s in stays]


def test_what_was_refused_stands_between_the_events(given: Given) -> None:
    """A refusal comes after what had happened by then, and after an event of the same time."""
    story = given(*WORKING)
    refused = [refused_at(0), refused_at(2), refused_at(2), refused_at(9)]
    assert order(tell(story.events, refused).timeline) == ["x", 1, 2, "x", "x", 3, 4, "x"]


def test_an_event_tells_how_long_the_state_before_it_lasted(given: Given) -> None:
    """A move ends a stay; what opens something, or moves nothing, ends none."""
    story = given(*WORKING, ("phase.annotated p1", {"text": "hm"}), "phase.completed p1 1")
    told = tell(story.events, []).happenings
    assert [(each.event.type, each.moved, each.spent) for each in told] == [
        ("run.created", True, None),
        ("run.execution_started", True, SECOND),
        ("phase.added", True, None),
        ("phase.started", True, SECOND),
        ("phase.annotated", False, None),
        ("phase.completed", True, 2 * SECOND),
    ]


def test_an_event_says_why(given: Given) -> None:
    """Outcome, detail, text, why and reason are what an event has to say; nonsense in their place is none."""
    story = given(*WORKING, ("phase.failed p1 1", {"outcome": "CI_FAILED", "detail": "3 red", "reason": "r"}))
    story.recorded("run.annotated", "PHASE_EXECUTION", "PHASE_EXECUTION", text=["no", "text"])
    told = tell(story.events, []).happenings
    assert [why(each.event) for each in told[-3:]] == [None, "CI_FAILED; 3 red; r", None]


def caused(event: RecordedEvent, event_id: str) -> RecordedEvent:
    """The event, brought about by another."""
    fields = {name: getattr(event, name) for name in RecordedEvent.__annotations__}
    return RecordedEvent(**{**fields, "causation_id": event_id})


def test_an_event_is_tied_to_its_cause(given: Given) -> None:
    """What was implied names the event of the run that brought it about."""
    story = given(*WORKING, "run.failed_environment")
    failed, ended = story.events[-2:]
    events = [*story.events[:-2], caused(failed, ended.event_id), ended]
    told = tell(events, []).happenings
    assert [each.cause for each in told[-3:]] == [None, ended, None]
    assert tell([caused(events[0], "elsewhere"), *events[1:]], []).happenings[0].cause is None


def test_what_set_a_state_outside_the_moves_is_marked(given: Given) -> None:
    """Imports, quarantines and repairs are no moves, and nothing else is marked."""
    story = given("run.created", "phase.added p0")
    for kind, phase in (("run.repaired", None), ("phase.imported", "p1"), ("phase.repaired", "p1")):
        story.recorded(
            kind, "GATE" if phase else "RUN_CREATED", "GATE", phase=phase, state="GATE", reason="r"
        )
    story.recorded("phase.quarantined", None, None, phase="p2")
    told = tell(story.events, [])
    assert [is_outside_moves(each.event) for each in told.happenings] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert told.counts == {"events": 6, "refusals": 0, "attempts": 1, "repairs": 2}


def test_the_time_in_a_state_goes_on_until_the_run_is_over(given: Given) -> None:
    """Before, the last state is open; then all times end with the last event."""
    story = given(*WORKING, "phase.failed p1 1", "phase.requeued p1", "phase.skipped p1")
    told = tell(story.events, [])
    assert short(told.stays[None]) == [("RUN_CREATED", 1, 1, None), ("PHASE_EXECUTION", 1, 0, "02")]
    assert short(told.stays["p1"]) == [
        ("QUEUED", 2, 2, None),
        ("EXECUTING", 1, 1, None),
        ("FAILED", 1, 1, None),
        ("SKIPPED", 1, 0, "07"),
    ]
    story.when("run.succeeded").when("run.annotated", text="later").when("run.held")
    told = tell(story.events, [])
    assert short(told.stays[None]) == [
        ("RUN_CREATED", 1, 1, None),
        ("PHASE_EXECUTION", 1, 6, None),
        ("DONE_SUCCESS", 1, 2, None),
    ]
    assert short(told.stays["p1"])[-1] == ("SKIPPED", 1, 3, None)


def test_time_in_quarantine_is_told(given: Given) -> None:
    """No state is a state too, until a repair ends it."""
    story = given().recorded("run.quarantined", None, None)
    assert short(tell(story.events, []).stays[None]) == [(None, 1, 0, "01")]
    story.recorded("run.annotated", None, None, text="t")
    story.recorded("run.repaired", None, "RUN_CREATED", state="RUN_CREATED", reason="r")
    told = tell(story.events, [])
    assert short(told.stays[None]) == [(None, 1, 2, None), ("RUN_CREATED", 1, 0, "03")]
    assert [each.spent for each in told.happenings] == [None, None, 2 * SECOND]


def attempts(story: Story) -> list[tuple[Any, ...]]:
    return [
        (
            a.number,
            a.executor,
            a.spent and int(a.spent.total_seconds()),
            a.outcome,
            a.detail,
            a.usage.tokens_used,
        )
        for a in tell(story.events, []).attempts
    ]


def test_an_attempt_lasts_from_its_start_to_its_end(given: Given) -> None:
    """Executor, duration, outcome and detail are told, through gate and CI; one that is open has no end."""
    story = given(*WORKING[:-1], ("phase.started p1", {"executor": "b-1"}), "phase.submitted p1 1")
    story.when("phase.failed", "p1", 1, outcome="CI_FAILED", detail="3 red").when("phase.requeued", "p1")
    story.when("phase.started", "p1").when("phase.released", "p1", 2, why="lost").when("phase.started", "p1")
    assert attempts(story) == [
        (1, "b-1", 2, "CI_FAILED", "3 red", 0),
        (2, None, 1, None, "lost", 0),
        (3, None, None, None, None, 0),
    ]
    story.when("phase.completed", "p1", 3, reason="all green")
    assert attempts(story)[-1] == (3, None, 1, "COMPLETE", "all green", 0)


def test_usage_counts_for_its_attempt(given: Given) -> None:
    """Usage counts for the attempt that it names, over or not; unnamed, for the one that is open, if any."""
    story = given(*WORKING)
    for attempt, tokens in ((None, 1), (1, 10)):
        story.when("phase.usage_recorded", "p1", attempt, tokens_used=tokens)
    story.when("phase.released", "p1", 1).when("phase.usage_recorded", "p1", tokens_used=100)
    story.when("phase.started", "p1").when("phase.usage_recorded", "p1", 1, tokens_used=1_000)
    story.when("run.usage_recorded", tokens_used=9)
    assert [each[-1] for each in attempts(story)] == [1_011, 0]


def test_an_attempt_that_a_repair_opens_again_goes_on(given: Given) -> None:
    """It is the same attempt from its first start on; a repair can end one, too."""
    story = given(*WORKING, ("phase.usage_recorded p1 1", {"tokens_used": 5}), "phase.failed p1 1")
    story.recorded("phase.repaired", "FAILED", "EXECUTING", phase="p1", state="EXECUTING", reason="r")
    assert attempts(story) == [(1, None, None, None, None, 5)]
    story.recorded("phase.repaired", "EXECUTING", "COMPLETE", phase="p1", state="COMPLETE", reason="merged")
    assert attempts(story) == [(1, None, 4, None, "merged", 5)]


def test_an_attempt_that_was_open_when_it_was_imported_is_told(given: Given) -> None:
    """What began elsewhere has its number, and begins here with the import."""
    story = given(*WORKING[:2]).recorded("phase.imported", None, "GATE", phase="p1", state="GATE", attempt=3)
    story.when("phase.completed", "p1", 3)
    assert attempts(story) == [(3, None, 1, "COMPLETE", None, 0)]


def test_a_phase_can_be_told_alone(given: Given) -> None:
    """With it come its refusals, and the events of the run that moved it, held it or were no moves."""
    story = given(*WORKING, "phase.added p2", "phase.started p2", "run.held", "run.preserved", "run.unheld")
    story.when("run.gate_entered").when("run.annotated", text="t").when("phase.completed", "p1", 1)
    story.recorded("run.repaired", "GATE", "GATE", state="GATE", reason="r")
    told = tell(story.events, [refused_at(4, "p1"), refused_at(5), refused_at(6, "p2")], "p1")
    assert order(told.timeline) == [1, 2, 3, 4, "x", 7, 9, 10, 12, 13]
    assert [(a.phase_id, a.number) for a in told.attempts] == [("p1", 1)]
    assert told.stays.keys() == {None, "p1"}
    assert told.counts == {"events": 9, "refusals": 1, "attempts": 1, "repairs": 1}


def test_an_event_of_nothing_that_is_known_is_told(given: Given) -> None:
    """An event of a later version stands in its place, and is nobody's state."""
    story = given(*WORKING).recorded("tier.renamed", None, None, tier_id="T1")
    told = tell(story.events, [])
    assert order(told.timeline) == [1, 2, 3, 4, 5]
    assert short(told.stays[None])[-1] == ("PHASE_EXECUTION", 1, 0, "02")


@hypothesis_given(st.data())
@settings(UNHURRIED, max_examples=60)
def test_every_story_adds_up(data: st.DataObject) -> None:
    """Nothing is left out, the times of an entity add up to its life, and attempts to its starts."""
    given = Story().when("run.created", config={"max_phases": 3, "max_attempts": 2, "token_cap": 10})
    refused: list[Refused] = []
    for _ in range(30):
        kind, phase, attempt, said = data.draw(steps(given.run))
        given.when(kind, phase, attempt, **said)
        if given.refusal is not None:
            refused.append(refused_at(given.run.version, phase))
    told, run = tell(given.events, refused), given.run
    assert told.run == run == fold(given.events)
    assert [each.event for each in told.happenings] == given.events
    assert [each for each in told.timeline if not isinstance(each, Happening)] == refused
    assert [place(each) for each in told.timeline] == sorted(map(place, told.timeline))
    assert told.stays.keys() == {None, *run.phases}
    for who, stays in told.stays.items():
        mine = [each for each in told.happenings if each.event.phase_id == who]
        assert told.set_by[who] == [each.event for each in mine if each.moved][-1]
        adds_up(stays, mine, given.events[-1].recorded_at if run.is_over else None)
    assert [(a.phase_id, a.number) for a in sorted(told.attempts, key=lambda a: (a.phase_id, a.number))] == [
        (phase.phase_id, number)
        for phase in sorted(run.phases.values(), key=lambda phase: phase.phase_id)
        for number in range(1, phase.attempt + 1)
    ]
    used = defaultdict[str, int](int)
    for each in told.attempts:
        used[each.phase_id] += each.usage.tokens_used
        assert is_open(each) == (
            run.phases[each.phase_id].state in ATTEMPT_OPEN
            and each.number == run.phases[each.phase_id].attempt
        )
    assert all(used[phase.phase_id] <= phase.usage.tokens_used for phase in run.phases.values())
    assert (
        not {each.event.type for each in told.happenings if is_outside_moves(each.event)}
        - RECORDED_BY_SERVICE
    )


def place(each: Happening | Refused) -> tuple[str, bool]:
    if isinstance(each, Happening):
        return each.event.recorded_at, False
    return each["refused_at"], True


def is_open(attempt: Attempt) -> bool:
    return attempt.ended is None


def adds_up(stays: Any, mine: list[Happening], end: str | None) -> None:
    """The stays are what the events ended, and fill the time from the first event to the end."""
    spent: dict[str | None, timedelta] = defaultdict(timedelta)
    for each in mine:
        if each.spent is not None:
            spent[each.event.state_before] += each.spent
    by_state: dict[str | None, Stay] = {stay.state: stay for stay in stays}
    goes_on = [stay for stay in stays if stay.since is not None]
    last = mine[-1].event.state_after
    assert sum(stay.times for stay in stays) == 1 + sum(each.spent is not None for each in mine)
    if end is None:
        assert [stay.state for stay in goes_on] == [last]
        until = goes_on[0].since
    else:
        assert goes_on == []
        until = end
        entered = [each.event for each in mine if each.moved][-1].recorded_at
        spent[last] += moment(end) - moment(entered)
    assert {state: stay.spent for state, stay in by_state.items() if stay.spent} == {
        state: time for state, time in spent.items() if time
    }
    assert sum((stay.spent for stay in stays), timedelta()) == moment(until) - moment(
        mine[0].event.recorded_at
    )
