"""What an event tells beside its type, its time and whom it is about: attributes of plain kinds.

For formats that know texts, numbers, truth values and times, and nothing within each other.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal

import orjson

from domain.envelopes import RecordedEvent
from domain.events import EVENTS

Kind = Literal["string", "integer", "boolean", "time"]

ENVELOPE: dict[str, Kind] = {
    "position": "integer",
    "version": "integer",
    "type_version": "integer",
    "phase_id": "string",
    "attempt": "integer",
    "state_before": "string",
    "state_after": "string",
    "implied": "boolean",
    "occurred_at": "time",
    "actor_verified": "boolean",
    "correlation_id": "string",
    "causation_id": "string",
    "traceparent": "string",
    "hash": "string",
}
"""The fields of an event that are attributes, under their own names."""

OF_SCHEMA: dict[str, Kind] = {"string": "string", "integer": "integer", "boolean": "boolean"}
PYTHON: dict[Kind, type] = {"integer": int, "boolean": bool}


@cache
def data_of(type: str) -> Mapping[str, Kind]:
    """The fields that the data of an event of this type may have, as attributes: `data.NAME`.

    What is not plain is a string that holds JSON.
    """
    properties = EVENTS[type].model_json_schema()["properties"] if type in EVENTS else {}
    return {f"data.{name}": kind_of(told) for name, told in properties.items()}


def kind_of(told: Mapping[str, Any]) -> Kind:
    """The kind of a field, from its JSON Schema."""
    types = {each.get("type") for each in told.get("anyOf", [told])} - {"null"}
    return OF_SCHEMA.get(types.pop(), "string") if len(types) == 1 else "string"


def attributes(event: RecordedEvent) -> Iterator[tuple[str, Kind, Any]]:
    """What an event tells: names, kinds and values. What is null, or of another kind, is left out."""
    for name, kind in ENVELOPE.items():
        value = getattr(event, name)
        if value is not None:
            yield name, kind, value
    for name, kind in data_of(event.type).items():
        value = event.data.get(name.removeprefix("data."))
        if value is None:
            continue
        if kind == "string":
            yield name, kind, text_of(value)
        elif type(value) is PYTHON[kind]:
            yield name, kind, value


def text_of(value: Any) -> str:
    """A value as text: JSON, unless it is text already."""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
