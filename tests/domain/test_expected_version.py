"""Whoever says which version they have seen is not overtaken unawares."""

import pytest

from domain.refusals import IllegalMove, InvalidBody, VersionMismatch
from tests.domain.conftest import EXECUTING, RUN_ID, WORKING, Given


def test_a_proposal_for_the_current_version_is_judged(given: Given) -> None:
    """The version that was expected is the one that the run is at, and the event is the next."""
    story = (
        given(*EXECUTING).when("phase.added", "p1", expected_version=2).then(("phase.added", None, "QUEUED"))
    )
    assert [event.version for event in story.events] == [1, 2, 3]


@pytest.mark.parametrize("expected", [0, 1, 3, 2**53 - 1])
def test_a_run_that_moved_on_is_told(given: Given, expected: int) -> None:
    """Another version than the run's is refused, older or newer, with version and state as they are."""
    story = given(*EXECUTING).when("phase.added", "p1", expected_version=expected)
    story.refused(
        VersionMismatch, run_id=RUN_ID, expected_version=expected, current_version=2, state="PHASE_EXECUTION"
    )


def test_version_zero_means_a_new_run(given: Given) -> None:
    """A run that must be new is opened once."""
    story = given().when("run.created", expected_version=0).then(("run.created", None, "RUN_CREATED"))
    story.when("run.created", expected_version=0).refused(
        VersionMismatch, expected_version=0, current_version=1
    )


def test_without_an_expected_version_the_machine_alone_decides(given: Given) -> None:
    """Who expects nothing is refused by the moves, not by the version."""
    given(*EXECUTING).when("run.created").refused(IllegalMove)


def test_the_version_is_looked_at_first(given: Given) -> None:
    """A caller that knows an older run is told so, even where the move would be refused too."""
    given(*WORKING).when("phase.started", "p1", expected_version=3).refused(
        VersionMismatch, current_version=4
    )


def test_every_event_of_a_run_counts(given: Given) -> None:
    """Events of phases, notes, and events that others imply each take a version, without holes."""
    story = given(*WORKING, ("run.annotated", {"text": "slow"})).when(
        "run.failed_environment", expected_version=5
    )
    story.then(
        ("phase.failed", "EXECUTING", "FAILED"),
        ("run.failed_environment", "PHASE_EXECUTION", "DONE_FAILED_ENVIRONMENT"),
    )
    assert [event.version for event in story.events] == [1, 2, 3, 4, 5, 6, 7]
    assert (story.run.version, story.run.position, story.run.head_hash) == (7, 7, "h7")


@pytest.mark.parametrize("expected", [-1, 1.0, "1", True, 2**53])
def test_a_version_is_a_number_from_zero(given: Given, expected: object) -> None:
    """What cannot be a version is refused where it stands."""
    story = given().when("run.created", expected_version=expected).refused(InvalidBody)
    assert isinstance(story.refusal, InvalidBody)
    assert "/expected_version" in [error["pointer"] for error in story.refusal.errors]
