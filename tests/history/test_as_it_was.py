"""A run as it was: what is told of a version, a time or a position is what was told then."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.history.refusals import NoSuchVersion
from api.http_refusals import InvalidParameter
from api.ledger import Ledger
from api.views import run_view
from domain.evolve import fold
from domain.refusals import RunNotFound
from tests.history.conftest import Live, answer, pasts

BEFORE, AFTER = "2020-01-01T00:00:00Z", "2999-12-31T23:59:59.999999999+05:30"


@pasts
@given(data=st.data())
def test_every_version_is_what_it_was(ledger: Ledger, live: Live, data: st.DataObject) -> None:
    """By its number, by the position of its event and by the time, each version is told as it was told then.

    Those that nobody could ask for, as the first half of a batch, are the fold of what came before.
    """
    past = live(data, ledger)
    events = past.events
    assert past.answers.keys() <= {event.version for event in events}
    for event in events:
        run = fold(events[: event.version])
        assert run is not None
        expected = run_view(run) if run.state is not None else ("quarantined", event.version)
        assert past.answers.get(event.version, expected) == expected
        assert answer(ledger, past.run_id, at_version=event.version) == expected
        assert answer(ledger, past.run_id, at_position=event.position) == expected
        last_then = max(each.version for each in events if each.recorded_at <= event.recorded_at)
        of_that_time = answer(ledger, past.run_id, at_version=last_then)
        assert answer(ledger, past.run_id, at_time=event.recorded_at) == of_that_time


@pasts
@given(data=st.data())
def test_between_two_events_a_run_is_as_the_first_left_it(
    ledger: Ledger, live: Live, data: st.DataObject
) -> None:
    """A position of another run's event means the last of this run before it; later than all means now."""
    past = live(data, ledger)
    events = past.events
    for position in range(events[0].position, events[-1].position + 3):
        version = max(event.version for event in events if event.position <= position)
        expected = answer(ledger, past.run_id, at_version=version)
        assert answer(ledger, past.run_id, at_position=position) == expected
    assert answer(ledger, past.run_id, at_time=AFTER) == answer(ledger, past.run_id)


def test_a_run_was_not_there_before_it_began(ledger: Ledger) -> None:
    """A version that never was, and a moment before the first event, are refused with what there is."""
    ledger.create_run({"run_id": "other"})
    ledger.create_run({"run_id": "one", "phases": [{}]})
    run = ledger.run("one")
    there = {
        "run_id": "one",
        "current_version": 2,
        "first_at": run["created_at"],
        "last_at": run["updated_at"],
        "first_position": 2,
        "last_position": 3,
    }
    asked: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"at_version": 3}, {"version": 3}),
        ({"at_version": 0}, {"version": 0}),
        ({"at_position": 1}, {"position": 1}),
        ({"at_time": BEFORE}, {"time": "2020-01-01T00:00:00.000000Z"}),
    ]
    for then, told in asked:
        with pytest.raises(NoSuchVersion) as refused:
            ledger.history.run("one", **then)
        assert refused.value.facts() == there | told


def test_a_run_that_never_was_has_no_past(ledger: Ledger) -> None:
    """Whatever moment is asked for, the run is what is missing."""
    ledger.create_run({"run_id": "nightly"})
    asked: list[dict[str, Any]] = [{"at_version": 1}, {"at_time": AFTER}, {"at_position": 1}]
    for then in asked:
        with pytest.raises(RunNotFound) as refused:
            ledger.history.run("nightli", **then)
        assert refused.value.similar == ["nightly"]


def test_only_one_moment_can_be_meant(ledger: Ledger) -> None:
    """Two moments may contradict each other, so they are refused, and so is a time that is none."""
    ledger.create_run({"run_id": "one"})
    with pytest.raises(InvalidParameter) as refused:
        ledger.history.run("one", at_version=1, at_position=1)
    assert [error["name"] for error in refused.value.errors] == ["at_version", "at_position"]
    for time in ("yesterday", "2026-11-22", "2026-11-22T10:00:00", "2026-02-30T10:00:00Z", "", "\x00"):
        with pytest.raises(InvalidParameter):
            ledger.history.run("one", at_time=time)
