"""Which event set each field last."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.history.fields import flatten, same
from api.history.refusals import NoSuchVersion, UnknownField
from api.ledger import Ledger
from api.views import run_view
from domain.envelopes import RecordedEvent
from domain.evolve import fold
from domain.refusals import PhaseNotFound, RunNotFound
from tests.history.conftest import ON_SQLITE, Live, pasts

ABSENT = object()


def naive(events: list[RecordedEvent]) -> dict[str, tuple[Any, Any, int, int]]:
    """Value, value before, version of the last change and number of changes of each field, the long way."""
    found: dict[str, tuple[Any, Any, int, int]] = {}
    was: dict[str, Any] = {}
    for event in events:
        run = fold(events[: event.version])
        assert run is not None
        now = flatten(run_view(run))
        for field in now.keys() | was.keys():
            old, new = was.get(field, ABSENT), now.get(field, ABSENT)
            if old is ABSENT or new is ABSENT or not same(old, new):
                found[field] = (new, old, event.version, found[field][3] + 1 if field in found else 1)
        was = now
    return found


@pasts
@given(data=st.data())
def test_the_event_is_the_last_that_changed_the_field(
    ledger: Ledger, live: Live, data: st.DataObject
) -> None:
    """For every field, at any version, as one finds who compares every version with the one before."""
    past = live(data, ledger)
    events = past.events
    version = data.draw(st.integers(1, len(events)))
    told = ledger.history.blame(past.run_id, at_version=version)
    assert (told["run_id"], told["version"]) == (past.run_id, version)
    expected = naive(events[:version])
    run = fold(events[:version])
    assert run is not None
    now = flatten(run_view(run))
    settings = {each["field"]: each for each in told["fields"]}
    assert list(settings) == list(now)
    for field in expected.keys() - now.keys():
        (settings[field],) = ledger.history.blame(past.run_id, field, at_version=version)["fields"]
    for field, (value, before, last, times) in expected.items():
        setting = settings[field]
        assert setting["value"] == (None if value is ABSENT else value)
        assert setting["before"] == (None if before is ABSENT else before)
        assert setting["removed"] == (field not in now) == (value is ABSENT)
        assert (setting["event"]["version"], setting["times_set"]) == (last, times)
        assert setting["event"]["type"] == events[last - 1].type
        assert setting["event"]["recorded_at"] == events[last - 1].recorded_at


@pytest.fixture
def spent(ledger: Ledger, a_run: str) -> str:
    """A run with two phases that used something, and a label that was taken away."""
    for phase_id, tokens in (("p1", 10), ("p2", 20)):
        usage = {"type": "phase.usage_recorded", "phase_id": phase_id, "data": {"tokens_used": tokens}}
        ledger.propose(a_run, usage)
    labels = {"labels": {"team": None, "a/b": "x", "goal": "y"}, "reason": "moved"}
    ledger.propose(a_run, {"type": "run.labelled", "data": labels})
    return a_run


def only(told: dict[str, Any]) -> tuple[str, Any, int]:
    (setting,) = told["fields"]
    return setting["field"], setting["value"], setting["event"]["version"]


def test_a_field_may_be_called_by_its_last_word(ledger: Ledger, spent: str) -> None:
    """Where the run itself has one field that ends so; with a phase, where the phase has."""
    assert only(ledger.history.blame(spent, "tokens_used")) == ("usage/tokens_used", 30, 7)
    assert only(ledger.history.blame(spent, "usage/tokens_used")) == ("usage/tokens_used", 30, 7)
    assert only(ledger.history.blame(spent, "tokens_used", phase_id="p1")) == (
        "phases/p1/usage/tokens_used",
        10,
        6,
    )
    assert only(ledger.history.blame(spent, "usage/tokens_used", phase_id="p1"))[2] == 6
    assert only(ledger.history.blame(spent, "phases/p2/usage/tokens_used", phase_id="p2"))[2] == 7
    assert only(ledger.history.blame(spent, "token_cap"))[0] == "config/token_cap"
    assert only(ledger.history.blame(spent, "a~1b")) == ("labels/a~1b", "x", 8)
    assert only(ledger.history.blame(spent, "goal"))[0] == "goal"
    assert only(ledger.history.blame(spent, "state", phase_id="p3"))[0] == "phases/p3/state"


def test_a_field_that_was_removed_can_be_asked_for(ledger: Ledger, spent: str) -> None:
    """The event that took it away is told, and why; in the list it is not, since it is not there."""
    (setting,) = ledger.history.blame(spent, "team")["fields"]
    assert (setting["removed"], setting["value"], setting["before"]) == (True, None, "core")
    assert (setting["event"]["reason"], setting["event"]["actor"]) == ("moved", "anonymous")
    assert "labels/team" not in [each["field"] for each in ledger.history.blame(spent)["fields"]]
    assert only(ledger.history.blame(spent, "team", at_version=7)) == ("labels/team", "core", 1)


def test_the_fields_of_a_phase_can_be_asked_for(ledger: Ledger, spent: str) -> None:
    """All of them, and no others."""
    told = [each["field"] for each in ledger.history.blame(spent, phase_id="p1")["fields"]]
    everything = [each["field"] for each in ledger.history.blame(spent)["fields"]]
    assert told == [field for field in everything if field.startswith("phases/p1/")] != []


@ON_SQLITE
@pytest.mark.parametrize(
    ("field", "phase_id", "meant"),
    [
        ("tokens_usd", None, "usage/tokens_used"),
        ("usage/token_used", None, "usage/tokens_used"),
        ("stat", "p1", "phases/p1/state"),
        ("attempt", None, "phases/p1/attempt"),
        ("phases/p1/stat", None, None),
        ("team", "p2", None),
        ("", None, None),
        ("/", None, None),
        ("version", None, None),
        ("annotations", None, None),
        ("phases/p1/state", "p2", None),
    ],
)
def test_an_unknown_field_is_refused(
    ledger: Ledger, spent: str, field: str, phase_id: str | None, meant: str | None
) -> None:
    """With those that may have been meant: of the run, or of the phase that is named."""
    with pytest.raises(UnknownField) as refused:
        ledger.history.blame(spent, field, phase_id=phase_id)
    assert meant is None or meant in refused.value.did_you_mean
    assert refused.value.remedy.endswith("Leave the field out to see them all.")


def test_a_word_that_several_fields_end_with_is_refused_with_them(ledger: Ledger, a_run: str) -> None:
    """None of them is guessed."""
    ledger.propose(a_run, {"type": "run.labelled", "data": {"labels": {"tokens_used": "many"}}})
    with pytest.raises(UnknownField) as refused:
        ledger.history.blame(a_run, "tokens_used")
    assert sorted(refused.value.did_you_mean) == ["labels/tokens_used", "usage/tokens_used"]


def test_what_is_not_there_has_no_fields(ledger: Ledger, a_run: str) -> None:
    """A run, a phase or a version that never was is refused as everywhere; so is a phase that came later."""
    with pytest.raises(RunNotFound):
        ledger.history.blame("nobody")
    with pytest.raises(PhaseNotFound) as refused:
        ledger.history.blame(a_run, "state", phase_id="p11")
    assert "p1" in refused.value.similar
    with pytest.raises(PhaseNotFound):
        ledger.history.blame(a_run, phase_id="p1", at_version=1)
    with pytest.raises(NoSuchVersion):
        ledger.history.blame(a_run, at_version=9)
