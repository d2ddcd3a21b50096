"""Lists: how much of them, from where, and where the rest is."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.http_refusals import InvalidParameter

PAGE = 50
PAGE_MAX = 500
POSITION_MAX = 2**63
VERSION_MAX = 2**31 - 1
NO_NUL = r"^[^\x00]*$"
"""The pattern of a text that can be looked for: PostgreSQL cannot even compare with a NUL."""


class Limited(BaseModel):
    """How many items at most. What a call does not know is refused, so that a slip of the pen is seen."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(PAGE, ge=1, le=PAGE_MAX, description="Most items in the answer.")


class Paged(Limited):
    """A page of a list, from where the one before it ended."""

    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


def page(request: Request, items: Sequence[Any], next_cursor: str | None, name: str = "cursor") -> Response:
    """A page as an answer."""
    told = {"items": items, "next_cursor": next_cursor}
    return json_answer(told, headers=link(request, next_cursor, name))


def link(request: Request, next_cursor: str | None, name: str) -> dict[str, str]:
    """The header that tells where the next page is (RFC 8288)."""
    if next_cursor is None:
        return {}
    rest = [(key, value) for key, value in request.query_params.multi_items() if key != name]
    return {"Link": f'<{request.url.path}?{urlencode([*rest, (name, next_cursor)])}>; rel="next"'}


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as an answer."""
    return Response(orjson.dumps(value), status, headers, "application/json")


def cursor_of(*place: str | int) -> str:
    """A place in a list, for the caller to give back and not to read."""
    return base64.urlsafe_b64encode(orjson.dumps(["1", *place])).decode().rstrip("=")


def place_of(cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    """The place that a cursor stands for.

    Raises:
        InvalidParameter: it is none of ours.
    """
    try:
        told = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        told = None
    if isinstance(told, list) and told[:1] == ["1"] and tuple(map(type, told[1:])) == kinds:
        place = told[1:]
        if all(0 <= each < POSITION_MAX if isinstance(each, int) else "\x00" not in each for each in place):
            return place
    raise InvalidParameter([{"in": "query", "name": "cursor", "detail": "it is no next_cursor of this list"}])
