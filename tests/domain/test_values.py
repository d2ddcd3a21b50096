"""Which values a body may hold: those that come back as they were sent."""

import json
from typing import Any

import pytest

from domain.proposals import added_phase, new_run, proposed_event
from domain.refusals import InvalidBody
from tests.domain.conftest import RUN_ID, Given

DEEPEST = 32


def errors(raw: Any) -> dict[str, str]:
    """What is wrong with a proposed event, by pointer."""
    with pytest.raises(InvalidBody) as refusal:
        proposed_event(raw, RUN_ID)
    return {error["pointer"]: error["detail"] for error in refusal.value.errors}


def nested(levels: int) -> Any:
    """Lists and objects in each other, so many levels deep."""
    value: Any = []
    for level in range(levels - 1):
        value = {"in": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "finite"),
        (json.loads("1e999"), "finite"),
        (json.loads("-Infinity"), "finite"),
        ("a\x00b", "NUL"),
        (json.loads('"\\ud800"'), "surrogate"),
        ("\udfff!", "surrogate"),
        (2**53, "2**53 - 1"),
        (-(2**53), "2**53 - 1"),
        (10**400, "2**53 - 1"),
        (b"bytes", "bytes"),
        ({1}, "set"),
    ],
)
def test_a_value_that_could_not_be_given_back_is_refused(value: Any, why: str) -> None:
    """What JSON readers round and databases cannot store is refused where it stands, however deep."""
    for data, pointer in (
        ({"x": value}, "/data/result/x"),
        ({"y": [0, {"z/~": value}]}, "/data/result/y/1/z~1~0"),
    ):
        found = errors({"type": "phase.submitted", "phase_id": "p1", "attempt": 1, "data": {"result": data}})
        assert list(found) == [pointer]
        assert why in found[pointer]


@pytest.mark.parametrize(
    "value",
    [2**53 - 1, -(2**53) + 1, 0, -0.5, 1e308, 5e-324, True, None, "", "é日\U0001f600", "\x7f\x1b", [], {}],
)
def test_a_value_that_can_be_given_back_is_kept(given: Given, value: Any) -> None:
    """Every other value comes back as it was sent."""
    story = given("run.created", "phase.added p1").when(
        "phase.result_recorded", "p1", result={"x": value, "": [value]}
    )
    assert story.happened[0].data == {"result": {"x": value, "": [value]}}


@pytest.mark.parametrize(
    ("key", "why"), [(5, "not text"), (None, "not text"), ("a\x00", "NUL"), ("\ud800", "surrogate")]
)
def test_a_key_that_could_not_be_given_back_is_refused(key: Any, why: str) -> None:
    """Keys are texts, and obey the rules of texts; what is said of them can be printed."""
    found = errors({"type": "phase.submitted", "phase_id": "p1", "attempt": 1, "data": {"result": {key: 1}}})
    assert any(why in detail for detail in found.values())
    assert json.dumps(found).encode()
    assert "\x00" not in "".join(found)
    "".join(found).encode()


DOORS: dict[str, Any] = {
    "a run": lambda raw: new_run({"run_id": "r", **raw}),
    "a phase": lambda raw: added_phase(raw, RUN_ID),
    "an event": lambda raw: proposed_event({"type": "x", **raw}, RUN_ID),
}


@pytest.mark.parametrize("read", DOORS.values(), ids=DOORS)
def test_every_door_looks_at_values(read: Any) -> None:
    """Runs, phases and events all refuse what could not be given back."""
    with pytest.raises(InvalidBody, match="finite"):
        read({"anything": float("inf")})


def test_values_are_nested_so_deep_and_no_deeper() -> None:
    """A body has 32 levels: the body itself, its data, the result, and what is in it."""
    raw: dict[str, Any] = {"type": "phase.submitted", "phase_id": "p1", "attempt": 1}
    result = {"in": nested(DEEPEST - 3)}
    assert proposed_event({**raw, "data": {"result": result}}, RUN_ID).event.model_dump()["result"] == result
    for levels in (DEEPEST - 2, 10_000):
        found = errors({**raw, "data": {"result": {"in": nested(levels)}}})
        assert "32 levels" in found[""]


def test_an_answer_to_much_nonsense_is_short() -> None:
    """At most twenty places are named, and none of them at any length."""
    for raw in (
        {"type": "run.created", "data": {str(i) + "x" * 9_000: float("nan") for i in range(500)}},
        {str(i) + "x" * 9_000: 1 for i in range(500)},
    ):
        found = errors(raw)
        assert len(found) == 20
        assert max(len(pointer) + len(detail) for pointer, detail in found.items()) < 1_000
