"""A call of the service, and what it answers: plain values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

NOT_COMPARED = {"occurred_at"}
"""What differs between two calls that mean the same."""


def path_of(*parts: str | int) -> str:
    """The path of a resource below /v1; whatever an id holds, it stays one part."""
    return "/".join(("/v1", *(quote(str(part), safe="") for part in parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request; every try of it is the same, its key too."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    """The run that it is about, if it is about one."""
    is_probe: bool = False
    """Whether it is sent although the service does not answer: it finds out whether it does again."""

    @property
    def fingerprint(self) -> str:
        """The same for calls that mean the same, whatever their keys."""
        body = {name: value for name, value in (self.body or {}).items() if name not in NOT_COMPARED}
        said = [self.method, self.path, dict(self.params), body]
        return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"


class Answer(NamedTuple):
    """What came back and is no problem."""

    status: int
    headers: Mapping[str, str]
    body: Any
