"""What is different between two versions of a run, or between two runs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.history.fields import flatten
from api.history.refusals import NoSuchVersion
from api.ledger import Ledger
from api.views import run_view
from domain.envelopes import RecordedEvent
from domain.evolve import fold
from domain.refusals import RunNotFound
from tests.history.conftest import Live, pasts

INVERSE = {"added": "removed", "removed": "added", "changed": "changed"}


def fields_at(events: list[RecordedEvent], version: int) -> dict[str, Any]:
    run = fold(events[:version])
    return flatten(run_view(run)) if run is not None else {}


def applied(fields: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """Fields after changes that fit them."""
    made = dict(fields)
    for change in changes:
        was = made.pop(change["field"], None)
        assert was == change["from"]
        if change["kind"] != "removed":
            made[change["field"]] = change["to"]
    return made


@pasts
@given(data=st.data())
def test_a_diff_leads_from_one_version_to_the_other(ledger: Ledger, live: Live, data: st.DataObject) -> None:
    """Applied to one it gives the other; backwards it is the inverse; the events are those in between."""
    past = live(data, ledger)
    events = past.events
    versions = st.integers(0, len(events))
    one, other = data.draw(versions), data.draw(versions)
    told, back = ledger.history.diff(past.run_id, one, other), ledger.history.diff(past.run_id, other, one)
    assert applied(fields_at(events, one), told["changes"]) == fields_at(events, other)
    assert (told["from"], told["to"]) == (back["to"], back["from"])
    assert (told["from"]["version"], told["to"]["version"]) == (one, other)
    inverse = [
        {"field": each["field"], "from": each["to"], "to": each["from"], "kind": INVERSE[each["kind"]]}
        for each in back["changes"]
    ]
    assert sorted(map(repr, inverse)) == sorted(map(repr, told["changes"]))
    between = range(min(one, other) + 1, max(one, other) + 1)
    assert [event["version"] for event in told["events"]] == list(between)
    assert told["events"] == back["events"]
    assert ledger.history.diff(past.run_id, one, one)["changes"] == []


@pasts
@given(data=st.data())
def test_a_diff_of_two_runs_leads_from_one_to_the_other(
    ledger: Ledger, live: Live, data: st.DataObject
) -> None:
    """Each at a version of its own, or as it stands."""
    past, elsewhere = live(data, ledger), live(data, ledger)
    events, others = past.events, elsewhere.events
    one = data.draw(st.none() | st.integers(0, len(events)))
    other = data.draw(st.none() | st.integers(0, len(others)))
    told = ledger.history.diff(past.run_id, one, other, other=elsewhere.run_id)
    here = len(events) if one is None else one
    there = len(others) if other is None else other
    assert applied(fields_at(events, here), told["changes"]) == fields_at(others, there)
    assert (told["from"]["run_id"], told["from"]["version"]) == (past.run_id, here)
    assert (told["to"]["run_id"], told["to"]["version"]) == (elsewhere.run_id, there)
    assert told["events"] is None


def test_left_out_versions_mean_what_happened_last(ledger: Ledger, a_run: str) -> None:
    """Without both, what the last event changed; without `from`, what `to` did; without `to`, all since."""
    last = ledger.run(a_run)["version"]
    ledger.propose(a_run, {"type": "run.gate_entered", "data": {"reason": "all built"}})
    told = ledger.history.diff(a_run)
    assert told["changes"] == [{"field": "state", "from": "PHASE_EXECUTION", "to": "GATE", "kind": "changed"}]
    (event,) = told["events"]
    assert (event["type"], event["reason"], event["phase_id"]) == ("run.gate_entered", "all built", None)
    assert told == ledger.history.diff(a_run, last) == ledger.history.diff(a_run, to_version=last + 1)
    assert told == ledger.history.diff(a_run, other=a_run)
    assert told["to"] == {
        "run_id": a_run, "version": last + 1, "state": "GATE", "recorded_at": ledger.run(a_run)["updated_at"],
    }  # fmt: skip


def test_before_its_first_event_a_run_is_nothing(ledger: Ledger, a_run: str) -> None:
    """Version 0 has no field, so that the first event adds them all."""
    told = ledger.history.diff(a_run, to_version=1)
    assert told["from"] == {"run_id": a_run, "version": 0, "state": None, "recorded_at": None}
    assert {change["kind"] for change in told["changes"]} == {"added"}
    assert (
        ledger.history.diff(a_run, 0, 0)["changes"]
        == ledger.history.diff(a_run, 0, 0, other=a_run)["events"]
        == []
    )
    assert ledger.history.diff(a_run, 0, 0, other=a_run)["from"]["version"] == 0


def test_versions_and_runs_that_never_were_are_refused(ledger: Ledger, a_run: str) -> None:
    """On either side."""
    ledger.create_run({"run_id": "other"})
    for start, end in ((9, None), (None, 9), (1, 9), (9, 1), (9, 9)):
        with pytest.raises(NoSuchVersion) as refused:
            ledger.history.diff(a_run, start, end)
        assert refused.value.facts()["version"] == 9
    for start, end in ((9, 1), (1, 9), (-1, 1), (1, -1)):
        for other in (None, "other"):
            with pytest.raises(NoSuchVersion):
                ledger.history.diff(a_run, start, end, other=other)
    for one, other in ((a_run, "nobody"), ("nobody", a_run), ("nobody", None)):
        for version in (None, 0, 1):
            with pytest.raises(RunNotFound):
                ledger.history.diff(one, version, version, other=other)
