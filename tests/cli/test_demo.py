"""`runnotary demo`: what it prints is what a newcomer sees first, so it has to be right."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from api.cli import story

ROOT = Path(__file__).parents[2]
STEPS = [step for steps in story.CHAPTERS.values() for step in steps]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The demo, played once as `make demo` plays it: the process, and the folder that it made its own in."""
    temporary = tmp_path_factory.mktemp("temporary")
    script = Path(sys.executable).parent / "runnotary"
    told = subprocess.run(
        [script, "demo"],
        cwd=ROOT,
        # Neither a database nor a server that somebody has set up is touched.
        env={**os.environ, "TMPDIR": str(temporary), "RUNNOTARY_DATABASE_URL": "rubbish"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return told, temporary


def test_it_plays_to_the_end_and_leaves_nothing(played: Any) -> None:
    """It exits with 0, says nothing on standard error, and its folder is gone."""
    told, temporary = played
    assert (told.returncode, told.stderr) == (0, "")
    assert list(temporary.iterdir()) == []


def test_every_step_is_told_with_what_came_of_it(played: Any) -> None:
    """Each step has a numbered line, and each refusal its code and its reason."""
    lines = played[0].stdout.splitlines()
    told = dict(enumerate((line for line in lines if re.match(r" {1,2}\d+  \S", line) and "→" in line), 1))
    for number, step in enumerate(STEPS, 1):
        assert told[number].split()[:2] == [str(number), step.who]
        assert ("refused" in told[number]) == (step.expects in told[number] and step.expects.islower())
    assert told[len(STEPS) + 1].endswith("→ refused by the database itself")
    assert f"     {story.DATABASE_SAYS}" in lines


def test_the_incident_is_refused_with_its_remedy(played: Any) -> None:
    """The first step is the state that nobody knows, and what to do instead is told at once."""
    lines = played[0].stdout.splitlines()
    (first,) = [i for i, line in enumerate(lines) if line.startswith("  1  ")]
    assert lines[first].endswith("refused (422 unknown-state)")
    assert "'READY' is no state that can be named here" in lines[first + 1]
    assert lines[first + 2].startswith("     remedy: Name one of QUEUED,")


def test_every_kind_of_trouble_is_in_the_story() -> None:
    """A state nobody knows, a start too early, a double start, a report twice, a zombie, an early success."""
    assert [step.expects for step in STEPS if step.expects.islower()] == [
        "unknown-state",
        "run-not-executing",
        "illegal-move",
        "replayed",
        "stale-attempt",
        "phases-open",
    ]


def test_run_history_and_refusals_are_shown(played: Any) -> None:
    """The run has succeeded, its history has every event, and every refusal has a remedy."""
    told = played[0].stdout
    show, log, refusals = (
        told.partition(f"$ runnotary {command}\n")[2].partition("\n\n$ ")[0].partition("\n\nWhat you saw")[0]
        for command in (f"show {story.RUN}", f"log {story.RUN}", "refusals")
    )
    assert "state    DONE_SUCCESS\nversion  24\n" in show
    assert [line.split()[0] for line in log.splitlines()[2:]] == [str(n) for n in range(1, 25)]
    assert refusals.count("    remedy: ") == 5


def test_the_last_lines_work(played: Any, serving: Any, tmp_path: Path) -> None:
    """What it tells to do next can be typed as it stands."""
    last_lines = played[0].stdout.partition("the rest in another\n")[2]
    serve, *others = map(str.strip, last_lines.splitlines())
    program, *words = shlex.split(serve)
    assert shutil.which(ROOT / program) or shutil.which(program)
    assert words == ["serve"]
    assert len(others) == 3
    with serving(tmp_path) as service:
        for line in others:
            assert "http://127.0.0.1:8000" in line
            command = line.replace("http://127.0.0.1:8000", service.url)
            done = subprocess.run(
                ["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
            )
            assert (done.returncode, done.stderr) == (0, ""), line
            assert "urn:runnotary:problem" not in done.stdout
            assert "run.created" in done.stdout or "my-first-run" in done.stdout


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[subprocess.Popen[str]]:
    """The processes that the demo starts; its folder is made in this test's own."""
    started: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen[str]):
        def __init__(self, *words: Any, **how: Any) -> None:
            super().__init__(*words, **how)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return started


def test_a_step_that_goes_otherwise_is_a_failure(
    runnotary: Any, children: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When an answer is not the expected one the demo says at which step, and cleans up all the same."""
    steps = (STEPS[0], story.Step("planner", "asks", "DONE_SUCCESS", "/v1/runs", story.BUILD))
    monkeypatch.setattr(story, "CHAPTERS", {"Chapter": steps})
    told = runnotary("demo")
    assert told.exit_code == 1
    assert told.stderr == (
        "runnotary: Step 2 went otherwise: it expects 'DONE_SUCCESS', and got 'RUN_CREATED'.\n"
    )
    assert [child.returncode for child in children] == [0]
    assert list(tmp_path.iterdir()) == []


def test_sql_that_gets_through_is_a_failure(
    runnotary: Any, children: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the database let a state be typed by hand, the demo would say so."""
    monkeypatch.setattr(story, "CHAPTERS", {"Chapter": STEPS[:1]})
    monkeypatch.setattr(story, "SQL", "SELECT 1")
    told = runnotary("demo")
    assert told.exit_code == 1
    assert "Step 2 went otherwise" in told.stderr
    assert "it let it happen" in told.stderr


def test_a_service_that_does_not_start_is_a_failure(
    runnotary: Any, children: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a service there is no demo, and no child or folder is left."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    told = runnotary("demo")
    assert told.exit_code == 1
    assert told.stderr == "runnotary: The service did not start; it says above why.\n"
    assert [child.poll() is None for child in children] == [False]
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_can_be_served(
    runnotary: Any, children: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With --keep the database stays, and the command that serves it is told."""
    monkeypatch.setattr(story, "CHAPTERS", {"Chapter": STEPS[:2]})
    told = runnotary("demo", "--keep")
    assert told.exit_code == 0
    (line,) = [line for line in told.stdout.splitlines() if " serve --database " in line]
    database = shlex.split(line)[-1]
    assert runnotary("show", story.RUN, "--database", database).exit_code == 0
