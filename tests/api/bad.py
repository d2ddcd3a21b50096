"""Bodies that no service should swallow, and the places where they can be put."""

import json

from tests.api.client import unused

PLACES = {
    "/v1/runs": '{"run_id": "NEW", "phases": [{"scope": {"odd": @}}]}',
    "/v1/runs/RUN/phases": '{"scope": {"odd": @}}',
    "/v1/runs/RUN/events": (
        '{"type": "phase.result_recorded", "phase_id": "p1", "data": {"result": {"odd": @}}}'
    ),
    "/v1/events": (
        '{"atomic": true, "events": [{"run_id": "RUN", "type": "phase.result_recorded",'
        ' "phase_id": "p1", "data": {"result": {"odd": @}}}]}'
    ),
}
"""Every call that takes a body, and a body of it with a place (@) where any JSON may stand."""


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "1" + closing * levels


ODD_VALUES: dict[str, str | bytes] = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "a number without end": "1e999",
    "a negative one": "-1e999",
    "an integer that readers round": str(2**53),
    "a negative integer that readers round": str(-(2**53)),
    "an integer of 64 bits": str(2**63),
    "an integer of 5000 digits": "9" * 5_000,
    "a fraction of an integer that is none": "1.",
    "a fraction without an integer": ".5",
    "a zero in front": "01",
    "a plus": "+1",
    "hexadecimal": "0x10",
    "a high surrogate alone": r'"\ud800"',
    "a low surrogate alone": r'"\udc00"',
    "surrogates the wrong way round": r'"\udc00\ud800"',
    "a surrogate in a key": r'{"\ud800": 1}',
    "a NUL": r'"a\u0000b"',
    "a NUL in a key": r'{"a\u0000": 1}',
    "a raw NUL": b'"a\x00b"',
    "a raw control character": b'"a\x1fb"',
    "a raw newline": b'"a\nb"',
    "no UTF-8": b'"\xff"',
    "UTF-8 that is longer than needed": b'"\xc0\x80"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "half a character": b'"\xe2\x82"',
    "an escape that is none": r'"\x41"',
    "half an escape": r'"\u12"',
    "a key twice": '{"a": 1, "a": 2}',
    "a key twice with a surrogate": r'{"\ud800": 1, "\ud800": 2}',
    "a key twice, once escaped": r'{"a": 1, "\u0061": 1}',
    "a key that is a number": "{1: 2}",
    "single quotes": "'a'",
    "no quotes": "a",
    "a comma too many": "[1,]",
    "a comment": "/* a */ 1",
    "undefined": "undefined",
    "True": "True",
    "nothing": "",
    "33 levels": nested(33),
    "5000 levels of lists": nested(5_000),
    "5000 levels of objects": nested(5_000, '{"a":', "}"),
    "100000 levels that never end": "[" * 100_000,
    "ten million letters": '"' + "x" * 10_000_000 + '"',
}
UNKEPT = {
    "an integer that readers round",
    "a negative integer that readers round",
    "an integer of 64 bits",
    "a high surrogate alone",
    "a low surrogate alone",
    "surrogates the wrong way round",
    "a surrogate in a key",
    "a NUL",
    "a NUL in a key",
    "33 levels",
    "5000 levels of lists",
    "5000 levels of objects",
    "100000 levels that never end",
}
"""Those that are JSON, or may be, and are refused for what they say."""

ODD_BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n ",
    "null": b"null",
    "a list": b"[]",
    "a list of an object": b"[{}]",
    "a number": b"1",
    "a text": b'"{}"',
    "true": b"true",
    "half": b"{",
    "two": b"{}{}",
    "a trailing word": b"{} x",
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "UTF-16, big end first": "{}".encode("utf-16-be"),
    "UTF-32": "{}".encode("utf-32"),
    "NUL": b"\x00",
    "compressed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00",
    "a form": b"run_id=a&goal=b",
    "every byte": bytes(range(256)),
    "a key twice": b'{"run_id": "a", "run_id": "b"}',
    "unknown fields alone": b'{"": 0, "__class__": {}, "constructor": {"prototype": {}}}',
}


def whole(path: str, value: str | bytes, run_id: str) -> tuple[str, bytes]:
    """The call at this path, and its body with this value in its place."""
    body = PLACES[path].replace("RUN", run_id).replace("NEW", unused()).encode()
    value = value if isinstance(value, bytes) else value.encode()
    return path.replace("RUN", run_id), body.replace(b"@", value)


def valid(path: str, run_id: str) -> tuple[str, dict[str, object]]:
    """The call at this path, and a body that it takes."""
    path, body = whole(path, "1", run_id)
    made: dict[str, object] = json.loads(body)
    return path, made
