"""People answer at the terminal what executors ask."""

import json
from typing import Any


def asked(runnotary: Any, context: str, **more: str) -> None:
    """Somebody asks for approval."""
    data = json.dumps({"context": context, **more})
    assert runnotary("propose", "one", "run.approval_requested", "--data", data).exit_code == 0


def test_what_waits_is_listed_and_answered(runnotary: Any) -> None:
    """Each with what was asked; an answer says who and why, and is told with the run."""
    runnotary("create", "one", "--phase", "Build")
    assert runnotary("approvals", "list").stderr == "Nothing waits for an answer.\n"
    asked(runnotary, "risky_decision", phase_id="phase1-build", patch_preview="+ a")
    asked(runnotary, "deletion")
    lines = runnotary("approvals", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines if line[0] != " "] == [["4", "one"], ["3", "one"]]
    assert "    patch_preview: + a" in lines
    told = runnotary("approvals", "grant", "3", "--reason", "it is generated", "--actor", "ann")
    assert told.stdout.splitlines() == ["#5  run.approval_granted", "run one is RUN_CREATED, version 5"]
    assert runnotary("approvals", "deny", "4").exit_code == 0
    assert runnotary("approvals", "list").stderr == "Nothing waits for an answer.\n"
    every = runnotary("approvals", "list", "--all", "--run", "one").stdout
    assert "    granted by ann: it is generated" in every.splitlines()
    assert '"status":"denied"' in runnotary("approvals", "list", "--all", "--json").stdout


def test_an_answer_is_final(runnotary: Any) -> None:
    """A second one is refused, with what to do; so is one that nobody asked for."""
    runnotary("create", "one")
    asked(runnotary, "risky_decision")
    assert runnotary("approvals", "deny", "2").exit_code == 0
    told = runnotary("approvals", "grant", "2")
    assert told.exit_code == 1
    assert "refused  approval-answered" in told.stderr
    assert "An answer is final" in told.stderr
    told = runnotary("approvals", "grant", "99")
    assert (told.exit_code, "refused  approval-not-found" in told.stderr) == (1, True)
