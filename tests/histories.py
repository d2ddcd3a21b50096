"""Histories that hypothesis makes up: proposals in any order, and runs to propose them to."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from api.ledger import Ledger
from domain.decide import OF_OPEN_ATTEMPT
from domain.events import EVENTS
from domain.events.shared import INTEGER_MAX
from domain.moves import RECORDED_BY_SERVICE, entity_of

KINDS = sorted(set(EVENTS) - RECORDED_BY_SERVICE)
PHASES = ["p1", "p2", "p3"]
histories = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def bodies(draw: st.DrawFn, kinds: list[str] = KINDS) -> dict[str, Any]:
    """A proposal that can be understood, whether or not it is legal."""
    kind = draw(st.sampled_from(kinds))
    body: dict[str, Any] = {"type": kind, "data": dict(EVENTS[kind].example)}
    if entity_of(kind) == "phase":
        body["phase_id"] = draw(st.sampled_from(PHASES))
        if kind in OF_OPEN_ATTEMPT:
            body["attempt"] = draw(st.integers(1, 3))
    if kind == "phase.added":
        scope = draw(
            st.none()
            | st.fixed_dictionaries(
                {"z": st.integers(-INTEGER_MAX, INTEGER_MAX), "goal": st.text("aü", max_size=3)}
            )
        )
        body["data"] = {} if scope is None else {"scope": scope}
    if draw(st.integers(0, 9)) == 0:
        body["expected_version"] = draw(st.integers(0, 12))
    return body


def likely(draw: Callable[..., Any], ledger: Ledger, run_id: str) -> dict[str, Any]:
    """A proposal that the ledger says is legal now, where there is one; so that histories get far."""
    moves = ledger.moves(run_id)
    legal = [
        {"type": move["type"], "attempt": phase.get("attempt"), "phase_id": phase.get("phase_id")}
        for phase in (moves, *moves["phases"])
        for move in phase["moves"]
        if move["blocked_by"] is None and move["moves"]
    ]
    if not legal:
        unlikely: dict[str, Any] = draw(bodies())
        return unlikely
    body: dict[str, Any] = {**draw(st.sampled_from(legal))}
    if body["type"] not in OF_OPEN_ATTEMPT:
        del body["attempt"]
    return body | {"data": EVENTS[body["type"]].example}


class Runs:
    """A new run id for every example, since examples share a database."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"run-{self.count}"


@pytest.fixture
def runs() -> Runs:
    return Runs()
