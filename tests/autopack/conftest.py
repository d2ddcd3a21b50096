"""A service that executors of Autopack are answered by, and an executor that sees what they see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.client import Client, unused
from tests.databases import Scratch


@dataclass
class Executor:
    """Calls as that executor does: it sees no status, only whether an answer is bad, and its body."""

    client: Client

    def call(self, method: str, path: str, body: object = None, **how: Any) -> dict[str, Any]:
        """What a call is answered."""
        answer = self.client.request(method, path, json=body, **how)
        told: dict[str, Any] = answer.json()
        return told

    def start(self, *phases: str, run_id: str | None = None, **run: Any) -> str:
        """A run with these phases, all in one tier; its id."""
        run_id = run_id or unused()
        body = {
            "run": {"run_id": run_id, **run},
            "tiers": [{"tier_id": "T1", "tier_index": 0, "name": "Foundation"}],
            "phases": [
                {"phase_id": phase_id, "phase_index": place, "tier_id": "T1", "name": phase_id.upper()}
                for place, phase_id in enumerate(phases)
            ],
        }
        answer = self.client.post("/runs/start", json=body)
        assert answer.status_code == 201, answer.text
        return run_id

    def report(self, run_id: str, phase_id: str, state: str, **more: Any) -> dict[str, Any]:
        """Say which state a phase is in."""
        return self.call("POST", f"/runs/{run_id}/phases/{phase_id}/update_status", {"state": state, **more})

    def result(self, run_id: str, phase_id: str, whose: str = "builder", /, **body: Any) -> dict[str, Any]:
        """Hand in a result."""
        return self.call("POST", f"/runs/{run_id}/phases/{phase_id}/{whose}_result", body)

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as it reads it."""
        return self.call("GET", f"/runs/{run_id}")


@pytest.fixture(scope="session")
def executor(backend: str, scratch_database: Scratch) -> Iterator[Executor]:
    """An executor and a service on either database, which other tests use too."""
    with scratch_database(backend) as url, Client(url, autopack_api=True) as client:
        yield Executor(client)


def led(answer: dict[str, Any]) -> list[str]:
    """The events that a call led to; those that are implied in parentheses."""
    assert "events" in answer, answer
    return [f"({event['type']})" if event["implied"] else event["type"] for event in answer["events"]]


@pytest.fixture(scope="session")
def sqlite_service(scratch_database: Scratch) -> Iterator[Client]:
    """A service that is not set up for such executors."""
    with scratch_database("sqlite") as url, Client(url) as client:
        yield client
