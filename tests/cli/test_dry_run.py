"""The command that asks what would happen."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app


@pytest.fixture
def executing(runnotary: Any) -> Any:
    """The command, where a run `one` executes and its phase `phase1-build` waits."""
    assert runnotary("create", "one", "--phase", "Build").exit_code == 0
    assert runnotary("propose", "one", "run.execution_started").exit_code == 0
    return runnotary


def head(runnotary: Any) -> str:
    said: str = runnotary("log", "one", "--json").stdout + runnotary("refusals", "one", "--json").stdout
    return said


def results(told: Any) -> list[list[str]]:
    """Of each result the number or what came of it, and the event."""
    return [line.split()[:2] for line in told.stdout.splitlines() if line.startswith(("  #", "  refused  "))]


def test_it_tells_what_would_happen_and_records_nothing(executing: Any) -> None:
    """The event is told as it would be recorded, and the run as it would be."""
    before = head(executing)
    told = executing("dry-run", "one", "phase.started", "--phase", "phase1-build")
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        "from version 3 of run one:",
        "  #4  phase.started  phase1-build (1)  QUEUED → EXECUTING",
        "run one would be PHASE_EXECUTION, version 4",
    ]
    assert head(executing) == before


def test_what_would_be_refused_is_told_with_its_remedy(executing: Any) -> None:
    """The command ends with 1, and nothing is kept of it."""
    before = head(executing)
    told = executing("dry-run", "one", "run.succeeded")
    assert told.exit_code == 1
    assert told.stdout.splitlines() == [
        "from version 3 of run one:",
        "  refused  run.succeeded  phases-open",
        "      Run 'one' cannot succeed: phase1-build is QUEUED.",
        "      remedy: Complete or skip these phases, or end the run with one of run.failed_*.",
        "1 of 1 would be refused",
        "run one would be PHASE_EXECUTION, version 3",
    ]
    assert head(executing) == before


def test_the_attempt_is_asked_for_where_none_is_given(executing: Any) -> None:
    """As for `propose`, unless an earlier version is meant, whose attempt nobody knows."""
    executing("propose", "one", "phase.started", "--phase", "phase1-build")
    words = ["dry-run", "one", "phase.completed", "--phase", "phase1-build", "--reason", "done"]
    told = executing(*words)
    assert told.stderr == "For attempt 1, the current one of phase1-build.\n"
    assert "#5  phase.completed  phase1-build (1)  EXECUTING → COMPLETE\n" in told.stdout
    assert "attempt-required" in executing(*words, "--at-version", "4").stdout


def test_several_events_come_from_a_file(executing: Any, tmp_path: Path) -> None:
    """A JSON list is tried in its order; --atomic ends with the first that is refused."""
    events = [
        {"type": "run.gate_entered"},
        {"type": "run.queued"},
        {"type": "run.held"},
        {"type": "run.held"},
    ]
    (tmp_path / "events.json").write_text(json.dumps(events))
    told = executing("dry-run", "one", "--events", "events.json")
    assert results(told) == [
        ["#4", "run.gate_entered"], ["refused", "run.queued"], ["#5", "run.held"], ["#6", "run.held"],
    ]  # fmt: skip
    told = executing("dry-run", "one", "--events", "events.json", "--atomic")
    assert told.stdout.endswith(
        "  2 more were not looked at\n1 of 4 would be refused\nrun one would be PHASE_EXECUTION, version 3\n"
    )


def test_several_events_come_from_standard_input(executing: Any) -> None:
    """With `-` the list is read there; what is no list is a slip of the pen, and so is a missing file."""
    words = ["dry-run", "one", "--events", "-"]
    for text, code in (('[{"type": "run.held"}]', 0), ('{"type": "run.held"}', 2), ("[", 2)):
        assert CliRunner().invoke(app, words, input=text).exit_code == code
    assert executing("dry-run", "one", "--events", "nowhere.json").exit_code == 2


def test_a_report_that_was_made_is_a_repeat(executing: Any) -> None:
    """It names the event that it repeats, and is not refused."""
    executing("propose", "one", "phase.started", "--phase", "phase1-build")
    executing("propose", "one", "phase.completed", "--phase", "phase1-build")
    told = executing("dry-run", "one", "phase.completed", "--phase", "phase1-build")
    assert told.exit_code == 0
    assert "  repeats #5  phase.completed  phase1-build (1)\n" in told.stdout


@pytest.fixture
def built(executing: Any) -> Any:
    """The command, where the run went on to its end: events 4 to 8, and a note."""
    for words in (
        ["phase.started", "--phase", "phase1-build"],
        ["phase.completed", "--phase", "phase1-build"],
        ["run.gate_entered"],
        ["run.succeeded"],
        ["run.annotated", "--data", '{"text": "well done"}'],
    ):
        assert executing("propose", "one", *words).exit_code == 0
    return executing


def test_what_if_an_event_had_been_refused(built: Any) -> None:
    """--without tries the events that followed it from the version before it."""
    told = built("dry-run", "one", "--without", "5")
    assert told.exit_code == 1
    lines = told.stdout.splitlines()
    assert lines[0] == "from version 4 of run one:"
    assert results(told) == [
        ["#5", "run.gate_entered"], ["refused", "run.succeeded"], ["#6", "run.annotated"],
    ]  # fmt: skip
    assert lines[-1] == "run one would be GATE, version 6"
    nothing_lost = built("dry-run", "one", "--without", "6")
    assert (nothing_lost.exit_code, nothing_lost.stdout.splitlines()[-1]) == (
        0,
        "run one would be DONE_SUCCESS, version 7",
    )


def test_a_start_that_is_tried_again_opens_the_next_attempt(executing: Any) -> None:
    """Which attempt a start opens follows from what was left out; a report names the one that it names."""
    for words in (
        ["phase.started", "--phase", "phase1-build"],
        ["phase.released", "--phase", "phase1-build"],
        ["phase.started", "--phase", "phase1-build"],
        ["phase.completed", "--phase", "phase1-build"],
    ):
        executing("propose", "one", *words)
    told = executing("dry-run", "one", "--without", "4").stdout
    assert "#4  phase.started  phase1-build (1)  QUEUED → EXECUTING" in told
    assert "refused  phase.completed  phase1-build (2)  stale-attempt" in told


def test_what_an_event_implied_goes_with_it(executing: Any) -> None:
    """Without a run's failure there is no failure of its phase; an implied event is not left out alone."""
    executing("propose", "one", "phase.started", "--phase", "phase1-build")
    executing("propose", "one", "run.failed_environment")
    executing("propose", "one", "run.annotated", "--data", '{"text": "why?"}')
    told = executing("dry-run", "one", "--without", "6")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0] == "from version 4 of run one:"
    assert told.stdout.splitlines()[-1] == "run one would be PHASE_EXECUTION, version 5"
    implied = executing("dry-run", "one", "--without", "5")
    assert (implied.exit_code, implied.stdout) == (1, "")
    assert "--without 6" in implied.stderr


