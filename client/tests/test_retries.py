"""What is worth trying again is, with the key of the first try; so nothing is recorded twice."""

import signal
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from runnotary_client import Client, Invalid, NotSupported, Patience, Unavailable, Unreachable
from runnotary_client.wire import CIRCUIT_FAILURES, CIRCUIT_SECONDS, read, seconds_of

from client.tests.conftest import IMPATIENT
from client.tests.proxy import How, Proxy
from client.tests.record import events_of, notes, story
from tests.end_to_end.service import Server, assert_sound


@pytest.mark.parametrize("how", ["cut before", "cut after"])
def test_a_lost_connection_is_tried_again_with_the_same_key(
    run_id: str, server: Server, proxy: Proxy, client: Client, how: How
) -> None:
    """Cut before the request arrives or after: it is recorded once, and the caller sees nothing of it."""
    server.create(run_id)
    proxy.once(how, events_of(run_id))
    report = client.propose(run_id, "run.annotated", data={"text": "once"})
    assert not report.spooled
    assert notes(server, run_id) == ["once"]
    keys = [seen.key for seen in proxy.asked("POST", events_of(run_id))]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_run_whose_creation_is_cut_is_created_once(
    run_id: str, own_server: Server, proxy: Proxy, client: Client
) -> None:
    """A lost answer to the creation of a run makes neither a second run nor a conflict."""
    proxy.once("cut after", "/v1/runs")
    with client.run(goal="Once only") as run:
        proxy.once("cut after", f"/v1/runs/{run.run_id}/events")
        with run.phase("build") as attempt:
            assert attempt.number == 1
            attempt.complete()
    assert [each["run_id"] for each in own_server.call("GET", "/v1/runs").body["items"]] == [run.run_id]
    assert own_server.call("GET", f"/v1/runs/{run.run_id}").body["state"] == "DONE_SUCCESS"


