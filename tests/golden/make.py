"""`python -m tests.golden.make` writes the logs that are not there yet, and what their runs came to."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson

import projections
from api import commands
from api.commands import Asked
from api.exports import FORMATS
from api.ledger import Ledger
from api.settings import Settings
from api.views import run_view
from domain.envelopes import NewEvent, Origin
from domain.evolve import evolve, fold
from domain.reports import state_reported
from domain.run import Run
from domain.states import PhaseState
from eventstore import chain, statements, store
from eventstore.database import lock_writers
from eventstore.snapshot import Snapshot

HERE = Path(__file__).parent
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def clock() -> Callable[[], datetime]:
    """A clock that goes on by a second whenever it is looked at."""
    seconds = count()
    return lambda: BEGINNING + timedelta(seconds=next(seconds))


def ids() -> Callable[..., str]:
    """Ids that count."""
    numbers = count(1)
    return lambda **_: f"00000000-0000-7000-8000-{next(numbers):012d}"


def asked(actor: str = "builder-1", key: str | None = None) -> Asked:
    return Asked(origin=Origin(actor=actor, correlation_id="golden", traceparent=TRACE), key=key)


def release_0_1_0(ledger: Ledger) -> None:
    """Every event type that there is, in its first shape."""
    built(ledger)
    for reason in ("budget_exhausted", "policy_violation", "requires_human_review", "environment"):
        failed(ledger, f"failed-{reason.replace('_', '-')}", f"run.failed_{reason}")
    legacy = {"state": "READY", "tokens": 1.0}
    finding = {"code": "unknown-state", "value": "READY"}
    take_over(
        ledger,
        "taken-over",
        (
            "run.imported",
            None,
            "PHASE_EXECUTION",
            {"state": "PHASE_EXECUTION", "goal": "Gerät", "legacy": {}},
        ),
        ("phase.imported", "p1", "FAILED", {"state": "FAILED", "name": "Build", "attempt": 3, "legacy": {}}),
        ("phase.quarantined", "p2", None, {"legacy": legacy, "findings": [finding]}),
        (
            "phase.repaired",
            "p2",
            "COMPLETE",
            {"state": "COMPLETE", "reason": "it was", "repair": {"id": "1"}},
        ),
        ("run.repaired", None, "DONE_SUCCESS", {"state": "DONE_SUCCESS", "reason": "done by hand"}),
    )
    take_over(ledger, "waiting", ("run.quarantined", None, None, {"legacy": legacy, "findings": [finding]}))


def built(ledger: Ledger) -> None:
    """A run that succeeds, with every event that may happen on the way."""
    propose = partial(step, ledger, "built")
    propose("run.queued", goal="Größen vorhersagen \U0001f9ea")
    propose("run.bootstrapped")
    propose(
        "run.created",
        config={"token_cap": 300_000, "max_attempts": 3},
        tiers=[{"tier_id": "T1", "name": "Foundation"}, {"tier_id": "T2"}],
        labels={"team": "core", "old": "yes"},
    )
    propose(
        "phase.added", "p1", name="Build", tier_id="T1", scope={"goal": "compile", "deliverables": ["src/"]}
    )
    propose("phase.added", "p2", name="Test", tier_id="T1", max_attempts=5)
    propose("phase.added", "p3", tier_id="T2")
    propose("run.phases_queued")
    propose("run.execution_started", key="start-it")
    propose("phase.started", "p1", executor="builder-1", lease_seconds=60)
    propose("phase.usage_recorded", "p1", tokens_used=41_000, ci_runs_used=1, minor_issues=2, major_issues=1)
    propose("phase.result_recorded", "p1", 1, result={"numbers": [0.1, 1.0, -0.0, 1e-7, 1e16], "é": None})
    propose("phase.submitted", "p1", 1, result={"files_changed": ["src/predictor.py"]})
    propose("phase.revised", "p1", 1, reason="one file is missing")
    propose("phase.ci_started", "p1", 1)
    propose("phase.completed", "p1", 1, reason="green")
    propose("phase.started", "p2", executor="builder-2")
    propose("phase.failed", "p2", 1, outcome="CI_FAILED", detail="3 tests red")
    propose("phase.requeued", "p2", replan=True)
    propose("phase.started", "p2")
    propose("phase.released", "p2", 2, why="the executor was stopped")
    propose("phase.started", "p2", executor="builder-1")
    propose("phase.completed", "p2", 3)
    propose("phase.annotated", "p2", text="flaky on Mondays", tags=["flaky"])
    propose("phase.skipped", "p3", reason="done by hand")
    propose("run.held", reason="lunch")
    propose("run.unheld")
    propose("run.usage_recorded", tokens_used=1_200)
    propose("run.annotated", text="completed by hand", tags=["manual", "\u2028"])
    propose("run.labelled", labels={"team": "edge", "old": None})
    propose("run.gate_entered")
    propose("run.ci_started")
    propose("run.snapshot_created")
    propose("run.succeeded")
    for kind in ("run.preserved", "run.unpreserved", "run.archived", "run.unarchived"):
        propose(kind, reason="a baseline")


def failed(ledger: Ledger, run_id: str, kind: str) -> None:
    """A run that fails while a phase is open, and goes on; it is created with its phases."""
    ledger.create_run({"run_id": run_id, "phases": [{"name": "Build"}, {"name": "Test"}]}, asked(key=run_id))
    step(ledger, run_id, "run.execution_started")
    step(ledger, run_id, "phase.started", "phase1-build")
    step(ledger, run_id, kind, reason="as it is")
    if kind == "run.failed_environment":
        step(ledger, run_id, "run.reopened", reason="the disk is mended")


def step(
    ledger: Ledger,
    run_id: str,
    kind: str,
    phase_id: str | None = None,
    attempt: int | None = None,
    *,
    key: str | None = None,
    **data: Any,
) -> None:
    """Propose an event that is accepted."""
    body = {"type": kind, "phase_id": phase_id, "attempt": attempt, "data": data}
    said = {name: value for name, value in body.items() if value is not None}
    ledger.propose(run_id, said, asked(key=key))


def take_over(
    ledger: Ledger, run_id: str, *steps: tuple[str, str | None, str | None, dict[str, Any]]
) -> None:
    """Append what only the service itself records: type, phase, state after, data."""
    with ledger.engine.begin() as connection:
        lock_writers(connection)
        run, events = Run(run_id=run_id), []
        position = store.tail(connection).position
        for number, (kind, phase_id, state_after, data) in enumerate(steps, 1):
            phase = run.phases.get(phase_id or "")
            before = run.state if phase_id is None else phase.state if phase else None
            new = NewEvent(
                type=kind,
                type_version=1,
                phase_id=phase_id,
                attempt=None,
                state_before=before,
                state_after=state_after,
                data=data,
            )
            event = chain.seal(
                new,
                run,
                position=position + number,
                event_id=f"{run_id}-{number}",
                occurred_at="2025-12-02T09:00:00.000000Z",
                recorded_at="2026-01-01T01:00:00.000000Z",
                origin=Origin(actor="import", actor_verified=True),
            )
            run = evolve(run, event)
            events.append(event)
        store.append(connection, events)
        for statement, rows in projections.writes([projections.Change(Run(run_id=run_id), run)]):
            statements.write(connection, statement, rows)


def approvals(ledger: Ledger) -> None:
    """What may be asked of people, and each answer; and reports that imply what they do not say."""
    propose = partial(step, ledger, "asks")
    propose("run.created", goal="Ask first")
    propose("phase.added", "p1")
    of_phase = {"phase_id": "p1", "context": "risky_decision", "patch_preview": "+ é"}
    ledger.propose("asks", {"type": "run.approval_requested", "data": of_phase}, asked())
    propose("run.approval_granted", reason="it is generated")
    propose("run.approval_requested", context="deletion", deletion_info={"files": ["a"]})
    propose("run.approval_denied", approval=5, reason="not that one")
    propose("run.approval_requested", context="later", expires_at="2026-01-01T00:00:00Z")
    propose("run.approval_expired")
    for state in (PhaseState.FAILED, PhaseState.COMPLETE):
        plan = partial(state_reported, phase_id="p1", state=state, at="2026-01-01T02:00:00.000000Z")
        ledger.committer.commit(commands.planned("asks", plan, {"state": state}, asked()))


STORIES: dict[str, Callable[[Ledger], None]] = {"0.1.0": release_0_1_0, "0.2.0-approvals": approvals}
"""What happens in each log."""


def written(story: Callable[[Ledger], None]) -> tuple[bytes, bytes]:
    """A log, and what its runs came to."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("api.book.uuid7", ids()),
        Ledger.open(Settings(database_url=f"sqlite:///{folder}/golden.db")) as ledger,
    ):
        ledger.committer.writer.now = clock()
        story(ledger)
        taken = ledger.snapshot()
        log = b"".join(FORMATS["ndjson"].pieces(taken))
        return log, orjson.dumps(dict(folded(taken)), option=orjson.OPT_INDENT_2) + b"\n"


def folded(taken: Snapshot) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the log makes of every run."""
    for run_id, history in taken.histories():
        run = fold(history)
        assert run is not None
        yield run_id, run_view(run)


def main() -> None:
    """Write what is not there yet."""
    for release, story in STORIES.items():
        files = (HERE / f"{release}.ndjson", HERE / f"{release}.json")
        if not any(file.exists() for file in files):
            for file, content in zip(files, written(story), strict=True):
                file.write_bytes(content)
                sys.stdout.write(f'    "{file.name}": "{sha256(content).hexdigest()}",\n')


if __name__ == "__main__":
    main()