def test_it_says_when_there_is_nothing_to_try(built: Any) -> None:
    """An event that is not there, or that nothing followed, is told in a line."""
    for version, said in (("9", "it has no event 9"), ("8", "Event 8 is the last")):
        told = built("dry-run", "one", "--without", version)
        assert (told.exit_code, told.stdout) == (1, "")
        assert said in told.stderr


def test_a_run_that_nobody_created_can_be_tried(executing: Any, tmp_path: Path) -> None:
    """From version 0 a run begins with what opens it."""
    told = executing("dry-run", "two", "run.created", "--at-version", "0")
    assert told.stdout.splitlines()[-1] == "run two would be RUN_CREATED, version 1"
    told = executing("dry-run", "two", "run.held", "--at-version", "0")
    assert told.stdout.splitlines()[-1] == "there would be no run"
    missing = executing("dry-run", "two", "run.created")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("refused  run-not-found\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run.held", "--without", "2"],
        ["--events", "x.json", "--without", "2"],
        ["--without", "2", "--at-version", "1"],
        ["--without", "2", "--phase", "phase1-build"],
        ["--events", "x.json", "--expect", "3"],
    ],
)
def test_one_thing_is_asked_at_a_time(executing: Any, words: list[str]) -> None:
    """An event, a file, or what was left out: anything else is a slip of the pen."""
    told = executing("dry-run", "one", *words)
    assert (told.exit_code, told.stdout) == (2, "")


def test_json_is_the_answer_as_it_came(executing: Any) -> None:
    """With --json there is one document, and the exit code says the same."""
    told = executing("dry-run", "one", "run.queued", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["results"][0]["problem"]["code"] == "illegal-move"
