"""What executors of Autopack were seen to do, done once more against a real service."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.autopack.recording import Answer, BadRecording, Call, Json, Line, Player, read
from tests.databases import Scratch
from tests.end_to_end.service import Server, assert_sound, serving
from tests.shared import shared

ATTEMPTS_MAX = 5
SAME_FAILURE = timedelta(seconds=5)


@dataclass
class Told:
    """What a recording says of one phase, by the rules of the decision record; nothing else is read."""

    attempts: int = 0
    refused: int = 0
    """Results and outcomes of attempts that there were none left for."""
    repeated: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    is_open: bool = False
    is_complete: bool = False
    failed_at: datetime | None = None
    building: bool = False

    def works(self) -> bool:
        """Somebody worked on it: an attempt is open, if one is left."""
        if not self.is_open and not self.is_complete:
            if self.attempts == ATTEMPTS_MAX:
                self.refused += 1
                return False
            self.attempts += 1
            self.is_open, self.failed_at = True, None
        return True

    def take(self, line: Line) -> None:
        """One more line."""
        match line.observed:
            case "builder_started":
                self.building = True
            case "builder_succeeded":
                self.building = False
                self.works()
            case "status_reported":
                if self.building:
                    self.building = False
                    self.works()
                self.reported(str(line.told["status"]), datetime.fromisoformat(line.at))

    def reported(self, status: str, at: datetime) -> None:
        """The executor told the service an outcome."""
        again = self.failed_at is not None and at - self.failed_at <= SAME_FAILURE
        if status == "FAILED" and not self.is_open and again:
            self.repeated += 1
        elif self.works():
            self.outcomes[status] += 1
            self.is_open, self.is_complete = False, status == "COMPLETE"
            self.failed_at = at if status == "FAILED" else None


def told_by(lines: Sequence[Line]) -> dict[tuple[str, str], Told]:
    """What the recordings say of each phase."""
    found: dict[tuple[str, str], Told] = {}
    for line in lines:
        if line.phase_id is not None:
            found.setdefault((line.run_id, line.phase_id), Told()).take(line)
    return found


@dataclass
class Played:
    """Recordings that were played, and where."""

    lines: list[Line]
    calls: list[Call]
    server: Server
    url: str

    def of(self, run_id: str) -> list[Call]:
        return [call for call in self.calls if call.run_id == run_id]

    def read(self, path: str) -> Any:
        return self.server.call("GET", path).body


@pytest.fixture(scope="module")
def played(scratch_database: Scratch) -> Iterator[Played]:
    """All recordings, in the order of time, against one process."""
    files = sorted(shared("recordings").glob("*.jsonl"))
    recordings = sorted((read(file) for file in files), key=lambda lines: lines[0].at)
    with scratch_database("sqlite") as url, serving(url, autopack_api="1", refusals_max="100000") as server:

        def send(method: str, path: str, body: Json | None, at: str) -> Answer:
            answer = server.call(method, path, body, X_Occurred_At=at)
            return Answer(answer.status, answer.body)

        player = Player(send)
        for lines in recordings:
            player.expect(lines)
        for lines in recordings:
            for _ in player.play(lines):
                pass
        yield Played([line for lines in recordings for line in lines], player.calls, server, url)


def test_nothing_fails(played: Played) -> None:
    """No call of any recording is answered with a failure of the service, and the log is sound afterwards."""
    assert [call for call in played.calls if call.answer.status >= 500] == []
    assert_sound(played.url)


def test_every_outcome_is_in_the_log_or_refused_with_a_reason(played: Played) -> None:
    """Each reported outcome has led to its event, or repeats one, or is a refusal that says what to do."""
    reported = [line for line in played.lines if line.observed == "status_reported"]
    answered = [call for call in played.calls if call.name.startswith("update_status")]
    assert len(answered) == len(reported)
    log = Counter(event["type"] for event in events(played))
    recorded = [call for call in answered if call.answer.events]
    assert log["phase.completed"] + log["phase.failed"] == len(recorded)
    refused = [call for call in answered if call.answer.is_refused]
    assert all(call.answer.body["detail"] and call.answer.body["remedy"] for call in refused)
    kept = Counter(each["code"] for each in refusals(played))
    assert kept["attempts-exhausted"] == sum(
        call.answer.body.get("code") == "attempts-exhausted" for call in played.calls
    )
    repeated = [call for call in answered if call.answer.body.get("events") == []]
    assert len(recorded) + len(refused) + len(repeated) == len(reported)


def test_attempts_are_counted_as_the_recordings_tell(played: Played) -> None:
    """Of each phase: attempts, completions, failures, repetitions and what came after the last attempt.

    What a recording tells is worked out from its lines alone: an attempt begins with what a builder hands in,
    or with an outcome where nobody did; it ends with an outcome; a failure that is told again within five
    seconds, with nothing handed in since, is the same one.
    """
    wanted = told_by(played.lines)
    made: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in wanted}
    for call in played.calls:
        if call.phase_id is None or not call.name.startswith(("update_status", "builder_result")):
            continue
        found = made[call.run_id, call.phase_id]
        for event in call.answer.events:
            found[event["type"]] += 1
        found["refused"] += call.answer.is_refused
        found["repeated"] += call.answer.body.get("events") == []
    for key, told in wanted.items():
        assert {
            "attempts": made[key]["phase.started"],
            "COMPLETE": made[key]["phase.completed"],
            "FAILED": made[key]["phase.failed"],
            "refused": made[key]["refused"],
            "repeated": made[key]["repeated"],
        } == {
            "attempts": told.attempts,
            "COMPLETE": told.outcomes["COMPLETE"],
            "FAILED": told.outcomes["FAILED"],
            "refused": told.refused,
            "repeated": told.repeated,
        }, key


def test_tokens_add_up(played: Played) -> None:
    """What builders spent in attempts that were recorded is what the runs have used, each call once."""
    spent = sum(
        event["data"]["tokens_used"] for event in events(played) if event["type"] == "phase.usage_recorded"
    )
    runs = {call.run_id for call in played.calls}
    assert sum(played.read(f"/v1/runs/{run_id}")["usage"]["tokens_used"] for run_id in runs) == spent
    assert spent > 0


@pytest.mark.parametrize(
    "run_id", ["build127-phase1-self-healing-governance", "build129-token-budget-intelligence"]
)
def test_the_weeks_of_ready_are_one_refusal(played: Played, run_id: str) -> None:
    """READY is refused once, with what to name instead; every look at the run after that is answered."""
    calls = played.of(run_id)
    ready = [call for call in calls if call.answer.body.get("code") == "unknown-state"]
    assert len(ready) == 1
    assert ready[0].answer.body["remedy"].startswith("Name one of QUEUED, PLAN_BOOTSTRAP, RUN_CREATED")
    fetched = [call for call in calls if call.name == "fetch"]
    assert len(fetched) > 330
    assert {call.answer.status for call in fetched} == {200}
    assert "READY" not in {event["state_after"] for event in events(played) if event["run_id"] == run_id}


def test_a_run_that_was_missing_for_hours_is_told_once(played: Played) -> None:
    """The first look says which call creates it; that call works, and the other 1,589 looks are answered."""
    calls = played.of("fileorg-backend-fixes-v4-20251130")
    assert Counter(call.answer.status for call in calls if call.name == "fetch") == {404: 1, 200: 1_589}


def test_an_id_that_is_run_and_phase_at_once_is_told(played: Played) -> None:
    """One refusal, and a phase with an id of its own; what was reported of it is in the log."""
    (refused,) = [call for call in played.calls if call.answer.body.get("code") == "invalid-id"]
    assert refused.run_id == "build127-phase1-self-healing-governance"
    (phase,) = played.read(f"/v1/runs/{refused.run_id}")["phases"]
    assert (phase["state"], phase["attempt"]) == ("FAILED", 1)


def events(played: Played) -> list[dict[str, Any]]:
    """The whole log."""
    found: list[dict[str, Any]] = []
    while page := played.read(f"/v1/events?limit=500&after={len(found)}")["items"]:
        found += page
    return found


def refusals(played: Played) -> list[dict[str, Any]]:
    """Every refusal that is kept."""
    found, cursor = list[dict[str, Any]](), ""
    while True:
        page = played.read(f"/v1/refusals?limit=500{cursor}")
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    """A line that cannot be understood is no reason for a traceback."""
    for content in ("x", "[]", "{}", '{"at": 1, "run_id": "a", "observed": "b"}'):
        file = tmp_path / "odd.jsonl"
        file.write_text(content)
        with pytest.raises(BadRecording, match="is no recording"):
            read(file)
    with pytest.raises(BadRecording, match="cannot be read"):
        read(tmp_path / "absent.jsonl")
