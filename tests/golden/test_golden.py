"""Logs of past releases load, and fold to what they folded to then. See the README beside this file."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.exports import FORMATS
from api.ledger import Ledger
from api.settings import Settings
from domain.events import EVENTS
from domain.moves import TABLE
from tests.carried import Restore
from tests.golden.make import folded

HERE = Path(__file__).parent
CHECKSUMS = {
    "0.1.0.ndjson": "f1a2c56252aa3a37e8a0634e352e54894c638bdfb8adbc75d36471dc0a3447be",
    "0.1.0.json": "96d3ab8f0795d19423adc7a2deffda25e1df38f3e0460f5e1f30a90fcd84b5fd",
    "0.2.0-approvals.ndjson": "8b523789b81c8013b521b99830d11217a6d97427381532c95b48f7f700419cbb",
    "0.2.0-approvals.json": "bdc338f5df955611be5a81a130b098e894720702e6e3f7136812109105f7cc97",
}
"""Written down once; a line is added, and never changed or taken away."""

RELEASES = sorted(name.removesuffix(".ndjson") for name in CHECKSUMS if name.endswith(".ndjson"))


def lines(release: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / f"{release}.ndjson").read_bytes().splitlines()]


def lost(known: Any, now: Any, where: str = "") -> list[str]:
    """What was known and is not so now; objects may have more fields."""
    if isinstance(known, dict) and isinstance(now, dict):
        return [why for name, value in known.items() for why in lost(value, now.get(name), f"{where}/{name}")]
    if isinstance(known, list) and isinstance(now, list) and len(known) == len(now):
        return [
            why for i, pair in enumerate(zip(known, now, strict=True)) for why in lost(*pair, f"{where}/{i}")
        ]
    return [] if known == now and type(known) is type(now) else [f"{where}: {known!r} became {now!r}"]


def test_no_file_was_changed() -> None:
    """Every file is as it was when it was added, and none is there without a checksum."""
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in HERE.glob("*.*json")}
    assert found == CHECKSUMS
    assert {name.partition(".ndjson")[0] for name in CHECKSUMS if name.endswith(".ndjson")} == {
        name.removesuffix(".json") for name in CHECKSUMS if name.endswith(".json")
    }


def test_every_shape_of_an_event_is_there() -> None:
    """Whoever adds an event type or a type version adds a log that has it."""
    recorded = {
        (line["type"], line["type_version"])
        for release in RELEASES
        for line in lines(release)
        if "type" in line
    }
    assert {(kind, event.type_version) for kind, event in EVENTS.items()} - recorded == set()
    assert EVENTS.keys() == TABLE.keys()


@pytest.mark.parametrize("release", RELEASES)
def test_a_log_loads_and_folds_to_what_it_folded_to(
    release: str, database_url: str, restore: Restore
) -> None:
    """Restored through the guards, the log and the tables say what they said; and its export is the file."""
    log = (HERE / f"{release}.ndjson").read_bytes()
    known = json.loads((HERE / f"{release}.json").read_bytes())
    restore(database_url, log)
    with Ledger.open(Settings(database_url=database_url)) as ledger:
        now = json.loads(json.dumps(dict(folded(ledger.snapshot()))))
        assert lost(known, now) == []
        assert known.keys() == now.keys()
        shown = {run_id: ledger.run(run_id) for run_id, run in known.items() if run["state"] is not None}
        assert shown == {run_id: now[run_id] for run_id in shown}
        assert set(b"".join(FORMATS["ndjson"].pieces(ledger.snapshot())).splitlines()) == set(
            log.splitlines()
        )


@pytest.mark.parametrize(
    "now", [{"a": 2}, {}, {"a": None}, {"a": "1"}, {"a": True}, {"a": 1.0}, [], None], ids=repr
)
def test_what_was_lost_is_found(now: Any) -> None:
    """A field that is gone, or has another value, is told; a field more is none."""
    assert lost({"a": 1}, now) != []
    assert lost({"a": [{"b": 1}]}, {"a": [now]}) != []
    assert lost({"a": 1}, {"a": 1, "b": 2}) == []
