"""Where an import found something, in which state, and what was odd about it, as its event tells."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.told import said


class Origin(NamedTuple):
    """What is told of a row that was taken over."""

    file: str
    state: str | None
    """As it was found, as JSON where it was no text; None where there was no row, or no state in it."""
    findings: tuple[str, ...]
    """Codes, each once."""


def origin(data: Mapping[str, Any]) -> Origin | None:
    """Where this was found; None where an event does not tell, or in another way."""
    file = said(said(data, "source", dict) or {}, "file", str)
    if file is None:
        return None
    state = (said(data, "legacy", dict) or {}).get("state")
    findings = [each for each in said(data, "findings", list) or () if isinstance(each, dict)]
    return Origin(
        file=file,
        state=state if state is None or isinstance(state, str) else json.dumps(state, sort_keys=True),
        findings=tuple(dict.fromkeys(filter(None, (said(each, "code", str) for each in findings)))),
    )
