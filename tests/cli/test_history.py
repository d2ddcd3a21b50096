"""Commands that ask the history of a run."""

import json
from typing import Any

import pytest

from api.cli.history import sides
from api.cli.options import place


@pytest.fixture
def built(runnotary: Any) -> Any:
    """The command, where a run `one` was built by `builder-1`, and `ada` moved its label; at version 7."""
    runnotary("create", "one", "--phase", "Build", "--label", "team=core")
    runnotary("propose", "one", "run.execution_started", "--actor", "ada")
    start = ("propose", "one", "phase.started", "--phase", "phase1-build", "--actor", "builder-1")
    assert runnotary(*start).exit_code == 0
    usage = ("phase.usage_recorded", "--phase", "phase1-build", "--data", '{"tokens_used": 1200}')
    runnotary("propose", "one", *usage, "--actor", "builder-1")
    labels = '{"labels": {"team": null, "squad": "web"}}'
    runnotary("propose", "one", "run.labelled", "--data", labels, "--reason", "moved", "--actor", "ada")
    assert runnotary("propose", "one", "run.gate_entered", "--actor", "ada").exit_code == 0
    return runnotary


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_show_tells_a_run_as_it_was(built: Any) -> None:
    """By its version, or by the position that the log had come to; later than all is now."""
    assert "state    RUN_CREATED\nversion  2\n" in built("show", "one@2").stdout
    assert "state    PHASE_EXECUTION\nversion  3\n" in built("show", "one", "--at-position", "3").stdout
    now = built("show", "one").stdout
    assert built("show", "one", "--at", "2999-01-01T00:00:00Z").stdout == now == built("show", "one@").stdout


def test_a_version_that_never_was_is_refused_with_those_that_were(built: Any) -> None:
    """The answer says which there are, and what to try."""
    told = built("show", "one@99")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.splitlines() == [
        "refused  no-such-version",
        "  Run 'one' has no version 99; it is at 7.",
        "  remedy: Ask for a version from 1 to 7, or leave it out for the run as it is.",
        "  try: runnotary show one",
    ]


def test_diff_tells_fields_and_events(built: Any) -> None:
    """What the one version has and the other has, and who did what in between and why."""
    told = rows(built("diff", "one", "4", "6").stdout)
    assert told[0] == ["one@4", "PHASE_EXECUTION", "→", "one@6", "PHASE_EXECUTION"]
    assert told[2] == ["field", "one@4", "one@6"]
    assert ["usage/tokens_used", "0", "1200"] in told
    assert ["labels/squad", "web"] in told
    assert ["labels/team", "core"] in told
    assert told[-1][:4] == ["6", "run.labelled", "ada", "moved"]
    assert len(told) == 2 + 1 + 4 + 1 + 3


def test_diff_leaves_out_what_is_new_and_empty(built: Any) -> None:
    """A phase that was added has a line for each field that holds something."""
    told = built("diff", "one", "1", "2").stdout
    assert "phases/phase1-build/name" in told
    assert "null" not in told


def test_diff_of_a_run_alone_tells_what_happened_last(built: Any) -> None:
    """As `git show` does."""
    assert "state  PHASE_EXECUTION  GATE\n" in built("diff", "one").stdout
    told = built("diff", "one", "7")
    assert (told.exit_code, told.stderr) == (0, "No difference.\n")
    assert built("diff", "one", "0", "1").stdout.startswith("one@0 (new) → one@1 RUN_CREATED\n")


def test_diff_of_two_runs_has_no_events(built: Any) -> None:
    """Only fields."""
    built("create", "two", "--phase", "Build")
    told = rows(built("diff", "one@2", "two").stdout)
    assert told[0] == ["one@2", "RUN_CREATED", "→", "two@2", "RUN_CREATED"]
    assert {line[0] for line in told[3:]} == {"labels/team", "created_at"}


def test_a_long_diff_says_where_the_rest_is(built: Any) -> None:
    """Only the first events are listed."""
    for _ in range(20):
        built("propose", "one", "run.annotated", "--data", '{"text": "x"}')
    told = built("diff", "one", "27", "1")
    assert told.stderr == "And 6 more events: runnotary log one --after 21\n"
    assert built("log", "one", "--after", "21").stdout.count("run.annotated") == 6


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("one", None, None), {}),
        (("one", "3", None), {"from": "3"}),
        (("one", "3", "5"), {"from": "3", "to": "5"}),
        (("one@3", None, None), {"from": "3"}),
        (("one@3", "5", None), {"from": "3", "to": "5"}),
        (("one", "two", None), {"from": None, "with": "two", "to": None}),
        (("one@3", "two@5", None), {"from": "3", "with": "two", "to": "5"}),
        (("one", "42@", None), {"from": None, "with": "42", "to": None}),
        (("42@7", "42@8", None), {"from": "7", "with": "42", "to": "8"}),
        (("42", "7", None), {"from": "7"}),
    ],
)
def test_what_diff_compares_is_never_a_guess(words: tuple[str, str | None, str | None], asked: Any) -> None:
    """Digits behind the run are versions; anything else is another run, as is a number with an @."""
    run, what, to = words
    assert sides(place(run), what, to) == asked


