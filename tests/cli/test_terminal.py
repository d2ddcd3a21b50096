"""What is printed where: terminals, pipes, closed pipes, and odd characters."""

import os
from typing import Any

import pytest
from rich.console import Console
from typer.main import get_command

from api.cli import app, output

ALL = [
    "serve",
    "demo",
    "create",
    "runs",
    "show",
    "log",
    "tail",
    "audit",
    "moves",
    "dry-run",
    "diff",
    "blame",
    "bisect",
    "propose",
    "annotate",
    "label",
    "preserve",
    "unpreserve",
    "archive",
    "unarchive",
    "hold",
    "unhold",
    "claim",
    "heartbeat",
    "leases",
    "refusals",
    "quarantine",
    "stats",
    "seals",
    "verify",
    "rebuild",
    "replay-recording",
    "machine",
    "schema",
    "export",
    "restore",
    "import-autopack",
    "doctor",
]
OF_APPROVALS = ["list", "grant", "deny"]
OF_REPAIR = ["propose", "list", "show", "approve", "reject"]
OF_DATABASE = ["upgrade", "guard", "seal", "harden"]
OF_WEBHOOKS = ["add", "list", "show", "remove", "dead", "resend"]
GROUPS = {"approvals": OF_APPROVALS, "repair": OF_REPAIR, "webhooks": OF_WEBHOOKS, "db": OF_DATABASE}
READING = [
    "runs",
    "show",
    "log",
    "tail",
    "audit",
    "moves",
    "leases",
    "refusals",
    "quarantine",
    "repair",
    "stats",
    "seals",
    "verify",
    "machine",
    "schema",
    "doctor",
]


def test_every_command_is_listed_whole(runnotary: Any) -> None:
    """The list of commands has each with a sentence that fits."""
    told = runnotary("--help").stdout
    listed = [line.split()[0] for line in told.partition("Commands:\n")[2].splitlines()]
    assert listed == [*ALL, *GROUPS]
    assert "..." not in told.partition("Commands:\n")[2]
    for group, commands in GROUPS.items():
        told = runnotary(group, "--help").stdout.partition("Commands:\n")[2]
        assert [line.split()[0] for line in told.splitlines()] == commands
        assert "..." not in told


@pytest.mark.parametrize(
    "command", [[name] for name in ALL] + [[group, name] for group, names in GROUPS.items() for name in names]
)
def test_every_command_helps(runnotary: Any, command: list[str]) -> None:
    """--help says what a command does and has a word for each option; nothing is run."""
    told = runnotary(*command, "--help")
    assert told.exit_code == 0
    options = [line.strip() for line in told.stdout.splitlines() if line.strip().startswith("-")]
    assert [line for line in options if "  " not in line] == []
    if command[0] in READING:
        assert "--json" in told.stdout


def test_no_command_at_all_is_help(runnotary: Any) -> None:
    """Without a command there is help, and the exit code of a slip of the pen."""
    assert runnotary().exit_code == 2
    told = runnotary("shwo")
    assert told.exit_code == 2
    assert "Did you mean 'show'?" in told.stderr


def test_the_version_is_told(runnotary: Any) -> None:
    """--version prints name and version, and no more."""
    from importlib.metadata import version

    assert runnotary("--version").stdout == f"runnotary {version('runnotary')}\n"


def test_every_parameter_is_described() -> None:
    """No option or argument is left without a word."""
    commands = dict(get_command(app).commands)  # type: ignore[attr-defined]  # a group
    for group in GROUPS:
        commands |= {f"{group} {name}": each for name, each in commands[group].commands.items()}
    silent = [f"{name} {p.name}" for name, each in commands.items() for p in each.params if not p.help]
    assert silent == []


@pytest.mark.parametrize("words", [["machine"], ["machine", "--json"], ["--help"]], ids=" ".join)
def test_a_reader_that_has_enough_is_no_failure_to_tell(start: Any, words: list[str]) -> None:
    """A closed pipe ends a command without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    with start(*words, stdout=writer) as writing:
        os.close(writer)
        assert writing.communicate()[1] == b""
    assert writing.returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full disk to try")  # noqa: PTH110
def test_a_full_disk_is_told_in_a_line(start: Any) -> None:
    """What cannot be written is told, without a traceback."""
    with open("/dev/full", "w") as full, start("machine", stdout=full.fileno()) as writing:  # noqa: PTH123
        said = writing.communicate()[1]
    assert writing.returncode == 1
    assert said.startswith(b"runnotary: ")
    assert said.count(b"\n") == 1


def test_a_character_that_the_terminal_lacks_is_replaced(runnotary: Any, process: Any) -> None:
    """An arrow on a terminal of ASCII is a question mark, not a failure."""
    runnotary("create", "one")
    runnotary("propose", "one", "run.execution_started")
    told = process("log", "one", PYTHONIOENCODING="ascii")
    assert told.returncode == 0
    assert "RUN_CREATED ? PHASE_EXECUTION" in told.stdout


def test_nothing_that_others_wrote_steers_the_terminal(runnotary: Any) -> None:
    """Escape sequences and line breaks in a goal or a note are shown, not followed."""
    runnotary("create", "one", "--goal", "a\x1b[2Jb\nc\u202ed")
    assert (
        "goal     a\N{REPLACEMENT CHARACTER}[2Jb c\N{REPLACEMENT CHARACTER}d\n"
        in runnotary("show", "one").stdout
    )


def test_a_pipe_gets_whole_lines_without_colours(runnotary: Any) -> None:
    """However long a goal is, its run is one line, and there is no escape sequence in it."""
    goal = "word " * 60 + "end"
    runnotary("create", "one", "--goal", goal)
    for environment in ({}, {"COLUMNS": "20"}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}):
        told = runnotary("runs", **environment)
        assert told.stdout.splitlines()[1].endswith(goal)
        assert "\x1b" not in told.stdout


def test_a_terminal_has_colours_unless_they_are_not_wanted(runnotary: Any) -> None:
    """Colours are for terminals, and NO_COLOR takes them away."""
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "100"}
    assert "31mrefused\x1b" in runnotary("schema", "none", **terminal).stderr
    assert "31m" not in runnotary("schema", "none", **terminal, NO_COLOR="1").stderr


def test_a_narrow_terminal_gets_two_lines_an_event(runnotary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the columns do not fit, what happened stands above what it changed."""
    runnotary("create", "one", "--phase", "Build")
    runnotary("propose", "one", "run.execution_started", "--actor", "ada", "--reason", "go")
    monkeypatch.setattr(output, "console", lambda **how: Console(width=80, **how))
    lines = runnotary("log", "one").stdout.splitlines()
    assert lines[0].split()[-2:] == ["what", "happened"]
    assert lines[-2].endswith("  run.execution_started")
    assert lines[-1].strip() == "RUN_CREATED → PHASE_EXECUTION, ada, go"
    assert max(map(len, lines)) <= 80
