"""When an expression became true of a run."""

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.history.refusals import InvalidExpression
from api.ledger import Ledger
from api.views import run_view
from domain.evolve import fold
from domain.refusals import RunNotFound
from domain.states import PhaseState, RunState
from tests.history.conftest import ON_SQLITE, Live, answer, pasts

EXPRESSIONS = st.one_of(
    st.sampled_from([f"state == '{state}'" for state in RunState]),
    st.sampled_from([f"phases[?state=='{state}']" for state in PhaseState]),
    st.sampled_from([f"phases[?phase_id=='p1'].state | [0] != '{state}'" for state in PhaseState]),
    st.integers(0, 60_000).map(lambda number: f"usage.tokens_used > `{number}`"),
    st.integers(1, 12).map(lambda number: f"version >= `{number}` && version != `{number + 2}`"),
    st.sampled_from(
        ["held", "!held", "labels.team", "labels.team == 'x'", "annotations", "tiers[0].state == 'FAILED'",
         "state == null || state == `null`", "length(phases) > `1`", "completed_at > started_at",
         "contains(phases[].state, 'GATE')", "@", "`false`", "nothing"]
    ),
)  # fmt: skip


def is_true(value: object) -> bool:
    """What JMESPath takes for true: 0 is."""
    return value is not None and value is not False and value not in ("", [], {})


@pasts
@given(data=st.data())
def test_it_is_found_where_a_look_at_every_version_finds_it(
    ledger: Ledger, live: Live, data: st.DataObject
) -> None:
    """The first version at which it holds, and the last at which it does not, of those that GET shows."""
    past = live(data, ledger)
    events = past.events
    expr = data.draw(EXPRESSIONS)
    held = []
    for version in range(1, len(events) + 1):
        shown = answer(ledger, past.run_id, at_version=version)
        if not isinstance(shown, dict):  # in quarantine, and so without a state
            run = fold(events[:version])
            assert run is not None
            shown = run_view(run)
        held.append(is_true(jmespath.search(expr, shown)))
    told = ledger.history.bisect(past.run_id, expr)
    first = held.index(True) + 1 if True in held else None
    without = len(held) - held[::-1].index(False) if False in held else None
    assert (told["version"], told["last_version_without"]) == (first, without)
    assert told["holds_now"] == held[-1]
    assert told["current_version"] == len(held)
    assert (told["event"] or {}).get("version") == first
    if first is not None:
        assert told["event"]["type"] == events[first - 1].type


def test_what_holds_may_cease_to(ledger: Ledger, a_run: str) -> None:
    """A run enters GATE twice: the first time is told, and that it is not there now."""
    for event in ("gate_entered", "execution_started", "gate_entered", "execution_started", "held"):
        ledger.propose(a_run, {"type": f"run.{event}"})
    told = ledger.history.bisect(a_run, "state == 'GATE'")
    assert (told["version"], told["event"]["type"]) == (6, "run.gate_entered")
    assert (told["last_version_without"], told["holds_now"], told["current_version"]) == (10, False, 10)


@ON_SQLITE
@pytest.mark.parametrize(
    ("expr", "unfound"),
    [
        ('state == "GATE"', ["GATE"]),
        ("state == GATE", ["GATE"]),
        ("held == true", ["true"]),
        ("stat == 'GATE'", ["stat"]),
        ("phases[].stat | [0]", ["stat"]),
        ('"\\ud800" || "b\\nc"', ["\\ud800", "b\nc"]),
        ("held && nothing", []),
        ("state == 'GATE' || usage.tokens_used > `5`", []),
        ("labels.later == 'x'", []),
    ],
)
def test_fields_that_are_never_found_are_told(
    ledger: Ledger, a_run: str, expr: str, unfound: list[str]
) -> None:
    """Most often a text without its quotes. What is there later, or was not looked for, is not among them."""
    ledger.propose(a_run, {"type": "run.labelled", "data": {"labels": {"later": "x"}}})
    assert ledger.history.bisect(a_run, expr)["unfound"] == unfound


def test_nobody_has_no_history(ledger: Ledger) -> None:
    """A run that is not there is refused; an expression that cannot be read even before."""
    with pytest.raises(RunNotFound):
        ledger.history.bisect("nobody", "state")
    with pytest.raises(InvalidExpression):
        ledger.history.bisect("nobody", "state ==")


def test_an_expression_that_fits_some_versions_only_is_refused(ledger: Ledger) -> None:
    """With the version at which it makes no sense, and what to do about a null."""
    ledger.create_run({"run_id": "one", "goal": "x", "labels": {"team": "core"}})
    ledger.propose("one", {"type": "run.labelled", "data": {"labels": {"team": None}}})
    with pytest.raises(InvalidExpression) as refused:
        ledger.history.bisect("one", "contains(labels.team, 'co')")
    facts: dict[str, Any] = refused.value.facts()
    assert (facts["version"], facts["why"]) == (2, "contains() takes array or string, not null")
    assert "(goal || '')" in refused.value.remedy
    assert ledger.history.bisect("one", "contains(labels.team || '', 'co')")["last_version_without"] == 2
