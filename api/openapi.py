"""The OpenAPI document: what FastAPI knows, and what our own reading of bodies and refusals adds."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api import (
    shapes,
    shapes_of_approvals,
    shapes_of_figures,
    shapes_of_history,
    shapes_of_leases,
    shapes_of_moves,
    shapes_of_repairs,
    shapes_of_replay,
    shapes_of_story,
    shapes_of_webhooks,
)
from api.autopack import shapes as shapes_of_autopack
from api.autopack import shapes_of_reports
from api.autopack.bodies import ApprovalAsked, PhaseSent, ResultReport, RunStart, StateReport
from api.leases.wanted import Claim, Heartbeat
from api.replay.wanted import Rebuilding, Verification
from api.shapes import Problem
from api.webhooks.wanted import NewWebhook, Resend
from domain.proposals import Batch, DryRun, NewPhase, NewRun, ProposedEvent
from domain.repairs import Approval, ApprovalOfAll, NewRepair, Rejection, SuggestedRepairs

BODIES = (
    NewWebhook,
    Resend,
    NewRun,
    NewPhase,
    ProposedEvent,
    Batch,
    DryRun,
    NewRepair,
    SuggestedRepairs,
    Approval,
    ApprovalOfAll,
    Rejection,
    Claim,
    Heartbeat,
    Verification,
    Rebuilding,
    Problem,
)
AUTOPACK = (RunStart, PhaseSent, StateReport, ResultReport, ApprovalAsked)
SHAPES = (
    shapes,
    shapes_of_approvals,
    shapes_of_figures,
    shapes_of_history,
    shapes_of_leases,
    shapes_of_moves,
    shapes_of_repairs,
    shapes_of_replay,
    shapes_of_story,
    shapes_of_webhooks,
    shapes_of_autopack,
    shapes_of_reports,
)
DESCRIPTION = (
    "Keeps the record of runs and phases. Executors propose events; a state machine accepts or refuses "
    "each one; what is accepted is appended to a log that nothing changes. Every refusal says what to do."
)


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the service."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Runnotary",
            version=app.version,
            routes=app.routes,
            description=DESCRIPTION,
            tags=[*TAGS, TAG_OF_AUTOPACK] if app.state.settings.autopack_api else TAGS,
        )
        autopack = AUTOPACK if app.state.settings.autopack_api else ()
        bodies = [(model, "validation") for model in (*BODIES, *autopack)]
        _, schemas = models_json_schema(bodies, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # pydantic's mode is a literal
        made["components"]["schemas"] |= schemas["$defs"]
        for unused in ("HTTPValidationError", "ValidationError"):
            made["components"]["schemas"].pop(unused, None)
        for name in made["components"]["schemas"]:
            shape = next((getattr(each, name) for each in SHAPES if hasattr(each, name)), None)
            extra = shape.model_config.get("json_schema_extra") if shape is not None else None
            if isinstance(extra, dict):
                # FastAPI has left out what is null in the example.
                made["components"]["schemas"][name].update(extra)
        app.openapi_schema = made
    return app.openapi_schema


TAGS = [
    {"name": "runs", "description": "Runs and their phases, as they stand."},
    {"name": "leases", "description": "Who works on what, and until when: claims and heartbeats."},
    {"name": "events", "description": "What happened: propose it, and read it."},
    {"name": "history", "description": "What changed, which event set what, when something became so."},
    {"name": "approvals", "description": "What waits for a person's answer, and what came of it."},
    {"name": "figures", "description": "How many, how often, how much: sums over all runs, or some."},
    {"name": "refusals", "description": "What was refused, and why."},
    {
        "name": "repairs",
        "description": "What waits in quarantine, and states that are set outside the moves.",
    },
    {"name": "seals", "description": "What shows whether the log is what it was."},
    {"name": "webhooks", "description": "Telling others of events, by signed messages."},
    {"name": "machine", "description": "Which moves there are."},
    {"name": "replay", "description": "Prove the record, and make the tables anew from it."},
    {"name": "schemas", "description": "The shape of everything that callers send."},
    {"name": "health", "description": "How the service is."},
]

TAG_OF_AUTOPACK = {
    "name": "autopack",
    "description": "What executors of Autopack call: their reports become legal events.",
}