def test_a_start_without_an_answer_is_found_again(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """Every answer to a start is lost, though it is recorded: asked again, it is the same attempt."""
    with client.run(run_id, goal="g", phases=[{"phase_id": "p"}]) as run:
        proxy.how = lambda seen: "cut after" if seen.path == events_of(run_id) else "pass"
        with pytest.raises(Unavailable), run.phase("p"):
            raise AssertionError
        proxy.how = lambda seen: "pass"
        with run.phase("p") as attempt:
            assert attempt.number == 1
            attempt.complete()
    assert [kind for kind, _ in story(server, run_id)].count("phase.started") == 1


def test_a_start_that_is_over_is_not_found_again(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """Where the unseen attempt was released meanwhile, another one is opened."""
    with client.run(run_id, goal="g", phases=[{"phase_id": "p"}]) as run:
        proxy.how = lambda seen: "cut after" if seen.path == events_of(run_id) else "pass"
        with pytest.raises(Unavailable), run.phase("p"):
            raise AssertionError
        server.record(run_id, "phase.released", phase_id="p", attempt=1)
        proxy.how = lambda seen: "pass"
        with run.phase("p") as attempt:
            assert attempt.number == 2
            attempt.complete()


def test_a_run_without_an_answer_is_found_again(own_server: Server, proxy: Proxy, client: Client) -> None:
    """Every answer to a creation is lost: asked again, it is the same run, though its id was made."""
    proxy.how = lambda seen: "cut after" if seen.path == "/v1/runs" else "pass"
    with pytest.raises(Unavailable), client.run(goal="Only one"):
        raise AssertionError
    proxy.how = lambda seen: "pass"
    with client.run(goal="Only one") as run:
        assert run.run_id == "only-one"
    assert len(own_server.call("GET", "/v1/runs").body["items"]) == 1


def test_a_service_that_hangs_is_given_up_and_asked_again(
    run_id: str, own_server: Server, proxy: Proxy
) -> None:
    """A stopped process answers nothing: the call ends by itself; later it is recorded once."""
    own_server.create(run_id)
    hasty = Patience(answer_seconds=0.5, tries=2)
    with Client(proxy.url, patience=hasty) as client:
        client.show(run_id)
        own_server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(Unreachable, match="same key is recorded once"):
                client.propose(run_id, "run.annotated", data={"text": "hung"}, key=f"{run_id}-hung")
        finally:
            own_server.process.send_signal(signal.SIGCONT)
    with Client(proxy.url, patience=IMPATIENT) as client:
        client.propose(run_id, "run.annotated", data={"text": "hung"}, key=f"{run_id}-hung")
    assert notes(own_server, run_id) == ["hung"]


def test_a_refusal_is_not_tried_again(run_id: str, server: Server, proxy: Proxy, client: Client) -> None:
    """A 4xx is final."""
    server.create(run_id)
    with pytest.raises(Invalid):
        client.propose(run_id, "run.annotated", data={"text": ""})
    assert len(proxy.asked("POST", events_of(run_id))) == 1


def test_a_key_of_the_caller_makes_a_report_the_same_after_a_restart(
    run_id: str, server: Server, client: Client
) -> None:
    """Who names the key finds an earlier report again, in another process too."""
    server.create(run_id)
    for _ in range(2):
        client.propose(run_id, "run.annotated", data={"text": "one"}, key=f"{run_id}-note")
    with pytest.raises(Invalid, match="idempotency-key-reused"):
        client.propose(run_id, "run.annotated", data={"text": "another"}, key=f"{run_id}-note")
    assert notes(server, run_id) == ["one"]


@pytest.mark.parametrize(
    ("error", "worth_it"),
    [
        (httpx2.ConnectError("refused"), True),
        (httpx2.ReadTimeout("slow"), True),
        (httpx2.RemoteProtocolError("cut"), True),
        (httpx2.UnsupportedProtocol("ftp"), False),
        (Unavailable("busy"), True),
        (Unreachable("the circuit is open"), False),
        (Unavailable("for hours", retry_after=7200), False),
        (ValueError("ours"), False),
    ],
)
def test_only_what_may_pass_is_worth_another_try(error: Exception, worth_it: bool) -> None:
    """Lost connections, 429 and 503 are; what lasts longer than the caller waits is not."""
    assert bool(IMPATIENT.worth_it(error)) is worth_it


def test_retry_after_is_obeyed() -> None:
    """A service that says when it is back is asked then and not before, and not by all at one moment."""
    waits = {IMPATIENT.worth_it(Unavailable("busy", retry_after=8.0)) for _ in range(20)}
    assert all(8 <= wait <= 10 for wait in waits)
    assert len(waits) > 1
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (seconds_of(soon) or 0) <= 100
    assert seconds_of("soon") is None
    assert seconds_of("²") is None
    assert seconds_of("Fri, 31 Dec 1999 23:59:59 -0000") == 0


@pytest.mark.parametrize(
    ("status", "media_type", "raised"),
    [
        (200, "application/problem+json", NotSupported),
        (502, "text/html", Unavailable),
        (500, "application/problem+json", Unavailable),
        (403, "application/problem+json", NotSupported),
        (504, "text/html", Unavailable),
        (429, "text/plain", Unavailable),
        (503, "text/html", Unavailable),
        (404, "text/html", NotSupported),
        (200, "text/html", NotSupported),
    ],
)
def test_an_answer_of_somebody_else_is_told_from_the_services(
    status: int, media_type: str, raised: type[Exception]
) -> None:
    """A proxy that says that the service is away is no refusal; a web page is no Runnotary."""
    request = httpx2.Request("GET", "http://127.0.0.1/v1/runs")
    response = httpx2.Response(
        status, headers={"content-type": media_type}, text='{"title": "Somebody else"}', request=request
    )
    with pytest.raises(raised):
        read(response)


@pytest.mark.parametrize("media_type", ["application/json", "application/problem+json"])
@pytest.mark.parametrize(
    "body", ["<h1>Maintenance</h1>", '{"a":', "[]", "null", '{"a":' * 5_000, '{"code": []}']
)
def test_what_is_no_object_is_no_answer(media_type: str, body: str) -> None:
    """Whoever is on the way says that it sends JSON, and sends something else, or a part of it."""
    request = httpx2.Request("GET", "http://127.0.0.1/v1/runs")
    response = httpx2.Response(404, headers={"content-type": media_type}, text=body, request=request)
    with pytest.raises(NotSupported):
        read(response)


def test_a_dead_service_is_not_asked_for_ever(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """After so many failures in a row calls fail at once; after a while one is let through, and closes it."""
    server.create(run_id)
    proxy.how = lambda seen: "cut before"
    with pytest.raises(Unreachable):
        client.show(run_id)
    with pytest.raises(Unreachable):
        client.show(run_id)
    asked = len(proxy.asked("GET", f"/v1/runs/{run_id}"))
    assert asked == CIRCUIT_FAILURES
    for _ in range(10):
        with pytest.raises(Unreachable, match="Not asked: 5 calls in a row"):
            client.show(run_id)
    assert len(proxy.asked("GET", f"/v1/runs/{run_id}")) == asked

    proxy.how = lambda seen: "pass"
    breaker = client._link.circuit._breaker
    opened = breaker._state_storage.opened_at
    assert opened is not None
    breaker._state_storage.opened_at = opened - timedelta(seconds=CIRCUIT_SECONDS)
    assert client.show(run_id)["run_id"] == run_id
    assert client.show(run_id)["run_id"] == run_id


def test_nothing_is_recorded_twice_whatever_is_cut(
    run_id: str, own_server: Server, proxy: Proxy, client: Client, database_url: str
) -> None:
    """Every third request is lost, now before it arrives, now after: the record is as if none was."""
    own_server.create(run_id)
    count = 0

    def how(_: object) -> How:
        nonlocal count
        count += 1
        return ("pass", "cut before", "cut after")[count % 3]

    proxy.how = how
    for number in range(30):
        client.propose(run_id, "run.annotated", data={"text": str(number)})
    assert notes(own_server, run_id) == [str(number) for number in range(30)]
    own_server.stop()
    assert_sound(database_url)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "127.0.0.1:8000", "http://[::1"])
def test_an_address_that_is_none_says_so(run_id: str, url: str) -> None:
    """A URL without http is told as what it is, not as a service that is away."""
    with pytest.raises(NotSupported, match=r"http://127\.0\.0\.1:8000"):
        Client(url).show(run_id)


def test_nothing_there_is_said_plainly(run_id: str) -> None:
    """Where nothing listens, the message says where."""
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(Unreachable, match=r"Nothing answers at http://127"),
    ):
        client.show(run_id)
