"""Leases: how long an attempt has one, what comes too late, and which phases are handed out."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from domain.decide import OF_OPEN_ATTEMPT
from domain.events.shared import LEASE_SECONDS_MAX
from domain.judge import blocker, judge_heartbeat, startable
from domain.refusals import NoLease, PhaseNotFound, Quarantined, Refusal, RunNotFound, StaleAttempt
from domain.run import Lease, Phase, Run, Usage
from domain.states import ATTEMPT_OPEN, PhaseState, RunState
from domain.times import later
from tests.domain.conftest import EXECUTING, RUN_ID, Given

AT = "2026-11-22T10:00:00.000000Z"
LEASED = (*EXECUTING, "phase.added p1", ("phase.started p1", {"executor": "e1", "lease_seconds": 30}))
LOST = (*LEASED, ("phase.released p1 1", {"why": "its lease of 30 s ran out."}))


@pytest.mark.parametrize("state", [None, *RunState])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("spent", [False, True])
def test_what_is_handed_out_is_what_may_start(
    state: RunState | None, held: bool, archived: bool, spent: bool
) -> None:
    """A phase is handed out if nothing stands in the way of its start, and its run is not archived."""
    conditions = product([None, *PhaseState], [0, 1, 2])
    phases = {
        f"p{i}": Phase(phase_id=f"p{i}", index=i, state=each, attempt=attempt, max_attempts=2)
        for i, (each, attempt) in enumerate(conditions, 1)
    }
    usage = Usage(tokens_used=5_000_000 if spent else 0)
    run = Run(run_id=RUN_ID, state=state, version=3, phases=phases, held=held, archived=archived, usage=usage)
    may_start = [phase for phase in phases.values() if blocker(run, "phase.started", phase.phase_id) is None]
    assert startable(run) == ([] if archived else may_start)


def test_the_lease_is_of_the_open_attempt(given: Given) -> None:
    """It is there from the start of the attempt until its end, whatever the attempt goes through."""
    story = given(*LEASED)
    granted = Lease(30, story.events[-1].recorded_at)
    for move in ("phase.submitted", "phase.ci_started", "phase.revised"):
        assert story.run.phases["p1"].lease == granted
        story.when(move, "p1", 1)
    story.when("phase.failed", "p1", 1, outcome="X").when("phase.requeued", "p1")
    assert story.run.phases["p1"].lease is None
    story.when("phase.started", "p1", lease_seconds=5)
    assert story.run.phases["p1"].lease == Lease(5, story.events[-1].recorded_at)


@pytest.mark.parametrize(
    "event", ["phase.completed", "phase.failed", "phase.released", "run.failed_environment"]
)
def test_whatever_ends_the_attempt_ends_the_lease(given: Given, event: str) -> None:
    """Also what its run brings about."""
    phase, attempt = ("p1", 1) if event.startswith("phase.") else (None, None)
    data = {"outcome": "X"} if event == "phase.failed" else {}
    assert given(*LEASED).when(event, phase, attempt, **data).run.phases["p1"].lease is None


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(None, None), (0, None), (-5, None), ("30", None), (True, None), (7, 7), (2**53, LEASE_SECONDS_MAX)],
)
def test_a_lease_of_an_older_log_is_read(given: Given, told: Any, seconds: int | None) -> None:
    """Nothing that stands there keeps the run from being read; none is longer than any is today."""
    story = given(*EXECUTING, "phase.added p1")
    story.recorded("phase.started", "QUEUED", "EXECUTING", phase="p1", lease_seconds=told)
    lease = story.run.phases["p1"].lease
    assert (lease.seconds if lease else None) == seconds


@pytest.mark.parametrize("event", sorted(OF_OPEN_ATTEMPT - {"phase.released"}))
@pytest.mark.parametrize("taken_over", [False, True])
def test_who_lost_the_lease_is_told_so(given: Given, event: str, taken_over: bool) -> None:
    """What is said for the attempt is refused as stale, before and after another executor took over."""
    story = given(*LOST, *(["phase.started p1"] if taken_over else []))
    story.when(event, "p1", 1, **({"outcome": "X"} if event == "phase.failed" else {}))
    story.refused(StaleAttempt, attempt=1, why="its lease of 30 s ran out.")
    assert "its lease of 30 s ran out." in str(story.refusal)


def test_why_an_attempt_was_released_is_told_of_that_attempt(given: Given) -> None:
    """An attempt that ended otherwise is not said to have lost its lease."""
    story = given(*LOST, "phase.started p1", "phase.failed p1 2", "phase.requeued p1", "phase.started p1")
    story.when("phase.completed", "p1", 2).refused(StaleAttempt, attempt=2, current_attempt=3)
    assert "why" not in (story.refusal.facts() if story.refusal else {"why": ""})


def heartbeat(run: Run, phase_id: str = "p1", attempt: int = 1) -> Refusal | None:
    try:
        judge_heartbeat(run, phase_id, attempt)
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("state", [None, *PhaseState])
@pytest.mark.parametrize("attempt", [1, 2, 3])
@pytest.mark.parametrize("has_lease", [False, True])
def test_a_heartbeat_renews_the_lease_of_the_open_attempt(
    state: PhaseState | None, attempt: int, has_lease: bool
) -> None:
    """And of no other; where there is none, that is told."""
    lease = Lease(30, AT) if has_lease else None
    phase = Phase(phase_id="p1", index=1, state=state, attempt=2, lease=lease)
    run = Run(run_id=RUN_ID, state=RunState.GATE, version=3, phases={"p1": phase})
    refusal = heartbeat(run, attempt=attempt)
    if state is None:
        assert isinstance(refusal, Quarantined)
    elif attempt != 2 or state not in ATTEMPT_OPEN:
        assert isinstance(refusal, StaleAttempt)
    else:
        assert (refusal is None) == has_lease
        assert has_lease or isinstance(refusal, NoLease)


def test_a_heartbeat_of_nothing_is_told_so(given: Given) -> None:
    """A run or a phase that is not there has no lease."""
    assert isinstance(heartbeat(Run(run_id=RUN_ID)), RunNotFound)
    missing = heartbeat(given(*LEASED).run, "p11")
    assert isinstance(missing, PhaseNotFound)
    assert missing.similar == ["p1"]


def test_a_lease_runs_from_the_last_that_was_heard(given: Given) -> None:
    """A heartbeat that a clock, set back meanwhile, puts before the start does not shorten it."""
    lease = Lease(30, AT)
    assert lease.expires_at() == "2026-11-22T10:00:30.000000Z"
    assert lease.expires_at("2026-11-22T10:00:20.000000Z") == "2026-11-22T10:00:50.000000Z"
    assert lease.expires_at("2026-11-22T09:00:00.000000Z") == lease.expires_at()


@given_any(st.datetimes(), st.integers(0, LEASE_SECONDS_MAX), st.integers(0, LEASE_SECONDS_MAX))
def test_later_is_never_sooner(time: Any, some: int, more: int) -> None:
    """As text too; at the end of time it stays there."""
    text = f"{time.isoformat(timespec='microseconds').rjust(26, '0')}Z"
    assert text <= later(text, some) <= later(text, some + more) <= "9999-12-31T23:59:59.999999Z"
