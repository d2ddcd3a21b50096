"""The stream of the log: what is there, what comes, from which place, and which of it."""

import json
from itertools import count
from typing import Any

import pytest

from tests.end_to_end.service import Server
from tests.feeds.reader import SSE, Message, stream

_NUMBERS = count(1)


def log_of(server: Server, **wanted: Any) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    items: list[dict[str, Any]] = server.call("GET", f"/v1/events?limit=500&{query}").body["items"]
    return items


def end_of(server: Server) -> int:
    """Where the log ends."""
    position: int = log_of(server, newest="true")[-1]["position"]
    return position


def new_run(server: Server) -> str:
    return server.create(f"run-{next(_NUMBERS)}")


def test_what_is_there_comes_first_then_what_is_appended(server: Server) -> None:
    """From the beginning: every event of the log, then every new one, as GET /v1/events shows them."""
    before = log_of(server)
    with stream(server.host, server.port, after=0) as following:
        told = following.next(len(before))
        run_id = new_run(server)
        for _ in range(3):
            server.record(run_id, "run.annotated", data={"text": "größer\n\n: id: 7"})
        told += following.next(4)
    assert told == log_of(server)
    assert [event["position"] for event in told] == list(range(1, len(told) + 1))


def test_a_stream_may_start_anywhere(server: Server) -> None:
    """From every position there is, what comes after it is told, and nothing else first."""
    new_run(server)
    log = log_of(server)
    for place in range(len(log)):
        with stream(server.host, server.port, after=place) as following:
            assert following.next(len(log) - place) == log[place:]


def test_without_a_place_only_what_is_new_is_told(server: Server) -> None:
    """Whoever names no place follows from now on, and is told where that is."""
    end = end_of(server)
    with stream(server.host, server.port) as following:
        assert following.answer.headers["Last-Event-ID"] == str(end)
        run_id = new_run(server)
        (event,) = following.next(1)
    assert (event["position"], event["run_id"]) == (end + 1, run_id)


def test_server_sent_events_have_an_id_a_type_and_data(server: Server) -> None:
    """In the form for browsers an event's id is its position, and its data are the event on one line."""
    with stream(server.host, server.port, SSE, after=0) as following:
        messages = following.messages()
        assert next(messages) == Message("0", None, None)
        for event in log_of(server):
            told = next(messages)
            assert (told.id, told.event) == (str(event["position"]), event["type"])
            assert json.loads(told.data or "") == event


def test_the_last_id_goes_before_the_place_of_the_address(server: Server) -> None:
    """A browser asks again with the same address and the id that came last: it goes on after that."""
    new_run(server)
    end = end_of(server)
    with stream(server.host, server.port, after=0, last=str(end - 1)) as following:
        assert [event["position"] for event in following.next(1)] == [end]


def test_a_run_and_types_may_be_followed_alone(server: Server) -> None:
    """Only wanted events are told, whether they were there or come."""
    run_id, end = new_run(server), end_of(server)
    wanted: dict[str, Any] = {"run_id": run_id, "type": ["run.annotated", "run.held"]}
    with stream(server.host, server.port, after=0, **wanted) as following:
        for kind in ("run.held", "run.unheld", "run.annotated", "run.held"):
            data = {"text": "x"} if kind == "run.annotated" else {}
            server.record(run_id, kind, data=data)
            server.record("first", "run.annotated", data={"text": "of another run"})
        told = following.next(3)
    assert [event["type"] for event in told] == ["run.held", "run.annotated", "run.held"]
    assert [event["position"] for event in told] == [end + 1, end + 5, end + 7]


def test_a_place_moves_on_though_nothing_that_is_wanted_comes(server: Server) -> None:
    """A browser that wants little is sent ids without data, so that it need not be looked through again."""
    with stream(server.host, server.port, SSE, after=0, type="run.preserved") as following:
        messages = following.messages()
        assert next(messages).id == "0"
        new_run(server)
        end = end_of(server)
        passed = [next(messages)]
        while passed[-1].id != str(end):
            passed.append(next(messages))
    assert {(message.event, message.data) for message in passed} == {(None, None)}


@pytest.mark.parametrize(("accept", "sign"), [("application/x-ndjson", ""), (SSE, ":")])
def test_a_quiet_stream_gives_signs_of_life(server: Server, accept: str, sign: str) -> None:
    """Where nothing happens, an empty line comes now and then, or a comment."""
    with stream(server.host, server.port, accept, after=end_of(server)) as following:
        lines = [line for line, _ in zip(following.lines(), range(5), strict=False)]
    assert lines[-1] == sign


@pytest.mark.parametrize(
    "last", ["", "abc", "-1", "1.0", "0x1", "1e3", " ", "1, 2", "٣", "9" * 19, "9" * 20, "null", "undefined"]
)
def test_an_id_that_is_none_is_refused(server: Server, last: str) -> None:
    """A last id that was never given is told, not taken for the beginning or for now."""
    headers = {"Last_Event_ID": last.encode().decode("latin-1")}
    answer = server.call("GET", "/v1/events/stream", **headers)
    assert (answer.status, answer.body["code"]) == (422, "invalid-parameter")
    assert answer.body["errors"][0]["name"] == "Last-Event-ID"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("after=-1", 422, "invalid-parameter"),
        ("after=last", 422, "invalid-parameter"),
        ("after=999999", 422, "invalid-parameter"),
        ("run_id=nobody", 404, "run-not-found"),
        ("run_id=a%20b", 422, "invalid-id"),
        ("type=run.exploded", 422, "unknown-event"),
        ("typ=run.held", 422, "invalid-parameter"),
    ],
)
def test_what_can_never_come_is_refused(server: Server, query: str, status: int, code: str) -> None:
    """A slip in what is wanted is told at once, since silence would hide it."""
    answer = server.call("GET", f"/v1/events/stream?{query}")
    assert (answer.status, answer.body["code"]) == (status, code)


def test_no_more_streams_than_there_may_be(server: Server) -> None:
    """One stream too many is told to come again; when another has ended, it is let in."""

    def opened(left: int) -> None:
        if left:
            with stream(server.host, server.port):
                opened(left - 1)
            return
        answer = server.call("GET", "/v1/events/stream")
        assert (answer.status, answer.body["code"]) == (503, "too-many-streams")
        assert answer.headers["retry-after"] == "5"

    opened(4)
    for _ in range(4):  # a caller that has gone is noticed when the service looks for it
        while server.call("GET", "/v1/events/stream?after=999999").status != 422:
            pass
        with stream(server.host, server.port, after=0) as following:
            assert following.next(1)
