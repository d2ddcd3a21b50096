"""XES (IEEE 1849-2016): one trace a run, in the order in which runs were opened."""

import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from api.exports.attributes import Kind, attributes
from domain.envelopes import RecordedEvent
from domain.told import said
from eventstore.snapshot import Snapshot

BEGINNING = """\
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<global scope="trace">
<string key="concept:name" value=""/>
</global>
<global scope="event">
<string key="concept:name" value=""/>
<date key="time:timestamp" value="1970-01-01T00:00:00Z"/>
<string key="lifecycle:transition" value="complete"/>
<string key="org:resource" value=""/>
</global>
<classifier name="Activity" keys="concept:name"/>
<string key="concept:name" value="Runnotary"/>
<string key="lifecycle:model" value="standard"/>
"""
END = "</log>\n"

ELEMENTS: dict[Kind, str] = {"string": "string", "integer": "int", "boolean": "boolean", "time": "date"}

NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""
ENTITIES = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """An event a piece."""
    yield BEGINNING.encode()
    for run_id, history in snapshot.histories():
        opened = False
        for event in history:
            if not opened:
                opened = True
                goal = said(event.data, "goal", str)
                described = "" if goal is None else element("string", "goal", goal)
                yield f"<trace>\n{element('string', 'concept:name', run_id)}{described}".encode()
            yield event_of(event).encode()
        yield b"</trace>\n"
    yield END.encode()


def event_of(event: RecordedEvent) -> str:
    """An event. Each is over in the moment in which it happens, so each is `complete`."""
    told: list[tuple[str, Kind, Any]] = [
        ("concept:name", "string", event.type),
        ("time:timestamp", "time", event.recorded_at),
        ("lifecycle:transition", "string", "complete"),
        ("org:resource", "string", event.actor),
        ("event_id", "string", event.event_id),
        *attributes(event),
    ]
    return f"<event>\n{''.join(element(kind, name, value) for name, kind, value in told)}</event>\n"


def element(kind: Kind, name: str, value: Any) -> str:
    """An attribute."""
    text = ("true" if value else "false") if kind == "boolean" else str(value)
    return f'<{ELEMENTS[kind]} key="{name}" value="{written(text)}"/>\n'


def written(text: str) -> str:
    """Text as the value of an attribute; what cannot be written is a replacement character."""
    return escape(NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text), ENTITIES)
