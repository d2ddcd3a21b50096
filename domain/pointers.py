"""What does not fit in a body: where it is, and what may have been meant."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from domain.values import ERRORS_MAX, escaped, printable

DICTIONARY = re.compile(r"a valid dictionary( or instance of \w+)?")
"""What pydantic calls an object; callers do not write Python."""


def errors_of(error: ValidationError, raw: Any, prefix: str, model: type[BaseModel]) -> list[dict[str, str]]:
    """What does not fit, one entry a place, with a JSON pointer (RFC 6901) into what was sent."""
    found: dict[str, list[str]] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        where, detail = pointer_to(each["loc"], raw, each["type"]), str(each["msg"])
        if each["type"] == "extra_forbidden":
            close = get_close_matches(str(each["loc"][-1]), fields_beside(model, each["loc"]), n=1)
            detail = "there is no such field" + (f"; did you mean {close[0]}?" if close else "")
        detail = DICTIONARY.sub("an object", detail.removeprefix("Value error, "))
        found.setdefault(prefix + where, []).append(detail)
    return [
        {"pointer": printable(pointer), "detail": printable("; or ".join(dict.fromkeys(details)))}
        for pointer, details in list(found.items())[:ERRORS_MAX]
    ]


def fields_beside(model: type[BaseModel], loc: Sequence[Any]) -> list[str]:
    """The names of the fields that the place of an error has, by the schema of the whole."""
    schema = json_schema(model)
    parts = [schema]
    for step in loc[:-1]:
        parts = [inner for part in resolved(parts, schema) for inner in within(part, step)] or parts
    return [name for part in resolved(parts, schema) for name in part.get("properties", ())]


@cache
def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model, made once."""
    return model.model_json_schema()


def within(part: Mapping[str, Any], step: int | str) -> list[dict[str, Any]]:
    """The schema of what is at this key or number in a part."""
    inner = part.get("items") if isinstance(step, int) else part.get("properties", {}).get(step)
    return [inner] if isinstance(inner, dict) else []


def resolved(parts: Sequence[dict[str, Any]], schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """These parts of a schema, with references followed and alternatives side by side."""
    found: list[dict[str, Any]] = []
    waiting = list(parts)
    while waiting:
        part = waiting.pop()
        if "$ref" in part:
            waiting.append(schema["$defs"][part["$ref"].rpartition("/")[2]])
        else:
            waiting += part.get("anyOf", ())
            found.append(part)
    return found


def pointer_to(loc: Sequence[Any], raw: Any, kind: str) -> str:
    """Where an error is. Parts that only name a branch of a union are no place in the body."""
    pointer, here = "", raw
    for part in loc:
        if (isinstance(here, Mapping) and part in here) or (
            isinstance(here, Sequence) and isinstance(part, int) and part < len(here)
        ):
            here = here[part]
            pointer += f"/{escaped(str(part))}"
    return f"{pointer}/{escaped(str(loc[-1]))}" if kind == "missing" else pointer
