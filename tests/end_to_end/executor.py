"""An executor in a process of its own: claims a phase, and says that it is at it until it is told to end.

Called with the host and the port of a service. Prints what it claimed; when it is sent a line it ends its
attempt, and prints what was answered.
"""

import json
import sys
import threading
from http.client import HTTPConnection
from typing import Any

LEASE_SECONDS = 1
PAUSE = 0.2
"""Seconds between two heartbeats."""


def call(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the service answers."""
    connection = HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=60)
    connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    told: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return told


def tell(what: object) -> None:
    """Print it, at once."""
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def main() -> None:
    """Claim, work, and report."""
    phase = call("/v1/claims", {"executor": "first", "lease_seconds": LEASE_SECONDS})["phase"]
    run, ended = f"/v1/runs/{phase['run_id']}", threading.Event()
    attempt = {"attempt": phase["attempt"]}

    def beat() -> None:
        while not ended.wait(PAUSE):
            call(f"{run}/phases/{phase['phase_id']}/heartbeat", attempt)

    threading.Thread(target=beat, daemon=True).start()
    tell(phase)
    sys.stdin.readline()
    ended.set()
    done = {"type": "phase.completed", "phase_id": phase["phase_id"], **attempt}
    tell(call(f"{run}/events", done))


if __name__ == "__main__":
    main()
