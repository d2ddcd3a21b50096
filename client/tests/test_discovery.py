"""The client asks once what the service can do, and does not ask for what it cannot."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from runnotary_client import Client, NotSupported

from client.tests.conftest import IMPATIENT
from client.tests.proxy import Proxy
from tests.end_to_end.service import Server, serving

READ = ("/openapi.json", "/v1/machine")


@contextmanager
def older(server: Server, **changed: Callable[[Any], Any]) -> Iterator[httpx2.MockTransport]:
    """The service as an older one: what it says of itself is changed, all else is what it is."""
    with httpx2.Client(base_url=f"http://{server.host}:{server.port}") as http:

        def answer(request: httpx2.Request) -> httpx2.Response:
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            told = http.request(
                request.method, request.url.raw_path.decode(), content=request.content, headers=headers
            )
            name = request.url.path.rsplit("/", 1)[-1].partition(".")[0]
            content = json.dumps(changed[name](told.json())).encode() if name in changed else told.content
            kind = {"content-type": told.headers["content-type"]}
            return httpx2.Response(told.status_code, headers=kind, content=content)

        yield httpx2.MockTransport(answer)


def without(path: str) -> Callable[[Any], Any]:
    """An OpenAPI document that lacks this path."""
    return lambda told: told | {"paths": {each: it for each, it in told["paths"].items() if each != path}}


def test_it_is_read_once(run_id: str, server: Server, proxy: Proxy, client: Client) -> None:
    """However many proposals follow, both documents are read once."""
    server.create(run_id)
    for number in range(5):
        client.propose(run_id, "run.annotated", data={"text": str(number)})
    assert [len(proxy.asked("GET", path)) for path in READ] == [1, 1]


def test_after_a_lost_connection_only_what_is_new_is_read(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """Another service may have taken the place of the one that was lost: it is asked what is new."""
    server.create(run_id)
    client.propose(run_id, "run.annotated", data={"text": "1"})
    known = dict(client._link.discovery.documents)
    proxy.how = lambda seen: "cut before"
    with pytest.raises(Exception, match="did not answer"):
        client.show(run_id)
    proxy.how = lambda seen: "pass"
    client._link.circuit._breaker.close()
    client.propose(run_id, "run.annotated", data={"text": "2"})
    assert [len(proxy.asked("GET", path)) for path in READ] == [2, 2]
    assert all(client._link.discovery.documents[path] is known[path] for path in READ), "told again"


def test_an_event_that_nobody_knows_is_not_sent(
    run_id: str, server: Server, proxy: Proxy, client: Client
) -> None:
    """A slip of the pen in an event's type is told without asking the service."""
    server.create(run_id)
    with pytest.raises(NotSupported, match=r"knows no event 'run\.anotated'\. Did you mean run\.annotated"):
        client.propose(run_id, "run.anotated", data={"text": "x"})
    assert proxy.asked("POST", f"/v1/runs/{run_id}/events") == []


def test_a_service_without_claims_says_so(server: Server) -> None:
    """A call that the service lacks is one clear message, not a 404."""
    with (
        older(server, openapi=without("/v1/claims")) as transport,
        Client(transport=transport, patience=IMPATIENT) as client,
    ):
        with pytest.raises(NotSupported, match=r"cannot hand out phases: it has no POST /v1/claims"):
            client.claim(executor="builder-1", lease_seconds=60)


def test_a_service_without_leases_starts_without_one(run_id: str, server: Server) -> None:
    """Where leases are not renewed, none is asked for: it would never be known to run out."""
    without_leases = without("/v1/runs/{run_id}/phases/{phase_id}/heartbeat")
    with (
        older(server, openapi=without_leases) as transport,
        Client(transport=transport, patience=IMPATIENT) as client,
        client.run(run_id, goal="g") as run,
    ):
        with run.phase("p", lease_seconds=60) as attempt:
            assert attempt.lease_seconds is None
            attempt.complete()
    events = server.call("GET", f"/v1/runs/{run_id}/events").body["items"]
    assert [event["data"] for event in events if event["type"] == "phase.started"] == [{}]


def test_a_service_without_a_stream_is_polled(run_id: str, server: Server) -> None:
    """Following works there too, from the beginning and from the end of the log."""
    server.create(run_id, phases=[{"phase_id": "p"}])
    server.create(f"{run_id}-2")
    with (
        older(server, openapi=without("/v1/events/stream")) as transport,
        Client(transport=transport, patience=IMPATIENT) as client,
    ):
        events = client.follow(after=0)
        assert [next(events)["position"] for _ in range(3)] == [1, 2, 3]
        only = client.follow(after=0, run_id=f"{run_id}-2", types=["run.created", "run.annotated"])
        assert (next(only)["run_id"]) == f"{run_id}-2"


def test_something_else_at_the_address_is_told(run_id: str, server: Server) -> None:
    """A service that is no Runnotary is found out on first use."""
    with (
        older(server, machine=lambda told: {"states": []}) as transport,
        Client(transport=transport, patience=IMPATIENT) as client,
    ):
        with pytest.raises(NotSupported, match="is no Runnotary"):
            client.propose(run_id, "run.annotated", data={"text": "x"})
    with Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(404))) as client:
        with pytest.raises(NotSupported, match="that is no Runnotary"):
            client.show(run_id)


def test_a_service_that_was_upgraded_is_read_anew(
    run_id: str, database_url: str, own_server: Server, proxy: Proxy
) -> None:
    """The service is replaced while the client runs: it goes on, and knows the new one."""
    own_server.create(run_id)
    with Client(proxy.url, patience=IMPATIENT) as client:
        client.propose(run_id, "run.annotated", data={"text": "1"})
        own_server.stop()
        with serving(database_url) as other:
            proxy.upstream = (other.host, other.port)
            client.propose(run_id, "run.annotated", data={"text": "2"})
            assert client.show(run_id)["version"] == 3
