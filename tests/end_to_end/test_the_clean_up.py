"""The clean-up of December, done right: nothing is deleted, no state is set, and no figure of failure moves.

A build that was completed by hand is annotated, test runs are preserved, the backlog is archived; all through
the command, against a service in a process of its own.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Scratch
from tests.end_to_end.service import COMMAND, SECONDS, Server, assert_sound, serving
from tests.shared import shared

BY_HAND = ("build132-coverage-delta-integration", "build130-schema-validation-prevention")
BASELINE = ("build129-p2-validation", "build129-p3-week1-telemetry", "telemetry-test-single")
BACKLOG = ("lovable-p0-foundation", "lovable-p1-core-precision", "lovable-p2-quality-ux")
REASON = "reproducible baseline of the telemetry tests"


@pytest.fixture
def legacy() -> Path:
    """The database that was to be cleaned up."""
    return shared("legacy") / "autopack-2025-12-24.db"


@pytest.fixture
def server(backend: str, legacy: Path, scratch_database: Scratch) -> Iterator[Server]:
    """A service on a database into which it was imported; what it leaves behind is sound."""
    with scratch_database(backend) as url:
        imported = runnotary("import-autopack", str(legacy), "--database", url)
        assert imported.returncode == 0, imported.stderr
        with serving(url) as server:
            yield server
        assert_sound(url)
        verified = runnotary("verify", "--database", url)
        assert verified.returncode == 0, verified.stdout


def runnotary(*words: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, encoding="utf-8", timeout=SECONDS, check=False
    )


def listed(server: Server, query: str = "") -> set[str]:
    """The runs of a list."""
    answer = server.call("GET", f"/v1/runs?limit=500{query}")
    return {run["run_id"] for run in answer.body["items"]}


def failures(server: Server) -> dict[str, Any]:
    """Every figure but the number of notes and of marks."""
    told = server.call("GET", "/v1/stats").body
    states = {entity: told["now"][entity]["by_state"] for entity in ("runs", "phases")}
    happened = {name: figure for name, figure in told["happened"].items() if name != "annotated"}
    return {"states": states, "happened": happened, "outcomes": told["outcomes"]}


def test_the_clean_up_of_december(server: Server, tmp_path: Path) -> None:
    """Annotated, preserved, archived; every figure of failure, every state and every event is still there."""
    where = ("--server", f"http://{server.host}:{server.port}", "--actor", "maintainer")

    def does(*words: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        done = runnotary(*words, *where)
        assert done.returncode == exits, (words, done.stdout, done.stderr)
        return done

    before = failures(server)
    assert before["happened"]["imported"] == {
        "runs": 70, "phases": 456, "failed_runs": 52, "failed_phases": 151,
    }  # fmt: skip
    assert before["happened"]["runs"]["ended"] == 0
    everything = listed(server)
    assert len(everything) == 70

    for run_id in BY_HAND:
        does("annotate", run_id, "Completed by hand; see BUILD_LOG.md", "--tag", "completed-by-hand")
    for run_id in BASELINE:
        does("preserve", run_id, "--reason", REASON)
        refused = does("archive", run_id, exits=1)
        assert REASON in refused.stderr
    for run_id in BACKLOG:
        does("label", run_id, "backlog=lovable")
        does("archive", run_id, "--reason", "deferred: feature work")

    assert failures(server) == before
    assert server.call("GET", "/v1/stats").body["happened"]["annotated"] == {"runs": 2, "phases": 0}
    assert listed(server) == everything - {*BACKLOG}
    assert listed(server, "&archived=true") == listed(server, "&label=backlog&archived=any") == {*BACKLOG}
    assert listed(server, "&tag=completed-by-hand") == {*BY_HAND}
    assert listed(server, "&preserved=true") == {*BASELINE}

    exported = tmp_path / "deferred.ndjson"
    runnotary("export", "--run", BACKLOG[0], str(exported), *where[:2])
    assert '"run.archived"' in exported.read_text("utf-8")
    story = json.loads(runnotary("audit", BASELINE[0], "--json", *where[:2]).stdout)
    assert [entry["kind"] for entry in story["timeline"]][-2:] == ["event", "refusal"]
    assert story["timeline"][-1]["refusal"]["code"] == "run-preserved"
    assert story["timeline"][0]["event"]["type"] == "run.imported"
    told = json.loads(runnotary("audit", BY_HAND[0], "--json", *where[:2]).stdout)["timeline"][-1]["event"]
    assert (told["type"], told["actor"]) == ("run.annotated", "maintainer")
