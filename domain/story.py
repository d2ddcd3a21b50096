"""The story of a run: what happened and what was refused, in order; its attempts; its time in each state.

It follows from the log and the refusals alone. No clock is read: a state that goes on has the time since when
it does, and the reader's clock tells the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import merge
from typing import Any

from domain.envelopes import RecordedEvent
from domain.evolve import evolve
from domain.moves import RECORDED_BY_SERVICE, entity_of
from domain.run import Run, Usage
from domain.states import ATTEMPT_OPEN
from domain.times import moment
from domain.told import said

WHY = ("outcome", "detail", "text", "why", "reason")
"""Where the data of an event say why it happened, or what it is to tell."""

HOLDS = frozenset({"run.held", "run.unheld"})
"""Events of the run that move nothing, and yet decide whether its phases start."""

USAGE = frozenset({"run.usage_recorded", "phase.usage_recorded"})
ENDS = frozenset({"phase.completed", "phase.failed"})
"""Events that end an attempt with an outcome."""

REPAIRS = frozenset({"run.repaired", "phase.repaired"})

Refused = Mapping[str, Any]
"""A refusal as it was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What is behind a repair: who proposed it, who approved it, and what showed that it is right."""

    repair_id: str
    before: str | None
    after: str | None
    evidence: Sequence[str]
    finding: str | None
    proposed_by: str | None
    proposed_at: str | None
    approved_by: str | None
    approved_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event in its place."""

    event: RecordedEvent
    moved: bool
    """Whether the run or phase came into another state."""
    spent: timedelta | None
    """The time in the state that it ended; None where it ended none."""
    cause: RecordedEvent | None
    """The event of this run that brought it about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The times that a run or phase was in one state."""

    state: str | None
    times: int
    spent: timedelta
    """All of them together, without the one that goes on."""
    since: str | None = None
    """When the one that goes on began; None where it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a phase."""

    phase_id: str
    number: int
    executor: str | None
    started: RecordedEvent
    usage: Usage
    ended: RecordedEvent | None = None

    @property
    def spent(self) -> timedelta | None:
        """How long it took; None while it is open."""
        return between(self.started, self.ended) if self.ended is not None else None

    @property
    def outcome(self) -> str | None:
        """The code that it ended with; None where it ended without one, or is open."""
        if self.ended is None or self.ended.type not in ENDS:
            return None
        return said(self.ended.data, "outcome", str) or self.ended.state_after

    @property
    def detail(self) -> str | None:
        """What there is to say about its end."""
        return words(self.ended, ("detail", "why", "reason")) if self.ended is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is known of how a run, or one of its phases, came to be as it is."""

    run: Run
    timeline: Sequence[Happening | Refused]
    attempts: Sequence[Attempt]
    stays: Mapping[str | None, Sequence[Stay]]
    """By phase_id, in the order in which states were first entered; None is the run itself."""
    set_by: Mapping[str | None, RecordedEvent]
    """By phase_id, the event that led to the state in which the phase is now; None is the run itself."""

    @property
    def happenings(self) -> list[Happening]:
        """The events of the timeline."""
        return [each for each in self.timeline if isinstance(each, Happening)]

    @property
    def counts(self) -> dict[str, int]:
        """How many of what it tells."""
        events = self.happenings
        return {
            "events": len(events),
            "refusals": len(self.timeline) - len(events),
            "attempts": len(self.attempts),
            "repairs": sum(each.event.type in REPAIRS for each in events),
        }


def tell(history: Sequence[RecordedEvent], refused: Iterable[Refused], phase_id: str | None = None) -> Story:
    """The story of a run from its first event on, with refusals in their order; or of one phase alone.

    Of a phase are told its own events and refusals, and the events of the run that moved it, held it or
    unheld it: on these depends whether its phases start and go on.
    """
    by_id = {event.event_id: event for event in history}
    courses: dict[str | None, Course] = {}
    attempts: dict[tuple[str, int], Attempt] = {}
    run, happenings = Run(run_id=history[0].run_id), []
    for event in history:
        before, run = run, evolve(run, event)
        left = courses.setdefault(event.phase_id, Course()).follow(event) if is_of_course(event) else None
        if event.phase_id is not None:
            follow_attempt(attempts, before, event, run)
        happenings.append(
            Happening(
                event=event,
                moved=event.state_before != event.state_after,
                spent=left,
                cause=by_id.get(event.causation_id or ""),
            )
        )
    mine = {None, phase_id} if phase_id is not None else courses.keys()
    end = history[-1].recorded_at if run.is_over else None
    return Story(
        run=run,
        timeline=in_order(
            [each for each in happenings if touches(each, phase_id)],
            [each for each in refused if phase_id in (None, each["phase_id"])],
        ),
        attempts=[each for each in attempts.values() if phase_id in (None, each.phase_id)],
        stays={who: course.stays(end) for who, course in courses.items() if who in mine},
        set_by={who: course.entered[-1] for who, course in courses.items() if who in mine},
    )


def touches(happening: Happening, phase_id: str | None) -> bool:
    """Whether this belongs to the story: of the whole run, or of one of its phases."""
    event = happening.event
    if phase_id is None or event.phase_id == phase_id:
        return True
    decides = happening.moved or is_outside_moves(event) or event.type in HOLDS
    return event.phase_id is None and decides


def in_order(happenings: Iterable[Happening], refused: Iterable[Refused]) -> list[Happening | Refused]:
    """Both in the order of time. What was refused at the time of an event comes after it."""

    def time(each: Happening | Refused) -> str:
        told: str = each.event.recorded_at if isinstance(each, Happening) else each["refused_at"]
        return told

    # Of what has the same time, that of the first comes first.
    both: tuple[Iterable[Happening | Refused], ...] = (happenings, refused)
    return list(merge(*both, key=time))


# --- time in states ---


@dataclass(slots=True)
class Course:
    """The events that each led a run or phase into another state so far."""

    entered: list[RecordedEvent] = field(default_factory=list)

    def follow(self, event: RecordedEvent) -> timedelta | None:
        """Come into the state after this event; the time in the state that it ended, if it did."""
        last = self.entered[-1] if self.entered else None
        if last is not None and last.state_after == event.state_after:
            return None
        self.entered.append(event)
        return between(last, event) if last is not None else None

    def stays(self, end: str | None) -> list[Stay]:
        """The time in each state. The last goes on, unless there is an end."""
        found: dict[str | None, Stay] = {}
        ends = [event.recorded_at for event in self.entered[1:]]
        for event, until in zip(self.entered, [*ends, end], strict=True):
            state, since = event.state_after, event.recorded_at
            stay = found.get(state) or Stay(state=state, times=0, spent=timedelta())
            if until is None:
                found[state] = replace(stay, times=stay.times + 1, since=since)
            else:
                spent = stay.spent + (moment(until) - moment(since))
                found[state] = replace(stay, times=stay.times + 1, spent=spent)
        return list(found.values())


def is_of_course(event: RecordedEvent) -> bool:
    """Whether this is about a run or a phase, and so has a state to tell."""
    return event.phase_id is not None or entity_of(event.type) == "run"


# --- attempts ---


def follow_attempt(
    attempts: dict[tuple[str, int], Attempt], before: Run, event: RecordedEvent, after: Run
) -> None:
    """Note what an event of a phase means for its attempts."""
    phase_id = str(event.phase_id)
    was, phase = before.phases.get(phase_id), after.phases[phase_id]
    was_open = was is not None and was.state in ATTEMPT_OPEN
    key = phase_id, phase.attempt
    if phase.state in ATTEMPT_OPEN and (not was_open or event.type == "phase.started"):
        # A repair may open again what had ended: it is the same attempt, and goes on.
        known = attempts.get(key)
        started = known.started if known else event
        attempts[key] = Attempt(
            phase_id=phase_id,
            number=phase.attempt,
            executor=phase.executor,
            started=started,
            usage=known.usage if known else Usage(),
        )
    elif was_open and phase.state not in ATTEMPT_OPEN and key in attempts:
        attempts[key] = replace(attempts[key], ended=event)
    if event.type in USAGE:
        # Usage that names no attempt was spent in the one that is open.
        key = phase_id, event.attempt or (phase.attempt if was_open else 0)
        if key in attempts:
            attempts[key] = replace(attempts[key], usage=attempts[key].usage.plus(event.data))


# --- what an event says ---


def is_outside_moves(event: RecordedEvent) -> bool:
    """Whether it set a state, or took one away, outside the moves."""
    return event.type in RECORDED_BY_SERVICE


def behind(event: RecordedEvent) -> Behind | None:
    """What is behind a repair; None where it is none, or one from before repairs were proposed."""
    told = said(event.data, "repair", dict) or {}
    repair_id = said(told, "repair_id", str)
    if event.type not in REPAIRS or repair_id is None:
        return None
    named = ("finding", "proposed_by", "proposed_at", "approved_by", "approved_at")
    return Behind(
        repair_id=repair_id,
        before=event.state_before,
        after=event.state_after,
        evidence=[each for each in said(told, "evidence", list) or () if isinstance(each, str)],
        **{name: said(told, name, str) for name in named},
    )


def why(event: RecordedEvent) -> str | None:
    """Why it happened, in the words that it came with."""
    return words(event, WHY)


def between(start: RecordedEvent, end: RecordedEvent) -> timedelta:
    """The time from one event to another, by the service's clock."""
    return moment(end.recorded_at) - moment(start.recorded_at)


def words(event: RecordedEvent, names: Iterable[str]) -> str | None:
    """The texts that the data of an event hold under these names, in one."""
    return "; ".join(filter(None, (said(event.data, name, str) for name in names))) or None
