"""Real processes of the service, callers of them, and a look at what they leave behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from threading import Barrier
from typing import IO, Any, TypeVar

from domain.evolve import fold
from domain.run import Run
from eventstore import chain, store
from eventstore.database import open_engine, reading
from eventstore.seals import Comparison, flaws_of
from projections import annotations, finding, phases, runs
from projections.finding import Wanted

T = TypeVar("T")

COMMAND = Path(sys.executable).with_name("runnotary")
LISTENS = re.compile(r"Runnotary listens on http://([0-9.]+):([0-9]+)")
SECONDS = 60
"""Longest that anything may take before the test gives up; nothing is expected to take so long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class Server:
    """One process of the service."""

    process: subprocess.Popen[str]
    host: str
    port: int
    errors: IO[str]

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait(SECONDS)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def logged(self) -> str:
        """What it said on standard error so far."""
        self.errors.seek(0)
        return self.errors.read()

    def connect(self) -> HTTPConnection:
        return HTTPConnection(self.host, self.port, timeout=SECONDS)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        with closing(self.connect()) as connection:
            return ask(connection, method, path, body, **headers)

    def create(self, run_id: str, **body: Any) -> str:
        """A new run; its id."""
        answer = self.call("POST", "/v1/runs", {"run_id": run_id, **body})
        assert answer.status == 201, answer
        return run_id

    def record(self, run_id: str, kind: str, **fields: Any) -> dict[str, Any]:
        """Propose an event that is accepted."""
        answer = self.call("POST", f"/v1/runs/{run_id}/events", {"type": kind, **fields})
        assert answer.status == 201, answer
        return answer.body


def ask(connection: HTTPConnection, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """One request on this connection. Underscores in the names of headers stand for dashes."""
    content = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if content is not None:
        named["Content-Type"] = "application/json"
    connection.request(method, path, content, named)
    answer = connection.getresponse()
    told = json.loads(answer.read() or b"{}")
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, told)


@contextmanager
def serving(database_url: str, **settings: str) -> Iterator[Server]:
    """A process that serves this database, once it says so; killed in the end if it has not ended."""
    named = {f"RUNNOTARY_{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, "RUNNOTARY_DATABASE_URL": database_url, **named}
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = LISTENS.search(said)
            server = Server(process, found[1] if found else "", int(found[2]) if found else 0, errors)
            assert found, (said, server.logged())
            yield server
        finally:
            process.kill()
            process.wait(SECONDS)
            if process.stdout is not None:
                process.stdout.close()


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of this at the same moment, each in a thread of its own."""
    barrier = Barrier(len(jobs))

    def started(job: Callable[[], T]) -> T:
        barrier.wait(SECONDS)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(started, jobs))


def assert_sound(database_url: str) -> list[dict[str, Any]]:
    """Positions and versions are dense, chain and seals hold, the tables are what the log makes; the log."""
    engine = open_engine(database_url)
    try:
        with reading(engine) as connection:
            log = store.read_log(connection)
            assert [event.position for event in log] == list(range(1, len(log) + 1))
            by_run = sorted(log, key=lambda event: (event.run_id, event.version))
            assert list(chain.breaks(by_run)) == []
            kept = store.page_of_seals(connection)
            comparison = Comparison(kept)
            for event in log:
                comparison.feed(event.position, event.hash)
            assert [*flaws_of(kept), *comparison.end()] == []
            folded: dict[str, Run] = {}
            for run_id, events in groupby(by_run, key=lambda event: event.run_id):
                run = fold(events)
                assert run is not None
                folded[run_id] = run
                assert runs.get(connection, run_id) == runs.shown(runs.row(run))
                assert phases.of_run(connection, run_id) == [
                    phases.shown(phases.row(run_id, phase)) for phase in run.phases.values()
                ]
                assert len(annotations.of_run(connection, run_id)) == len(run.annotations)
            there = finding.page(connection, Wanted(archived=None), limit=len(folded) + 1)
            assert {run["run_id"] for run in there} == folded.keys()
    finally:
        engine.dispose()
    return [{"event_id": event.event_id, "hash": event.hash, "data": dict(event.data)} for event in log]
