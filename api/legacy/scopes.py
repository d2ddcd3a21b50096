"""What the column `scope` holds, as the object that a phase's scope is here."""

from typing import Any, NamedTuple

import orjson

from api.legacy.values import kept
from domain.values import printable, unkept

TEXT = "_legacy_text"
VALUE = "_legacy_value"
"""The keys under which that system's own interface showed such scopes."""


class Scope(NamedTuple):
    """A scope, and what is odd about it."""

    scope: dict[str, Any] | None
    code: str | None = None
    why: str | None = None


def scope_of(found: Any) -> Scope:
    """What was found, kept whole: an object as it is, everything else under a marked key."""
    try:
        value = parsed(found)
    except ValueError as error:
        return Scope({TEXT: kept(found)}, "scope-not-json", printable(str(error)))
    if value is None or isinstance(value, dict):
        return Scope(value)
    return Scope({VALUE: value}, "scope-not-object")


def parsed(found: Any) -> Any:
    """The JSON value that was stored.

    Raises:
        ValueError: it is none, or none that every reader gives back.
    """
    if isinstance(found, bytes):
        raise ValueError("it is a blob")  # noqa: TRY004  # what it says is wrong, not what called
    # A column that is declared as JSON stores the text of a number as a number.
    value = orjson.loads(found.encode()) if isinstance(found, str) else found
    if wrong := next(unkept(value), None):
        raise ValueError(wrong[1])
    return value
