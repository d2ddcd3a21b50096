"""The command that tells how a run came to be as it is."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from api.cli.audit import story_page


@pytest.fixture
def told(runnotary: Any) -> Any:
    """The command, where a run `one` has an attempt that failed, one that is open, and a refusal."""
    runnotary("create", "one", "--goal", "Be one", "--phase", "Build")
    starting = ("propose", "one", "phase.started", "--phase", "phase1-build", "--actor", "builder-1")
    assert runnotary(*starting).exit_code == 1
    runnotary("propose", "one", "run.execution_started", "--reason", "all is there", "--actor", "planner")
    runnotary(*starting, "--data", '{"executor": "b-1"}')
    failed = ("propose", "one", "phase.failed", "--phase", "phase1-build")
    runnotary(*failed, "--data", '{"outcome": "CI_FAILED", "detail": "3 red"}')
    runnotary("propose", "one", "phase.requeued", "--phase", "phase1-build")
    assert runnotary(*starting).exit_code == 0
    return runnotary


def test_people_read_facts_a_timeline_attempts_and_times(told: Any) -> None:
    """Refusals stand among the events; attempts have their outcome, and what goes on its time so far."""
    parts = told("audit", "one").stdout.split("\n\n")
    facts, timeline, attempts, times = (part.splitlines() for part in parts)
    assert facts[:4] == [
        "run        one",
        "state      PHASE_EXECUTION",
        "           since #3 run.execution_started by planner: all is there",
        "version    7",
    ]
    assert "told       events: 7, refusals: 1, attempts: 2, repairs: 0" in facts
    events = [line.split() for line in timeline[2:]]
    assert [words[0] for words in events if words[0].isdigit()] == list("1234567")
    refused = next(line for line in timeline if " refused " in line)
    assert timeline.index(refused) == 4
    assert "phase.started" in refused
    assert "builder-1  run-not-executing: No phase starts while" in refused
    started = next(words for words in events if "run.execution_started" in words)
    assert started[4:8] == ["run.execution_started", "RUN_CREATED", "→", "PHASE_EXECUTION"]
    assert started[-4:] == ["planner", "all", "is", "there"]
    assert [line.split()[:3] for line in attempts[1:]] == [
        ["phase1-build", "(1)", "b-1"],
        ["phase1-build", "(2)", "builder-1"],
    ]
    assert "#5 phase.failed  CI_FAILED: 3 red" in attempts[1]
    assert "(open)" in attempts[2]
    assert [line.endswith("so far") for line in times[1:]] == [False, True, False, True, False]


def test_a_phase_is_told_alone(told: Any) -> None:
    """--phase has the story of that phase, with its state among the facts."""
    assert told("propose", "one", "run.annotated", "--data", '{"text": "elsewhere"}').exit_code == 0
    page = told("audit", "one", "--phase", "phase1-build").stdout
    assert "phase      phase1-build is EXECUTING\n" in page
    assert "elsewhere" not in page


def test_markdown_is_printed_as_it_came(told: Any) -> None:
    """--markdown is the report, to be kept; with --json it is a slip of the pen."""
    page = told("audit", "one", "--markdown")
    assert page.stdout.startswith("# Audit of run `one`\n\n")
    assert page.stdout == told("audit", "one", "--markdown").stdout
    assert "; says: all is there\n" in page.stdout
    both = told("audit", "one", "--markdown", "--json")
    assert (both.exit_code, both.stdout) == (2, "")
    assert "--markdown" in both.stderr


def test_the_time_so_far_is_by_the_clock_of_the_reader(told: Any) -> None:
    """What goes on has its time until now; a clock that is behind makes no time of less than nothing."""
    story = json.loads(told("audit", "one", "--json").stdout)
    since = datetime.fromisoformat(story["run"]["states"][-1]["since"])

    def shown(now: datetime) -> str:
        console = Console(width=200)
        with console.capture() as captured:
            for part in story_page(story, now):
                console.print(part)
        (line,) = [
            line for line in captured.get().splitlines() if line.startswith("the run") and "so far" in line
        ]
        return " ".join(line.split())

    assert shown(since.replace(year=since.year + 1)).endswith("1 365 d 0 h so far")
    assert shown(datetime(2000, 1, 1, tzinfo=UTC)).endswith("1 0 ms so far")


def test_a_run_that_is_over_tells_no_time_so_far(told: Any) -> None:
    """Its times end with the last event."""
    told("propose", "one", "run.failed_environment")
    page = told("audit", "one").stdout
    assert "so far" not in page
    assert "implied; RUN_FAILED; run.failed_environment; caused by #9" in page


def test_what_is_outside_the_moves_is_marked(runnotary: Any, tmp_path: Any, record: Any) -> None:
    """An import is marked in `audit` and in `log`."""
    from api.ledger import Ledger
    from api.settings import Settings

    with Ledger.open(Settings(database_url=f"sqlite:///{tmp_path}/runnotary.db")) as ledger:
        record(ledger, "old", ("run.imported", "GATE", None, {"state": "GATE"}))
    for command, times in (("audit", 2), ("log", 1)):
        lines = [line for line in runnotary(command, "old").stdout.splitlines() if "run.imported" in line]
        assert len([line for line in lines if "outside the moves" in line]) == len(lines) == times
    assert "since #1 run.imported (outside the moves) by tester\n" in runnotary("audit", "old").stdout


def test_refusals_that_may_be_missing_are_said_to_be(runnotary: Any) -> None:
    """Once the oldest were let go, the page says so."""
    runnotary("create", "one")
    for _ in range(3):
        runnotary("propose", "one", "run.gate_entered", RUNNOTARY_REFUSALS_MAX="2")
    assert "may be missing: only the newest are kept." in runnotary("audit", "one").stdout
