"""The real databases: what is known to be odd about them is found, and the service goes on with the rest."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from api.ledger import Ledger
from api.legacy.report import Report
from api.legacy.source import read
from eventstore import store
from tests.api.client import Client
from tests.legacy.conftest import imported, is_proven
from tests.shared import shared

OLDEST, NEWEST, INCIDENT = "autopack-2025-12-02", "autopack-2025-12-24", "incident"

COUNTS: Mapping[str, Mapping[str, int]] = {
    OLDEST: {
        "illegal-run-state run": 1,
        "illegal-phase-state phase": 7,
        "tier-missing phase": 7,
        "run-without-tiers run": 1,
    },
    NEWEST: {
        "run-id-is-phase-id phase": 1,
        "phase-in-foreign-tier phase": 10,
        "run-without-tiers run": 3,
        "scope-not-object phase": 1,
        "done-with-queued-phases run": 26,
        "updated-before-created run": 2,
        "updated-before-created phase": 3,
        "failed-with-retries-left phase": 126,
        "open-run-all-phases-ended run": 3,
    },
    INCIDENT: {
        "illegal-run-state run": 3,
        "illegal-phase-state phase": 1,
        "phase-without-run phase": 1,
        "run-id-is-phase-id phase": 1,
        "phase-in-foreign-tier phase": 11,
        "run-without-tiers run": 3,
        "scope-not-json phase": 1,
        "scope-not-object phase": 3,
        "done-with-queued-phases run": 26,
        "updated-before-created run": 3,
        "updated-before-created phase": 4,
        "failed-with-retries-left phase": 125,
        "open-run-all-phases-ended run": 1,
    },
}
"""Counted by other means than an import. Words that no column may hold are not among them."""
ROWS = {OLDEST: (1, 0, 7), NEWEST: (70, 200, 456), INCIDENT: (70, 200, 457)}
QUARANTINED = {
    OLDEST: [],
    NEWEST: [],
    INCIDENT: [
        ("build127-phase1-self-healing-governance", "READY", "RUN_CREATED"),
        ("build129-token-budget-intelligence", "READY", "RUN_CREATED"),
        ("build129-phase1-output-size-predictor", None, None),
    ],
}
every = pytest.mark.parametrize("name", [OLDEST, NEWEST, INCIDENT])


def file_of(name: str) -> Path:
    return shared("legacy") / f"{name}.db"


@every
def test_what_is_odd_is_found(ledger: Ledger, name: str) -> None:
    """The counts are those that were counted by hand; the log is proven; a second import changes nothing."""
    expected = imported(ledger, file_of(name), dry_run=True)
    assert ledger.log(after=0, limit=1) == []
    report = imported(ledger, file_of(name))
    assert report == expected
    found = Counter(f"{each.code} {each.entity}" for each in report.findings)
    assert {code: n for code, n in found.items() if "undocumented" not in code} == COUNTS[name]
    assert (report.runs, report.tiers, report.phases) == ROWS[name]
    waits = [each.view() for each in report.quarantined]
    assert [(each["run_id"], each["from"], each["to"]) for each in waits] == QUARANTINED[name]
    again = imported(ledger, file_of(name))
    assert (again.imported, again.unchanged, again.changed) == (0, report.imported, 0)
    assert again.quarantined == []
    assert again.findings == report.findings
    assert is_proven(ledger)


@every
def test_every_row_is_in_the_log(sqlite_ledger: Ledger, name: str) -> None:
    """Runs, tiers and phases, to the last column, and where they were found."""
    imported(sqlite_ledger, file_of(name))
    legacy = read(file_of(name))
    events = sqlite_ledger.log(after=0, limit=1_000)
    of_runs = [event.data for event in events if event.phase_id is None]
    kept = {
        "runs": [data["legacy"] for data in of_runs if "legacy" in data],
        "tiers": [row for data in of_runs for row in data.get("legacy_tiers", [])],
        "phases": [event.data["legacy"] for event in events if event.phase_id is not None],
    }
    for table, rows in legacy.rows.items():
        assert sorted(repr(row.found) for row in rows) == sorted(
            repr(in_order(row, rows[0].found)) for row in kept[table]
        )
    assert {event.data["source"]["sha256"] for event in events} == {legacy.sha256}


def in_order(row: Mapping[str, object], columns: Mapping[str, object]) -> dict[str, object]:
    """A row with its columns in the order of the table: the log has them sorted."""
    return {column: row[column] for column in columns}


@every
def test_every_list_and_every_health_call_answers(database_url: str, name: str) -> None:
    """One bad row is no reason for anything else to fail: not a list, not a run, not a health call."""
    with Client(database_url) as client:
        imported(client.ledger, file_of(name))
        for path in ("/livez", "/readyz", "/v1/events", "/v1/refusals", "/v1/projections"):
            assert client.get(path).status_code == 200, path
        listed, path = [], "/v1/runs?limit=50"
        while path:
            page = client.get(path).json()
            listed += page["items"]
            path = f"/v1/runs?limit=50&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        assert len(listed) == ROWS[name][0] + (name == INCIDENT)
        for run in listed:
            waits = run["run_id"] in [run_id for run_id, *_ in QUARANTINED[name]]
            answer = client.get(f"/v1/runs/{run['run_id']}")
            assert answer.status_code == (409 if waits else 200)
            assert (answer.json().get("code") == "quarantined") == waits
            assert client.get(f"/v1/runs/{run['run_id']}/moves").status_code == 200
            assert client.get(f"/v1/runs/{run['run_id']}/audit").status_code == 200


def test_a_run_goes_on_from_where_it_was(sqlite_ledger: Ledger) -> None:
    """A phase that is called as its run, in a run whose budget and tiers came along, is executed on."""
    imported(sqlite_ledger, file_of(NEWEST))
    run_id = "build127-phase1-self-healing-governance"
    run = sqlite_ledger.run(run_id)
    assert (run["state"], [phase["phase_id"] for phase in run["phases"]]) == ("RUN_CREATED", [run_id])
    sqlite_ledger.propose(run_id, {"type": "run.execution_started"})
    sqlite_ledger.propose(run_id, {"type": "phase.requeued", "phase_id": run_id})
    (started,) = sqlite_ledger.propose(run_id, {"type": "phase.started", "phase_id": run_id})
    done = {"type": "phase.completed", "phase_id": run_id, "attempt": started.event.attempt}
    sqlite_ledger.propose(run_id, done)
    sqlite_ledger.propose(run_id, {"type": "run.succeeded"})
    assert sqlite_ledger.run(run_id)["state"] == "DONE_SUCCESS"


def test_a_later_file_of_the_same_system_changes_nothing(sqlite_ledger: Ledger) -> None:
    """The run of the oldest file is in the newest, with another state: told, and not overwritten."""
    first = imported(sqlite_ledger, file_of(OLDEST))
    (run_id,) = [event.run_id for event in sqlite_ledger.log(after=0, limit=1)]
    with sqlite_ledger.reading() as connection:
        before = store.read_run(connection, run_id)
    report: Report = imported(sqlite_ledger, file_of(NEWEST))
    assert (first.imported, report.imported, report.changed) == (1, 69, 1)
    changed = [each for each in report.findings if each.code == "row-changed"]
    assert {each.run_id for each in changed} == {run_id}
    assert changed[0].value["state"] == {"recorded": "queued", "found": "QUEUED"}
    with sqlite_ledger.reading() as connection:
        assert store.read_run(connection, run_id) == before
