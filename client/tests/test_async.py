"""The async client does what the other does; what differs is how it is interrupted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from runnotary_client import AsyncClient, Client, IllegalMove, NotFound, Spool, Unavailable
from runnotary_client.clients import ClientCalls

from client.tests.conftest import IMPATIENT
from client.tests.proxy import Proxy
from client.tests.record import events, events_of, last, notes, story
from tests.end_to_end.service import Server


def asynchronous(proxy: Proxy, **how: Any) -> AsyncClient:
    return AsyncClient(proxy.url, actor="builder-1", patience=IMPATIENT, **how)


def test_a_run_from_beginning_to_end(run_id: str, server: Server, proxy: Proxy) -> None:
    """The same events come of the same words, awaited."""

    async def work() -> None:
        async with asynchronous(proxy) as client, client.run(run_id, goal="g") as run:
            async with run.phase("build") as attempt:
                assert not (await attempt.submit({"files_changed": []})).spooled
                await attempt.complete()
            with pytest.raises(ValueError, match="boom"):
                async with run.phase("test"):
                    raise ValueError("boom")
            async with run.phase("test", again=True) as attempt:
                await attempt.complete()

    asyncio.run(work())
    assert [kind for kind, _ in story(server, run_id)] == [
        "run.created",
        "run.execution_started",
        "phase.added",
        "phase.started",
        "phase.submitted",
        "phase.completed",
        "phase.added",
        "phase.started",
        "phase.failed",
        "phase.requeued",
        "phase.started",
        "phase.completed",
        "run.succeeded",
    ]


def test_a_task_that_is_cancelled_releases_its_phase(run_id: str, server: Server, proxy: Proxy) -> None:
    """A cancelled task says nothing about the work: the phase is given back."""

    async def work() -> None:
        started = asyncio.Event()

        async def working() -> None:
            async with asynchronous(proxy) as client, client.run(run_id, goal="g") as run, run.phase("build"):
                started.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(working())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert (last(server, run_id)["type"], last(server, run_id)["data"]) == (
        "phase.released",
        {"why": "CancelledError"},
    )


def test_a_report_that_is_cancelled_on_its_way_is_kept(
    run_id: str, server: Server, proxy: Proxy, spool: Path
) -> None:
    """A time-out of the caller's own does not lose the report."""
    server.create(run_id)

    async def work() -> None:
        async with asynchronous(proxy, spool=spool) as client:
            await client.propose(run_id, "run.annotated", data={"text": "before"})
            proxy.once("hold", events_of(run_id))
            reporting = asyncio.create_task(
                client.propose(run_id, "run.annotated", data={"text": "on its way"})
            )
            await asyncio.to_thread(proxy.held.wait)
            reporting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reporting
            proxy.let_go.set()
            assert len(Spool(spool).entries("waiting")) == 1
            assert (await client.deliver()).delivered == 1

    asyncio.run(work())
    assert notes(server, run_id) == ["before", "on its way"]


@pytest.mark.parametrize("how", ["cut before", "cut after"])
def test_a_lost_connection_is_tried_again(run_id: str, server: Server, proxy: Proxy, how: Any) -> None:
    """Lost before it arrived or after: recorded once."""
    server.create(run_id)

    async def work() -> None:
        async with asynchronous(proxy) as client:
            proxy.once(how, events_of(run_id))
            await client.propose(run_id, "run.annotated", data={"text": "once"})

    asyncio.run(work())
    assert notes(server, run_id) == ["once"]


def test_many_tasks_share_a_client(run_id: str, server: Server, proxy: Proxy, spool: Path) -> None:
    """Forty reports at once over one client, with its spool: each is recorded once."""
    server.create(run_id)

    async def work() -> None:
        async with asynchronous(proxy, spool=spool) as client:
            await asyncio.gather(
                *(client.propose(run_id, "run.annotated", data={"text": str(each)}) for each in range(40))
            )

    asyncio.run(work())
    assert sorted(notes(server, run_id), key=int) == [str(each) for each in range(40)]
    assert len({event["event_id"] for event in events(server, run_id)}) == 41


def test_refusals_and_outages_are_the_same_classes(run_id: str, server: Server, proxy: Proxy) -> None:
    """What is raised does not depend on how one waits for it."""

    async def work() -> None:
        async with asynchronous(proxy) as client:
            with pytest.raises(NotFound):
                await client.show("nowhere")
            server.create(run_id)
            with pytest.raises(IllegalMove):
                await client.propose(run_id, "run.succeeded")
            proxy.how = lambda seen: "cut before"
            with pytest.raises(Unavailable):
                await client.show(run_id)

    asyncio.run(work())


def test_no_method_is_written_twice() -> None:
    """Both clients have the methods of one class; neither adds one of its own, but for how it is made."""
    for kind in (Client, AsyncClient):
        own = {name for name in vars(kind) if not name.startswith(("__", "_abc"))}
        assert own == {"_run_kind", "_attempt_kind", "_driver_kind"}
    assert {"propose", "claim", "follow", "show", "deliver", "run"} <= vars(ClientCalls).keys()
