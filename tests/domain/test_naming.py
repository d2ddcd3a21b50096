"""Which names are ids, and what runs and phases are called when nobody names them."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.naming import ID_PATTERN, SLUG_LENGTH_MAX, is_id, phase_id_for, run_id_for, slug
from domain.proposals import added_phase, new_run, proposed_event
from domain.refusals import InvalidBody, InvalidId
from tests.domain.conftest import RUN_ID, UNHURRIED

IDS = ["a", "7", "T1", "F1.1", "nightly-42", "A_b-c.d", "research-system-v1", "x..y", "a" * 128]
NOT_IDS = [
    "",
    " ",
    "-a",
    ".a",
    "_a",
    "a b",
    "a/b",
    "a\n",
    "\na",
    "a\x00",
    "ä",
    "a\u2028",
    "٣",
    "../x",
    "a" * 129,
    "a%20b",
]


@pytest.mark.parametrize("name", IDS)
def test_plain_names_are_ids(name: str) -> None:
    """Letters, digits, dots, dashes and underscores make an id, from one to 128 of them."""
    assert is_id(name)
    assert new_run({"run_id": name, "phases": [{"phase_id": name, "tier_id": name}]}).run_id == name
    assert proposed_event({"type": "phase.started", "phase_id": name, "event_id": name}, name).run_id == name


@pytest.mark.parametrize("name", NOT_IDS)
def test_anything_else_is_none(name: str) -> None:
    """What would have to be quoted in a path or a shell is no id, nor is what ends in a line break."""
    assert not is_id(name)
    calls: list[Callable[[], object]] = [
        lambda: new_run({"run_id": name}),
        lambda: added_phase({"phase_id": name}, RUN_ID),
        lambda: proposed_event({"type": "run.created"}, name),
        lambda: proposed_event({"type": "run.created", "run_id": name}),
        lambda: proposed_event({"type": "run.created", "event_id": name}, RUN_ID),
        lambda: proposed_event({"type": "phase.started", "phase_id": name}, RUN_ID),
    ]
    for read in calls:
        with pytest.raises((InvalidId, InvalidBody)):
            read()


@pytest.mark.parametrize("name", [name for name in NOT_IDS if "\x00" not in name])
def test_a_tier_is_called_by_an_id_too(name: str) -> None:
    """The id of a tier obeys the same rule, and is pointed at."""
    with pytest.raises(InvalidBody) as refusal:
        proposed_event({"type": "run.created", "data": {"tiers": [{"tier_id": name}]}}, RUN_ID)
    assert [error["pointer"] for error in refusal.value.errors] == ["/data/tiers/0/tier_id"]


@given(st.text(max_size=140))
@UNHURRIED
def test_the_pattern_that_is_shown_is_the_rule_that_is_kept(name: str) -> None:
    """The pattern of the schemas and the check agree, but for the line break that `$` of Python lets pass."""
    assert is_id(name) == (re.search(ID_PATTERN, name) is not None and not name.endswith("\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Predict output sizes", "predict-output-sizes"),
        ("  Fix: the *cache*, again!  ", "fix-the-cache-again"),
        ("Résumé für Zoë", "resume-fur-zoe"),
        ("v1.2/3_4", "v1-2-3-4"),
        ("日本語", ""),
        ("--- ---", ""),
        ("", ""),
        ("word " * 30, "-".join(["word"] * 12)),
        ("x" * 200 + " y", "x" * SLUG_LENGTH_MAX),
    ],
)
def test_a_slug_is_lower_case_words(text: str, words: str) -> None:
    """Words are joined by dashes, whole as long as they fit."""
    assert slug(text) == words


@given(st.text(max_size=300))
@UNHURRIED
def test_a_slug_of_anything_is_short_and_plain(text: str) -> None:
    """Whatever a goal holds, its slug is ASCII, bounded, and its own slug."""
    words = slug(text)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", words)
    assert len(words) <= SLUG_LENGTH_MAX
    assert slug(words) == words


@given(st.text(max_size=300), st.integers(0, 10**9))
@UNHURRIED
def test_every_name_that_is_made_is_an_id(text: str, number: int) -> None:
    """A run or phase that is named for anything has an id, and the two are told apart by it."""
    run_id, phase_id = run_id_for(text, number), phase_id_for(number, text, number)
    assert is_id(run_id)
    assert is_id(phase_id)
    assert re.match(rf"phase{number}(-|\Z)", phase_id)


def test_a_run_is_named_for_its_goal() -> None:
    """The second run with a goal is number 2, and one without words is simply a run."""
    assert [run_id_for("Fix the cache", taken) for taken in (0, 1, 2)] == [
        "fix-the-cache",
        "fix-the-cache-2",
        "fix-the-cache-3",
    ]
    assert [run_id_for("日本語", taken) for taken in (0, 1)] == ["run", "run-2"]


def test_a_phase_is_named_for_its_number_and_name() -> None:
    """A phase without a name has its number alone."""
    assert phase_id_for(3, "Write docs") == "phase3-write-docs"
    assert [phase_id_for(3, nameless) for nameless in (None, "", "!")] == ["phase3"] * 3
    assert [phase_id_for(3, "Docs", taken) for taken in (0, 1, 2)] == [
        "phase3-docs",
        "phase3-docs-2",
        "phase3-docs-3",
    ]
