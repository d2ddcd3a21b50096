"""JSON Schemas, with descriptions and examples, of everything that callers send."""

from typing import Any

from pydantic import BaseModel

from domain.events import EVENTS
from domain.events.shared import RunConfig
from domain.proposals import Batch, DryRun, NewPhase, NewRun, ProposedEvent
from domain.scope import PhaseScope

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMAS: dict[str, type[BaseModel]] = {
    "run": NewRun,
    "phase": NewPhase,
    "proposal": ProposedEvent,
    "batch": Batch,
    "dry-run": DryRun,
    "scope": PhaseScope,
    "config": RunConfig,
    **EVENTS,
}
"""Every schema by its name: bodies, their parts, and the data of each event type."""


def schema(name: str) -> dict[str, Any]:
    """The schema of this name."""
    model = SCHEMAS[name]
    made = model.model_json_schema()
    head = {"$schema": DIALECT, "$id": f"/v1/schemas/{name}", "title": name}
    if name in EVENTS:
        made["examples"] = [EVENTS[name].example]
    return head | {key: value for key, value in made.items() if key != "title"}


def summary(name: str) -> str:
    """What the schema is about, in a line."""
    return (SCHEMAS[name].__doc__ or "").strip().partition("\n")[0]
