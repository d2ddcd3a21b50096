"""What is not a whole export of a log is refused, with the place and the remedy, and nothing is restored."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from api.prepare import prepare
from api.restore import Unrestorable, restore
from domain.envelopes import RecordedEvent
from eventstore import chain, store
from eventstore.database import open_engine
from tests.carried import GOLDEN, Export, Restore
from tests.databases import Scratch

Line = dict[str, Any]
Change = Callable[[list[Line]], object]
EVENTS = 72
KEYS = 5


def sealed(lines: list[Line], at: int, **fields: Any) -> None:
    """Change an event, and give it the hash of what it says now, as only a forger does."""
    values = {name: value for name, value in (lines[at] | fields).items() if name != "body"}
    body = str(fields.get("body", lines[at]["body"]))
    lines[at] |= fields
    lines[at]["hash"] = chain.hash_of(RecordedEvent(**values, body=body, data={}))


def put(at: int, **fields: Any) -> Change:
    return lambda lines: lines[at].update(fields)


def forged(at: int, **fields: Any) -> Change:
    return lambda lines: sealed(lines, at, **fields)


def without(at: int, field: str) -> Change:
    return lambda lines: lines[at].pop(field)


def end(**fields: Any) -> Change:
    return lambda lines: lines[-1]["end"].update(fields)


def taken(at: int) -> Change:
    return lambda lines: lines.pop(at)


def twice(at: int) -> Change:
    return lambda lines: lines.insert(at, dict(lines[at]))


def swapped(at: int) -> Change:
    def swap(lines: list[Line]) -> None:
        lines[at], lines[at + 1] = lines[at + 1], lines[at]

    return swap


CHANGED: list[tuple[Change, str]] = [
    (without(3, "state_after"), "Line 4 has no `state_after`. Take the file as"),
    (put(3, colour="red"), "Line 4 has a field 'colour', which is not known here. A newer Runnotary"),
    (put(3, position="4"), "Line 4 has no whole number as `position`"),
    (put(3, position=True), "Line 4 has no whole number as `position`"),
    (put(3, implied=0), "Line 4 has no true or false as `implied`"),
    (put(3, body={}), "Line 4 has no text as `body`"),
    (put(3, hash=None), "Line 4 has no text as `hash`"),
    (put(3, attempt=1.0), "Line 4 has no whole number as `attempt`"),
    (put(3, actor="a\x00b"), "Line 4 has a NUL in `actor`"),
    (put(3, body="[]"), "Line 4 has no JSON object in its `body`"),
    (put(3, body="{"), "Line 4 has no JSON object in its `body`"),
    (put(3, body='{"name": "Build"}'), "Line 4 does not have the hash of what it says: it was changed"),
    (put(3, actor="somebody"), "Line 4 does not have the hash of what it says"),
    (put(3, hash="0" * 64), "Line 4 does not have the hash of what it says"),
    (put(3, attempt=2**63), "Line 4 does not have the hash of what it says"),
    (taken(3), "Line 4 has position 5, and 4 is next. Take the file as"),
    (taken(0), "Line 1 has position 2, and 1 is next. An export of one run (--run) is a part"),
    (twice(3), "Line 5 has position 4, and 5 is next"),
    (swapped(3), "Line 4 has position 5, and 4 is next"),
    (forged(3, version=9), "Line 4 is refused by the database: the version is not the next one of the run"),
    (forged(3, prev_hash="0" * 64), "Line 4 is refused by the database: prev_hash is not the hash of"),
    (forged(9, state_before="GATE"), "Line 10 is refused by the database: "),
    (forged(3, state_after="READY"), "Line 4 is refused by the database: this is not a legal move"),
    (forged(3, type="phase.created"), "Line 4 is refused by the database: this is not a legal move"),
    (forged(3, attempt=2**63), "Line 4 is refused by the database: "),
    (put(EVENTS, key=7), f"Line {EVENTS + 1} has no text as `key`"),
    (put(EVENTS, positions="[1]"), f"Line {EVENTS + 1} has no list as `positions`"),
    (put(EVENTS, positions=[]), f"Line {EVENTS + 1} has a key for positions at which there is no event"),
    (put(EVENTS, positions=[EVENTS + 1]), f"Line {EVENTS + 1} has a key for positions"),
    (put(EVENTS, positions=[0]), f"Line {EVENTS + 1} has a key for positions"),
    (put(EVENTS, positions=[True]), f"Line {EVENTS + 1} has a key for positions"),
    (without(EVENTS, "fingerprint"), f"Line {EVENTS + 1} has no `fingerprint`"),
    (put(EVENTS + 1, key="key:failed-budget-exhausted"), f"Line {EVENTS + 2} is refused by the database: "),
    (swapped(EVENTS - 1), f"Line {EVENTS + 1} is an event, and comes after a key"),
    (end(events=71), "Line 78 says that there are 71 events and 5 keys; before it are 72 and 5"),
    (end(keys=4), "Line 78 says that there are 72 events and 4 keys; before it are 72 and 5"),
    (end(format="runnotary.log.2"), "Line 78 names the format 'runnotary.log.2', which is not known here"),
    (end(run_id="built"), "Line 78 says that this is one run only. An export of one run (--run) is a part"),
    (end(events="72"), "Line 78 has no whole number as `events`"),
    (end(more=1), "Line 78 has a field 'more', which is not known here"),
    (taken(77), "Line 77 is the last, and no end follows: the file is cut off. Copy or export it again."),
    (lambda lines: lines.append(dict(lines[0])), "Line 79 comes after the end"),
    (lambda lines: lines.extend(lines[:]), "Line 79 comes after the end"),
]  # fmt: skip


@pytest.fixture(scope="module")
def connection(backend: str, scratch_database: Scratch) -> Iterator[Connection]:
    """A transaction on an empty database, in which each test does what it likes and takes it back."""
    with scratch_database(backend) as url:
        engine: Engine = open_engine(url)
        prepare(engine)
        with engine.connect() as opened:
            yield opened
        engine.dispose()


def refused(connection: Connection, log: bytes) -> str:
    """Why this cannot be restored."""
    with connection.begin() as transaction:
        with pytest.raises(Unrestorable) as found:
            restore(connection, log.splitlines(keepends=True))
        transaction.rollback()
    with connection.begin():
        assert store.tail(connection).position == 0
    assert "\n" not in str(found.value)
    return str(found.value)


def parsed() -> list[Line]:
    return [json.loads(line) for line in GOLDEN.splitlines()]


def joined(lines: list[Line]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize(
    ("change", "told"), CHANGED, ids=[f"{number}: {told[:40]}" for number, (_, told) in enumerate(CHANGED)]
)
def test_what_was_changed_is_refused_at_its_line(connection: Connection, change: Change, told: str) -> None:
    """Wherever a log was changed, the line is named, with what to do; none of it is restored."""
    lines = parsed()
    change(lines)
    said = refused(connection, joined(lines))
    assert said.startswith(told)
    assert said.endswith(".")


def test_a_log_that_is_cut_off_anywhere_is_refused(connection: Connection) -> None:
    """Whatever is missing at the end, be it a byte or nearly all, is missed."""
    lengths = {1, 2, 300, len(GOLDEN) - 2, len(GOLDEN) // 2, len(GOLDEN.splitlines()[0]) + 1}
    for length in lengths:
        said = refused(connection, GOLDEN[:length])
        assert "the file is cut off. Copy or export it again." in said, length


OTHERS = [
    (b"", "It is empty. Copy or export it again."),
    (b"\n \n", "It is empty."),
    (b"hello\n", "Line 1 is not JSON ("),
    (b"\xff\xfe{\n", "Line 1 is not JSON ("),
    (b"[" * 5_000 + b"\n", "It is a JSON array"),
    (b'{"a":' * 5_000 + b"\n", "Line 1 is not JSON ("),
    (b"{}\n", "Line 1 has no `position`."),
    (b"7\n", "Line 1 is no JSON object."),
    (b'{"end":7}\n', "Line 1 has no `position`."),
    (
        gzip.compress(GOLDEN),
        "It is compressed with gzip. Unpack it on the way: gunzip -c FILE | runnotary restore -",
    ),
    (b"SQLite format 3\0 ...", "It is an SQLite database. Use it as it is"),
    (b'{"items":[]}', "It is an answer of the HTTP interface."),
    (b'{"specversion":"1.0"}\n', "It holds CloudEvents. Only ndjson"),
]


@pytest.mark.parametrize(
    ("content", "told"), OTHERS, ids=[f"{number}: {told[:40]}" for number, (_, told) in enumerate(OTHERS)]
)
def test_what_is_something_else_is_said_to_be(connection: Connection, content: bytes, told: str) -> None:
    """Files that are easily taken for an export are called by their names."""
    assert refused(connection, content).startswith(told)


@pytest.mark.parametrize(
    ("form", "told"),
    [("cloudevents", "It is a JSON array"), ("ocel", "It is an export"), ("xes", "It is XML")],
)
def test_the_other_formats_are_not_restored(
    connection: Connection, scratch_database: Scratch, export: Export, restore: Restore, form: Any, told: str
) -> None:
    """Each of them is recognised, and the one that can be restored is named."""
    with scratch_database("sqlite") as url:
        restore(url, GOLDEN)
        said = refused(connection, export(url, form))
    assert said.startswith(told)
    assert said.endswith("Only ndjson can be restored.")


def test_a_log_is_not_restored_into_another(database_url: str, restore: Restore, export: Export) -> None:
    """A database that holds events is left alone, also by the log that it holds."""
    restore(database_url, GOLDEN)
    with pytest.raises(
        Unrestorable, match=r"^The database holds 72 events already.* Restore into a new one: "
    ):
        restore(database_url, GOLDEN)
    assert sorted(export(database_url).splitlines()) == sorted(GOLDEN.splitlines())


def test_a_wrong_file_leaves_the_database_as_it_was(new_database_url: str, restore: Restore) -> None:
    """After a file that was refused at its very end, the right one is restored."""
    with pytest.raises(Unrestorable):
        restore(new_database_url, GOLDEN[:-3])
    assert restore(new_database_url, GOLDEN).events == EVENTS
