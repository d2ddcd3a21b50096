"""What callers send is understood, or refused with a pointer to what is not."""

from typing import Any

import pytest

from domain.events import EVENTS
from domain.moves import PHASE_MOVES, RECORDED_BY_SERVICE, RUN_MOVES
from domain.proposals import batch, new_run, proposed_event
from domain.refusals import InvalidBody, InvalidId, UnknownEvent
from tests.domain.conftest import RUN_ID


def errors(raw: Any, run_id: str | None = RUN_ID) -> dict[str, str]:
    """What is wrong with a proposed event, by pointer."""
    with pytest.raises(InvalidBody) as refusal:
        proposed_event(raw, run_id)
    return {error["pointer"]: error["detail"] for error in refusal.value.errors}


def test_a_proposal_is_understood() -> None:
    """Everything that an executor may say arrives, and its data as the event that they are."""
    proposal = proposed_event(
        {
            "type": "phase.failed",
            "phase_id": "p1",
            "attempt": 2,
            "data": {"outcome": "CI_FAILED"},
            "occurred_at": "2026-11-22T12:00:00+02:00",
            "event_id": "e-1",
            "expected_version": 7,
        },
        RUN_ID,
    )
    assert (proposal.run_id, proposal.type, proposal.phase_id, proposal.attempt) == (
        RUN_ID,
        "phase.failed",
        "p1",
        2,
    )
    assert proposal.event == EVENTS["phase.failed"](outcome="CI_FAILED")  # type: ignore[call-arg]  # known by its type
    assert (proposal.occurred_at, proposal.event_id, proposal.expected_version) == (
        "2026-11-22T10:00:00.000000Z",
        "e-1",
        7,
    )


def test_a_proposal_of_a_batch_names_its_run() -> None:
    """Where no call names the run the body does, and only there."""
    assert proposed_event({"type": "run.created", "run_id": "r"}).run_id == "r"
    assert errors({"type": "run.created"}, None) == {"/run_id": "Field required"}
    assert list(errors({"type": "run.created", "run_id": "r"})) == ["/run_id"]


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_the_example_of_every_event_is_understood(event: str) -> None:
    """What the reference shows can be sent."""
    phase = {"phase_id": "p1"} if event.startswith("phase.") else {}
    proposal = proposed_event({"type": event, "data": EVENTS[event].example, **phase}, RUN_ID)
    assert type(proposal.event) is EVENTS[event]


@pytest.mark.parametrize(
    "field",
    [
        "position",
        "version",
        "actor",
        "recorded_at",
        "hash",
        "prev_hash",
        "state_before",
        "state_after",
        "implied",
    ],
)
def test_what_the_service_says_nobody_else_does(field: str) -> None:
    """A body that names what only the service knows is refused, in the envelope and in the data."""
    assert list(errors({"type": "run.created", field: 1})) == [f"/{field}"]
    assert list(errors({"type": "run.created", "data": {field: 1}})) == [f"/data/{field}"]


@pytest.mark.parametrize(
    ("field", "meant"),
    [("phaseid", "phase_id"), ("attempts", "attempt"), ("occured_at", "occurred_at"), ("dat", "data")],
)
def test_a_misspelt_field_is_recognised(field: str, meant: str) -> None:
    """An unknown field is refused, with the one that may be meant."""
    assert errors({"type": "run.created", field: 1}) == {
        f"/{field}": f"there is no such field; did you mean {meant}?"
    }


def test_a_misspelt_field_of_the_data_is_recognised() -> None:
    """The fields of the event's data are recognised in the same way."""
    raw = {"type": "phase.failed", "phase_id": "p1", "attempt": 1, "data": {"outcome": "X", "details": "y"}}
    assert errors(raw) == {"/data/details": "there is no such field; did you mean detail?"}


def test_a_misspelt_field_is_compared_with_those_beside_it() -> None:
    """What may be meant is a field of the place where the misspelt one stands, not of the whole body."""
    raw = {"type": "run.created", "data": {"config": {"token_capp": 5}}}
    assert errors(raw) == {"/data/config/token_capp": "there is no such field; did you mean token_cap?"}
    with pytest.raises(InvalidBody) as refusal:
        new_run({"run_id": "r", "phases": [{"phase_idd": "p1"}]})
    detail = "there is no such field; did you mean phase_id?"
    assert refusal.value.errors == [{"pointer": "/phases/0/phase_idd", "detail": detail}]


@pytest.mark.parametrize("field", ["token_cap", "tier_id", "max_attempts"])
def test_a_field_that_stands_in_the_wrong_place_is_not_called_misspelt(field: str) -> None:
    """Nobody is asked whether they meant the very word that they sent."""
    found = errors({"type": "run.created", "data": {field: 5}})
    assert list(found) == [f"/data/{field}"]
    assert f"did you mean {field}" not in found[f"/data/{field}"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("phase.start", "phase.started"), ("phase.complete", "phase.completed"), ("run.create", "run.created")],
)
def test_an_unknown_event_is_answered_with_what_may_be_meant(said: str, meant: str) -> None:
    """A misspelt event type is refused before its data are looked at."""
    with pytest.raises(UnknownEvent) as refusal:
        proposed_event({"type": said, "data": {"anything": 1}}, RUN_ID)
    assert refusal.value.event == said
    assert refusal.value.did_you_mean[0] == meant
    assert meant in refusal.value.remedy


