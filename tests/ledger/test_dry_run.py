"""A dry run says what proposing would lead to, and leaves no trace."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.ledger import Ledger
from api.problems import STATUS
from api.views import run_view
from domain.envelopes import RecordedEvent
from domain.refusals import InvalidBody, Refusal, RunNotFound
from domain.rehearsal import Rehearsal
from tests.databases import Digest
from tests.histories import Runs, bodies, likely

histories = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
TIMES = {"created_at", "updated_at", "started_at", "completed_at", "at"}
OF_LOG = {"position", "head_hash", "actor"}


@pytest.fixture
def runs() -> Runs:
    return Runs()


def what(event: RecordedEvent) -> tuple[Any, ...]:
    """An event without what only the log gives."""
    moved = event.state_before, event.state_after
    return event.version, event.type, event.phase_id, event.attempt, *moved, event.implied, dict(event.data)


def timeless(view: Any) -> Any:
    """What a run is, without what only the log gives; of times, whether there is one."""
    if isinstance(view, dict):
        return {
            name: each is not None if name in TIMES else timeless(each)
            for name, each in view.items()
            if name not in OF_LOG
        }
    return [timeless(each) for each in view] if isinstance(view, list) else view


def would(told: Rehearsal) -> list[object]:
    """What a dry run says of each proposal."""
    return [
        (STATUS[type(each.refusal)], each.refusal.code, each.refusal.facts())
        if each.refusal
        else (200, each.repeats)
        if each.repeats
        else (201, [what(event) for event in each.would])
        for each in told.results
    ]


def really(ledger: Ledger, run_id: str, body: dict[str, Any]) -> object:
    """What proposing leads to."""
    try:
        (recorded,) = ledger.propose(run_id, body)
    except Refusal as refusal:
        return STATUS[type(refusal)], refusal.code, refusal.facts()
    if recorded.repeats:
        return 200, recorded.event.version
    return 201, [what(event) for event in (*recorded.implied, recorded.event)]


@histories
@given(data=st.data())
def test_it_says_what_proposing_leads_to(
    ledger: Ledger, raw: Any, digest: Digest, runs: Runs, data: st.DataObject
) -> None:
    """Whatever is proposed: the same statuses, codes, events and run; and the database is left as it was."""
    run_id, other = runs.new(), runs.new()
    opening = {
        "phases": [{"phase_id": "p1"}, {"phase_id": "p2", "max_attempts": 1}],
        "config": {"token_cap": 10},
    }
    for each in (run_id, other):
        ledger.create_run({"run_id": each, **opening})
    # The proposals are made up on another run with the same history, so that they get far.
    steps: list[dict[str, Any]] = []
    start = data.draw(st.integers(0, 6))
    for _ in range(start + data.draw(st.integers(1, 8))):
        is_likely = data.draw(st.integers(0, 2)) > 0
        steps.append(likely(data.draw, ledger, other) if is_likely else data.draw(bodies()))
        really(ledger, other, steps[-1])
    for body in steps[:start]:
        really(ledger, run_id, body)
    before = digest(raw)
    told = ledger.dry_run(run_id, {"events": steps[start:]})
    assert digest(raw) == before
    assert would(told) == [really(ledger, run_id, body) for body in steps[start:]]
    assert timeless(run_view(told.run)) == timeless(run_view(ledger.folded(run_id)))


@histories
@given(steps=st.lists(bodies(), min_size=1, max_size=8))
def test_all_or_nothing_is_refused_where_it_would_be(
    ledger: Ledger, raw: Any, digest: Digest, runs: Runs, steps: list[dict[str, Any]]
) -> None:
    """What is atomic is recorded whole, or refused by the same refusal, as a dry run says."""
    run_id = runs.new()
    ledger.create_run({"run_id": run_id, "phases": [{"phase_id": "p1"}]})
    before = digest(raw)
    told = ledger.dry_run(run_id, {"events": steps, "atomic": True})
    assert digest(raw) == before
    said = told.results[-1].refusal
    refused = refusal_of(ledger, [{"run_id": run_id, **body} for body in steps])
    assert (said and (said.code, said.facts())) == (refused and (refused.code, refused.facts()))
    assert timeless(run_view(told.run)) == timeless(run_view(ledger.folded(run_id)))


def refusal_of(ledger: Ledger, batch: list[dict[str, Any]]) -> Refusal | None:
    """Why a batch is refused that is recorded whole or not at all; None when it is recorded."""
    try:
        ledger.propose_all(batch)
    except Refusal as refusal:
        return refusal
    return None


def test_it_can_start_from_any_version(ledger: Ledger, a_run: str) -> None:
    """What was recorded leads from an earlier version where it led; without one of it, elsewhere."""
    ledger.propose(a_run, {"type": "run.held"})
    history = ledger.events_of(a_run, after_version=0, limit=100)
    for version in range(len(history)):
        again = [{name: event[name] for name in ("type", "phase_id", "data")} for event in history[version:]]
        told = ledger.dry_run(a_run, {"at_version": version, "events": again})
        assert told.before.version == version
        assert timeless(run_view(told.run)) == timeless(run_view(ledger.folded(a_run)))
    (refused,) = ledger.dry_run(a_run, {"at_version": 4, "events": [{"type": "run.gate_entered"}]}).results
    assert refused.refusal is not None
    assert refused.refusal.facts()["state"] == "RUN_CREATED"


def test_a_run_that_is_not_there_can_be_made_up(ledger: Ledger) -> None:
    """From version 0 a run may begin that nobody created; from no version there is none to start from."""
    events = [{"type": "run.created"}, {"type": "phase.added", "data": {"name": "Build"}}]
    told = ledger.dry_run("made-up", {"at_version": 0, "events": events})
    assert (told.run.version, list(told.run.phases)) == (2, ["phase1-build"])
    assert not ledger.has_run("made-up")
    for body in ({"events": events}, {"events": events, "at_version": 1}):
        with pytest.raises(RunNotFound):
            ledger.dry_run("made-up", body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/events"),
        ({"events": []}, "/events"),
        ({"events": [{"type": "run.held"}] * 1_001}, "/events"),
        ({"events": ["run.held"]}, "/events/0"),
        ({"events": [{"type": "run.held"}], "at_version": 6}, "/at_version"),
        ({"events": [{"type": "run.held"}], "at_version": -1}, "/at_version"),
        ({"events": [{"type": "run.held"}], "at_version": 2**60}, "/at_version"),
        ({"events": [{"type": "run.held"}], "at_version": "1"}, "/at_version"),
        ({"events": [{"type": "run.held"}], "atomic": 1}, "/atomic"),
        ({"events": [{"type": "run.held"}], "run_id": "other"}, "/run_id"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(ledger: Ledger, a_run: str, body: Any, pointer: str) -> None:
    """What cannot be understood as a whole is refused as a whole, with a pointer."""
    with pytest.raises(InvalidBody) as refused:
        ledger.dry_run(a_run, body)
    assert [error["pointer"] for error in refused.value.errors] == [pointer]
