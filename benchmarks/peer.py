"""The same runs as aggregates of pyeventsourcing, on SQLite: what it takes to load them."""

import os
from pathlib import Path
from uuid import UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.histories import PHASES, STORY

FAMILY = UUID("0a6f7f5e-3f0c-4b5e-9d0e-6b6f1d6f2c11")
CHUNK = 200


class Built(Aggregate):
    """A run, with a method for each event of the story; each notes what happened in fields like ours."""

    @event("Created")
    def __init__(self, number: int, goal: str, labels: dict[str, str]) -> None:
        self.number, self.goal, self.labels = number, goal, labels
        self.state, self.tokens_used = "RUN_CREATED", 0
        self.phases: dict[str, dict[str, object]] = {}

    @staticmethod
    def create_id(number: int) -> UUID:
        """The id of the run of this number."""
        return uuid5(FAMILY, str(number))

    @event("PhaseAdded")
    def add(self, phase_id: str, name: str, scope: dict[str, str]) -> None:
        self.phases[phase_id] = {"state": "QUEUED", "name": name, "scope": scope, "tokens_used": 0}

    @event("Started")
    def start(self) -> None:
        self.state = "PHASE_EXECUTION"

    @event("PhaseMoved")
    def move(self, phase_id: str, state: str, executor: str) -> None:
        self.phases[phase_id] |= {"state": state, "executor": executor}

    @event("PhaseUsed")
    def use(self, phase_id: str, tokens_used: int) -> None:
        self.tokens_used += tokens_used
        self.phases[phase_id]["tokens_used"] = tokens_used

    @event("Succeeded")
    def succeed(self) -> None:
        self.state = "DONE_SUCCESS"


def opened(file: Path) -> Application[UUID]:
    """The application on this file."""
    os.environ |= {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(file)}
    return Application[UUID]()


def fill(file: Path, events: int) -> int:
    """Write as many runs as our log has; how many events these are."""
    app, runs = opened(file), max(1, events // len(STORY))
    for first in range(0, runs, CHUNK):
        app.save(*(built(number) for number in range(first, min(first + CHUNK, runs))))
    app.close()
    return runs * len(STORY)


def built(number: int) -> Built:
    """A run that went through the story."""
    run = Built(number, "Build the nightly image", {"team": "core"})
    for phase_id in PHASES:
        run.add(phase_id, phase_id, {"goal": "Make it compile"})
    run.start()
    for phase_id in PHASES:
        run.move(phase_id, "EXECUTING", "builder-7")
        run.use(phase_id, 1_250)
        run.move(phase_id, "GATE", "builder-7")
        run.move(phase_id, "COMPLETE", "builder-7")
    run.succeed()
    return run


def load(file: Path, runs: int) -> int:
    """Load every run; how many events these are."""
    app = opened(file)
    loaded = 0
    for number in range(runs):
        run: Built = app.repository.get(Built.create_id(number))
        loaded += run.version
    app.close()
    return loaded
