"""A refusal is an exception that helps, and is not asked for over and over."""

import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from runnotary_client import (
    AlreadyExists,
    Client,
    IllegalMove,
    Invalid,
    NotFound,
    Refused,
    StaleAttempt,
    Unavailable,
    VersionMismatch,
)
from runnotary_client.calls import Call
from runnotary_client.errors import refusal
from runnotary_client.repeats import LIMIT, QUIET_SECONDS, Repeats

from api.problems import STATUS
from client.tests.conftest import IMPATIENT
from client.tests.proxy import Proxy
from client.tests.record import events_of
from domain import refusals
from tests.end_to_end.service import Server


def test_a_refusal_prints_what_to_do(run_id: str, client: Client, server: Server) -> None:
    """Its text has the code, what is wrong, the remedy and the legal moves; its attributes have the facts."""
    server.create(run_id, phases=[{"phase_id": "build"}])
    with pytest.raises(IllegalMove) as raised:
        client.propose(run_id, "run.succeeded")
    error = raised.value
    first, remedy, legal = str(error).splitlines()
    assert first.startswith("illegal-move: run.succeeded may not happen")
    assert remedy.startswith("Remedy: ")
    assert legal == f"Legal now: {', '.join(error.legal)}"
    assert "run.execution_started" in error.legal
    assert (error.code, error.status, error.problem["state"]) == ("illegal-move", 409, "RUN_CREATED")
    assert (error.call or {})["method"] in {"GET", "POST"}


def test_a_refusal_crosses_processes() -> None:
    """A pool of processes hands its exceptions over: they say the same there."""
    error = refused()
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.code) == (type(error), str(error), "illegal-move")
    away = Unavailable("busy: no", {"code": "overloaded"}, 1.0)
    again = pickle.loads(pickle.dumps(away))
    assert (str(again), again.code, again.retry_after) == ("busy: no", "overloaded", 1.0)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (refusals.IllegalMove, IllegalMove),
        (refusals.RunNotExecuting, IllegalMove),
        (refusals.StaleAttempt, StaleAttempt),
        (refusals.RunNotFound, NotFound),
        (refusals.PhaseNotFound, NotFound),
        (refusals.RunExists, AlreadyExists),
        (refusals.VersionMismatch, VersionMismatch),
        (refusals.InvalidBody, Invalid),
    ],
)
def test_a_family_of_codes_is_a_class(kind: type[refusals.Refusal], expected: type[Refused]) -> None:
    """What a caller would treat alike is one class."""
    assert type(refusal({"code": kind.code, "status": STATUS[kind]})) is expected


def test_every_refusal_has_a_class() -> None:
    """Whatever the service refuses with is a Refused, if it is final; 503 is none."""
    for kind, status in STATUS.items():
        if status != 503:
            assert isinstance(refusal({"code": kind.code, "status": status}), Refused)


def test_what_is_missing_says_what_may_have_been_meant(client: Client, server: Server) -> None:
    """A run that is not there: NotFound, with the ids that are close."""
    server.create("hourly")
    with pytest.raises(NotFound) as raised:
        client.show("hourlie")
    assert raised.value.problem["similar"] == ["hourly"]


def test_a_loop_asks_twice_and_not_336_times(
    run_id: str, client: Client, proxy: Proxy, server: Server
) -> None:
    """The weeks of READY, here: a loop that reads what cannot be read, 336 times, makes 2 requests."""
    for _ in range(336):
        with pytest.raises(NotFound):
            client.show("backend-fixes-v6")
    assert len(proxy.asked("GET", "/v1/runs/backend-fixes-v6")) == LIMIT

    server.create(run_id, phases=[{"phase_id": "build"}])
    for _ in range(336):
        with pytest.raises(IllegalMove) as raised:
            client.propose(run_id, "phase.started", phase_id="build")
    assert len(proxy.asked("POST", events_of(run_id))) <= 3
    assert "Not asked again: refused 2 times in the same way" in str(raised.value)
    kept = server.call("GET", f"/v1/runs/{run_id}/refusals").body["items"]
    assert len(kept) <= 3


def test_a_change_of_the_run_lets_it_ask_again(
    run_id: str, client: Client, proxy: Proxy, server: Server
) -> None:
    """What was refused twice is asked again once this client has changed the run, or seen it changed."""
    server.create(run_id)

    def ask() -> int:
        with pytest.raises(IllegalMove):
            client.propose(run_id, "run.succeeded", data={"reason": "now"})
        return len(proxy.asked("POST", events_of(run_id)))

    assert [ask(), ask(), ask()] == [1, 2, 2]
    client.propose(run_id, "run.annotated", data={"text": "something"})
    assert [ask(), ask(), ask()] == [4, 5, 5]

    client.show(run_id)
    server.record(run_id, "run.phases_queued")
    assert ask() == 5
    client.show(run_id)
    assert ask() == 6


def test_other_data_is_another_call(run_id: str, client: Client, proxy: Proxy, server: Server) -> None:
    """Only the same call is the same: another state of things is not in the way."""
    server.create(run_id)
    for number in range(4):
        with pytest.raises(IllegalMove):
            client.propose(run_id, "run.succeeded", data={"reason": str(number)})
    assert len(proxy.asked("POST", events_of(run_id))) == 4


def refused(code: str = "illegal-move", status: int = 409) -> Refused:
    problem: Mapping[str, Any] = {"code": code, "status": status, "detail": "no"}
    return refusal(problem)


def let_through(repeats: Repeats, call: Call) -> bool:
    try:
        repeats.check(call)
    except Refused:
        return False
    return True


def test_time_lets_it_ask_again_ever_more_seldom(run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a quarter of an hour it is asked once more, then after twice as long."""
    now = 0.0
    monkeypatch.setattr("runnotary_client.repeats.time.monotonic", lambda: now)
    repeats, call = Repeats(), Call(method="GET", path="/v1/runs/x", run_id="x")
    asked = []
    for now in range(0, 4 * 3600, 10):
        if let_through(repeats, call):
            asked.append(now)
            repeats.note(call, refused())
    quiet = int(QUIET_SECONDS)
    assert asked == [0, 10, 10 + quiet, 10 + 3 * quiet, 10 + 7 * quiet, 10 + 15 * quiet]
    assert len([at for at in asked if at <= 35 * 60]) == 3, "the 35 minutes of the incident"


def test_another_refusal_is_heard_from_the_beginning(run_id: str) -> None:
    """The same call that is refused with another code is another story."""
    repeats, call = Repeats(), Call(method="GET", path="/v1/runs/x", run_id="x")
    repeats.note(call, refused())
    repeats.note(call, refused("run-held"))
    assert let_through(repeats, call)
    repeats.note(call, refused("run-held"))
    assert not let_through(repeats, call)
    repeats.accepted(call)
    assert let_through(repeats, call)


def test_unavailable_is_no_refusal(run_id: str, proxy: Proxy, server: Server) -> None:
    """No answer at all is never counted as a refusal: the next call asks."""
    server.create(run_id)
    proxy.how = lambda seen: "cut before"
    with Client(proxy.url, patience=IMPATIENT) as client:
        for _ in range(3):
            with pytest.raises(Unavailable):
                client.show(run_id)
