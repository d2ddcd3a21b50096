"""How a run comes to be, and what is said of it then."""

from typing import Any

import pytest

from domain.events import EVENTS, OPENING
from domain.moves import LEADS_TO, NONE, RECORDED_BY_SERVICE
from domain.proposals import new_run
from domain.refusals import IllegalMove, InvalidBody, InvalidId, RunNotFound, UnknownState
from domain.run import DEFAULT_CONFIG
from domain.states import RunState
from tests.domain.conftest import RUN_ID, Given

OPENINGS = {
    "run.queued": "QUEUED",
    "run.bootstrapped": "PLAN_BOOTSTRAP",
    "run.created": "RUN_CREATED",
}


@pytest.mark.parametrize(("event", "state"), OPENINGS.items())
def test_a_run_opens_queued_bootstrapped_or_created(given: Given, event: str, state: str) -> None:
    """Three events open a run, each in a state of its own."""
    story = given().when(event).then((event, None, state))
    assert (story.run.state, story.run.version, story.run.position) == (state, 1, 1)
    assert story.run.created_at == story.run.updated_at == story.events[0].recorded_at


@pytest.mark.parametrize("event", sorted(EVENTS.keys() - OPENINGS.keys() - RECORDED_BY_SERVICE))
def test_nothing_else_opens_a_run(given: Given, event: str) -> None:
    """What is about a run that does not exist is refused by its name."""
    phase = "p1" if event.startswith("phase.") else None
    given().when(event, phase=phase, **EVENTS[event].example).refused(RunNotFound, run_id=RUN_ID)


def test_a_run_may_be_queued_bootstrapped_and_created(given: Given) -> None:
    """The three opening events may follow each other, and the run opens once."""
    story = (
        given("run.queued").when("run.bootstrapped").then(("run.bootstrapped", "QUEUED", "PLAN_BOOTSTRAP"))
    )
    story.when("run.created").then(("run.created", "PLAN_BOOTSTRAP", "RUN_CREATED"))
    story.when("run.created").refused(
        IllegalMove, state="RUN_CREATED", sources=["(none)", "QUEUED", "PLAN_BOOTSTRAP"], current_version=3
    )


def test_a_run_is_described_when_it_opens(given: Given) -> None:
    """The opening event carries goal, labels, tiers and config."""
    run = (
        given()
        .when(
            "run.created",
            goal="Predict output sizes",
            labels={"team": "core"},
            tiers=[{"tier_id": "T1", "name": "Foundation"}, {"tier_id": "T2"}],
            config={"token_cap": 300_000},
        )
        .run
    )
    assert run.goal == "Predict output sizes"
    assert run.labels == {"team": "core"}
    assert run.tiers == ({"tier_id": "T1", "name": "Foundation"}, {"tier_id": "T2", "name": None})
    assert run.config == {**DEFAULT_CONFIG, "token_cap": 300_000}


@pytest.mark.parametrize("said", [{}, {"goal": None, "config": None, "labels": None, "tiers": None}])
def test_a_run_that_says_nothing_has_defaults(given: Given, said: dict[str, Any]) -> None:
    """Everything about a run has a default, and its limits are in its first event."""
    story = given().when("run.created", **said)
    run = story.run
    assert (run.goal, run.labels, run.tiers, run.config) == (None, {}, (), DEFAULT_CONFIG)
    assert story.events[0].data["config"] == {
        "safety_profile": "normal",
        "run_scope": "multi_tier",
        "token_cap": 5_000_000,
        "max_phases": 25,
        "max_duration_minutes": 120,
        "max_attempts": 5,
    }


@pytest.mark.parametrize(("most", "is_taken"), [(1, True), (1_000, True), (0, False), (1_001, False)])
def test_a_run_takes_so_many_phases_and_no_more(given: Given, most: int, is_taken: bool) -> None:
    """A run may lower the limit that all runs have, and not raise it."""
    story = given().when("run.created", config={"max_phases": most})
    if is_taken:
        assert story.run.config["max_phases"] == most
    else:
        story.refused(InvalidBody)


def test_what_a_later_opening_event_leaves_out_is_unchanged(given: Given) -> None:
    """A run that is created after it was queued keeps what was said of it then."""
    queued = {
        "goal": "first",
        "labels": {"team": "core"},
        "tiers": [{"tier_id": "T1"}],
        "config": {"max_phases": 3},
    }
    story = given(("run.queued", queued)).when("run.created", goal="second")
    assert story.run.goal == "second"
    assert story.run.labels == {"team": "core"}
    assert story.run.tiers == ({"tier_id": "T1", "name": None},)
    assert story.run.config["max_phases"] == 3


def test_a_limit_that_a_later_config_leaves_out_is_unchanged(given: Given) -> None:
    """A later config sets the limits that it names, and no other."""
    story = given(("run.queued", {"config": {"max_phases": 3}})).when("run.created", config={"token_cap": 9})
    assert (story.run.config["token_cap"], story.run.config["max_phases"]) == (9, 3)


