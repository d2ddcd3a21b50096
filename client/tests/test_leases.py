"""Phases that are claimed, and kept for as long as the executor is at work."""

from time import monotonic, sleep
from typing import Any

from runnotary_client import Client

from client.tests.record import story
from domain.times import later
from tests.end_to_end.service import SECONDS, Server


def waiting(server: Server, run_id: str, *phases: str) -> dict[str, str]:
    """A run whose phases may start; the label that only it has."""
    labels = {"only": run_id}
    server.create(run_id, labels=labels, phases=[{"phase_id": phase} for phase in phases])
    server.record(run_id, "run.execution_started")
    return labels


def lease_of(server: Server, run_id: str) -> dict[str, Any]:
    """The lease that is out in a run."""
    (found,) = (each for each in server.call("GET", "/v1/leases").body["items"] if each["run_id"] == run_id)
    return dict(found)


def test_each_claim_gets_a_phase_of_its_own(run_id: str, server: Server, client: Client) -> None:
    """The oldest first; then there is none, which is no error."""
    labels = waiting(server, run_id, "a", "b")
    for phase_id in ("a", "b"):
        attempt = client.claim(executor="builder-1", lease_seconds=60, labels=labels)
        assert attempt is not None
        with attempt:
            assert (attempt.run_id, attempt.phase_id, attempt.number) == (run_id, phase_id, 1)
            attempt.complete()
    assert client.claim(executor="builder-1", lease_seconds=60, labels=labels) is None


def test_a_lease_is_renewed_while_the_executor_works(run_id: str, server: Server, client: Client) -> None:
    """For longer than it would last; nothing of it is in the log."""
    labels, give_up = waiting(server, run_id, "a"), monotonic() + SECONDS
    attempt = client.claim(executor="builder-1", lease_seconds=1, labels=labels)
    assert attempt is not None
    with attempt:
        while (lease := lease_of(server, run_id))["heartbeat_at"] is None or (
            lease["heartbeat_at"] < later(lease["granted_at"], 2)
        ):
            assert monotonic() < give_up
            sleep(0.05)
        attempt.complete()
    assert story(server, run_id)[-2:] == [("phase.started", 1), ("phase.completed", 1)]
