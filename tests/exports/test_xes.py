"""The XES export: XML that is well formed, in the order that the standard asks for, with nothing lost."""

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from api.exports import xes
from api.ledger import Ledger
from api.settings import Settings
from domain.times import moment
from tests.carried import GOLDEN, Export, Live, Restore
from tests.databases import Scratch

NAMESPACE = "{http://www.xes-standard.org/}"
ORDER = ["extension", "global", "classifier", "string", "trace"]
TYPES: dict[str, Callable[[str], Any]] = {
    "string": str,
    "int": int,
    "boolean": {"true": True, "false": False}.__getitem__,
    "date": moment,
}
ALWAYS = {"concept:name", "time:timestamp", "lifecycle:transition", "org:resource"}

Written = tuple[ET.Element, Ledger]


@pytest.fixture(scope="module", params=["golden", "lived"])
def written(
    request: pytest.FixtureRequest, scratch_database: Scratch, restore: Restore, live: Live, export: Export
) -> Iterator[Written]:
    """An export as it is parsed, and the ledger that it is of."""
    with scratch_database("sqlite") as url:
        if request.param == "golden":
            restore(url, GOLDEN)
        with Ledger.open(Settings(database_url=url)) as ledger:
            if request.param == "lived":
                live(ledger, 7, 120)
            yield ET.fromstring(export(url, "xes")), ledger  # noqa: S314  # ours


def name_of(element: ET.Element) -> str:
    return element.tag.removeprefix(NAMESPACE)


def values(element: ET.Element) -> dict[str, Any]:
    """The attributes of a trace or an event, each of which comes once."""
    told = [each for each in element if name_of(each) in TYPES]
    assert all(each.keys() == ["key", "value"] and not len(each) for each in told)
    found = {each.attrib["key"]: TYPES[name_of(each)](each.attrib["value"]) for each in told}
    assert len(found) == len(told)
    return found


def test_the_log_has_the_form_of_the_standard(written: Written) -> None:
    """Extensions, globals, classifiers, attributes and traces come in this order, with all they must have."""
    log, _ = written
    assert log.tag == f"{NAMESPACE}log"
    assert log.attrib == {"xes.version": "1849.2016", "xes.features": ""}
    assert list(dict.fromkeys(map(name_of, log))) == ORDER
    prefixes = {each.attrib["prefix"] for each in log.iterfind(f"{NAMESPACE}extension")}
    assert all(
        each.keys() == ["name", "prefix", "uri"]
        and each.attrib["uri"].startswith("http://www.xes-standard.org/")
        for each in log.iterfind(f"{NAMESPACE}extension")
    )
    scopes = {each.attrib["scope"]: values(each).keys() for each in log.iterfind(f"{NAMESPACE}global")}
    assert scopes == {"trace": {"concept:name"}, "event": ALWAYS}
    keys = {each.attrib["key"] for each in log.iter() if "key" in each.attrib}
    assert {key.partition(":")[0] for key in keys if ":" in key} <= prefixes
    for trace in log.iterfind(f"{NAMESPACE}trace"):
        names = list(map(name_of, trace))
        assert names == sorted(names, key="event".__eq__)
        assert values(trace).keys() >= {"concept:name"}
        assert all(values(event).keys() >= ALWAYS for event in trace.iterfind(f"{NAMESPACE}event"))


def test_a_run_is_a_trace(written: Written) -> None:
    """Runs come in the order in which they were opened, each with its events, their times and texts."""
    log, ledger = written
    events = ledger.log(after=0, limit=10_000)
    told = {
        values(trace)["concept:name"]: [values(event) for event in trace.iterfind(f"{NAMESPACE}event")]
        for trace in log.iterfind(f"{NAMESPACE}trace")
    }
    assert list(told) == list(dict.fromkeys(event.run_id for event in events))
    for run_id, traced in told.items():
        of_run = [event for event in events if event.run_id == run_id]
        assert [(each["event_id"], each["concept:name"], each["org:resource"]) for each in traced] == [
            (event.event_id, event.type, event.actor) for event in of_run
        ]
        assert [each["time:timestamp"] for each in traced] == [moment(event.recorded_at) for event in of_run]
        assert {each["lifecycle:transition"] for each in traced} == {"complete"}
        for each, event in zip(traced, of_run, strict=True):
            for name in ("reason", "text", "detail"):
                assert each.get(f"data.{name}") == writable(event.data.get(name))


def writable(text: str | None) -> str | None:
    """A text as XML can hold it."""
    return text and text.translate(dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), 0xFFFD))


@pytest.mark.parametrize("text", ["a\nb\rc\td", "<&>\"'", "\u2028 \x7f \x85", "größer \U0001f9ea", "  a  "])
def test_texts_are_read_back(text: str) -> None:
    """Line breaks, quotes and spaces are written so that a reader of XML gives them back."""
    read = ET.fromstring(xes.element("string", "key", text))  # noqa: S314  # ours
    assert read.attrib["value"] == text


def test_what_xml_cannot_hold_is_replaced() -> None:
    """Of all characters, those that XML 1.0 has no way to write are replaced, and no other."""
    for first in range(0, 0x11_0000, 0x1000):
        text = "".join(
            map(chr, (code for code in range(first, first + 0x1000) if not 0xD800 <= code < 0xE000))
        )
        read = ET.fromstring(xes.element("string", "key", text))  # noqa: S314  # ours
        assert read.attrib["value"] == writable(text)
