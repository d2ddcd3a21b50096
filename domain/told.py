"""What the data of a recorded event hold: read, never judged. A log that begins oddly is still read."""

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def said(data: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """What the data hold under this name, if it is of this kind."""
    value = data.get(name)
    is_kind = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    return value if is_kind else None
