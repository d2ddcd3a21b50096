"""What was found elsewhere and is taken over: described, counted, and kept whatever its shape."""

from dataclasses import replace
from typing import Any

import pytest

from domain.decide import decide
from domain.envelopes import Proposal
from domain.events import EVENTS
from domain.refusals import UnknownTier
from domain.run import Usage
from tests.domain.conftest import RUN_ID, Given, Story

FINDING = {
    "code": "illegal-run-state",
    "entity": "run",
    "run_id": RUN_ID,
    "value": "READY",
    "action": "quarantined",
    "detail": "It is no state of a run.",
}
TOLD: dict[str, Any] = {
    "legacy": {"id": RUN_ID, "state": "READY", "tokens_used": -3},
    "source": {"file": "old.db", "sha256": "0" * 64, "table": "runs", "naive_times": ["updated_at"]},
    "findings": [FINDING],
    "mapping": {"from": "READY", "kind": "semantic", "to": "RUN_CREATED"},
    "usage": {"tokens_used": 7, "minor_issues": 1},
}
STATES = {"run.imported": "GATE", "phase.imported": "FAILED"}


def taken_over(story: Story, kind: str, phase: str | None = None, **data: Any) -> Story:
    """The service takes this over."""
    if kind in STATES:
        data = {"state": STATES[kind], **data}
    proposal = Proposal(run_id=RUN_ID, event=EVENTS[kind](**data), phase_id=phase, by_service=True)
    return story.record(*decide(story.run, proposal))


@pytest.mark.parametrize("kind", ["run.imported", "run.quarantined"])
def test_a_run_keeps_the_row_that_it_was(given: Given, kind: str) -> None:
    """Row, source, findings and mapping are in the event, as they were given."""
    story = taken_over(given(), kind, **TOLD, goal="g", tiers=[{"tier_id": "T1"}], legacy_tiers=[{"id": 1}])
    data = story.events[0].data
    assert {name: data[name] for name in TOLD} == TOLD
    assert data["legacy_tiers"] == [{"id": 1}]
    assert (story.run.goal, story.run.state) == ("g", STATES.get(kind))
    assert story.run.usage == Usage(tokens_used=7, minor_issues=1)


@pytest.mark.parametrize("kind", ["phase.imported", "phase.quarantined"])
def test_a_phase_keeps_the_row_that_it_was(given: Given, kind: str) -> None:
    """It has the attempts and revisions that were made elsewhere, and what it had spent its run had too."""
    story = taken_over(given(), "run.imported", usage={"tokens_used": 1})
    taken_over(story, kind, "p1", **TOLD, name="n", attempt=3, revision=2, max_attempts=4)
    phase = story.run.phases["p1"]
    assert {name: story.events[1].data[name] for name in TOLD} == TOLD
    assert (phase.state, phase.attempt, phase.revision, phase.max_attempts) == (STATES.get(kind), 3, 2, 4)
    assert phase.usage == Usage(tokens_used=7, minor_issues=1)
    assert story.run.usage == replace(phase.usage, tokens_used=8)


@pytest.mark.parametrize(
    "scope", [{"goal": 5}, {"_legacy_text": "{"}, {"_legacy_value": [1]}, {"deliverables": {"code": [None]}}]
)
def test_a_scope_of_any_shape_is_taken_over(given: Given, scope: dict[str, Any]) -> None:
    """What was written before anybody looked is kept; a scope that is proposed today is judged."""
    story = taken_over(taken_over(given(), "run.imported"), "phase.imported", "p1", scope=scope)
    assert story.run.phases["p1"].scope == scope


def test_a_phase_of_no_tier_of_its_run_stands(given: Given) -> None:
    """It was found so. Tiers that are named later have to have the ones that phases are in."""
    story = taken_over(given(), "run.imported", state="QUEUED", tiers=[{"tier_id": "T1"}])
    taken_over(story, "phase.imported", "p1", tier_id="elsewhere")
    assert story.run.phases["p1"].tier_id == "elsewhere"
    story.when("run.created", tiers=[{"tier_id": "T1"}]).refused(UnknownTier, tier_id="elsewhere")


@pytest.mark.parametrize(
    "odd", [{"usage": 5}, {"usage": {"tokens_used": "5"}}, {"revision": "2"}, {"attempt": True}]
)
def test_an_odd_event_of_an_import_is_read_all_the_same(given: Given, odd: dict[str, Any]) -> None:
    """What is in the log is never judged again."""
    story = given().recorded("run.imported", None, "GATE", state="GATE", **odd)
    story.recorded("phase.imported", None, "FAILED", phase="p1", state="FAILED", **odd)
    assert story.run.usage == story.run.phases["p1"].usage == Usage()
    assert (story.run.phases["p1"].attempt, story.run.phases["p1"].revision) == (0, 0)
