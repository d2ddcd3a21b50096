"""An executor that falls silent loses its phase, and cannot write to it afterwards."""

import asyncio
import signal
import subprocess
import sys
from typing import Any

import pytest
from runnotary_client import AsyncClient, Client, Unreachable
from runnotary_client.attempts import RENEWALS

from client.tests.conftest import IMPATIENT
from client.tests.proxy import Proxy
from client.tests.record import events, last, story
from tests.end_to_end.service import SECONDS, Server, at_once

STOPPED = """
import sys
from runnotary_client import Client, StaleAttempt
with Client(sys.argv[1], actor="sleeper") as client, client.run(sys.argv[2]) as run:
    with run.phase("build", lease_seconds=1) as attempt:
        print("works", flush=True)
        sys.stdin.readline()
        try:
            attempt.complete()
        except StaleAttempt as error:
            print(error.code, attempt.lost, flush=True)
"""


def heartbeat(run_id: str) -> tuple[str, str]:
    """A request that renews the lease of this run's phase."""
    return "POST", f"/v1/runs/{run_id}/phases/build/heartbeat"


def until(client: Client, run_id: str, kind: str) -> None:
    """Wait for an event of a run."""
    next(client.follow(after=0, run_id=run_id, types=[kind]))


def test_a_lease_is_renewed_while_the_work_goes_on(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """Longer than the lease: it is still ours, since it is renewed in the background; then it is no more."""
    with client.run(run_id, goal="g") as run, run.phase("build", lease_seconds=1) as attempt:
        assert attempt.lease_seconds == 1
        proxy.until(2 * RENEWALS, *heartbeat(run_id))
        renewal = attempt._renewal
        attempt.complete()
        assert not renewal.thread.is_alive()
    assert story(server, run_id)[-2:] == [("phase.completed", 1), ("run.succeeded", None)]


def test_a_lease_is_renewed_as_soon_as_the_service_is_back(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """Nothing else is asked of a service that does not answer; heartbeats find out that it does again."""
    with client.run(run_id, goal="g") as run, run.phase("build", lease_seconds=3) as attempt:
        proxy.how = lambda seen: "cut before"
        for _ in range(3):
            with pytest.raises(Unreachable):
                client.show(run_id)
        proxy.how = lambda seen: "pass"
        proxy.until(len(proxy.asked(*heartbeat(run_id))) + 3, *heartbeat(run_id))
        attempt.complete()
    assert story(server, run_id)[-2:] == [("phase.completed", 1), ("run.succeeded", None)]


def test_a_stopped_executor_cannot_write_afterwards(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """Stopped past its lease, another took the phase: the first one is told so, and records nothing."""
    server.create(run_id, phases=[{"phase_id": "build"}])
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, proxy.url, run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sleeper:
        assert sleeper.stdin is not None
        assert sleeper.stdout is not None
        assert sleeper.stdout.readline() == "works\n"
        sleeper.send_signal(signal.SIGSTOP)
        until(client, run_id, "phase.released")
        with client.run(run_id) as run, run.phase("build") as attempt:
            assert attempt.number == 2
            sleeper.send_signal(signal.SIGCONT)
            sleeper.stdin.write("\n")
            sleeper.stdin.flush()
            assert sleeper.stdout.readline().split()[0] == "stale-attempt"
            attempt.complete()
        assert sleeper.wait(SECONDS) == 0
    assert story(server, run_id)[-3:] == [("phase.released", 1), ("phase.started", 2), ("phase.completed", 2)]
    assert {event["actor"] for event in events(server, run_id)[-2:]} == {"builder-1"}


def test_a_lost_attempt_is_known_without_asking(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """The heartbeat that is refused tells: `lost`. Then leaving says nothing more."""
    with client.run(run_id, goal="g") as run:
        with run.phase("build", lease_seconds=1) as attempt:
            server.record(run_id, "phase.released", phase_id="build", attempt=1)
            attempt._renewal.thread.join(SECONDS)
            assert attempt.lost
        refused = server.call("GET", f"/v1/runs/{run_id}/refusals").body["items"]
    assert last(server, run_id)["type"] == "phase.released"
    assert [each["code"] for each in refused if each["code"] == "stale-attempt"] == []


def test_each_claim_gets_a_phase_of_its_own(run_id: str, server: Server, client: Client) -> None:
    """The oldest first; then there is none, which is no error."""
    labels = {"only": run_id}
    server.create(run_id, labels=labels, phases=[{"phase_id": "a"}, {"phase_id": "b"}])
    server.record(run_id, "run.execution_started")
    for phase_id in ("a", "b"):
        attempt = client.claim(executor="builder-1", lease_seconds=60, labels=labels)
        assert attempt is not None
        with attempt:
            assert (attempt.run_id, attempt.phase_id, attempt.number) == (run_id, phase_id, 1)
            attempt.complete()
    assert client.claim(executor="builder-1", lease_seconds=60, labels=labels) is None


def test_a_phase_is_claimed_by_one_of_many(own_server: Server, proxy: Proxy) -> None:
    """Eight executors and five phases: each phase has one, the rest get None."""
    for number in range(5):
        own_server.create(f"r{number}", phases=[{"phase_id": "build"}], labels={"team": "core"})
        own_server.record(f"r{number}", "run.execution_started")

    def work(number: int) -> Any:
        def claiming() -> str | None:
            with Client(proxy.url, actor=f"builder-{number}", patience=IMPATIENT) as client:
                attempt = client.claim(
                    executor=f"builder-{number}", lease_seconds=60, labels={"team": "core"}
                )
                if attempt is None:
                    return None
                with attempt:
                    assert attempt.lease_seconds == 60
                    attempt.complete()
                return attempt.run_id

        return claiming

    claimed = at_once([work(number) for number in range(8)])
    assert sorted(each for each in claimed if each is not None) == [f"r{number}" for number in range(5)]
    for number in range(5):
        assert story(own_server, f"r{number}")[-2:] == [("phase.started", 1), ("phase.completed", 1)]


@pytest.mark.parametrize("how", ["cut before", "cut after"])
def test_a_claim_whose_answer_is_lost_is_claimed_once(
    own_server: Server, proxy: Proxy, client: Client, how: Any
) -> None:
    """A claim that is tried again gives the same attempt, not a second phase."""
    for number in range(2):
        own_server.create(f"r{number}", phases=[{"phase_id": "build"}])
        own_server.record(f"r{number}", "run.execution_started")
    proxy.once(how, "/v1/claims")
    attempt = client.claim(executor="builder-1", lease_seconds=60)
    assert attempt is not None
    with attempt:
        attempt.complete()
    started = [
        kind for number in range(2) for kind, _ in story(own_server, f"r{number}") if kind == "phase.started"
    ]
    assert started == ["phase.started"]


def test_claims_and_leases_awaited(own_server: Server, proxy: Proxy) -> None:
    """The same, awaited: a task renews the lease, and ends with the attempt."""
    own_server.create("r1", phases=[{"phase_id": "build"}])
    own_server.record("r1", "run.execution_started")

    async def work() -> None:
        async with AsyncClient(proxy.url, actor="b", patience=IMPATIENT) as client:
            attempt = await client.claim(executor="b", lease_seconds=1)
            assert attempt is not None
            async with attempt:
                await asyncio.to_thread(proxy.until, 2, *heartbeat("r1"))
                await attempt.complete()
            assert len(asyncio.all_tasks()) == 1
            assert await client.claim(executor="b", lease_seconds=1) is None

    asyncio.run(work())
    assert last(own_server, "r1")["type"] == "phase.completed"
