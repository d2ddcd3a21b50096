"""Commands that have something recorded."""

import json
from typing import Any

import pytest


@pytest.fixture
def executing(runnotary: Any) -> Any:
    """The command, where a run `one` executes and its phase `phase1-build` waits."""
    assert runnotary("create", "one", "--phase", "Build").exit_code == 0
    assert runnotary("propose", "one", "run.execution_started").exit_code == 0
    return runnotary


def last_event(runnotary: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(runnotary("log", "one", "--json").stdout)["items"][-1]
    return event


def test_a_run_is_named_after_its_goal(runnotary: Any) -> None:
    """A goal is enough to create a run; the answer is shown as `show` shows it."""
    told = runnotary("create", "--goal", "Fit the budget", "--phase", "Build", "--phase", "Test")
    assert told.exit_code == 0
    assert told.stdout == runnotary("show", "fit-the-budget").stdout


def test_create_takes_labels_and_an_opening_state(runnotary: Any) -> None:
    """Labels and the opening state can be given, and --json prints the answer."""
    run = json.loads(
        runnotary(
            "create", "one", "--label", "team=core", "--label", "note=a=b", "--state", "QUEUED", "--json"
        ).stdout
    )
    assert (run["state"], run["labels"]) == ("QUEUED", {"team": "core", "note": "a=b"})


def test_a_run_needs_a_name_or_a_goal(runnotary: Any, tmp_path: Any) -> None:
    """Without either it is a slip of the pen, and nothing is opened."""
    told = runnotary("create")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "--goal" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_came_of_a_proposal_is_told(executing: Any) -> None:
    """The event, its number and its states are told, and where the run stands."""
    told = executing("propose", "one", "phase.started", "--phase", "phase1-build")
    assert told.stdout.splitlines() == [
        "#4  phase.started  phase1-build (1)  QUEUED → EXECUTING",
        "run one is PHASE_EXECUTION, version 4",
    ]


def test_what_an_event_implies_is_told_too(executing: Any) -> None:
    """Failing a run with a phase in work tells of the phase first."""
    executing("propose", "one", "phase.started", "--phase", "phase1-build")
    told = executing("propose", "one", "run.failed_environment")
    assert [line.split()[:2] for line in told.stdout.splitlines()[:2]] == [
        ["#5", "phase.failed"],
        ["#6", "run.failed_environment"],
    ]


def test_the_attempt_is_asked_for_where_none_is_given(executing: Any) -> None:
    """An event of an open attempt speaks for the current one, and the command says so."""
    executing("propose", "one", "phase.started", "--phase", "phase1-build")
    told = executing("propose", "one", "phase.completed", "--phase", "phase1-build")
    assert told.stderr == "For attempt 1, the current one of phase1-build.\n"
    assert (last_event(executing)["type"], last_event(executing)["attempt"]) == ("phase.completed", 1)


def test_a_given_attempt_is_sent_as_it_is(executing: Any) -> None:
    """Whoever names an attempt is judged by it."""
    executing("propose", "one", "phase.started", "--phase", "phase1-build")
    told = executing("propose", "one", "phase.completed", "--phase", "phase1-build", "--attempt", "2")
    assert told.exit_code == 1
    assert "refused  stale-attempt" in told.stderr


def test_before_the_first_attempt_there_is_none_to_name(executing: Any) -> None:
    """A phase that was never started has no attempt, and the refusal is the machine's."""
    told = executing("propose", "one", "phase.completed", "--phase", "phase1-build")
    assert told.exit_code == 1
    assert told.stderr.startswith("refused  illegal-move\n")


def test_data_and_reason_are_kept(executing: Any) -> None:
    """--data is the event's data, and --reason is one of them."""
    executing("propose", "one", "run.annotated", "--data", '{"text": "süß"}', "--reason", "for the record")
    assert last_event(executing)["data"] == {"text": "süß", "reason": "for the record"}


@pytest.mark.parametrize("data", ["{", "[1]", '{"a": 1, "a": 2}', "NaN", '{"a": 1e999}', "{" * 4000])
def test_data_that_is_no_json_object_is_a_slip_of_the_pen(executing: Any, data: str) -> None:
    """What is not one JSON object, each key once, is told before anything is sent."""
    told = executing("propose", "one", "run.annotated", "--data", data)
    assert told.exit_code == 2
    assert "Error: Invalid value for --data: " in told.stderr


def test_a_report_that_comes_again_adds_nothing(executing: Any) -> None:
    """The same key, or the same report, is answered again."""
    words = ["propose", "one", "run.annotated", "--data", '{"text": "once"}', "--key", "k-1"]
    first, second = executing(*words), executing(*words)
    assert (first.stdout, first.stderr) == (second.stdout, "")
    assert second.stderr == "It had been recorded before; nothing was added.\n"


def test_an_expected_version_is_insisted_on(executing: Any) -> None:
    """--expect has the event recorded at that version only."""
    told = executing("propose", "one", "run.held", "--expect", "2")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("refused  version-mismatch\n")
    assert executing("propose", "one", "run.held", "--expect", "3").exit_code == 0


@pytest.mark.parametrize(
    ("environment", "actor"),
    [({"LOGNAME": "ada"}, "cli:ada"), ({"LOGNAME": "ada of the tower"}, "cli"), ({"LOGNAME": "ädä"}, "cli")],
)
def test_whoever_sits_at_the_terminal_is_the_actor(
    executing: Any, environment: dict[str, str], actor: str
) -> None:
    """The user's name is recorded, where it can be."""
    executing("propose", "one", "run.held", **environment)
    assert last_event(executing)["actor"] == actor


def test_an_actor_can_be_named(executing: Any) -> None:
    """--actor is recorded as it is; what no header takes is a slip of the pen."""
    executing("propose", "one", "run.held", "--actor", "planner")
    assert last_event(executing)["actor"] == "planner"
    told = executing("propose", "one", "run.unheld", "--actor", "ädä")
    assert told.exit_code == 2
    assert "--actor" in told.stderr


def test_json_of_a_proposal_is_the_answer(executing: Any) -> None:
    """With --json the answer is printed as it came."""
    told = json.loads(executing("propose", "one", "run.held", "--json").stdout)
    assert (told["event"]["type"], told["run"]["version"]) == ("run.held", 4)
