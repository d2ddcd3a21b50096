"""Executors that share work, in real processes: each phase goes to one, and who is lost writes no more."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from domain.times import later
from tests.databases import Scratch
from tests.end_to_end.executor import LEASE_SECONDS
from tests.end_to_end.service import SECONDS, Server, assert_sound, at_once, serving

SETUPS = {"one process on SQLite": ("sqlite", 1), "two on PostgreSQL": ("postgresql", 2)}
CLAIM = {"executor": "second", "lease_seconds": 60}


@pytest.fixture(params=[*SETUPS.values()], ids=[*SETUPS])
def servers(request: pytest.FixtureRequest, scratch_database: Scratch) -> Iterator[list[Server]]:
    """Processes on one database that look after leases often; what they leave behind is sound."""
    backend, processes = request.param
    with scratch_database(backend) as url:
        with ExitStack() as stack:
            yield [stack.enter_context(serving(url, lease_check_seconds="0.1")) for _ in range(processes)]
        assert_sound(url)


def until(is_so: Callable[[], Any], what: str) -> Any:
    """Look again and again until it is so."""
    give_up = monotonic() + SECONDS
    while not (found := is_so()):
        assert monotonic() < give_up, what
        sleep(0.02)
    return found


@contextmanager
def executor(server: Server) -> Iterator[subprocess.Popen[str]]:
    """An executor that has claimed a phase."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("executor.py"), server.host, str(server.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)


def read(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next that it tells."""
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


def types(server: Server, run_id: str) -> list[str]:
    """What happened in a run."""
    return [event["type"] for event in server.call("GET", f"/v1/runs/{run_id}/events").body["items"]]


def test_fifty_executors_claim_fifty_phases(servers: list[Server]) -> None:
    """Each exactly one, whichever process it asks; the next ten are told that there is none."""
    for i in range(5):
        servers[0].create(f"run-{i}", phases=[{} for _ in range(10)])
        servers[0].record(f"run-{i}", "run.execution_started")
    jobs = [
        partial(servers[i % len(servers)].call, "POST", "/v1/claims", {**CLAIM, "executor": f"e{i}"})
        for i in range(60)
    ]
    answers = at_once(jobs)
    assert Counter(answer.status for answer in answers) == {201: 50, 204: 10}
    phases = [answer.body["phase"] for answer in answers if answer.status == 201]
    assert len({(phase["run_id"], phase["phase_id"]) for phase in phases}) == 50
    assert len({phase["executor"] for phase in phases}) == 50
    assert {phase["attempt"] for phase in phases} == {1}


def test_an_executor_that_was_stopped_past_its_lease_cannot_write(servers: list[Server]) -> None:
    """As long as it is heard of the phase is its own; then it is another's, and it is told why."""
    first, last = servers[0], servers[-1]
    run_id = first.create("nightly", phases=[{"phase_id": "p1"}])
    first.record(run_id, "run.execution_started")
    with executor(first) as process:
        phase = read(process)

        def is_out_long() -> bool:
            (lease,) = last.call("GET", "/v1/leases").body["items"]
            return bool((lease["heartbeat_at"] or "") > later(lease["granted_at"], 2 * LEASE_SECONDS))

        until(is_out_long, "it is heard of for longer than its lease")
        assert types(last, run_id)[-1] == "phase.started"
        process.send_signal(signal.SIGSTOP)
        until(lambda: types(last, run_id)[-1] == "phase.released", "it is released")
        taken = last.call("POST", "/v1/claims", CLAIM)
        assert (taken.body["phase"]["phase_id"], taken.body["phase"]["attempt"]) == ("p1", 2)
        assert process.stdin is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        process.send_signal(signal.SIGCONT)
        told = read(process)
    assert (told["code"], told["attempt"], told["current_attempt"]) == ("stale-attempt", 1, 2)
    assert "its lease of 1 s ran out at" in told["detail"]
    kept = last.call("GET", f"/v1/runs/{run_id}/refusals").body["items"]
    assert [(each["code"], each["event"], each["proposal"]["attempt"]) for each in kept] == [
        ("stale-attempt", "phase.completed", phase["attempt"])
    ]
    assert types(first, run_id).count("phase.released") == 1
    last.record(run_id, "phase.completed", phase_id="p1", attempt=2)
    assert first.call("GET", "/v1/leases").body["items"] == []


def test_a_lease_that_nobody_watched_runs_out_after_a_restart(scratch_database: Scratch) -> None:
    """It was granted by a process that was killed; the next one waits as long as it says, and releases it."""
    with scratch_database("sqlite") as url:
        with serving(url) as server:
            server.create("nightly", phases=[{"phase_id": "p1"}])
            server.record("nightly", "run.execution_started")
            claimed = server.call("POST", "/v1/claims", {**CLAIM, "lease_seconds": 1})
            assert claimed.status == 201
            server.kill()
        with serving(url, lease_check_seconds="0.1") as server:
            until(lambda: types(server, "nightly")[-1] == "phase.released", "it is released")
            (event,) = server.call("GET", "/v1/events?type=phase.released").body["items"]
            assert (event["actor"], event["actor_verified"]) == ("runnotary", True)
            assert server.stop() == 0
        assert_sound(url)
