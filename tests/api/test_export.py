"""The whole log as a file over HTTP: its formats, one run of it, and what is refused."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from api.exports import FORMATS
from api.exports.cloudevents import SCHEMAS
from tests.api.client import Client, refused, unused
from tests.carried import GOLDEN, Export, Restore
from tests.databases import Scratch

CLOUDEVENTS = "application/cloudevents-batch+json"


@pytest.mark.parametrize(
    ("form", "media_type", "file"),
    [
        ("ndjson", "application/x-ndjson", "runnotary.ndjson"),
        ("cloudevents", CLOUDEVENTS, "runnotary.json"),
        ("ocel", "application/json", "runnotary.jsonocel"),
        ("xes", "application/xml", "runnotary.xes"),
    ],
)
def test_the_log_is_told_in_every_format(
    client: Client, export: Export, form: Any, media_type: str, file: str
) -> None:
    """A format has its media type and its name of a file, and is what the command writes."""
    client.executing("p1", goal="größer")
    answer = client.get("/v1/export", params={"format": form})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="{file}"'
    assert answer.content == export(client.database_url, form)
    assert form in FORMATS


def test_lines_are_told_unless_something_else_is_asked_for(client: Client) -> None:
    """Without a format it is ndjson, and for those who accept CloudEvents these; a format goes first."""
    client.create()
    for accept, wanted, told in (
        ("*/*", None, "application/x-ndjson"),
        ("text/html,application/xml;q=0.9", None, "application/x-ndjson"),
        (f"{CLOUDEVENTS}, */*;q=0.1", None, CLOUDEVENTS),
        (CLOUDEVENTS, "ndjson", "application/x-ndjson"),
    ):
        params = {"format": wanted} if wanted else None
        answer = client.get("/v1/export", params=params, headers={"Accept": accept})
        assert answer.headers["content-type"] == told, accept


def test_cloudevents_are_those_of_the_log(client: Client) -> None:
    """They are the events that GET /v1/events tells, but for the address of their schemas."""
    run_id = client.executing("p1", "p2")
    told = client.get("/v1/export", params={"format": "cloudevents", "run_id": run_id}).json()
    first = client.read(f"/v1/runs/{run_id}/events", limit=1)["items"][0]["position"]
    listed = client.get(f"/v1/events?after={first - 1}&limit=500", headers={"Accept": CLOUDEVENTS}).json()
    listed = [each for each in listed if each["partitionkey"] == run_id]
    assert len(told) == 4
    for one, other in zip(told, listed, strict=True):
        assert one == other | {"dataschema": f"{SCHEMAS}{one['type']}"}


def test_a_run_is_told_alone(client: Client) -> None:
    """With a run_id there are its events only, in every format."""
    run_id, _ = client.executing("p1"), client.create()
    answer = client.get("/v1/export", params={"run_id": run_id})
    *events, end = map(json.loads, answer.content.splitlines())
    assert [event["version"] for event in events] == [1, 2, 3]
    assert {event["run_id"] for event in events} == {run_id}
    assert end["end"]["run_id"] == run_id
    assert answer.headers["content-disposition"] == f'attachment; filename="{run_id}.ndjson"'
    ocel = client.read("/v1/export", run_id=run_id, format="ocel")
    assert {each["id"] for each in ocel["objects"]} == {
        f"run:{run_id}", f"phase:{run_id}/p1", "actor:anonymous"
    }  # fmt: skip
    xes = client.get("/v1/export", params={"run_id": run_id, "format": "xes"})
    assert len(ET.fromstring(xes.content).findall("{*}trace")) == 1  # noqa: S314  # ours


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("format=csv", 422, "invalid-parameter"),
        ("format=", 422, "invalid-parameter"),
        ("format=ocel&format=csv", 422, "invalid-parameter"),
        ("run=nightly", 422, "invalid-parameter"),
        ("after=7", 422, "invalid-parameter"),
        ("run_id=nightly%0a", 422, "invalid-id"),
        ("run_id=%00", 422, "invalid-id"),
        ("run_id=", 422, "invalid-id"),
        (f"run_id={'a' * 129}", 422, "invalid-id"),
        ("run_id=nobody", 404, "run-not-found"),
    ],
)
def test_what_cannot_be_told_is_refused(client: Client, query: str, status: int, code: str) -> None:
    """A format, a parameter or a run that is not there is refused before anything is sent."""
    refused(client.get(f"/v1/export?{query}"), status, code)


def test_a_run_that_was_misspelt_is_suggested(client: Client) -> None:
    """As everywhere, runs of similar names are told."""
    run_id = client.create(run_id=unused("misspelt"))
    told = refused(client.get(f"/v1/export?run_id={run_id}x"), 404, "run-not-found")
    assert run_id in told["similar"]


def test_what_is_told_over_http_can_be_restored(
    client: Client, scratch_database: Scratch, restore: Restore, export: Export
) -> None:
    """The answer, kept as a file, is a backup."""
    client.executing("p1", labels={"a": "é"})
    log = client.get("/v1/export").content
    with scratch_database("sqlite") as url:
        restore(url, log)
        assert sorted(export(url).splitlines()) == sorted(log.splitlines())


def test_an_export_does_not_keep_others_waiting(own_client: Client) -> None:
    """While an export is read slowly, no connection is held: events are recorded, and are not in it."""
    run_id = own_client.create()
    in_use = own_client.ledger.engine.pool.checkedout  # type: ignore[attr-defined]  # a pool that counts
    before, pieces = in_use(), FORMATS["ndjson"].pieces(own_client.ledger.snapshot())
    first = next(pieces)
    assert in_use() == before
    own_client.record(run_id, "run.held")
    *_, end = [first, *pieces]
    assert json.loads(end)["end"]["events"] == 1


def test_a_log_of_all_events_is_told_in_every_format(own_client: Client, restore: Restore) -> None:
    """There is no type of event that an export stumbles over."""
    restore(own_client.database_url, GOLDEN)
    for form in FORMATS:
        assert own_client.get("/v1/export", params={"format": form}).status_code == 200
