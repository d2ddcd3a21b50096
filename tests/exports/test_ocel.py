"""The OCEL 2.0 export: nothing undeclared, nothing unrelated, nothing lost, and every change at its time."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from api.exports.ocel import pieces
from api.ledger import Ledger
from api.settings import Settings
from tests.carried import GOLDEN, Export, Live, Restore
from tests.databases import Scratch

INITIALLY = "1970-01-01T00:00:00Z"
KINDS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: type(value) is str,
    "integer": lambda value: type(value) is int,
    "boolean": lambda value: type(value) is bool,
    "time": lambda value: type(value) is str and value.endswith("Z"),
}

Written = tuple[dict[str, Any], Ledger]


@pytest.fixture(scope="module", params=["golden", "lived"])
def written(
    request: pytest.FixtureRequest, scratch_database: Scratch, restore: Restore, live: Live, export: Export
) -> Any:
    """An export, and the ledger that it is of: every type of event, or whatever chance brought about."""
    with scratch_database("sqlite") as url:
        if request.param == "golden":
            restore(url, GOLDEN)
        with Ledger.open(Settings(database_url=url)) as ledger:
            if request.param == "lived":
                live(ledger, 7, 120)
            yield json.loads(export(url, "ocel")), ledger


def test_everything_is_declared(written: Written) -> None:
    """Every object and event has a declared type, and every attribute a declared name and kind."""
    ocel, _ = written
    assert ocel.keys() == {"objectTypes", "eventTypes", "objects", "events"}
    for kind in ("object", "event"):
        declared = {
            each["name"]: {attribute["name"]: attribute["type"] for attribute in each["attributes"]}
            for each in ocel[f"{kind}Types"]
        }
        assert len(declared) == len(ocel[f"{kind}Types"])
        for each in ocel[f"{kind}s"]:
            for attribute in each["attributes"]:
                assert KINDS[declared[each["type"]][attribute["name"]]](attribute["value"]), attribute


def test_everything_is_related_to_what_is_there(written: Written) -> None:
    """No id comes twice; every event has relationships; each names an object and the part that it plays."""
    ocel, _ = written
    objects = [each["id"] for each in ocel["objects"]]
    assert len(set(objects)) == len(objects)
    related = [relation for each in (*ocel["events"], *ocel["objects"]) for relation in each["relationships"]]
    assert {relation["objectId"] for relation in related} == set(objects)
    assert all(relation.keys() == {"objectId", "qualifier"} and relation["qualifier"] for relation in related)
    for event in ocel["events"]:
        parts = Counter(relation["qualifier"] for relation in event["relationships"])
        assert parts["run"] == parts["actor"] == 1
        assert parts["phase"] == event["type"].startswith("phase.")


def runs(ocel: dict[str, Any]) -> list[str]:
    return [each["id"].removeprefix("run:") for each in ocel["objects"] if each["type"] == "run"]


def test_every_event_is_there_as_it_was_recorded(written: Written) -> None:
    """Events come in the order of the log, with its times, its states and what their data hold."""
    ocel, ledger = written
    log = ledger.log(after=0, limit=10_000)
    assert [(e["id"], e["type"], e["time"]) for e in ocel["events"]] == [
        (e.event_id, e.type, e.recorded_at) for e in log
    ]
    for told, event in zip(ocel["events"], log, strict=True):
        attributes = {each["name"]: each["value"] for each in told["attributes"]}
        assert (attributes["position"], attributes["hash"]) == (event.position, event.hash)
        assert (attributes.get("state_before"), attributes.get("state_after")) == (
            event.state_before,
            event.state_after,
        )
        data = {name: value for name, value in event.data.items() if value is not None}
        assert {name for name in attributes if name.startswith("data.")} == {f"data.{name}" for name in data}
        for name, value in data.items():
            told_value = attributes[f"data.{name}"]
            assert told_value == value or json.loads(told_value) == value


def test_objects_are_what_the_tables_show(written: Written) -> None:
    """The last value of each attribute is what a reader of the run sees now."""
    ocel, ledger = written
    now = {
        each["id"]: {attribute["name"]: attribute["value"] for attribute in each["attributes"]}
        for each in ocel["objects"]
    }
    numbers = Counter(each["type"] for each in ocel["objects"])
    for run_id in runs(ocel):
        folded = ledger.folded(run_id)
        told = now[f"run:{run_id}"]
        assert (told["state"], told["goal"], told["tokens_used"]) == (
            folded.condition,
            folded.goal or "",
            folded.usage.tokens_used,
        )
        assert json.loads(told["labels"]) == folded.labels
        for phase in folded.phases.values():
            told = now[f"phase:{run_id}/{phase.phase_id}"]
            assert (told["state"], told["attempt"], told["executor"], told["name"]) == (
                phase.condition,
                phase.attempt,
                phase.executor or "",
                phase.name or "",
            )
    log = ledger.log(after=0, limit=10_000)
    assert numbers["run"] == len({event.run_id for event in log})
    assert numbers["phase"] == len({(event.run_id, event.phase_id) for event in log if event.phase_id})
    tries = {(event.run_id, event.phase_id, event.attempt) for event in log if event.attempt}
    assert numbers["attempt"] == len(tries)
    assert numbers["actor"] == len({event.actor for event in log})
    assert {each for each in now if each.startswith("executor:")} == {
        f"executor:{event.data['executor']}" for event in log if event.data.get("executor")
    }


def test_changes_are_told_once_and_at_their_time(written: Written) -> None:
    """An attribute has its first value from the beginning; every other is another one, later, at an event."""
    ocel, _ = written
    times = {event["time"] for event in ocel["events"]}
    for each in ocel["objects"]:
        names = dict.fromkeys(attribute["name"] for attribute in each["attributes"])
        for name in names:
            history = [attribute for attribute in each["attributes"] if attribute["name"] == name]
            assert history[0]["time"] == INITIALLY
            later = [attribute["time"] for attribute in history[1:]]
            assert later == sorted(later)
            assert set(later) <= times
            pairs = pairwise(history)
            assert [one for one, other in pairs if one["value"] == other["value"]] == []


def test_an_attempt_keeps_its_end(ledger: Ledger) -> None:
    """What is told of an attempt after it is over does not give it the state of the next one."""
    ledger.create_run({"run_id": "a", "phases": [{"phase_id": "p1"}]})
    about = {"phase_id": "p1", "attempt": 1}
    for body in (
        {"type": "run.execution_started"},
        {"type": "phase.started", "phase_id": "p1"},
        {"type": "phase.failed", **about, "data": {"outcome": "CI_FAILED"}},
        {"type": "phase.requeued", "phase_id": "p1"},
        {"type": "phase.started", "phase_id": "p1"},
        {"type": "phase.result_recorded", **about, "data": {"result": {}}},
    ):
        ledger.propose("a", body)
    written = json.loads(b"".join(pieces(ledger.snapshot())))
    states = {
        each["id"]: [one["value"] for one in each["attributes"] if one["name"] == "state"]
        for each in written["objects"]
        if each["type"] == "attempt"
    }
    assert states == {"attempt:a/p1/1": ["EXECUTING", "FAILED"], "attempt:a/p1/2": ["EXECUTING"]}