@pytest.mark.parametrize(
    "words",
    [
        ("diff", "one", "two", "3"),
        ("diff", "one@1", "2", "3"),
        ("diff", "one", "1", "two"),
        ("diff", "one", "1", "2", "3"),
        ("diff", "one", "two@x"),
        ("diff", "one", "a/b"),
        ("diff", "@3"),
        ("diff", "one", "３"),  # noqa: RUF001  # a digit of another alphabet
        ("show", "one@-1"),
        ("show", "one@2@3"),
        ("show", "one@2", "--at-position", "3"),
        ("show", "one", "--at-position", "0"),
        ("blame", "one@x"),
        ("bisect", "one"),
        ("bisect", "one@3", "--expr", "held"),
    ],
)
def test_what_cannot_be_meant_is_a_slip_of_the_pen(runnotary: Any, words: tuple[str, ...]) -> None:
    """A word too many, or one that is neither run nor version, is not sent anywhere."""
    told = runnotary(*words)
    assert (told.exit_code, told.stdout) == (2, "")


def test_blame_tells_who_set_every_field(built: Any) -> None:
    """A line a field, with the event that set it last."""
    told = rows(built("blame", "one").stdout)
    assert told[0] == ["#", "at", "(UTC)", "by", "event", "field", "value"]
    assert next(line for line in told if line[-2] == "usage/tokens_used")[3:] == [
        "builder-1", "phase.usage_recorded", "usage/tokens_used", "1200",
    ]  # fmt: skip
    phase = rows(built("blame", "one", "--phase", "phase1-build").stdout)
    assert all(line[-2].startswith("phases/phase1-build/") for line in phase[1:])


def test_blame_of_a_field_tells_what_it_was(built: Any) -> None:
    """And how often it was set, by whom, and why; also where it was taken away."""
    told = built("blame", "one", "team").stdout.splitlines()
    assert [line for line in told if not line.startswith("at ")] == [
        "field      labels/team",
        "value      (removed)",
        "before     core",
        "set by     #6  run.labelled",
        "by         ada",
        "reason     moved",
        "times set  2",
    ]
    assert "before     (not there)\n" in built("blame", "one@5", "team").stdout
    assert "phases/phase1-build/attempt" in built("blame", "one", "attempt", "--phase", "phase1-build").stdout


def test_bisect_finds_the_event_that_made_it_so(built: Any) -> None:
    """And tells whether it still holds."""
    told = built("bisect", "one", "--expr", "usage.tokens_used > `1000`")
    assert (told.exit_code, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert lines[0] == "It first holds at version 5:"
    assert lines[2].split()[:4] == ["5", "phase.usage_recorded", "phase1-build", "builder-1"]
    assert lines[3] == "It has held ever since, up to version 7."
    gone = built("bisect", "one", "--expr", "state == 'PHASE_EXECUTION'").stdout
    assert gone.endswith("It does not hold now, at version 7.\n")
    again = built("bisect", "one", "--expr", "version != `5`").stdout
    assert again.endswith("It holds now, since version 6; not always in between.\n")


def test_what_never_held_is_exit_1(built: Any) -> None:
    """As with grep; a text without its quotes is recognised."""
    told = built("bisect", "one", "--expr", "state == 'READY'")
    assert (told.exit_code, told.stdout) == (1, "It never holds, from version 1 to 7.\n")
    assert told.stderr == ""
    told = built("bisect", "one", "--expr", 'state == "GATE"')
    assert told.exit_code == 1
    assert told.stderr.startswith("There was no field called GATE. Texts stand in 'single quotes'")
    told = built("bisect", "one", "--expr", "held", "--json")
    assert (told.exit_code, json.loads(told.stdout)["version"]) == (1, None)
    told = built("bisect", "one", "--expr", "usage.tokens_used > 1000")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "Numbers stand in backticks: `1000`." in told.stderr
