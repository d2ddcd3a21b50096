"""Quarantine and repairs from the command line: on a database, and through a server."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from api.ledger import Ledger
from api.settings import Settings
from tests.runs import Record

READY = {
    "legacy": {"state": "READY"},
    "findings": [{"code": "illegal-run-state", "value": "READY", "detail": "no such state"}],
    "mapping": {"from": "READY", "kind": "semantic", "to": "RUN_CREATED"},
}


@pytest.fixture(params=["database", "server"])
def told(request: pytest.FixtureRequest, runnotary: Any, serving: Any, record: Record, tmp_path: Path) -> Any:
    """The command, on a database or a server with a run in quarantine and one with a quarantined phase."""
    with Ledger.open(Settings(database_url=f"sqlite:///{tmp_path}/runnotary.db")) as ledger:
        record(ledger, "old", ("run.quarantined", None, None, READY))
        ledger.create_run({"run_id": "one", "phases": [{"phase_id": "p1"}]})
        record(ledger, "one", ("phase.quarantined", None, "p2", {"legacy": {"state": "BLOCKED"}}))
    if request.param == "database":
        yield runnotary
        return
    with serving(tmp_path) as service:
        yield lambda *words, **environment: runnotary(*words, RUNNOTARY_SERVER=service.url, **environment)


def tried(line: str) -> list[str]:
    """The command in a line that tells to try it."""
    program, *words = shlex.split(line.partition(": ")[2])
    assert program == "runnotary"
    return words


def test_what_waits_is_listed_with_what_repairs_it(told: Any) -> None:
    """Each with the old value, the findings, the suggestion, and a command that can be typed."""
    lines = told("quarantine").stdout.splitlines()
    assert lines == [
        "old  was READY (semantic); RUN_CREATED is suggested",
        "  illegal-run-state: READY: no such state",
        "  try: runnotary repair propose old RUN_CREATED --reason 'say why' --expect 1",
        "one p2  was BLOCKED",
        "  try: runnotary repair propose one 'say which' --phase p2 --reason 'say why' --expect 3",
    ]
    proposed = told(*tried(lines[2]))
    assert proposed.exit_code == 0
    assert "  proposed: " in told("quarantine").stdout
    assert "Name one of QUEUED, EXECUTING" in told(*tried(lines[4])).stderr
    assert len(json.loads(told("quarantine", "--json").stdout)["items"]) == 2
    assert told("quarantine", "--run", "one", "--limit", "1").stdout.startswith("one p2")
    assert "--cursor" in told("quarantine", "--limit", "1").stderr


def test_a_quarantined_run_is_shown_with_what_to_try(told: Any) -> None:
    """Whoever asks for it is told the command that proposes its repair."""
    shown = told("show", "old")
    assert shown.exit_code == 1
    assert shown.stderr.startswith("refused  quarantined\n")
    assert "try: runnotary repair propose old RUN_CREATED --reason 'say why' --expect 1" in shown.stderr


def test_a_repair_from_proposal_to_event(told: Any) -> None:
    """Proposed with a preview, shown, listed, approved, and in the log with both names."""
    words = ("repair", "propose", "old", "RUN_CREATED", "--reason", "READY meant created")
    more = ("--evidence", "the report", "--finding", "illegal-run-state", "--actor", "ada")
    proposed = told(*words, *more)
    assert proposed.exit_code == 0, proposed.stderr
    assert "change    (quarantined) → RUN_CREATED" in proposed.stdout
    assert "It contradicts no guard." in proposed.stdout
    approve = tried(proposed.stderr.splitlines()[-1])
    repair_id = approve[2]
    assert told("repair", "show", repair_id).stdout == proposed.stdout
    assert repair_id in told("repair", "list", "--status", "proposed", "--run", "old").stdout
    approved = told(*approve, "--actor", "grace")
    assert approved.stdout == f"approved {repair_id}: old (quarantined) → RUN_CREATED, version 2\n"
    again = told(*approve, "--actor", "grace")
    assert (again.exit_code, "nothing was added" in again.stderr) == (0, True)
    assert "state    RUN_CREATED" in told("show", "old").stdout
    assert "approved  " in told("repair", "show", repair_id).stdout
    log = told("log", "old").stdout
    assert "outside the moves; proposed by ada, approved by grace; answers illegal-run-state" in log
    assert "evidence: the report" in told("audit", "old").stdout
    markdown = told("audit", "old", "--markdown").stdout
    assert f"repair `{repair_id}`; proposed by ada on " in markdown
    assert "; approved by grace on " in markdown
    assert "; answers `illegal-run-state`; evidence: the report; says: READY meant created" in markdown
    assert told("verify").exit_code == 0


def test_what_a_repair_contradicts_is_told(told: Any) -> None:
    """A state that the guards would not have let come about can be proposed, and is told to be one."""
    proposed = told("repair", "propose", "one", "DONE_SUCCESS", "--reason", "x")
    assert "contradicts phases-open (new): The run succeeded, and not every phase" in proposed.stdout
    assert "contradicts quarantined (as it does now): Phase 'p2' has no state" in proposed.stdout


def test_all_that_is_suggested(told: Any) -> None:
    """Proposed at once, approved by finding; where one of them is refused the exit code says so."""
    assert "No repair is proposed that answers" in told("repair", "approve", "--finding", "x").stderr
    proposed = told("repair", "propose", "--all-suggested", "--reason", "READY meant created")
    assert "proposed " in proposed.stdout
    assert "old (quarantined) → RUN_CREATED" in proposed.stdout
    approved = told("repair", "approve", "--finding", "illegal-run-state")
    assert (approved.exit_code, "old (quarantined) → RUN_CREATED, version 2" in approved.stdout) == (0, True)
    assert "Nothing in quarantine has a suggestion." in told("repair", "propose", "--all-suggested").stderr
    told("repair", "propose", "old", "GATE", "--reason", "x", "--finding", "f")
    told("propose", "old", "run.held")
    refused = told("repair", "approve", "--finding", "f")
    assert (refused.exit_code, "repair-out-of-date" in refused.stderr) == (1, True)
    assert tried(refused.stderr.splitlines()[-1])[:4] == ["repair", "propose", "old", "GATE"]


def test_a_rejection(told: Any) -> None:
    """It has a reason, stays in the list, and cannot be approved any more."""
    told("repair", "propose", "one", "GATE", "--reason", "x", "--key", "k")
    (repair,) = json.loads(told("repair", "list", "--json").stdout)["items"]
    rejected = told("repair", "reject", repair["repair_id"], "--reason", "it is not")
    assert rejected.stdout.startswith(f"rejected {repair['repair_id']}: one ")
    refused = told("repair", "approve", repair["repair_id"])
    assert refused.stderr.startswith("refused  repair-decided\n")
    assert told(*tried(refused.stderr.splitlines()[-1])).exit_code == 0
    missing = told("repair", "show", "nothing")
    assert missing.stderr.startswith("refused  repair-not-found\n")
    assert told(*tried(missing.stderr.splitlines()[-1])).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["propose"],
        ["propose", "one"],
        ["propose", "one", "GATE"],
        ["propose", "one", "GATE", "--reason", "x", "--all-suggested"],
        ["propose", "--all-suggested", "--key", "k"],
        ["approve"],
        ["approve", "9f2c", "--finding", "x"],
        ["approve", "--finding", "x", "--key", "k"],
        ["reject", "9f2c"],
        ["show", "a/b"],
        ["list", "--status", "open"],
        ["propose", "one", "GATE", "--force"],
    ],
)
def test_what_cannot_be_understood(runnotary: Any, words: list[str]) -> None:
    """Exit code 2, and a word about what is missing or too much."""
    assert runnotary("repair", *words).exit_code == 2


def test_an_empty_list_is_said_to_be(runnotary: Any) -> None:
    """Nothing waits, and nothing is proposed."""
    runnotary("create", "one")
    assert "Nothing is in quarantine." in runnotary("quarantine").stderr
    assert "No repairs." in runnotary("repair", "list").stderr
