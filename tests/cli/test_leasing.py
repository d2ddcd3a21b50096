"""`runnotary claim`, `heartbeat` and `leases`: on a database, and through a service."""

import json
from typing import Any

import pytest


@pytest.fixture
def executing(runnotary: Any) -> Any:
    """The command, where a run "one" with two phases executes."""
    assert runnotary("create", "one", "--phase", "A", "--phase", "B", "--label", "os=linux").exit_code == 0
    assert runnotary("propose", "one", "run.execution_started").exit_code == 0
    return runnotary


def test_a_claim_prints_what_was_claimed(executing: Any) -> None:
    """In three words for a shell to read; the rest is said beside it."""
    told = executing("claim", "--executor", "sh-1")
    assert (told.exit_code, told.stdout) == (0, "one phase1-a 1\n")
    assert told.stderr.startswith("It is yours until 20")
    assert "longer with `runnotary heartbeat`" in told.stderr
    whole = json.loads(executing("claim", "--executor", "sh-1", "--lease-seconds", "9", "--json").stdout)
    assert (whole["phase"]["phase_id"], whole["lease"]["lease_seconds"]) == ("phase2-b", 9)


def test_a_claim_that_finds_nothing_says_so(executing: Any) -> None:
    """By an exit code of its own, so that a script need not read it."""
    told = executing("claim", "--executor", "sh-1", "--label", "os=mac", "--json")
    assert (told.exit_code, told.stdout, told.stderr) == (3, "", "No phase may start now.\n")
    assert executing("claim", "--executor", "sh-1", "--label", "os=linux").exit_code == 0
    assert executing("claim", "--executor", "sh-1", "--label", "os").exit_code == 2


def test_a_claim_with_a_key_is_one(executing: Any) -> None:
    """Sent again it says so."""
    first, again = (executing("claim", "--executor", "sh-1", "--key", "k1") for _ in range(2))
    assert first.stdout == again.stdout
    assert again.stderr.endswith("It had been claimed before, with this key.\n")


def test_a_heartbeat_renews_the_lease(executing: Any) -> None:
    """Or says that there is none, or no longer."""
    executing("claim", "--executor", "sh-1")
    told = executing("heartbeat", "one", "phase1-a", "1")
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr.startswith("It is yours until 20")
    assert json.loads(executing("heartbeat", "one", "phase1-a", "1", "--json").stdout)["executor"] == "sh-1"
    lost = executing("heartbeat", "one", "phase1-a", "2")
    assert lost.exit_code == 1
    assert lost.stderr.startswith("refused  stale-attempt\n")
    assert "try: runnotary show one" in lost.stderr


def test_leases_are_listed(executing: Any) -> None:
    """Who has what, and until when; more of them by a cursor."""
    assert executing("leases").stderr == "No lease is out.\n"
    for name in ("sh-1", "sh-2"):
        executing("claim", "--executor", name)
    lines = [line.split() for line in executing("leases").stdout.splitlines()]
    assert lines[0][:6] == ["run", "phase", "attempt", "state", "executor", "lease"]
    assert [line[:7] for line in lines[1:]] == [
        ["one", "phase1-a", "1", "EXECUTING", "sh-1", "300", "s"],
        ["one", "phase2-b", "1", "EXECUTING", "sh-2", "300", "s"],
    ]
    assert executing("leases", "--overdue").stderr == "No lease is overdue.\n"
    page = executing("leases", "--limit", "1")
    assert page.stderr.startswith("There are more: --cursor ")
    rest = executing("leases", "--cursor", page.stderr.split()[-1], "--json")
    assert [item["executor"] for item in json.loads(rest.stdout)["items"]] == ["sh-2"]


def test_it_is_the_same_through_a_service(runnotary: Any, service: Any) -> None:
    """Claimed, renewed and listed there."""
    body = {"run_id": "leasing", "phases": [{"name": "A"}], "labels": {"for": "leasing"}}
    service.post("/v1/runs", body)
    service.post("/v1/runs/leasing/events", {"type": "run.execution_started"})
    at = ("--server", service.url)
    claimed = runnotary("claim", "--executor", "sh-1", "--label", "for=leasing", *at)
    assert claimed.stdout == "leasing phase1-a 1\n"
    assert runnotary("heartbeat", *claimed.stdout.split(), *at).exit_code == 0
    assert "leasing" in runnotary("leases", *at).stdout
    runnotary("propose", "leasing", "phase.completed", "--phase", "phase1-a", *at)
