"""What routes tell the OpenAPI document about bodies, headers and refusals."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from api.leases.wanted import Claim, Heartbeat
from api.problems import MEDIA_TYPE, STATUS
from api.replay.wanted import Rebuilding, Verification
from api.unavailable import Unavailable
from api.webhooks.wanted import NewWebhook, Resend
from domain.proposals import Batch, DryRun, NewPhase, NewRun, ProposedEvent
from domain.refusals import Refusal
from domain.repairs import Approval, ApprovalOfAll, NewRepair, Rejection, SuggestedRepairs

EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    NewRun: {
        "run_id": "nightly-42",
        "goal": "Predict output sizes",
        "phases": [{"name": "Build"}, {"name": "Test", "scope": {"goal": "All tests green"}}],
    },
    NewPhase: {"name": "Build", "scope": {"goal": "Make it compile", "deliverables": ["src/"]}},
    ProposedEvent: {
        "type": "phase.started",
        "phase_id": "phase1-build",
        "data": {"executor": "builder-7"},
    },
    NewRepair: {
        "run_id": "nightly-42",
        "phase_id": "phase1-build",
        "state": "COMPLETE",
        "reason": "The tool crashed after the merge.",
        "evidence": ["commit 9f2c1d is in main"],
    },
    SuggestedRepairs: {"reason": "READY meant created"},
    Approval: {},
    ApprovalOfAll: {"finding": "illegal-run-state"},
    Rejection: {"reason": "The merge was undone."},
    Claim: {"executor": "builder-7", "lease_seconds": 300},
    Heartbeat: {"attempt": 1},
    NewWebhook: {"url": "http://127.0.0.1:9000/runs", "types": ["phase.failed"]},
    Resend: {"positions": [17]},
    Verification: {"since": 0},
    Rebuilding: {},
    DryRun: {
        "events": [
            {"type": "run.execution_started"},
            {"type": "phase.started", "phase_id": "phase1-build"},
        ],
    },
    Batch: {
        "atomic": True,
        "events": [
            {"run_id": "nightly-42", "type": "run.execution_started"},
            {"run_id": "nightly-42", "type": "phase.started", "phase_id": "phase1-build"},
        ],
    },
}


def header(name: str, description: str) -> dict[str, Any]:
    """A header that a call understands."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
    }


NO_BODY = {204: "There is nothing to claim", 304: "Not modified"}
"""What answers without a body mean."""

HEADERS = {
    "parameters": [
        header("Idempotency-Key", "The same request under the same key is recorded once, for ever."),
        header("X-Actor", "Who asks; recorded, and marked unverified."),
        header("X-Correlation-ID", "An id that is recorded with the events."),
        header("traceparent", "W3C trace context; recorded with the events."),
    ]
}
HEADERS_WITHOUT_KEY = {
    "parameters": [each for each in HEADERS["parameters"] if each["name"] != "Idempotency-Key"]
}
HEADERS_OF_PROPOSAL = {
    "parameters": [
        *HEADERS["parameters"],
        header("If-Match", 'The version that the run is believed to be at, in quotes: "7".'),
    ]
}


def body(
    model: type[BaseModel], *, required: bool = True, example: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON body of a call, with an example of its own or that of its model."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"schema": schema, "example": EXAMPLES[model] if example is None else example}
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def streamed(told: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """These answers of a call that takes its time, and tells how far it is to those who want lines."""
    words = (
        "With `Accept: application/x-ndjson`, a line for each step (`progress`), and a last one (`report`)."
    )
    told[200] = {**told[200], "description": f"{told[200]['description']} {words}"}
    return told


def answers(
    good: Mapping[int, type[BaseModel] | None], *refused: type[Refusal], takes_body: bool = False
) -> dict[int | str, dict[str, Any]]:
    """What a call may answer: models by status, and refusals."""
    told: dict[int | str, dict[str, Any]] = {}
    for status, model in good.items():
        told[status] = {"description": (model.__doc__ if model else NO_BODY[status]) or ""}
        if model is not None:
            told[status]["model"] = model
    codes: dict[int, list[str]] = {422: ["invalid-body", "invalid-id", "invalid-parameter"]}
    codes |= {421: ["host-not-allowed"], 500: ["internal-error"]}
    codes[503] = sorted(kind.code for kind in STATUS if issubclass(kind, Unavailable))
    if takes_body:
        codes |= {400: ["not-json"], 413: ["body-too-large"], 415: ["unsupported-media-type"]}
    for kind in refused:
        codes.setdefault(STATUS[kind], []).append(kind.code)
    for status, words in sorted(codes.items()):
        schema = {"$ref": "#/components/schemas/Problem"}
        told[status] = {"description": ", ".join(words), "content": {MEDIA_TYPE: {"schema": schema}}}
    return told
