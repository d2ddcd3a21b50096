"""A recording is played at the terminal, into a service of its own or another one."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Scratch
from tests.end_to_end.service import serving

Record = Callable[..., Path]


@pytest.fixture
def recorded(tmp_path: Path) -> Record:
    """A file with what an executor was seen to do with run one: second, phase, what, and more."""

    def writes(*seen: Sequence[Any], name: str = "one.jsonl", run: str = "one") -> Path:
        lines = [
            {
                "at": f"2025-12-23T13:{second // 60:02}:{second % 60:02}Z",
                "run_id": run,
                "phase_id": phase,
                "observed": observed,
                **(more[0] if more else {}),
            }
            for second, phase, observed, *more in seen
        ]
        file = tmp_path / name
        file.write_text("\n".join(map(json.dumps, lines)))
        return file

    return writes


FAILED = {"status": "FAILED"}
INCIDENT = (
    (0, None, "executor_started"),
    *((second, None, "run_fetch_failed", {"http_status": 500}) for second in range(1, 30)),
    (60, "p1", "phase_picked"),
    (60, "p1", "builder_started"),
    (90, "p1", "builder_succeeded", {"tokens": 27_302}),
    (91, "p1", "auditor_started"),
    (95, "p1", "status_reported", FAILED),
    (96, "p1", "status_reported", FAILED),
    (96, "p1", "attempt_failed", {"attempt": 1}),
    (120, "p1", "builder_started"),
    (122, "p1", "status_reported", {"status": "COMPLETE"}),
    (123, "p1", "phase_finished", {"outcome": "COMPLETE"}),
)


def test_an_incident_is_a_refusal_here(runnotary: Any, recorded: Record) -> None:
    """One line a kind of call, each refusal with its remedy once, and what the run came to."""
    told = runnotary("replay-recording", str(recorded(*INCIDENT)))
    assert told.exit_code == 0, told.stderr
    lines = [line.split() for line in told.stdout.splitlines() if line]
    assert lines[0] == ["call", "calls", "recorded", "implied", "known", "refused"]
    assert ["create", "2", "2", "0", "0", "1"] in lines
    assert ["fetch", "31", "0", "0", "0", "0"] in lines
    assert ["builder_result", "2", "2", "8", "0", "0"] in lines
    assert ["update_status", "FAILED", "2", "1", "1", "1", "0"] in lines
    assert ["update_status", "COMPLETE", "1", "1", "1", "0", "0"] in lines
    assert ["create", "unknown-state", "once"] in lines
    assert lines[-1] == ["one", "DONE_SUCCESS", "p1", "COMPLETE", "2"]


def test_programs_get_one_document(runnotary: Any, recorded: Record) -> None:
    """With --json: calls, refusals as they were answered, and runs."""
    told = json.loads(runnotary("replay-recording", str(recorded(*INCIDENT)), "--json").stdout)
    assert told.keys() == {"calls", "refused", "runs"}
    assert [each["problem"]["remedy"][:12] for each in told["refused"]] == ["Name one of "]
    assert told["runs"][0]["phases"] == [{"phase_id": "p1", "state": "COMPLETE", "attempt": 2}]


def test_a_folder_is_played_in_the_order_of_time(runnotary: Any, recorded: Record, tmp_path: Path) -> None:
    """A run that is in two files is created once, with the phases of both."""
    recorded((300, "p2", "status_reported", {"status": "COMPLETE"}), name="a.jsonl")
    recorded((10, "p1", "status_reported", {"status": "COMPLETE"}), name="b.jsonl")
    told = json.loads(runnotary("replay-recording", str(tmp_path), "--json").stdout)
    assert [each["call"] for each in told["refused"]] == []
    (run,) = told["runs"]
    assert (run["state"], [each["phase_id"] for each in run["phases"]]) == ("DONE_SUCCESS", ["p1", "p2"])


def test_a_run_that_is_missing_is_created_by_the_call_that_the_refusal_names(
    runnotary: Any, recorded: Record
) -> None:
    """One 404; the other looks are answered."""
    seen = [(second, None, "run_fetch_failed", {"http_status": 404}) for second in range(20)]
    told = json.loads(runnotary("replay-recording", str(recorded(*seen)), "--json").stdout)
    assert [(each["code"], each["times"]) for each in told["refused"]] == [("run-not-found", 1)]
    assert told["runs"][0]["state"] == "RUN_CREATED"


def test_a_phase_that_is_called_as_its_run_gets_a_name_of_its_own(runnotary: Any, recorded: Record) -> None:
    """That is refused once; what was reported of it is in the log, under the name that was made."""
    seen = [(0, "one", "status_reported", FAILED)]
    told = json.loads(runnotary("replay-recording", str(recorded(*seen)), "--json").stdout)
    assert [each["code"] for each in told["refused"]] == ["invalid-id"]
    assert told["runs"][0]["phases"] == [{"phase_id": "phase1-one", "state": "FAILED", "attempt": 1}]


def test_it_plays_into_another_service(runnotary: Any, recorded: Record, scratch_database: Scratch) -> None:
    """With --server; a second time all of it is known. A service without these calls says so."""
    file = str(recorded((0, "p1", "status_reported", {"status": "COMPLETE"})))
    with scratch_database("sqlite") as url:
        with serving(url, autopack_api="1") as server:
            at = f"http://{server.host}:{server.port}"
            first, again = (
                json.loads(runnotary("replay-recording", file, "--json", "--server", at).stdout)
                for _ in range(2)
            )
            assert [each["repeated"] for each in first["calls"]] == [0, 0]
            assert [(each["name"], each["repeated"]) for each in again["calls"]] == [
                ("update_status COMPLETE", 1)
            ]
        with serving(url) as server:
            at = f"http://{server.host}:{server.port}"
            told = runnotary("replay-recording", file, "--server", at)
    assert told.exit_code == 1
    assert "serve it with RUNNOTARY_AUTOPACK_API=1" in told.stderr


def test_its_database_can_be_kept(runnotary: Any, recorded: Record) -> None:
    """--keep leaves the file, and says where it is; the times of the recording are in it."""
    file = str(recorded((0, "p1", "status_reported", {"status": "COMPLETE"})))
    told = runnotary("replay-recording", file, "--keep")
    database = told.stderr.strip().removeprefix("Its database: ")
    log = json.loads(runnotary("log", "one", "--json", "--database", database).stdout)["items"]
    assert log[-2]["occurred_at"] == "2025-12-23T13:00:00.000000Z"
    Path(database.removeprefix("sqlite:///")).unlink()
    told = runnotary("replay-recording", file, "--keep", "--server", "http://127.0.0.1:1")
    assert told.exit_code == 2


def test_what_would_have_been_without_a_report(runnotary: Any, recorded: Record) -> None:
    """What it implied is left out with it; what others implied is tried again like what they said."""
    complete = {"status": "COMPLETE"}
    file = recorded((0, "p1", "status_reported", complete), (9, "p2", "status_reported", complete))
    told = runnotary("replay-recording", str(file), "--keep")
    database = told.stderr.strip().removeprefix("Its database: ")
    lines = runnotary("dry-run", "one", "--without", "2", "--database", database).stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("  refused")] == [
        *("phase.started", "phase.completed"),
    ]
    assert lines[-1] == "run one would be DONE_SUCCESS, version 6"
    lines = runnotary("dry-run", "one", "--without", "6", "--database", database).stdout.splitlines()
    assert lines[0] == "from version 3 of run one:"
    told = runnotary("dry-run", "one", "--without", "8", "--database", database)
    assert "Event 8 is the last: nothing followed it." in told.stderr
    Path(database.removeprefix("sqlite:///")).unlink()


@pytest.mark.parametrize("content", ["not JSON", "[]", '{"at": "x"}', ""])
def test_what_is_no_recording_is_told_in_a_line(runnotary: Any, tmp_path: Path, content: str) -> None:
    """Which file it is, and what is wrong with it."""
    (tmp_path / "odd.jsonl").write_text(content)
    told = runnotary("replay-recording", str(tmp_path))
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert "recording" in told.stderr


def test_nobody_answers(runnotary: Any, recorded: Record) -> None:
    """A service that is not there is told in a line."""
    file = str(recorded((0, "p1", "status_reported", FAILED)))
    told = runnotary("replay-recording", file, "--server", "http://127.0.0.1:1")
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert "Nothing answers at http://127.0.0.1:1" in told.stderr