@pytest.mark.parametrize("said", ["", "READY", "x" * 5_000])
def test_an_unknown_event_that_is_like_none_is_answered_with_where_to_look(said: str) -> None:
    """Where nothing comes near, the remedy names the list, and the answer stays short."""
    with pytest.raises(UnknownEvent) as refusal:
        proposed_event({"type": said}, RUN_ID)
    assert refusal.value.did_you_mean == []
    assert "machine" in refusal.value.remedy
    assert len(refusal.value.detail) < 200


@pytest.mark.parametrize("said", [event.removesuffix("ed") for event in sorted(RECORDED_BY_SERVICE)])
def test_nobody_is_led_to_what_only_the_service_records(said: str) -> None:
    """What is suggested for a misspelt event is never an event that only the service records."""
    with pytest.raises(UnknownEvent) as refusal:
        proposed_event({"type": said}, RUN_ID)
    assert RECORDED_BY_SERVICE.isdisjoint(refusal.value.did_you_mean)


@pytest.mark.parametrize("event", [move.event for move in RUN_MOVES if move.event not in RECORDED_BY_SERVICE])
def test_an_event_of_the_run_names_no_phase(event: str) -> None:
    """Phase and attempt are left out where the run is meant."""
    assert list(errors({"type": event, "phase_id": "p1", "attempt": 1})) == ["/phase_id", "/attempt"]


@pytest.mark.parametrize(
    "event", [move.event for move in PHASE_MOVES if move.event not in RECORDED_BY_SERVICE]
)
def test_an_event_of_a_phase_names_it(event: str) -> None:
    """Only a phase that is added may be left to be named; it has no attempt yet."""
    if event == "phase.added":
        assert proposed_event({"type": event}, RUN_ID).phase_id is None
        assert list(errors({"type": event, "attempt": 1})) == ["/attempt"]
    else:
        assert errors({"type": event}) == {"/phase_id": f"{event} has to name its phase"}


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        ({}, ["/type"]),
        ({"type": None}, ["/type"]),
        ({"type": 5, "data": [], "attempt": 0}, ["/type", "/attempt", "/data"]),
        ({"type": "run.created", "data": None}, ["/data"]),
        (
            {"type": "run.created", "data": {"labels": {"a": 1, "b/c~d": 2, "": "x"}}},
            ["/data/labels/a", "/data/labels/b~1c~0d", "/data/labels/"],
        ),
        (
            {"type": "run.created", "data": {"config": {"token_cap": -1, "max_phases": "9"}}},
            ["/data/config/token_cap", "/data/config/max_phases"],
        ),
        (
            {"type": "run.created", "data": {"tiers": [{"tier_id": "a"}, {}, 5]}},
            ["/data/tiers/1/tier_id", "/data/tiers/2"],
        ),
        ({"type": "phase.started", "phase_id": 5, "attempt": True}, ["/phase_id", "/attempt"]),
        ({"type": "phase.started", "phase_id": "p", "attempt": 1.0}, ["/attempt"]),
        ({"type": "phase.started", "phase_id": "p", "data": {"lease_seconds": 0}}, ["/data/lease_seconds"]),
        ([], [""]),
        ("run.created", [""]),
        (None, [""]),
    ],
)
def test_every_part_that_does_not_fit_is_pointed_at(raw: Any, pointers: list[str]) -> None:
    """Pointers are RFC 6901, one for each place, into what was sent."""
    assert sorted(errors(raw)) == sorted(pointers)


@pytest.mark.parametrize("field", ["phase_id", "event_id"])
def test_an_id_that_is_none_is_refused_by_a_refusal_of_its_own(field: str) -> None:
    """A name that cannot be an id says which name it is."""
    with pytest.raises(InvalidId) as refusal:
        proposed_event({"type": "phase.started", "phase_id": "p1", field: "a b"}, RUN_ID)
    assert (refusal.value.field, refusal.value.value) == (field, "a b")


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        ({}, ["/atomic", "/events"]),
        ({"atomic": "yes", "events": {}}, ["/atomic", "/events"]),
        ({"atomic": True, "events": []}, ["/events"]),
        ({"atomic": True, "events": [5]}, ["/events/0"]),
        ({"atomic": True, "events": [{}] * 1_001}, ["/events"]),
        ({"atomic": True, "events": [{}], "all": 1}, ["/all"]),
        ([], [""]),
    ],
)
def test_a_batch_says_whether_it_is_atomic(raw: Any, pointers: list[str]) -> None:
    """A batch is a list of up to a thousand events and a word on whether it is whole."""
    with pytest.raises(InvalidBody) as refusal:
        batch(raw)
    assert [error["pointer"] for error in refusal.value.errors] == pointers


def test_the_events_of_a_batch_are_understood_one_by_one() -> None:
    """A batch keeps its events as they came: one that is nonsense spoils no other."""
    events = [{"type": "run.created", "run_id": "r"}, {"type": "nonsense"}]
    assert batch({"atomic": False, "events": events}).events == events
    assert len(batch({"atomic": True, "events": [{}] * 1_000}).events) == 1_000
