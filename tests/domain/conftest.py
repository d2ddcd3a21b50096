"""Given these events, when this is proposed, then these happen, or this refusal."""

import json
from collections.abc import Callable
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, settings

from domain.decide import decide
from domain.envelopes import NewEvent, RecordedEvent
from domain.evolve import evolve
from domain.proposals import proposed_event
from domain.refusals import Refusal
from domain.run import Run

RUN_ID = "nightly-42"
EXECUTING = ("run.created", "run.execution_started")
"""A run whose phases may start."""
WORKING = (*EXECUTING, "phase.added p1", "phase.started p1")
"""A run with one phase, whose first attempt is open."""

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How hypothesis looks for cases: a slow machine is no finding."""

NEEDED: dict[str, dict[str, Any]] = {
    "phase.failed": {"outcome": "CI_FAILED"},
    "phase.skipped": {"reason": "not needed"},
    "run.reopened": {"reason": "the disk is mended"},
    "run.approval_requested": {"context": "risky_decision"},
}
"""Data of a step of `given` that says none."""


def sealed(run: Run, event: NewEvent) -> RecordedEvent:
    """What was decided, as it stands in the log after the run's last event."""
    version = run.version + 1
    at = f"2026-11-22T{version // 3600:02}:{version // 60 % 60:02}:{version % 60:02}.000000Z"
    decided: dict[str, Any] = {name: getattr(event, name) for name in NewEvent.__dataclass_fields__}
    return RecordedEvent(
        **decided,
        run_id=run.run_id,
        position=version,
        version=version,
        event_id=f"e{version}",
        body=json.dumps(event.data, default=str),
        occurred_at=at,
        recorded_at=at,
        actor="tester",
        actor_verified=True,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
        prev_hash=run.head_hash,
        hash=f"h{version}",
    )


class Story:
    """One run: what happened to it, and what came of the last proposal."""

    def __init__(self, run: Run | None = None) -> None:
        self.run = run or Run(run_id=RUN_ID)
        self.events: list[RecordedEvent] = []
        self.happened: list[RecordedEvent] = []
        self.refusal: Refusal | None = None

    def record(self, *events: NewEvent) -> Self:
        """These happened, whether they may or not."""
        self.happened, self.refusal = [], None
        for event in events:
            self.happened.append(sealed(self.run, event))
            self.run = evolve(self.run, self.happened[-1])
        self.events += self.happened
        return self

    def recorded(self, type: str, *states: str | None, phase: str | None = None, **data: Any) -> Self:
        """This happened, from the first of two states to the second, and nobody proposed it."""
        before, after = states
        told: dict[str, Any] = {"phase_id": phase, "attempt": None, "data": data}
        return self.record(
            NewEvent(type=type, type_version=1, state_before=before, state_after=after, **told)
        )

    def when(self, type: str, phase: str | None = None, attempt: int | None = None, **said: Any) -> Self:
        """This is proposed, and recorded if it is accepted."""
        raw = {"type": type, "phase_id": phase, "attempt": attempt}
        raw["expected_version"] = said.pop("expected_version", None)
        try:
            return self.record(*decide(self.run, proposed_event({**raw, "data": said}, self.run.run_id)))
        except Refusal as refusal:
            self.happened, self.refusal = [], refusal
            return self

    def then(self, *expected: tuple[str, str | None, str | None]) -> Self:
        """These happened, in this order, each from one state to the other, and nothing else."""
        assert self.refusal is None
        assert [(e.type, e.state_before, e.state_after) for e in self.happened] == list(expected)
        return self

    def refused(self, kind: type[Refusal], **facts: Any) -> Self:
        """It was refused in this way, with at least these facts, and nothing happened."""
        assert type(self.refusal) is kind, (self.refusal, self.happened)
        assert {name: value for name, value in self.refusal.facts().items() if name in facts} == facts
        assert self.happened == []
        return self


Given = Callable[..., Story]


def given_events(*steps: str | tuple[str, dict[str, Any]], run_id: str = RUN_ID) -> Story:
    """A run that came through these steps: "type", "type phase" or "type phase attempt", with data or not."""
    story = Story(Run(run_id=run_id))
    for step in steps:
        words, data = (step, None) if isinstance(step, str) else step
        name, phase, attempt, *_ = (*words.split(), "", "")
        data = NEEDED.get(name, {}) if data is None else data
        story.when(name, phase or None, int(attempt) if attempt else None, **data)
        assert story.refusal is None, (step, story.refusal)
    return story


@pytest.fixture
def given() -> Given:
    return given_events
