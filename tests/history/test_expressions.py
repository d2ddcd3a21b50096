"""Expressions: what is wrong with one is told, and none takes more work than it may."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.history import bounded
from api.history.expression import LENGTH_MAX, Expression
from api.history.refusals import InvalidExpression
from api.shapes import PHASE_EXAMPLE, RUN_EXAMPLE

NOTES = [{"version": 5, "phase_id": None, "text": "x", "tags": ["t"], "actor": "a", "at": "2026"}]
VIEW: dict[str, Any] = {**RUN_EXAMPLE, "phases": [PHASE_EXAMPLE] * 3, "annotations": NOTES}

pytestmark = pytest.mark.filterwarnings("ignore:deprecated string literal:PendingDeprecationWarning")


def holds(text: str) -> bool:
    return Expression(text).holds(VIEW, 1)


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("state == 'PHASE_EXECUTION'", True),
        ("state == 'GATE'", False),
        ("usage.tokens_used > `1000`", True),
        ("usage.tokens_used > `1200`", False),
        ("phases[?phase_id=='phase1-build'].state | [0] == 'EXECUTING'", True),
        ("phases[?phase_id=='other'].state | [0] == 'EXECUTING'", False),
        ("usage.minor_issues", True),
        ("held", False),
        ("labels.nothing", False),
        ("phases[?state=='FAILED']", False),
        ("started_at < '2026-12-01'", True),
        ("join(', ', annotations[0].tags) == 't'", True),
    ],
)
def test_an_expression_holds_or_not(text: str, does: bool) -> None:
    """By the rules of JMESPath: nothing, false and what is empty do not hold; 0 does."""
    assert holds(text) == does


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("usage.tokens_used > 1000", 20, "Numbers stand in backticks: `1000`."),
        ("state = 'GATE'", 6, "Equality is ==."),
        ("state == 'A' and held", 13, "And is written &&."),
        ("state == 'A' or held", 13, "Or is written ||."),
        ("state ==", 8, "it ends too early"),
        ("state.", 6, "it ends too early"),
        ("state == 'GATE", 9, "what begins there has no end"),
        ("state # 1", 6, "'#' is not understood"),
        ("phases[0", 8, "it ends too early"),
        ("(((", 3, "it ends too early"),
        ("held && lenght(phases)", 8, "Did you mean length()?"),
        ("foo_bar_qux(@)", 0, "there is no function foo_bar_qux()"),
        ("", None, "it is empty"),
        ("`\ud800` x", 4, "'x' cannot stand there"),
        ("9" * 900, 0, "9999 cannot stand there"),
        ("length()", None, "length() takes"),
        ("length(held)", None, "length() takes string or array or object, not boolean"),
        ("goal > `1`", None, "a text and a number have no order"),
        ("phases[::0]", None, "slice step cannot be zero"),
        ("ceil(to_number('1e999'))", None, "cannot be worked out"),
        ("!" * 900 + "held", None, "it is nested too deep"),
        ("held" + "[]" * 450, None, "it is nested too deep"),
        ("a" * (LENGTH_MAX + 1), None, "more than 1,000 characters"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, position: int | None, said: str) -> None:
    """Whatever an expression lacks, the refusal says where, and what is to be written instead."""
    with pytest.raises(InvalidExpression) as refused:
        holds(text)
    told = f"{refused.value.detail} {refused.value.remedy}"
    assert refused.value.position == position
    assert said.removeprefix("9999") in told
    assert len(told) < 700
    assert "'single quotes'" in told


DOUBLED = "[@,@][]"
COSTLY = {
    "a list that doubles": "|".join([DOUBLED] * 100),
    "a tree that doubles, as text": "|".join([*["[@,@]"] * 60, "to_string(@)"]),
    "two trees that double, compared": "|".join([*["[@,@]"] * 60, "[0] == [1]"]),
    "an object that doubles": "|".join(["{a:@,b:@}"] * 60),
    "a list of lists, flattened": "|".join([*[DOUBLED] * 16, "[@]", *[DOUBLED] * 16, "[]", "[]"]),
    "a text that doubles": "|".join(["goal", *["join('',[@,@])"] * 60]),
    "a text between texts": "|".join(["goal", *["join(@,[@,@,@])"] * 60]),
}


@pytest.mark.parametrize("name", COSTLY)
def test_an_expression_that_takes_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A short expression that asks for a huge value ends long before it has made one."""
    monkeypatch.setattr(bounded, "STEPS_MAX", 300_000)
    with pytest.raises(InvalidExpression) as refused:
        holds(COSTLY[name])
    most = "makes a text of more than 1,000,000 characters" if "text between" in name else "more than"
    assert most in refused.value.why
    assert "Name the field" in refused.value.remedy


def test_the_work_is_counted_over_all_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cheap once may be dear a thousand times; where it became so is told."""
    monkeypatch.setattr(bounded, "STEPS_MAX", 1_000)
    asked = Expression("phases[?state=='FAILED'] && held")
    with pytest.raises(InvalidExpression) as refused:
        any(asked.holds(VIEW, version) for version in range(1, 1_000))
    assert 10 < (refused.value.version or 0) < 500


@pytest.mark.parametrize(
    "text", ["phases[0].scope == phases[1].scope", "to_string(phases)", "contains(phases, 'x')", "[phases]"]
)
def test_what_is_looked_into_is_weighed_whole(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """To compare two large scopes is more work than to name one."""
    monkeypatch.setattr(bounded, "STEPS_MAX", 1_000)
    phases = [{**PHASE_EXAMPLE, "scope": {"paths": [["a"], ["b"]] * 300}} for _ in range(2)]
    view = {**VIEW, "phases": phases}
    assert Expression("phases[0].scope && phases[1].scope").holds(view, 1)
    with pytest.raises(InvalidExpression):
        Expression(text).holds(view, 1)


def test_a_long_list_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done to all items of a list at once is not one step."""
    monkeypatch.setattr(bounded, "STEPS_MAX", 1_000)
    for length, is_refused in ((1_000, False), (100_000, True)):
        view = {**VIEW, "annotations": NOTES * length}
        try:
            Expression("reverse(annotations)").holds(view, 1)
        except InvalidExpression:
            assert is_refused
        else:
            assert not is_refused


WORDS = st.sampled_from(
    ["state", "phases", "usage", "*", "[]", "[?", "[", "]", "(", ")", "{", "}", ":", ",", "@", "&", "|", "||",
     "&&", "!", "==", "<", "`1`", '`"a"`', "`{}`", "`x", "'x'", '"q"', '"\\ud800"', "1", "-1", ".", "length(",
     "to_string(", "sort_by(", "join(", "map(", "merge(", "contains(", "max_by(", "sum(", "to_number(", "a:",
     "[@,@]", "\x00", "é", " ", "\\"]
)  # fmt: skip


@settings(max_examples=400)
@given(words=st.lists(WORDS, max_size=12))
@example(words=["&", "state"])
@example(words=["{a:@}", ".", "a"])
def test_any_text_is_an_expression_or_refused(words: list[str]) -> None:
    """Whatever is sent, it holds, or it does not, or it is refused in words that can be sent back."""
    try:
        asked = Expression("".join(words))
        asked.holds(VIEW, 1)
    except InvalidExpression as refusal:
        told: object = [refusal.detail, refusal.remedy]
    else:
        told = asked.unfound
    assert orjson.dumps(told)
