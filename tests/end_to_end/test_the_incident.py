"""The incident, with its own database: import, quarantine, repair, on to the end, and all of it proven."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import projections
from tests.databases import Digest
from tests.end_to_end.service import COMMAND, SECONDS, Server, assert_sound, serving
from tests.shared import shared

READY = ("build127-phase1-self-healing-governance", "build129-token-budget-intelligence")
"""The two runs of the incident: READY, typed by hand."""

ORPHAN = "build129-phase1-output-size-predictor"
"""The phase that was there before its run was."""

OF_RUN = ("events", "moves", "audit", "refusals", "diff", "blame", "bisect?expr=state", "export")
LISTS = (
    "/livez", "/readyz", "/v1/events?limit=500", "/v1/quarantine", "/v1/repairs", "/v1/refusals",
    "/v1/stats", "/v1/seals", "/v1/leases", "/v1/machine", "/v1/projections",
)  # fmt: skip


def runnotary(database_url: str, *words: str) -> str:
    """The command, on this database, without a service."""
    done = subprocess.run(
        [COMMAND, *words, "--database", database_url],
        capture_output=True,
        text=True,
        timeout=SECONDS * 5,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(server: Server, path: str) -> dict[str, Any]:
    """What is answered, and it is no refusal."""
    answer = server.call("GET", path)
    assert answer.status == 200, (path, answer)
    return answer.body


def pages(server: Server, path: str) -> Iterator[dict[str, Any]]:
    """Every item of a list."""
    cursor = ""
    while True:
        page = read(server, f"{path}{cursor}")
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"


def test_the_incident(database_url: str, raw: Any, digest: Digest) -> None:
    """Nothing is guessed, nothing goes down, two persons repair it in the open, and the record proves it."""
    legacy = shared("legacy") / "incident.db"
    told = json.loads(runnotary(database_url, "import-autopack", str(legacy), "--json"))
    assert {each["run_id"] for each in told["quarantined"]} == {*READY, ORPHAN}
    imported = assert_sound(database_url)

    with serving(database_url, repair_two_persons="true") as server:
        nothing_goes_down(server)
        repaired(server)
        for run_id in READY:
            brought_to_its_end(server, run_id)
            the_audit_tells_it_all(server, run_id)
        assert server.stop() == 0

    assert assert_sound(database_url)[: len(imported)] == imported
    made_from_the_log = [each.TABLE.name for each in projections.ALL]
    before = digest(raw)
    for table in (*made_from_the_log, "projections"):
        raw.execute(f"DROP TABLE {table}")
    assert digest(raw) != before
    runnotary(database_url, "rebuild")
    assert digest(raw) == before
    runnotary(database_url, "verify")


def nothing_goes_down(server: Server) -> None:
    """Every list and every health call is answered; a quarantined run says what repairs it."""
    for path in LISTS:
        read(server, path)
    listed = [run["run_id"] for run in pages(server, "/v1/runs?limit=50")]
    assert {*READY, ORPHAN} <= set(listed)
    for run_id in listed:
        waits = run_id in (*READY, ORPHAN)
        assert server.call("GET", f"/v1/runs/{run_id}").status == (409 if waits else 200)
    for run_id in (*READY, ORPHAN):
        for name in OF_RUN[:-1]:
            read(server, f"/v1/runs/{run_id}/{name}")
    for run_id in READY:
        problem = server.call("GET", f"/v1/runs/{run_id}").body
        assert (problem["code"], problem["value"], problem["suggested"]) == (
            "quarantined", "READY", "RUN_CREATED",
        )  # fmt: skip
        assert "illegal-run-state" in [finding["code"] for finding in problem["findings"]]


def repaired(server: Server) -> None:
    """All that is suggested is proposed by one, looked at, and approved by another."""
    results = server.call("POST", "/v1/repairs/suggested", {"reason": "READY meant created"}, X_Actor="ada")
    proposed = {each["repair"]["run_id"]: each["repair"] for each in results.body["results"]}
    assert proposed.keys() == set(READY)
    for run_id, repair in proposed.items():
        (change,) = [each for each in repair["preview"]["changes"] if each["field"] == "state"]
        assert (change["from"], change["to"]) == (None, "RUN_CREATED")
        assert "run.execution_started" in [move["type"] for move in repair["preview"]["legal"]]
        path = f"/v1/repairs/{repair['repair_id']}/approve"
        assert server.call("POST", path, {}, X_Actor="ada").body["code"] == "second-person-needed"
        assert server.call("POST", path, {}, X_Actor="grace").status == 200
        assert read(server, f"/v1/runs/{run_id}")["state"] == "RUN_CREATED"
    (left,) = read(server, "/v1/quarantine")["items"]
    assert (left["run_id"], left["suggested"]) == (ORPHAN, None)


def brought_to_its_end(server: Server, run_id: str) -> None:
    """The run executes on: whatever of its phases is not done is tried once more, and the run succeeds."""
    server.record(run_id, "run.execution_started")
    for phase in read(server, f"/v1/runs/{run_id}")["phases"]:
        phase_id = phase["phase_id"]
        if phase["state"] == "COMPLETE":
            continue
        if phase["state"] == "FAILED":
            server.record(run_id, "phase.requeued", phase_id=phase_id)
        opened = server.record(run_id, "phase.started", phase_id=phase_id)["phase"]["attempt"]
        server.record(run_id, "phase.completed", phase_id=phase_id, attempt=opened)
    server.record(run_id, "run.succeeded")
    assert read(server, f"/v1/runs/{run_id}")["state"] == "DONE_SUCCESS"


def the_audit_tells_it_all(server: Server, run_id: str) -> None:
    """What was found, who proposed, who was refused, who approved, and how it ended."""
    story = read(server, f"/v1/runs/{run_id}/audit")
    entries = story["timeline"]
    events = [each for each in entries if each["kind"] == "event"]
    assert events[0]["event"]["type"] == "run.quarantined"
    assert events[0]["event"]["data"]["legacy"]["state"] == "READY"
    (repair,) = [each for each in events if each["event"]["type"] == "run.repaired"]
    assert (repair["outside_moves"], repair["why"]) == (True, "READY meant created")
    told = repair["repair"]
    assert (told["before"], told["after"], told["finding"]) == (None, "RUN_CREATED", "illegal-run-state")
    assert (told["proposed_by"], told["approved_by"]) == ("ada", "grace")
    assert "second-person-needed" in [
        each["refusal"]["code"] for each in entries if each["kind"] == "refusal"
    ]
    assert (story["run"]["state"], story["counts"]["repairs"]) == ("DONE_SUCCESS", 1)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
def test_a_repair_hides_no_failure(database_url: str) -> None:
    """Phases that were finished by hand are set to COMPLETE; the figures of failure stay what they were."""
    legacy = shared("legacy") / "incident.db"
    runnotary(database_url, "import-autopack", str(legacy), "--json")
    by_hand = "build132-coverage-delta-integration"
    with serving(database_url) as server:
        before = read(server, "/v1/stats")
        phases = read(server, f"/v1/runs/{by_hand}")["phases"]
        failed = [phase["phase_id"] for phase in phases if phase["state"] == "FAILED"]
        assert failed
        for phase_id in failed:
            body = {"run_id": by_hand, "phase_id": phase_id, "state": "COMPLETE", "reason": "done by hand"}
            repair = server.call("POST", "/v1/repairs", body, X_Actor="ada").body
            assert server.call("POST", f"/v1/repairs/{repair['repair_id']}/approve", {}).status == 200
            phase = read(server, f"/v1/runs/{by_hand}/phases/{phase_id}")
            assert (phase["state"], phase["last_outcome"]["code"]) == ("COMPLETE", "REPAIRED")
        after = read(server, "/v1/stats")
    for name in ("runs", "ends", "attempts", "imported"):
        assert after["happened"][name] == before["happened"][name]
    assert after["happened"]["repaired"] == {"runs": 0, "phases": len(failed)}
