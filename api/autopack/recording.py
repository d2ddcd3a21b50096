"""What an executor was seen to do, line by line, and the calls that it made then.

A recording has one JSON object a line: `at`, `run_id`, `phase_id` and what was `observed`. It says what the
executor did and not what it sent; what is not in it is left out of the calls, or said to be unknown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

Json = Mapping[str, Any]
UNKNOWN = "(not in the recording)"
NOT_FOUND = 404
INTERNAL_ERROR = 500
REFUSED_FROM = 400
REMEDIES_MAX = 3
"""Refusals of one creation that are mended by what their remedies say."""


class BadRecording(Exception):
    """A file is no recording; the message is one line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an executor was seen to do."""

    at: str
    run_id: str
    phase_id: str | None
    observed: str
    told: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said to a call."""

    status: int
    body: Json

    @property
    def is_refused(self) -> bool:
        """Whether nothing came of the call."""
        return self.status >= REFUSED_FROM

    @property
    def events(self) -> Sequence[Json]:
        """The events that the call led to."""
        found: Sequence[Json] = self.body.get("events", ())
        return found


Send = Callable[[str, str, Json | None, str], Answer]
"""Makes a call: method, path, body, and when it was made."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made, and what came of it."""

    name: str
    """What is done, as `update_status FAILED`."""
    run_id: str
    phase_id: str | None
    at: str
    answer: Answer


def read(path: Path) -> list[Line]:
    """The lines of a recording.

    Raises:
        BadRecording: it is none, or cannot be read.
    """
    try:
        rows = path.read_bytes().splitlines()
        return [line_of(orjson.loads(row)) for row in rows if row.strip()]
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise BadRecording(msg) from error
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path} is no recording: each line is a JSON object with at, run_id and observed."
        raise BadRecording(msg) from error


def line_of(row: Any) -> Line:
    """A line of a file."""
    at, run_id, observed = (row[name] for name in ("at", "run_id", "observed"))
    phase_id = row.get("phase_id")
    if not all(isinstance(each, str) for each in (at, run_id, observed, phase_id or "")):
        raise TypeError
    return Line(at, run_id, phase_id, observed, row)


