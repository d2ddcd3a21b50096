"""Values of an SQLite row as JSON keeps them, and the times that texts stand for."""

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from domain.values import unkept_scalar

BYTES_MAX = 2**20
"""Bytes of a value that are kept; of a longer one, its length and its hash."""

BYTES = "_legacy_bytes"
NUMBER = "_legacy_number"
TOO_LONG = "_legacy_too_long"


def kept(value: Any) -> Any:
    """A value that every JSON reader gives back: itself where it is one, else a marked form of it."""
    if isinstance(value, str):
        content = value.encode(errors="surrogateescape")
        if len(content) > BYTES_MAX:
            return too_long(content)
        return value if unkept_scalar(value) is None else {BYTES: b64encode(content).decode()}
    if isinstance(value, bytes):
        return too_long(value) if len(value) > BYTES_MAX else {BYTES: b64encode(value).decode()}
    return value if unkept_scalar(value) is None else {NUMBER: str(value)}


def too_long(content: bytes) -> dict[str, Any]:
    """What is kept of a value that is too long."""
    return {TOO_LONG: {"bytes": len(content), "sha256": sha256(content).hexdigest()}}


class Time(NamedTuple):
    """A time, and whether its text named no offset from UTC."""

    at: datetime
    naive: bool


def time_of(value: Any) -> Time | None:
    """The time that a text stands for; without an offset, in UTC. None where it is no time."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            return Time(at.replace(tzinfo=UTC), naive=True)
        return Time(at.astimezone(UTC), naive=False)
    except (ValueError, OverflowError):
        return None
