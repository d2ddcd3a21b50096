"""What the demo plays: a build of four phases, and what goes wrong with such builds, step by step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RUN = "fit-the-token-budget"
EVENTS = f"/v1/runs/{RUN}/events"
MEASURE, PREDICT, WIDEN, REPORT = "phase1-measure", "phase2-predict", "phase3-widen", "phase4-report"

REPLAYED = "replayed"

OPENING = """\
Runnotary is a notary for runs. Executors ask for what is to happen next; it looks whether that
is legal, enters it in a register, or refuses it and says what to do instead.
One listens on {url} now, where a build of four phases goes wrong as builds do."""

WHAT_YOU_SAW = """\
  Each state in the tables was reached by a legal move, and the log tells by which. What was
  refused is kept apart, with its remedy. A state typed by hand is refused by the database."""


@dataclass(frozen=True)
class Step:
    """What somebody asks for, and what has to come of it."""

    who: str
    asks: str
    expects: str
    """The code of a refusal, REPLAYED, or the state that the phase or run is in afterwards."""
    path: str = EVENTS
    body: Mapping[str, Any] = field(default_factory=dict)


def event(type: str, phase_id: str | None = None, attempt: int | None = None, **data: Any) -> dict[str, Any]:
    """The body of a proposed event."""
    told = {"type": type, "phase_id": phase_id, "attempt": attempt, "data": data}
    return {name: value for name, value in told.items() if value}


def together(*events: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request whose events are recorded whole or not at all."""
    return {"atomic": True, "events": [{"run_id": RUN, **each} for each in events]}


BUILD: dict[str, Any] = {
    "goal": "Fit the token budget",
    "labels": {"kind": "self-healing"},
    "config": {"token_cap": 400_000},
    "tiers": [{"tier_id": "T1", "name": "Know"}, {"tier_id": "T2", "name": "Act"}],
    "phases": [
        {
            "name": "Measure",
            "tier_id": "T1",
            "scope": {
                "goal": "Know how many tokens each kind of phase has written so far",
                "deliverables": ["src/sizes.py", "tests/test_sizes.py"],
                "read_only_context": [{"path": "logs/", "reason": "past runs"}],
            },
        },
        {
            "name": "Predict",
            "tier_id": "T1",
            "scope": {
                "goal": "Tell the size of a phase's output before it is written",
                "deliverables": ["src/predictor.py"],
                "protected_paths": ["src/executor/"],
                "dependencies": [MEASURE],
            },
        },
        {
            "name": "Widen",
            "tier_id": "T2",
            "scope": {
                "goal": "Give a phase that was cut off a wider limit on its next attempt",
                "acceptance_criteria": ["no phase is cut off twice at the same limit"],
            },
        },
        {"name": "Report", "tier_id": "T2", "scope": {"goal": "Show what was saved"}},
    ],
}

CHAPTERS: dict[str, tuple[Step, ...]] = {
    "A state that nobody knows": (
        Step(
            "planner",
            "creates the run in state READY",
            "unknown-state",
            "/v1/runs",
            {**BUILD, "state": "READY"},
        ),
        Step("planner", "creates it and names no state", "RUN_CREATED", "/v1/runs", BUILD),
    ),
    "Two executors, one phase": (
        Step("builder-1", f"starts {MEASURE}", "run-not-executing", body=event("phase.started", MEASURE)),
        Step("planner", "starts the execution", "PHASE_EXECUTION", body=event("run.execution_started")),
        Step(
            "builder-1",
            f"starts {MEASURE}",
            "EXECUTING",
            body=event("phase.started", MEASURE, executor="builder-1"),
        ),
        Step("builder-2", f"starts {MEASURE} too", "illegal-move", body=event("phase.started", MEASURE)),
        Step(
            "builder-1",
            "hands its work in",
            "GATE",
            body=event("phase.submitted", MEASURE, 1, result={"files_changed": 2}),
        ),
        Step("builder-1", "has it tested", "CI_RUNNING", body=event("phase.ci_started", MEASURE, 1)),
        Step("builder-1", "reports it completed", "COMPLETE", body=event("phase.completed", MEASURE, 1)),
        Step(
            "builder-1",
            "never got the answer, and reports again",
            REPLAYED,
            body=event("phase.completed", MEASURE, 1),
        ),
    ),
    "A retry, and an executor that comes back from the dead": (
        Step(
            "builder-2",
            f"starts {PREDICT}",
            "EXECUTING",
            body=event("phase.started", PREDICT, executor="builder-2"),
        ),
        Step(
            "builder-2",
            "used 48,000 tokens",
            "EXECUTING",
            body=event("phase.usage_recorded", PREDICT, 1, tokens_used=48_000, ci_runs_used=1),
        ),
        Step(
            "builder-2",
            "reports that it failed",
            "FAILED",
            body=event(
                "phase.failed",
                PREDICT,
                1,
                outcome="OUTPUT_CUT_OFF",
                detail="the answer ended in the middle of a file",
            ),
        ),
        Step(
            "planner",
            "queues it again, with a new plan",
            "QUEUED",
            body=event("phase.requeued", PREDICT, replan=True, reason="twice the limit"),
        ),
        Step(
            "builder-1",
            f"starts {PREDICT}, attempt 2",
            "EXECUTING",
            body=event("phase.started", PREDICT, executor="builder-1"),
        ),
        Step(
            "builder-2",
            "wakes up and reports attempt 1 completed",
            "stale-attempt",
            body=event("phase.completed", PREDICT, 1),
        ),
        Step(
            "builder-1", "reports attempt 2 completed", "COMPLETE", body=event("phase.completed", PREDICT, 2)
        ),
    ),
    "To the end": (
        Step("planner", "declares success", "phases-open", body=event("run.succeeded")),
        Step(
            "builder-1",
            f"starts and completes {WIDEN}, in one request",
            "COMPLETE",
            "/v1/events",
            together(event("phase.started", WIDEN, executor="builder-1"), event("phase.completed", WIDEN, 1)),
        ),
        Step(
            "planner",
            f"skips {REPORT}",
            "SKIPPED",
            body=event("phase.skipped", REPORT, reason="nobody reads it"),
        ),
        Step(
            "planner",
            "leaves a note",
            "PHASE_EXECUTION",
            body=event("run.annotated", text="The first limit was half of what was needed."),
        ),
        Step(
            "planner",
            "enters the gate, CI, snapshot and success, in one request",
            "DONE_SUCCESS",
            "/v1/events",
            together(
                event("run.gate_entered"),
                event("run.ci_started"),
                event("run.snapshot_created"),
                event("run.succeeded"),
            ),
        ),
    ),
}

BY_HAND = "By hand, past the service"
SQL = "UPDATE runs SET state = 'READY'"
DATABASE_SAYS = "runnotary: the state of runs is that of the last event"