@dataclass
class Player:
    """Makes the calls of recordings, one after the other."""

    send: Send
    calls: list[Call] = field(default_factory=list)
    _created: set[str] = field(default_factory=set)
    _phases: dict[str, list[str]] = field(default_factory=dict)
    _named: dict[tuple[str, str], str] = field(default_factory=dict)
    """What a phase is called here, where it could not have its name."""
    _building: set[tuple[str, str]] = field(default_factory=set)
    """Phases whose builder is at work."""
    _unready: set[str] = field(default_factory=set)

    def expect(self, lines: Iterable[Line]) -> None:
        """Take note of the phases that these lines will be about: their run is created with all of them."""
        for line in lines:
            known = self._phases.setdefault(line.run_id, [])
            if line.phase_id is not None and line.phase_id not in known:
                known.append(line.phase_id)

    def play(self, lines: Sequence[Line]) -> Iterator[Line]:
        """Make the calls of these lines; each is given before its calls are made."""
        self.expect(lines)
        for run_id in dict.fromkeys(line.run_id for line in lines):
            self._prepare(run_id, [line for line in lines if line.run_id == run_id])
        for line in lines:
            yield line
            self._follow(line)

    def _prepare(self, run_id: str, lines: Sequence[Line]) -> None:
        """Create the run as its scripts had, unless the executor found none."""
        status = first_failure(lines)
        if run_id in self._created or status == NOT_FOUND:
            return
        if self.send("GET", f"/runs/{run_id}", None, lines[0].at).status == NOT_FOUND:
            # Where the first thing that was seen is a failure of the server, it had been created so.
            self._create(lines[0], "READY" if status == INTERNAL_ERROR else None)
            if status == INTERNAL_ERROR:
                self._unready.add(run_id)
        self._created.add(run_id)

    def _create(self, line: Line, state: str | None) -> None:
        """Create the run of a line, and do what the remedies say where that is refused."""
        run_id = line.run_id
        run = {"run_id": run_id} | ({"state": state} if state else {})
        phases: list[dict[str, Any]] = [
            {"phase_id": phase_id, "phase_index": number, "name": phase_id}
            for number, phase_id in enumerate(self._phases.get(run_id, ()))
        ]
        for _ in range(REMEDIES_MAX):
            answer = self._call("create", line, "POST", "/runs", {"run": run, "phases": phases})
            match answer.body.get("code"):
                case "unknown-state" if run_id not in self._created:
                    run.pop("state", None)
                case "invalid-id" if answer.body.get("field") == "phase_id":
                    for phase in phases:
                        if phase.get("phase_id") == answer.body.get("value"):
                            del phase["phase_id"]
                case _:
                    break
        made = answer.body.get("phases", ())
        for asked, there in zip(self._phases.get(run_id, ()), made, strict=False):
            self._named[run_id, asked] = there["phase_id"]
        self._created.add(run_id)

    def _follow(self, line: Line) -> None:
        """The calls of a line."""
        match line.observed:
            case "executor_started":
                self._call("health", line, "GET", "/health")
                self._fetch(line)
            case "phase_picked":
                self._fetch(line)
            case "run_fetch_failed":
                self._fetch_again(line)
            case "builder_started" if line.phase_id:
                self._building.add((line.run_id, line.phase_id))
            case "builder_succeeded" if line.phase_id:
                self._building.discard((line.run_id, line.phase_id))
                done = {
                    "status": "success",
                    "patch_content": UNKNOWN,
                    "tokens_used": line.told.get("tokens", 0),
                }
                self._report(line, "builder_result", done)
            case "auditor_started" if line.phase_id:
                self._report(line, "auditor_result", {"review_notes": UNKNOWN})
            case "status_reported" if line.phase_id:
                if (line.run_id, line.phase_id) in self._building:
                    # A builder that fails hands that in, before the phase is said to have failed.
                    self._building.discard((line.run_id, line.phase_id))
                    self._report(line, "builder_result", {"status": "failed", "notes": UNKNOWN})
                self._report(line, "update_status", {"state": line.told.get("status")})

    def _fetch(self, line: Line) -> None:
        """Read the run; where there is none, do what the remedy says."""
        answer = self._call("fetch", line, "GET", f"/runs/{line.run_id}")
        if answer.status == NOT_FOUND and line.run_id not in self._created:
            self._create(line, None)

    def _fetch_again(self, line: Line) -> None:
        """What had led to a failure of the server is tried, once; then the run is read, as it was."""
        if line.told.get("http_status") == INTERNAL_ERROR and line.run_id not in self._unready:
            self._unready.add(line.run_id)
            self._create(line, "READY")
        self._fetch(line)

    def _report(self, line: Line, call: str, told: Json) -> None:
        """Report something of a phase; where the run does not know it, it is added first."""
        run_id, phase_id = line.run_id, str(line.phase_id)
        name = f"{call} {told['state']}" if "state" in told else call
        for _ in range(2):
            named = self._named.get((run_id, phase_id), phase_id)
            path = f"/runs/{run_id}/phases/{named}/{call}"
            answer = self._call(name, line, "POST", path, told)
            if answer.body.get("code") != "phase-not-found":
                return
            added = {"phase_id": phase_id, "name": phase_id}
            self._call("add phase", line, "POST", f"/runs/{run_id}/phases", added)

    def _call(self, name: str, line: Line, method: str, path: str, body: Json | None = None) -> Answer:
        answer = self.send(method, path, body, line.at)
        self.calls.append(Call(name, line.run_id, line.phase_id, line.at, answer))
        return answer


def first_failure(lines: Iterable[Line]) -> int | None:
    """How the first look at the run failed, where that was before the executor could do anything."""
    for line in lines:
        if line.observed == "run_fetch_failed":
            status: int | None = line.told.get("http_status")
            return status
        if line.phase_id is not None:
            return None
    return None


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of all calls of one name."""

    name: str
    calls: int
    recorded: int
    """Events that were said."""
    implied: int
    """Events that follow from them."""
    repeated: int
    """Calls that only said once more what was known."""
    refused: int


def tallies(calls: Sequence[Call]) -> list[Tally]:
    """What came of the calls, by name, in the order in which they came up."""
    made = []
    for name in dict.fromkeys(call.name for call in calls):
        answers = [call.answer for call in calls if call.name == name]
        led = Counter(event["implied"] for answer in answers for event in answer.events)
        repeated = sum(answer.body.get("events") == [] for answer in answers)
        refused = sum(answer.is_refused for answer in answers)
        made.append(Tally(name, len(answers), led[False], led[True], repeated, refused))
    return made


def refusals(calls: Sequence[Call]) -> list[tuple[str, str, int, Json]]:
    """Why calls were refused: their name, the code, how often, and the first problem of that kind."""
    found: dict[tuple[str, str], list[Json]] = {}
    for call in calls:
        if call.answer.is_refused:
            code = str(call.answer.body.get("code", call.answer.status))
            found.setdefault((call.name, code), []).append(call.answer.body)
    return [(name, code, len(problems), problems[0]) for (name, code), problems in found.items()]
