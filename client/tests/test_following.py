"""Who follows the log gets every event once and in order, whatever happens to the connection."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import islice
from threading import Thread
from typing import Any

import pytest
from runnotary_client import AsyncClient, Client, Event, NotSupported, Unreachable
from runnotary_client.effects import Effect, Listen, Wait
from runnotary_client.feed import Wanted, end_of_log

from client.tests.conftest import IMPATIENT
from client.tests.proxy import Proxy
from tests.end_to_end.service import SECONDS, Server, at_once, serving


def annotate(server: Server, run_id: str, texts: range) -> None:
    for number in texts:
        server.record(run_id, "run.annotated", data={"text": str(number)})


def positions(events: list[Event]) -> list[int]:
    return [event["position"] for event in events]


def test_the_log_from_its_beginning(own_server: Server, proxy: Proxy) -> None:
    """Everything that is there comes first, in order; then what comes."""
    own_server.create("r1")
    annotate(own_server, "r1", range(600))
    with Client(proxy.url, patience=IMPATIENT) as client:
        events = client.follow(after=0)
        assert positions(list(islice(events, 601))) == list(range(1, 602))
        annotate(own_server, "r1", range(3))
        assert positions(list(islice(events, 3))) == [602, 603, 604]
        assert positions(list(islice(client.follow(after=600), 2))) == [601, 602]


def test_from_now_on(own_server: Server, proxy: Proxy) -> None:
    """Without a position only what comes is given; where the log ends is found without reading it."""
    with Client(proxy.url, patience=IMPATIENT) as client:
        for _ in range(5):
            log = own_server.call("GET", "/v1/events?limit=500").body["items"]
            assert client._driver.perform(end_of_log(client._link)) == len(log)
            own_server.create(f"r{len(log)}")
        annotate(own_server, "r0", range(30))
        assert client._driver.perform(end_of_log(client._link)) == 35


def test_only_what_is_wanted(own_server: Server, proxy: Proxy) -> None:
    """Of one run, or of some types."""
    own_server.create("r1")
    own_server.create("r2")
    annotate(own_server, "r1", range(3))
    own_server.record("r2", "run.execution_started")
    with Client(proxy.url, patience=IMPATIENT) as client:
        assert positions(list(islice(client.follow(after=0, run_id="r2"), 2))) == [2, 6]
        wanted = ["run.created", "run.execution_started"]
        assert positions(list(islice(client.follow(after=0, types=wanted), 3))) == [1, 2, 6]
        assert positions(list(islice(client.follow(after=0, types=wanted[1:]), 1))) == [6]
        with pytest.raises(NotSupported, match=r"Did you mean run\.annotated"):
            next(client.follow(types=["run.anotated"]))


def test_connections_that_are_cut_lose_and_double_nothing(own_server: Server, proxy: Proxy) -> None:
    """Cut again and again while events come: each is given once, in order."""
    own_server.create("r1")
    with Client(proxy.url, patience=IMPATIENT) as client:
        events = client.follow(after=0)
        given = [next(events)]
        for _ in range(8):
            annotate(own_server, "r1", range(10))
            given += islice(events, 5)
            proxy.cut_all()
            given += islice(events, 5)
        assert positions(given) == list(range(1, 82))


def test_a_follower_of_many_writers(own_server: Server, proxy: Proxy) -> None:
    """Eight executors report while the follower's connection is cut over and over: each once, in order."""

    def writer(run_id: str) -> Callable[[], None]:
        def writing() -> None:
            url = f"http://{own_server.host}:{own_server.port}"
            with Client(url, patience=IMPATIENT) as client, client.run(run_id, goal="g") as run:
                for number in range(20):
                    run.annotate(str(number))

        return writing

    writers = Thread(target=at_once, args=([writer(f"r{number}") for number in range(8)],))
    writers.start()
    given: list[Event] = []
    with Client(proxy.url, patience=IMPATIENT) as client:
        for event in islice(client.follow(after=0), 8 * 22):
            given.append(event)
            if len(given) % 20 == 0:
                proxy.cut_all()
    writers.join(SECONDS)
    assert positions(given) == list(range(1, 8 * 22 + 1))


def test_it_goes_on_across_a_restart(database_url: str, own_server: Server, proxy: Proxy) -> None:
    """The service is killed and started again: the follower goes on behind the last event."""
    own_server.create("r1")
    annotate(own_server, "r1", range(5))
    with Client(proxy.url, patience=IMPATIENT) as client:
        events = client.follow(after=0)
        given = list(islice(events, 3))
        own_server.kill()
        with serving(database_url) as other:
            proxy.upstream = (other.host, other.port)
            client._link.circuit._breaker.close()
            annotate(other, "r1", range(5))
            given += islice(events, 8)
    assert positions(given) == list(range(1, 12))


def test_a_place_is_kept_before_anything_has_come(server: Server) -> None:
    """From now on means from the first connection on: a second one goes on where that one was."""
    with Client(f"http://{server.host}:{server.port}") as client:
        steps = Wanted(client._link, None, None, ["run.created"]).streamed()
        assert asked(next(steps)) == {"after": None, "type": "run.created", "run_id": None}
        steps.send(None)
        for line in ("retry: 1000", "id: 7", "", ":", "id: 9"):
            steps.send(line)
        assert isinstance(steps.throw(Unreachable("cut")), Wait)
        assert asked(steps.send(None))["after"] == 7, "the place of a message that came whole"
        steps.close()


def asked(effect: Effect) -> Mapping[str, Any]:
    """What a stream is opened with."""
    assert isinstance(effect, Listen)
    return effect.call.params


def test_following_awaited(own_server: Server, proxy: Proxy) -> None:
    """The same, awaited; while it waits, other tasks go on."""
    own_server.create("r1")

    async def work() -> list[Event]:
        given: list[Event] = []
        async with AsyncClient(proxy.url, patience=IMPATIENT) as client:
            async for event in client.follow(after=0):
                given.append(event)
                if len(given) == 5:
                    return given
                await client.propose("r1", "run.annotated", data={"text": str(len(given))})
        raise AssertionError

    assert positions(asyncio.run(work())) == [1, 2, 3, 4, 5]
