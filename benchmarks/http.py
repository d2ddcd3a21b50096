"""Transitions through HTTP, beside a bare FastAPI POST on the same server process."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from benchmarks.databases import postgresql, sqlite
from benchmarks.sides import compare

REQUESTS = 300
HEADERS = {"content-type": "application/json"}


def measure(postgres: str, rounds: int) -> None:
    """Measure on both databases, with one client and with sixteen."""
    with sqlite() as (url, _), server(url) as address:
        measure_one("SQLite", address, rounds)
    with postgresql(postgres) as (url, _), server(url) as address:
        measure_one("PostgreSQL", address, rounds)


@contextmanager
def server(database_url: str) -> Iterator[str]:
    """A server process with the service, and one bare call beside it."""
    command = [sys.executable, "-m", "benchmarks.bare", database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def measure_one(name: str, address: str, rounds: int) -> None:
    """Measure with one client, and with sixteen at once, each with a run of its own."""
    measure_with(1, f"{name}: transition / bare POST, 1 client", address, rounds)
    measure_with(16, f"{name}: transition / bare POST, 16 clients", address, rounds)


def measure_with(clients: int, name: str, address: str, rounds: int) -> None:
    """Measure with this many clients at once."""
    connections = [http.client.HTTPConnection(urlsplit(address).netloc) for _ in range(clients)]
    executors = [Executor(each, f"b{clients}-{i}") for i, each in enumerate(connections)]
    times = max(REQUESTS // clients, 40)
    compare(
        name,
        lambda: together([executor.bare for executor in executors], times),
        lambda: together([executor.move for executor in executors], times),
        rounds,
    )
    for connection in connections:
        connection.close()


class Executor:
    """A client that starts a phase and gives it back, over and over."""

    def __init__(self, connection: http.client.HTTPConnection, run_id: str) -> None:
        self.connection = connection
        self.run_id = run_id
        self.moves = 0
        phase = {"phase_id": "p", "max_attempts": 10**9}
        self.post("/v1/runs", {"run_id": run_id, "phases": [phase]})
        self.post(f"/v1/runs/{run_id}/events", {"type": "run.execution_started"})

    def post(self, path: str, body: object) -> None:
        """Post, and read the answer."""
        self.connection.request("POST", path, json.dumps(body), HEADERS)
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status in (200, 201), answer.status

    def bare(self) -> None:
        """The bare call, with a body like that of a proposal."""
        self.post("/bare", {"type": "phase.started", "phase_id": "p", "data": {"executor": "builder-7"}})

    def move(self) -> None:
        """The next move."""
        self.moves += 1
        body: dict[str, object] = {
            "type": "phase.started",
            "phase_id": "p",
            "data": {"executor": "builder-7"},
        }
        if self.moves % 2 == 0:
            body = {"type": "phase.released", "phase_id": "p", "attempt": self.moves // 2}
        self.post(f"/v1/runs/{self.run_id}/events", body)


def together(acts: list[Callable[[], None]], times: int) -> float:
    """Calls a second, of all of these at once, each this many times."""

    def repeat(act: Callable[[], None]) -> None:
        for _ in range(times):
            act()

    threads = [threading.Thread(target=repeat, args=(act,)) for act in acts]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(acts) * times / (time.perf_counter() - began)