def test_a_tier_is_named_once(given: Given) -> None:
    """Two tiers of a run never have the same id."""
    given().when("run.created", tiers=[{"tier_id": "T1"}, {"tier_id": "T1"}]).refused(InvalidBody)


def test_a_tier_with_phases_stays(given: Given) -> None:
    """A later opening event cannot take away a tier that a phase is in."""
    story = given(("run.queued", {"tiers": [{"tier_id": "T1"}]}), ("phase.added p1", {"tier_id": "T1"}))
    story.when("run.created", tiers=[{"tier_id": "T2"}])
    assert story.run.phases["p1"].tier_id in [tier["tier_id"] for tier in story.run.tiers]


@pytest.mark.parametrize("state", OPENING)
def test_a_creation_opens_a_run_in_the_state_that_it_names(state: RunState) -> None:
    """Each opening state has the event that leads there."""
    opening = new_run({"run_id": "r", "state": state.value, "goal": "g"}).opening
    assert LEADS_TO[opening.type, NONE] == state
    assert opening.model_dump(exclude_unset=True) == {"goal": "g"}


def test_a_creation_needs_no_more_than_a_name(given: Given) -> None:
    """A run_id or a goal is enough, and the run is created unless another state is named."""
    creation = new_run({"run_id": "r"})
    assert (creation.run_id, creation.goal, creation.opening.type, creation.phases) == (
        "r",
        None,
        "run.created",
        [],
    )
    assert new_run({"goal": "Predict sizes"}).run_id is None


@pytest.mark.parametrize("raw", [{}, {"goal": None}, {"goal": "  "}, {"run_id": None, "labels": {}}])
def test_a_creation_without_a_name_is_refused(raw: dict[str, object]) -> None:
    """A run that has neither an id nor a goal cannot be called anything."""
    with pytest.raises(InvalidBody) as refusal:
        new_run(raw)
    assert refusal.value.errors == [{"pointer": "", "detail": "a run_id or a goal is needed"}]


def test_a_creation_brings_its_phases() -> None:
    """The phases of a creation are understood with it, in order, and keep the ids that they name."""
    phases = [{"phase_id": "p1", "name": "Build"}, {"scope": {"goal": "Test"}, "max_attempts": 2}]
    understood = new_run({"run_id": "r", "phases": phases}).phases
    assert [(phase_id, phase.model_dump(exclude_unset=True)) for phase_id, phase in understood] == [
        ("p1", {"name": "Build"}),
        (None, {"scope": {"goal": "Test"}, "max_attempts": 2}),
    ]


@pytest.mark.parametrize("state", ["READY", "queued", "GATE", "DONE_SUCCESS", ""])
def test_a_run_opens_in_no_other_state(state: str) -> None:
    """A state that no opening event leads to is refused, with those that one does."""
    with pytest.raises(UnknownState) as refusal:
        new_run({"run_id": "r", "state": state})
    assert refusal.value.facts()["states"] == ["QUEUED", "PLAN_BOOTSTRAP", "RUN_CREATED"]
    assert refusal.value.state == state


@pytest.mark.parametrize(
    ("meant", "state"), [("QUEUD", "QUEUED"), ("CREATED", "RUN_CREATED"), ("queued", "QUEUED")]
)
def test_a_state_that_is_nearly_right_is_recognised(meant: str, state: str) -> None:
    """A misspelt opening state, in small letters too, is answered with the one that was meant."""
    with pytest.raises(UnknownState) as refusal:
        new_run({"run_id": "r", "state": meant})
    assert refusal.value.did_you_mean == [state]
    assert f"Did you mean {state}?" in refusal.value.remedy


@pytest.mark.parametrize(
    ("raw", "field"),
    [({"run_id": "a b"}, "run_id"), ({"run_id": "r", "phases": [{"phase_id": "-p"}]}, "phase_id")],
)
def test_a_creation_refuses_names_that_cannot_be_ids(raw: dict[str, object], field: str) -> None:
    """What cannot be an id is refused by a refusal of its own."""
    with pytest.raises(InvalidId) as refusal:
        new_run(raw)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        ({"run_id": "r", "staet": "QUEUED"}, ["/staet"]),
        ({"run_id": "r", "config": {"max_phases": 0}}, ["/config/max_phases"]),
        ({"run_id": "r", "tiers": [{"tier_id": "T1"}, {"name": "x"}]}, ["/tiers/1/tier_id"]),
        (
            {"run_id": "r", "phases": [{}, {"name": 5, "scope": {"paths": "x"}}]},
            ["/phases/1/name", "/phases/1/scope/paths"],
        ),
        ({"run_id": "r", "phases": [{"tier_id": "!"}]}, ["/phases/0/tier_id"]),
        ({"run_id": "r", "phases": {}}, ["/phases"]),
        ({"run_id": "r", "labels": {"a": 1}}, ["/labels/a"]),
    ],
)
def test_a_creation_points_at_what_does_not_fit(raw: dict[str, object], pointers: list[str]) -> None:
    """Every part that does not fit is pointed at, in the run and in its phases."""
    with pytest.raises(InvalidBody) as refusal:
        new_run(raw)
    assert [error["pointer"] for error in refusal.value.errors] == pointers
