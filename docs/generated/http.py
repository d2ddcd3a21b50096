"""The page of the HTTP interface."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.app import create_app
from api.settings import Settings
from docs.generated.fields import REQUIRED, default_of, field_table, kind_of, said_of
from docs.generated.markdown import code, json_block, paragraph, table

ALWAYS = ("421", "500", "503")
"""Statuses that every call may answer with."""


def http_page() -> Iterator[str]:
    """Every call: method, path, summary, parameters, answers; and the shapes of the answers."""
    document = create_app(Settings()).openapi()
    parts = document["components"]["schemas"]
    yield from paragraph(
        "# HTTP",
        "JSON in UTF-8. Fields and parameters that a call does not know are refused. Times are RFC 3339 in "
        "UTC with six decimals and `Z`. An id is 1 to 128 letters, digits, dots, dashes and underscores, and "
        'starts with a letter or digit. Lists are `{"items": [...], "next_cursor": ...}`; where there is '
        "more, `next_cursor` is not null and the header Link names the next page.",
        "Every answer has the header X-Request-ID: the one that the request had, if it has the form of an "
        "id, else a new one. What is not done is told as a [refusal](refusals.md). Every call may answer "
        f"{ALWAYS[0]}, {ALWAYS[1]} and {ALWAYS[2]}; the other statuses are listed. The same for programs: "
        "`GET /openapi.json`; in a browser, to try it: `/docs`.",
    )
    for tag in document["tags"]:
        yield from paragraph(f"## {tag['name'].capitalize()}", tag["description"])
        for path, methods in document["paths"].items():
            for method, call in methods.items():
                if tag["name"] in call["tags"]:
                    yield from call_entry(f"{method.upper()} {path}", call, parts)
    yield from paragraph("## Shapes of answers")
    for name in answered(document):
        yield from shape_entry(name, parts)


def call_entry(title: str, call: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[str]:
    """What there is to know of one call."""
    yield from paragraph(f"### {title}", call["description"])
    if parameters := call.get("parameters"):
        yield from table(("Parameter", "In", "Takes", "Left out", "Meaning"), map(parameter_row, parameters))
    if "requestBody" in call:
        content = call["requestBody"]["content"]["application/json"]
        yield from paragraph("Body:")
        yield from field_table(parts[ref_of(content)], parts)
        yield from json_block(content["example"])
    yield from table(("Status", "Answer"), filter(None, map(answer_row, sorted(call["responses"].items()))))


def parameter_row(told: Mapping[str, Any]) -> Sequence[str]:
    """A row for a parameter."""
    left_out = REQUIRED if told["required"] else default_of(told["schema"])
    return code(told["name"]), told["in"], kind_of(told["schema"], {}), left_out, said_of(told)


def answer_row(answer: tuple[str, Mapping[str, Any]]) -> Sequence[str] | None:
    """A row for a status, where it is not one of every call's, or one that the framework made up."""
    status, told = answer
    if status in ALWAYS or told["description"] == "Successful Response":
        return None
    if "application/problem+json" in told.get("content", {}):
        words = dict.fromkeys(told["description"].split(", "))
        return status, ", ".join(f"[{code(word)}](refusals.md#{word})" for word in words)
    schema = told.get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        return status, shape_link(ref_of({"schema": schema}))
    return status, told["description"]


def ref_of(content: Mapping[str, Any]) -> str:
    """The name of the schema of a body."""
    return str(content["schema"]["$ref"].rpartition("/")[2])


def shape_link(name: str) -> str:
    """The name of an answer's shape, with a link to it."""
    return f"[{name}](#shape-{name.lower()})"


def answered(document: Mapping[str, Any]) -> Iterator[str]:
    """The shapes of answers, each after those that it is part of."""
    contents = [
        told["content"]["application/json"]
        for methods in document["paths"].values()
        for call in methods.values()
        for told in call["responses"].values()
        if "application/json" in told.get("content", {})
    ]
    waiting = [ref_of(content) for content in contents if "$ref" in content["schema"]]
    seen = set()
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            yield name
            properties = document["components"]["schemas"][name]["properties"]
            waiting += [each for told in properties.values() for each in named_in(told)]


def named_in(told: Mapping[str, Any]) -> Iterator[str]:
    """The shapes that a field holds."""
    if "$ref" in told:
        yield told["$ref"].rpartition("/")[2]
    for each in (*told.get("anyOf", ()), *([told["items"]] if "items" in told else ())):
        yield from named_in(each)


def shape_entry(name: str, parts: Mapping[str, Any]) -> Iterator[str]:
    """The fields of an answer."""
    yield from paragraph(f"### Shape: {name}", parts[name]["description"])
    properties = parts[name]["properties"]
    rows = ((code(field), held(told), said_of(told)) for field, told in properties.items())
    yield from table(("Field", "Holds", "Meaning"), rows)


def held(told: Mapping[str, Any]) -> str:
    """What a field of an answer holds."""
    if "$ref" in told:
        return shape_link(told["$ref"].rpartition("/")[2])
    if "anyOf" in told:
        return " or ".join("null" if each.get("type") == "null" else held(each) for each in told["anyOf"])
    if told.get("type") == "array":
        return f"list of {held(told['items'])}"
    return kind_of(told, {}) if "type" in told else "anything"
