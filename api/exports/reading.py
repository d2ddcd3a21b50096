"""A line of an export in NDJSON, read back: an event, a key, or the end. What is odd about it is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from api.exports.ndjson import FORMAT
from domain.envelopes import RecordedEvent
from eventstore import chain
from eventstore.schema import commands, events
from eventstore.store import KeptKey

Kinds = dict[str, tuple[type, bool]]
"""Fields: what each is, and whether it may be null."""

EVENT: Kinds = {str(c.name): (c.type.python_type, bool(c.nullable)) for c in events.c}
KEY: Kinds = {str(c.name): (c.type.python_type, bool(c.nullable)) for c in commands.c} | {
    "positions": (list, False)
}
END: Kinds = {"format": (str, False), "run_id": (str, True), "events": (int, False), "keys": (int, False)}
WORDS = {str: "text", int: "whole number", bool: "true or false", list: "list"}

UNCHANGED = "Take the file as `runnotary export` wrote it, or export again."
NEWER = "A newer Runnotary may have written it: restore with that version."
AGAIN = "Copy or export it again."


class BadLine(Exception):
    """A line that cannot be restored: what is the matter, and what to do."""

    def __init__(self, why: str, remedy: str = UNCHANGED) -> None:
        super().__init__(f"{why}. {remedy}")


@dataclass(frozen=True, slots=True)
class End:
    """What stands at the end of an export: how much there is before it."""

    format: str
    run_id: str | None
    """The only run that was exported; None: the whole log."""
    events: int
    keys: int


def understood(line: bytes) -> RecordedEvent | KeptKey | End:
    """What a line says.

    Raises:
        BadLine: it is none of an export, or what it says has been changed.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if not line.endswith(b"\n"):
            raise BadLine("is not whole: the file is cut off", AGAIN) from None
        raise BadLine(f"is not JSON ({error.msg})") from None
    if not isinstance(value, dict):
        raise BadLine("is no JSON object")
    if value.keys() == {"end"} and isinstance(value["end"], dict):
        return End(**checked(value["end"], END))
    if "key" in value:
        return KeptKey(**checked(value, KEY))
    return event_of(checked(value, EVENT))


def checked(value: Mapping[str, Any], kinds: Kinds) -> Mapping[str, Any]:
    """The same fields, if they are those that there are, each of its kind.

    Raises:
        BadLine: they are not.
    """
    if value.keys() != kinds.keys():
        if missing := [name for name in kinds if name not in value]:
            raise BadLine(f"has no `{missing[0]}`")
        unknown = next(name for name in value if name not in kinds)
        raise BadLine(f"has a field {unknown[:40]!a}, which is not known here", NEWER)
    for name, (kind, nullable) in kinds.items():
        if type(value[name]) is not kind and not (nullable and value[name] is None):
            raise BadLine(f"has no {WORDS[kind]} as `{name}`")
        if kind is str and value[name] is not None and "\x00" in value[name]:
            raise BadLine(f"has a NUL in `{name}`, which PostgreSQL cannot store")
    return value


def event_of(values: Mapping[str, Any]) -> RecordedEvent:
    """The event that a line tells, whose hash fits.

    Raises:
        BadLine: it is not what was hashed.
    """
    try:
        data = orjson.loads(values["body"])
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise BadLine("has no JSON object in its `body`")
    event = RecordedEvent(**values, data=data)
    if chain.hash_of(event) != event.hash:
        raise BadLine("does not have the hash of what it says: it was changed after it was recorded")
    return event


FIRST = {
    b"\x1f\x8b": ("is compressed with gzip", "Unpack it on the way: gunzip -c FILE | runnotary restore -"),
    b"(\xb5/\xfd": ("is compressed with zstd", "Unpack it on the way: zstd -dc FILE | runnotary restore -"),
    b"SQLite format 3\0": ("is an SQLite database", "Use it as it is: --database sqlite:///FILE"),
    b"PGDMP": ("is a dump of PostgreSQL", "Restore it with pg_restore"),
    b"<": ("is XML, perhaps an export in the format xes", "Only ndjson can be restored"),
    b"[": ("is a JSON array, perhaps an export in the format cloudevents", "Only ndjson can be restored"),
    b'{"objectTypes"': ("is an export in the format ocel", "Only ndjson can be restored"),
    b'{"items"': ("is an answer of the HTTP interface", "Restore takes what `runnotary export` writes"),
    b'{"specversion"': ("holds CloudEvents", "Only ndjson of `runnotary export` can be restored"),
}
"""How files begin that are something else."""


def something_else(beginning: bytes) -> tuple[str, str] | None:
    """What a file is that begins like this, and what to do about it; None where it may be an export."""
    told = beginning.lstrip()
    return next((said for first, said in FIRST.items() if told.startswith(first)), None)


KNOWN = frozenset({FORMAT})
"""The formats that are understood; what was written once can be restored for ever."""
