"""How refusals read, and whether what they tell to try can be tried."""

import shlex
from typing import Any

import pytest

from api.cli.refused import command_for
from domain.refusals import RunHeld


@pytest.fixture
def built(runnotary: Any) -> Any:
    """The command, where a run `one` with a phase `phase1-build` was created."""
    assert runnotary("create", "one", "--phase", "Build").exit_code == 0
    return runnotary


def tried(told: Any) -> list[str]:
    """The command that a refusal tells to try, without the program's name."""
    (line,) = [line for line in told.stderr.splitlines() if line.startswith("  try: ")]
    program, *words = shlex.split(line.removeprefix("  try: "))
    assert program == "runnotary"
    return words


def test_a_refusal_has_code_detail_remedy_and_what_to_try(built: Any) -> None:
    """Everything about a refusal is on standard error, and nothing on standard output."""
    told = built("propose", "one", "phase.started", "--phase", "phase1-build")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.splitlines() == [
        "refused  run-not-executing",
        "  No phase starts while run 'one' is RUN_CREATED.",
        "  remedy: Propose run.execution_started; then start the phase again.",
        "  try: runnotary propose one run.execution_started",
    ]


def test_what_to_try_clears_the_way(built: Any) -> None:
    """The command of a refusal does what its remedy says, and then the first one is accepted."""
    start = ["propose", "one", "phase.started", "--phase", "phase1-build"]
    assert built(*tried(built(*start))).exit_code == 0
    assert built(*start).exit_code == 0


def test_a_run_that_is_over_tells_how_it_goes_on(built: Any) -> None:
    """The remedy's data come along, quoted so that a shell takes them as they are."""
    built("propose", "one", "run.failed_environment")
    told = built("propose", "one", "phase.skipped", "--phase", "phase1-build", "--reason", "x")
    assert tried(told) == ["propose", "one", "run.reopened", "--reason", "say why"]
    assert built(*tried(told)).exit_code == 0


def test_what_is_not_there_can_be_made(built: Any) -> None:
    """A missing run and a missing phase come with the command that makes them, and names that are close."""
    missing = built("show", "ona")
    assert "Did you mean one?" in missing.stderr
    assert built(*tried(missing)).exit_code == 0
    phase = built("propose", "one", "phase.annotated", "--phase", "phase2", "--data", '{"text": "x"}')
    assert phase.stderr.startswith("refused  phase-not-found\n")
    assert built(*tried(phase)).exit_code == 0


@pytest.mark.parametrize(
    ("words", "then"),
    [
        (["propose", "one", "run.created"], ["moves", "one"]),
        (["propose", "one", "run.made"], ["machine"]),
        (["create", "one"], ["show", "one"]),
        (["schema", "phase.faled"], ["schema"]),
        (["propose", "one", "run.annotated"], ["schema"]),
        (
            ["moves", "one", "--to", "COMPLETE"],
            ["moves", "one", "--to", "COMPLETE", "--phase", "phase1-build"],
        ),
        (
            ["moves", "one", "--to", "DONE_SUCCESS", "--phase", "phase1-build"],
            ["moves", "one", "--to", "DONE_SUCCESS"],
        ),
        (["show", "one@9"], ["show", "one"]),
        (["blame", "one", "stat"], ["blame", "one"]),
    ],
)
def test_where_nothing_clears_the_way_there_is_something_to_read(
    built: Any, words: list[str], then: list[str]
) -> None:
    """A refusal that no event can lift tells where to look, and looking works."""
    told = built(*words)
    assert (told.exit_code, tried(told)) == (1, then)
    assert built(*then).exit_code == 0


def test_a_slip_in_an_event_type_is_recognised(built: Any) -> None:
    """The event that was meant is named."""
    told = built("propose", "one", "phase.startd", "--phase", "phase1-build")
    assert "Did you mean phase.started" in told.stderr


def test_legal_events_are_named(built: Any) -> None:
    """Whoever may not do this is told what may be done."""
    told = built("propose", "one", "run.gate_entered")
    assert "remedy: Propose one that is legal now: run.phases_queued, run.execution_started," in told.stderr


def test_what_to_try_goes_to_the_same_place(runnotary: Any, service: Any, tmp_path: Any) -> None:
    """A server or database that was named is named again."""
    assert tried(runnotary("show", "nobody", "--server", service.url))[-2:] == ["--server", service.url]
    database = f"sqlite:///{tmp_path}/its own.db"
    runnotary("create", "one", "--database", database)
    told = runnotary("show", "two", "--database", database)
    assert runnotary(*tried(told)).exit_code == 0
    assert runnotary("show", "two", "--database", database).exit_code == 0


def test_a_remedy_that_says_less_is_filled_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Legal events and close names that the remedy leaves out have lines of their own."""
    from api.cli.refused import tell

    tell(
        {"status": 409, "code": "c", "detail": "d", "remedy": "Try a.", "legal": ["a", "b"], "similar": ["x"]}
    )
    assert capsys.readouterr().err.splitlines()[-2:] == ["  legal now: b", "  similar: x"]


def test_every_proposal_that_a_refusal_makes_is_a_command() -> None:
    """A call with a phase, an attempt and data becomes the command with these options."""
    call = {
        "method": "POST",
        "path": "/v1/runs/one/events",
        "body": {
            "type": "phase.failed",
            "phase_id": "p",
            "attempt": 2,
            "data": {"outcome": "X", "reason": "r"},
        },
    }
    assert command_for(call) == [
        "propose", "one", "phase.failed", "--phase", "p", "--attempt", "2",
        "--data", '{"outcome":"X"}', "--reason", "r",
    ]  # fmt: skip
    event = RunHeld("one", "p").next_event
    assert command_for({"method": "POST", "path": "/v1/runs/one/events", "body": event}) == [
        "propose", "one", "run.unheld",
    ]  # fmt: skip
    assert command_for({}) is None
    assert command_for({"method": "GET", "path": "/openapi.json"}) is None


def test_an_id_that_is_none_is_a_slip_of_the_pen(runnotary: Any) -> None:
    """What cannot be an id never becomes part of a path."""
    for word in ("a/b", "", "-x/..", "a b", "é"):
        told = runnotary("show", "--", word)
        assert told.exit_code == 2, word
        assert "is no id" in told.stderr
