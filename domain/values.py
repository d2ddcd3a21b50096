"""Which JSON values are kept: those that every reader, and both databases, give back unchanged."""

from collections.abc import Iterator
from itertools import islice
from math import isfinite
from typing import Any

from domain.events.shared import INTEGER_MAX
from domain.refusals import InvalidBody

ERRORS_MAX = 20
"""Errors of a body that are told at once."""

DEPTH_MAX = 32
"""Levels of nesting that a body may have."""


def keep(value: Any) -> None:
    """Refuse a value that could not be given back as it came.

    Raises:
        InvalidBody: a number that is not finite or that JSON readers round, a NUL, a lone surrogate, a
            key that is not text, or more than `DEPTH_MAX` levels.
    """
    found = list(islice(unkept(value), ERRORS_MAX))
    if found:
        raise InvalidBody([{"pointer": printable(place), "detail": why} for place, why in found])


Place = tuple["Place", str | int] | tuple[()]
"""Where a value is: its place within the one that holds it. Written out only where something is wrong."""


def unkept(value: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a value: pointers and reasons. Not recursive, so depth cannot exhaust it."""
    waiting: list[tuple[Any, Place, int]] = [(value, (), 1)]
    while waiting:
        here, place, depth = waiting.pop()
        if isinstance(here, (dict, list, tuple)):
            if depth > DEPTH_MAX:
                yield "", f"nested more than {DEPTH_MAX} levels deep"
                return
            if isinstance(here, dict):
                yield from ((pointer(place), why) for key in here if (why := unkept_key(key)))
            inner = here.items() if isinstance(here, dict) else enumerate(here)
            waiting.extend((each, (place, key), depth + 1) for key, each in inner)
        elif why := unkept_scalar(here):
            yield pointer(place), why


def pointer(place: Place) -> str:
    """A place as a JSON pointer (RFC 6901)."""
    parts = []
    while place:
        place, key = place
        parts.append(f"/{escaped(str(key))}")
    return "".join(reversed(parts))


def unkept_key(key: Any) -> str | None:
    """Why a key cannot be kept."""
    if not isinstance(key, str):
        return "a key is not text"
    why = unkept_text(key)
    return f"in a key: {why}" if why else None


def unkept_scalar(value: Any) -> str | None:
    """Why a value that holds no others cannot be kept."""
    match value:
        case str():
            return unkept_text(value)
        case float():
            return None if isfinite(value) else "not a finite number"
        case int():
            return (
                None if abs(value) <= INTEGER_MAX else "an integer beyond 2**53 - 1, which JSON readers round"
            )
        case None:
            return None
        case _:
            return f"{type(value).__name__} is not a JSON value"


def unkept_text(text: str) -> str | None:
    """Why a text cannot be kept."""
    if "\x00" in text:
        return "it holds a NUL, which PostgreSQL cannot store"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "it holds a lone surrogate, which is no character"
    return None


def escaped(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def printable(text: str, length_max: int = 300) -> str:
    """The text with what cannot be stored spelled out, and of bounded length."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")[:length_max]
