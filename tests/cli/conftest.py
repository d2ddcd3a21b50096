"""The command, in this process and in one of its own, and services for it to call."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from api.cli import app

SCRIPT = Path(sys.executable).parent / "runnotary"
SECONDS = 60
"""Only so that a test that waits for what never comes ends at all."""

Runnotary = Callable[..., Result]


@pytest.fixture
def runnotary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runnotary:
    """The command in this process, in a folder of its own; named arguments are its environment."""
    monkeypatch.chdir(tmp_path)

    def called(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(app, words, env=environment, prog_name="runnotary")

    return called


Process = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """The command as a process of its own; named arguments are added to its environment."""

    def ran(*words: str, cwd: Path = tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *words],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )

    return ran


Start = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """The command as a process that goes on, for a `with`."""

    def started(*words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        return subprocess.Popen([SCRIPT, *words], cwd=tmp_path, stdout=stdout, stderr=subprocess.PIPE)

    return started


@dataclass(frozen=True)
class Service:
    """A service in a process of its own."""

    url: str
    line: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, trust_env=False)

    def post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        return httpx2.post(self.url + path, json=body, trust_env=False)

    def end(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it by a signal: its exit code, and what it said on standard error."""
        self.process.send_signal(by)
        _, said = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, said


@contextmanager
def serve(folder: Path, options: Sequence[str] = ("--port", "0"), **environment: str) -> Iterator[Service]:
    with subprocess.Popen(
        [SCRIPT, "serve", *options],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield Service(line.removeprefix("Runnotary listens on ").partition(" ")[0], line, process)
        finally:
            process.kill()
            process.communicate()


Serving = Callable[..., AbstractContextManager[Service]]


@pytest.fixture
def serving() -> Serving:
    """Starts a service of the test's own in a folder, for as long as a `with` lasts."""
    return serve


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on which a run `known` executes, with one refusal; further runs have names of their own."""
    with serve(tmp_path_factory.mktemp("service")) as started:
        body = {
            "run_id": "known",
            "goal": "Know it",
            "phases": [{"name": "Build"}],
            "labels": {"team": "core"},
        }
        assert started.post("/v1/runs", body).status_code == 201
        start = {"type": "phase.started", "phase_id": "phase1-build"}
        assert started.post("/v1/runs/known/events", start).status_code == 409
        for event in ({"type": "run.execution_started"}, start):
            assert started.post("/v1/runs/known/events", event).status_code == 201
        yield started
