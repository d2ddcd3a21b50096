"""The page of events: what each means and holds."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from api.shapes import Event as RecordedEvent
from docs.generated.cases import PHASE
from docs.generated.fields import PARTS, documented, field_table
from docs.generated.http import held
from docs.generated.markdown import code, json_block, paragraph, table
from docs.generated.moves import ENTITIES, leading_to, while_what
from domain.decide import OF_OPEN_ATTEMPT
from domain.events import EVENTS
from domain.events.shared import Event, RunConfig, Tier
from domain.events.taken_over import Finding, Source, StateMapping
from domain.moves import (
    RECORDED_BY_SERVICE,
    Move,
    entity_of,
)
from domain.proposals import ProposedEvent
from domain.scope import PhaseScope
from eventstore.schema import events as log

RECORDED = {column.name: column.comment or "" for column in log.columns}
RECORDED |= {"data": "What the event type holds; see below.", "hash": f"{RECORDED['hash']} [How](chain.md)."}


def events() -> Iterator[str]:
    """Every event: what it means, what its data hold, an example."""
    yield from paragraph(
        "# Events",
        "What an executor proposes, what is in the log, and what the data of each event type hold. Fields "
        "that are not listed are refused. Every event may carry a `reason`: text, why it happened. The same "
        "as JSON Schema: `GET /v1/schemas`.",
        "## A proposed event",
    )
    yield from field_table(ProposedEvent.model_json_schema())
    yield from paragraph("## A recorded event")
    shown = RecordedEvent.model_json_schema()["properties"]
    rows = ((code(name), held(told), RECORDED[name]) for name, told in shown.items())
    yield from table(("Field", "Holds", "Meaning"), rows)
    for entity, (_, moves_of_entity) in ENTITIES.items():
        yield from paragraph(f"## Events of a {entity}")
        for move in moves_of_entity:
            yield from event_entry(EVENTS[move.event], move)
    yield from paragraph("## Parts")
    for model in (RunConfig, Tier, PhaseScope, Source, Finding, StateMapping):
        yield from part_entry(model)


def event_entry(event: type[Event], move: Move) -> Iterator[str]:
    """What there is to know of one event type."""
    reserved = event.type in RECORDED_BY_SERVICE
    yield from paragraph(
        f"### {event.type}",
        f"{documented(event)} While: {while_what(move)}. Leads to: {leading_to(move)}."
        + (" Only the service itself records it." if reserved else ""),
    )
    schema = event.model_json_schema()
    if "reason" not in schema.get("required", []):
        del schema["properties"]["reason"]
    if schema["properties"]:
        yield from field_table(schema)
    if reserved:
        return
    named: dict[str, Any] = {"phase_id": PHASE} if entity_of(event.type) == "phase" else {}
    if event.type in OF_OPEN_ATTEMPT:
        named["attempt"] = 1
    data = {"data": event.example} if event.example else {}
    yield from json_block({"type": event.type, **named, **data})


def part_entry(model: type[BaseModel]) -> Iterator[str]:
    """What there is to know of a part that several events have."""
    schema = model.model_json_schema()
    yield from paragraph(f"### {PARTS[model.__name__]}", documented(model))
    if schema["additionalProperties"]:
        yield from paragraph("Other keys are kept as they come; one of these with another type is refused.")
    yield from field_table(schema)
    for example in schema.get("examples", []):
        yield from json_block(example)
