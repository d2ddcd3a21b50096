"""What a request says besides its path: a body of strict JSON, and headers."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn

from starlette.requests import Request

from api.commands import Asked
from api.http_refusals import InvalidParameter, NotJson, UnsupportedMediaType
from domain.envelopes import Origin
from domain.naming import is_id
from domain.refusals import InvalidBody, among
from domain.values import DEPTH_MAX

JSON = re.compile(r'application/json(\s*;\s*charset="?(utf-?8|us-ascii)"?)?\s*\Z', re.IGNORECASE)
ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+ -]{0,127}\Z")
KEY = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}\Z")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
ANY_VERSION = "*"
QUALITY = re.compile(r"(0(\.[0-9]{0,3})?|1(\.0{0,3})?)\Z")
ETAG = re.compile(r'"(0|[1-9][0-9]{0,15})"\Z')


async def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object in the body.

    Raises:
        UnsupportedMediaType, NotJson, InvalidBody: it is none, or not one that means the same to everyone.
    """
    content_type = request.headers.get("content-type")
    if content_type is None or not JSON.match(content_type):
        raise UnsupportedMediaType(content_type)
    value = parsed(await request.body())
    if not isinstance(value, dict):
        raise InvalidBody([{"pointer": "", "detail": "the body is one JSON object"}])
    return value


async def body_if_any(request: Request) -> Mapping[str, Any]:
    """The JSON object in the body; an empty one where there is no body.

    Raises:
        UnsupportedMediaType, NotJson, InvalidBody: as `body_of`.
    """
    return await body_of(request) if await request.body() else {}


def parsed(body: bytes) -> Any:  # the JSON value, of whatever kind
    """A JSON text as a value, read more strictly than Python does by itself.

    Raises:
        NotJson: it is not JSON in UTF-8, a key comes twice, or a number has no finite value.
        InvalidBody: it is nested too deep.
    """
    try:
        return _decoder.decode(body.decode())
    except RecursionError:
        too_deep = f"nested more than {DEPTH_MAX} levels deep"
        raise InvalidBody([{"pointer": "", "detail": too_deep}]) from None
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    except json.JSONDecodeError as error:
        why = f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos}"
    except ValueError as error:
        why = str(error)
    raise NotJson(why)


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; readers differ in which of two equal keys they take."""
    made = dict(pairs)
    if len(made) != len(pairs):
        (twice, _) = Counter(name for name, _ in pairs).most_common(1)[0]
        msg = f"the key {ascii(twice)[:100]} comes twice"
        raise ValueError(msg)
    return made


def finite(text: str) -> float:
    """A number with a fraction or an exponent."""
    number = float(text)
    if not isfinite(number):
        msg = f"{text[:40]} has no finite value"
        raise ValueError(msg)
    return number


def integer(text: str) -> int:
    """A whole number; one of many digits is not worth the time that it takes to read."""
    if len(text) > 20:  # noqa: PLR2004  # longer than any that is kept
        msg = f"{text[:20]}... has too many digits"
        raise ValueError(msg)
    return int(text)


def no_number(name: str) -> NoReturn:
    """NaN and Infinity are words of Python, not of JSON."""
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


_decoder = json.JSONDecoder(
    object_pairs_hook=each_key_once, parse_float=finite, parse_int=integer, parse_constant=no_number
)


def asked_by(request: Request) -> Asked:
    """Who asks, under which key, and what the request belongs to.

    Raises:
        InvalidParameter: a header cannot be understood.
    """
    headers = request.headers
    key = headers.get("idempotency-key")
    if key is not None:
        # The draft standard has it in quotes, most clients send it bare.
        key = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
        if not KEY.match(key):
            raise bad_header("Idempotency-Key", "1 to 255 visible ASCII characters, without quotes inside")
    actor = headers.get("x-actor", "anonymous")
    if not ACTOR.match(actor):
        raise bad_header("X-Actor", "1 to 128 letters, digits, spaces and . _ : @ / + -, starting with one")
    correlation_id = headers.get("x-correlation-id")
    if correlation_id is not None and not is_id(correlation_id):
        raise bad_header("X-Correlation-ID", "it has the form of an id")
    traceparent = headers.get("traceparent")
    if traceparent is not None and not TRACEPARENT.match(traceparent):
        traceparent = None  # W3C: a broken one is ignored, not refused
    origin = Origin(actor=actor, correlation_id=correlation_id, traceparent=traceparent)
    return Asked(origin=origin, key=key, request_id=request.state.request_id)


def if_match(request: Request) -> int | None:
    """The version that the header If-Match expects; None where there is none, or where any will do.

    Raises:
        InvalidParameter: the header is no version.
    """
    header = request.headers.get("if-match")
    if header is None or header == ANY_VERSION:
        return None
    found = ETAG.match(header)
    if found is None:
        raise bad_header("If-Match", 'a version in quotes, as "7"')
    return int(found[1])


def expected_version(request: Request, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body with the version that the header If-Match expects.

    Raises:
        InvalidParameter: the header is no version, or another than the body's.
    """
    version = if_match(request)
    if version is None:
        return body
    if body.get("expected_version", version) != version:
        raise bad_header("If-Match", "it differs from expected_version in the body")
    return {**body, "expected_version": version}


def only_parameters(request: Request, *names: str) -> None:
    """Refuse a parameter that the call does not know: it may be a slip of the pen, or wish for more.

    Raises:
        InvalidParameter: there is one.
    """
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        detail = f"there is no such parameter here; there are: {among(names)}"
        raise InvalidParameter([{"in": "query", "name": name, "detail": detail} for name in unknown])


def no_if_match(request: Request) -> None:
    """Refuse If-Match where no one version can be expected.

    Raises:
        InvalidParameter: it is there.
    """
    if "if-match" in request.headers:
        raise bad_header("If-Match", "this call is not about one run at one version; use expected_version")


def prefers(request: Request, media_type: str, over: str = "application/json") -> bool:
    """Whether the header Accept would rather have the one than the other (RFC 9110, 12.5.1)."""
    accept = ", ".join(request.headers.getlist("accept"))
    return quality(accept, media_type) > quality(accept, over)


def quality(accept: str, media_type: str) -> tuple[float, int]:
    """How much a media type is wanted, and how exactly it is named; (0, 0) where it is not acceptable."""
    ranges = {media_type: 2, f"{media_type.partition('/')[0]}/*": 1, "*/*": 0}
    found = {}
    for each in accept.lower().split(","):
        name, *parameters = (part.strip() for part in each.split(";"))
        given = [part.partition("=")[2] for part in parameters if part.startswith("q=")]
        if name in ranges and (not given or QUALITY.match(given[0])):
            found[ranges[name]] = float(given[0]) if given else 1.0
    exactly = max(found, default=0)
    return (found[exactly], exactly) if found.get(exactly) else (0, 0)


async def no_parameters(request: Request) -> None:
    """For routes that know no parameter at all."""
    only_parameters(request)


def bad_header(name: str, detail: str) -> InvalidParameter:
    """The refusal of a header."""
    return InvalidParameter([{"in": "header", "name": name, "detail": detail}])
