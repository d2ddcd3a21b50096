"""Why a run or a phase waits without a state, as the event that put it there tells."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.envelopes import RecordedEvent
from domain.moves import entity_of
from domain.states import STATES
from domain.told import said


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """What was found, and what is suggested. Nothing here is a state: only a repair gives one."""

    since: str
    value: str | None
    """The state as it was found, as JSON where it was no text; None where there was none at all."""
    kind: str | None
    """How the value relates to a legal state, as the import says: semantic, ambiguous or unknown."""
    suggested: str | None
    """The legal state that it probably stands for; a person decides."""
    findings: tuple[Mapping[str, Any], ...]


def diagnosis(event: RecordedEvent) -> Quarantine:
    """What an event of quarantine tells."""
    mapping = said(event.data, "mapping", dict) or {}
    value = mapping.get("from", (said(event.data, "legacy", dict) or {}).get("state"))
    suggested = said(mapping, "to", str)
    return Quarantine(
        since=event.recorded_at,
        value=value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True),
        kind=said(mapping, "kind", str),
        suggested=suggested if suggested in STATES[entity_of(event.type)] else None,
        findings=tuple(
            finding for finding in said(event.data, "findings", list) or () if isinstance(finding, dict)
        ),
    )
