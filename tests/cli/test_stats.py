"""The command that tells figures."""

from typing import Any

import pytest


@pytest.fixture
def failed(runnotary: Any) -> Any:
    """The command, where a run `one` has failed with an attempt, and a run `two` has not begun."""
    runnotary("create", "one", "--phase", "Build", "--label", "team=core")
    runnotary("propose", "one", "run.execution_started")
    runnotary("propose", "one", "phase.started", "--phase", "phase1-build")
    runnotary("propose", "one", "run.failed_environment")
    runnotary("create", "two", "--label", "team=web")
    return runnotary


def test_people_read_what_stands_and_what_happened(failed: Any) -> None:
    """States, rates, outcomes and tokens in words; what happened as a table by day."""
    told = failed("stats")
    assert (told.exit_code, told.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert lines[:6] == [
        "runs 2: 1 RUN_CREATED, 1 DONE_FAILED_ENVIRONMENT",
        "phases 1: 1 FAILED",
        "tokens 0 of 10,000,000; 0 runs over their cap",
        "runs that ended 1; 1 failed: 100.0%",
        "attempts that ended 1; 1 failed: 100.0%",
        "failed with RUN_FAILED: 1",
    ]
    assert lines[-1] == "all 1 1 100.0% 1 1 100.0% 0 0 0"


def test_a_label_has_a_table_of_its_values(failed: Any) -> None:
    """What happened to the runs of each value."""
    lines = [" ".join(line.split()) for line in failed("stats", "--label", "team").stdout.splitlines()]
    assert lines[-3].startswith("team ended failed")
    assert lines[-2:] == ["core 1 1 100.0% 1 1 100.0% 0 0 0", "web 0 0 0 0 0 0 0"]


def test_nothing_is_told_of_nothing(runnotary: Any) -> None:
    """Where nothing has happened there is no rate and no day."""
    runnotary("create", "one")
    told = runnotary("stats", "--label", "team=x")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0].split() == ["runs", "0"]


def test_a_day_that_is_none_is_refused(failed: Any) -> None:
    """The refusal names it."""
    told = failed("stats", "--since", "yesterday")
    assert told.exit_code == 1
    assert "since" in told.stderr
