"""The JSON Schema of everything that callers send."""

from difflib import get_close_matches
from typing import Any

from fastapi import APIRouter, Depends, Response

from api.http_refusals import NoSuchSchema
from api.paging import json_answer
from api.requests import no_parameters
from api.routes.documents import answers
from api.schemas import SCHEMAS, schema, summary
from api.shapes_of_moves import SchemaList

router = APIRouter(prefix="/v1/schemas", tags=["schemas"], dependencies=[Depends(no_parameters)])

ONE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A JSON Schema (2020-12)", "content": {"application/schema+json": {}}}
}


@router.get("", responses=answers({200: SchemaList}))
async def list_schemas() -> Response:
    """The schemas: bodies, their parts, and the data of every event type."""
    items = [{"name": name, "description": summary(name), "href": f"/v1/schemas/{name}"} for name in SCHEMAS]
    return json_answer({"items": items, "next_cursor": None})


@router.get("/{name}", responses=answers({}, NoSuchSchema) | ONE)
async def get_schema(name: str) -> Response:
    """The JSON Schema of an event type's data, of a body, of a scope or of a config."""
    if name not in SCHEMAS:
        raise NoSuchSchema(name, get_close_matches(name, SCHEMAS))
    answer = json_answer(schema(name))
    answer.headers["content-type"] = "application/schema+json"
    return answer
