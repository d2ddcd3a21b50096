"""The state of a tier is what its phases make of it."""

from domain.run import Run
from tests.domain.conftest import Given

TIERED = (
    ("run.created", {"tiers": [{"tier_id": "T1"}, {"tier_id": "T2"}]}),
    "run.execution_started",
    ("phase.added p1", {"tier_id": "T1"}),
    ("phase.added p2", {"tier_id": "T1"}),
    ("phase.added other", {"tier_id": "T2"}),
    "phase.added free",
)


def tiers(run: Run) -> tuple[str, str]:
    return run.tier_state("T1"), run.tier_state("T2")


def test_a_tier_whose_phases_wait_is_pending(given: Given) -> None:
    """Nothing was done about it yet, and what other phases do is not its business."""
    assert tiers(given(*TIERED).run) == ("PENDING", "PENDING")
    assert tiers(given(*TIERED, "phase.started free", "phase.failed free 1").run) == ("PENDING", "PENDING")


def test_a_tier_without_phases_is_pending(given: Given) -> None:
    """A tier that no phase is in is not complete."""
    assert given(*TIERED).run.tier_state("T3") == "PENDING"


def test_a_tier_is_in_progress_once_a_phase_moved(given: Given) -> None:
    """A started phase moves its tier, and a phase that was given back did move."""
    assert tiers(given(*TIERED, "phase.started p1").run) == ("IN_PROGRESS", "PENDING")
    assert tiers(given(*TIERED, "phase.started p1", "phase.released p1 1").run) == ("IN_PROGRESS", "PENDING")
    assert tiers(given(*TIERED, "phase.skipped p1").run) == ("IN_PROGRESS", "PENDING")


def test_a_tier_with_a_failed_phase_is_failed(given: Given) -> None:
    """One failed phase is enough, until it is tried again."""
    story = given(*TIERED, "phase.started p1", "phase.failed p1 1", "phase.started p2")
    assert tiers(story.run) == ("FAILED", "PENDING")
    story.when("phase.requeued", "p1")
    assert tiers(story.run) == ("IN_PROGRESS", "PENDING")


def test_a_tier_is_complete_when_every_phase_is_settled(given: Given) -> None:
    """Complete and skipped phases complete their tier; a phase that is added opens it again."""
    story = given(*TIERED, "phase.started p1", "phase.completed p1 1")
    assert tiers(story.run) == ("IN_PROGRESS", "PENDING")
    story.when("phase.skipped", "p2", reason="r")
    assert tiers(story.run) == ("COMPLETE", "PENDING")
    story.when("phase.added", "p3", tier_id="T1")
    assert tiers(story.run) == ("IN_PROGRESS", "PENDING")


def test_a_tier_is_skipped_when_every_phase_is(given: Given) -> None:
    """A tier that nobody worked on is not called complete."""
    story = given(*TIERED, "phase.skipped p1", "phase.skipped p2")
    assert tiers(story.run) == ("SKIPPED", "PENDING")
