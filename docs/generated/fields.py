"""What a model holds, field by field: kind, limits, default."""

from collections.abc import Iterator, Mapping
from json import dumps
from typing import Any

from docs.generated.markdown import code, table
from domain.events.shared import INTEGER_MAX

PARTS = {
    "RunConfig": "config",
    "Tier": "tier",
    "PhaseScope": "scope",
    "Source": "source",
    "Finding": "finding",
    "StateMapping": "mapping",
}
"""Parts of events that have a section of their own."""

LINKS = {name: f"[{title}](events.md#{title})" for name, title in PARTS.items()} | {
    "RunState": "a [state of a run](moves.md#runs)",
    "PhaseState": "a [state of a phase](moves.md#phases)",
}


def documented(thing: object) -> str:
    """What its docstring says."""
    return " ".join((thing.__doc__ or "").split())


def field_table(schema: Mapping[str, Any], parts: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The fields of a model, from its JSON Schema."""
    parts = schema.get("$defs", {}) if parts is None else parts
    required = schema.get("required", [])
    rows = (
        (code(name), kind_of(told, parts), REQUIRED if name in required else default_of(told), said_of(told))
        for name, told in schema["properties"].items()
    )
    return table(("Field", "Takes", "Left out", "Meaning"), rows)


REQUIRED = "(required)"


def said_of(told: Mapping[str, Any]) -> str:
    """What a field means."""
    return str(told.get("description", ""))


def default_of(told: Mapping[str, Any]) -> str:
    """What a field is when it is left out."""
    return code(dumps(told["default"])) if told.get("default") is not None else ""


def kind_of(told: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    if "$ref" in told:
        return part_named(told["$ref"].rpartition("/")[2], parts)
    if "anyOf" in told:
        kinds = [kind_of(each, parts) for each in told["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in told:
        return " or ".join(map(code, told["enum"]))
    match told.get("type"):
        case "array":
            return f"list{limits(told, 'Items')} of {kind_of(told['items'], parts)}"
        case "object" if isinstance(inner := told.get("additionalProperties"), dict):
            return f"object{limits(told, 'Properties')} of {kind_of(inner, parts)}"
        case _:
            return scalar(told)


def scalar(told: Mapping[str, Any]) -> str:
    """What a field of one value takes."""
    if told.get("format") == "date-time":
        return "time"
    if str(told.get("pattern", "")).startswith("^[A-Za-z0-9]"):
        return "id"
    words = {"string": "text", "integer": "whole number", "boolean": "`true` or `false`"}
    bounds = limits(told, "Length") or limits(told, "imum")
    kind = told.get("type", "anything")
    return f"{words.get(kind, kind)}{bounds}"


def part_named(name: str, parts: Mapping[str, Any]) -> str:
    """A part of a schema that has a name of its own."""
    return LINKS.get(name) or f"object: {', '.join(map(code, parts[name]['properties']))}"


def limits(told: Mapping[str, Any], of: str) -> str:
    """The limits of a field: how many, how long, how large."""
    low, high = told.get(f"min{of}"), told.get(f"max{of}")
    unit = {"Length": " characters", "Items": "", "Properties": ""}.get(of, "")
    shown = "2^53 - 1" if high == INTEGER_MAX else f"{high:,}" if high else ""
    if low is None:
        return f" (at most {shown}{unit})" if shown else ""
    return f" ({low:,} to {shown}{unit})" if shown else f" ({low:,} or more)" if low else ""
