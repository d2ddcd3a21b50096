"""The command that follows the log: tail."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from api.cli.calls import Service, service
from api.cli.options import PAGE_MAX, AnyRunId, Database, Server
from api.cli.output import note, say, say_json
from api.cli.timeline import Lines

if TYPE_CHECKING:
    from api.ledger import Ledger

AGAIN_SECONDS = 1
"""Seconds until a stream that ended is asked for again."""

SILENCE_SECONDS = 90
"""Seconds without a sign of life after which a connection counts as lost."""

NDJSON = "application/x-ndjson"
UNAVAILABLE = 503
Events = Sequence[Mapping[str, Any]]


def tail(
    run: AnyRunId = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what comes; Ctrl-C ends it.")
    ] = False,
    type: Annotated[list[str] | None, typer.Option(help="Of this type only; may be repeated.")] = None,
    newest: Annotated[
        int, typer.Option("-n", "--newest", min=0, max=PAGE_MAX, help="How many to begin with.")
    ] = 10,
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after this position, however many that are.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events as they came, one JSON a line.")
    ] = False,
    server: Server = None,
    database: Database = None,
) -> None:
    """Tell the newest events; with -f, those that come too."""
    chosen = {"run_id": run, "type": type}
    lines = Lines()

    def tell(events: Events) -> None:
        if as_json:
            say_json(b"\n".join(map(orjson.dumps, events)))
        else:
            say(*lines.of(events))

    with service(server, database) as at:
        place = after
        for events in there(at, after, newest, chosen):
            tell(events)
            place = events[-1]["position"]
        if follow:
            # Where none is there that is wanted, the first that comes is the first of all.
            at.runner.run(tell_coming(at, 0 if place is None and newest else place, chosen, tell))
        elif place == after:
            note("No such events." if run or type or after else "No events.")


def there(at: Service, after: int | None, newest: int, chosen: Mapping[str, Any]) -> Iterator[Events]:
    """What is in the log already: the newest, or all after a position, page by page."""
    if after is not None:
        pages = at.pages("/v1/events", after=after, limit=PAGE_MAX, **chosen)
    elif newest:
        pages = iter([at.get("/v1/events", newest=True, limit=newest, **chosen).json()])
    else:
        pages = iter([])
    yield from (page["items"] for page in pages if page["items"])


async def tell_coming(
    at: Service, place: int | None, chosen: Mapping[str, Any], tell: Callable[[Events], None]
) -> None:
    """Tell what comes after a place, or after now, until Ctrl-C."""
    coming = of_server(at, place, chosen) if at.ledger is None else of_ledger(at.ledger, place, chosen)
    async with aclosing(coming) as found:
        async for events in found:
            tell(events)


async def of_ledger(ledger: "Ledger", place: int | None, chosen: Mapping[str, Any]) -> AsyncGenerator[Events]:
    """What comes, from the database itself."""
    from api.unavailable import Unavailable
    from api.views import event_view
    from eventstore.store import Wanted

    feeds, wanted = ledger.feeds, Wanted(chosen["run_id"], tuple(chosen["type"] or ()))
    async with feeds.watched():
        while True:
            with suppress(Unavailable):  # `watched` has told it
                place = await feeds.log_end() if place is None else place
                async with aclosing(feeds.follow(place, wanted)) as stretches:
                    async for stretch in stretches:
                        if stretch.events:
                            yield [event_view(event) for event in stretch.events]
                        place = stretch.place
            await asyncio.sleep(AGAIN_SECONDS)


async def of_server(at: Service, place: int | None, chosen: Mapping[str, Any]) -> AsyncGenerator[Events]:
    """What comes, from a service, however often that is lost meanwhile."""
    import httpx2

    is_lost = False
    while True:
        params = {
            name: value for name, value in {**chosen, "after": place}.items() if value not in (None, ())
        }
        with suppress(httpx2.TransportError):
            async with at.client.stream(
                "GET", "/v1/events/stream", params=params, headers={"Accept": NDJSON}, timeout=SILENCE_SECONDS
            ) as answer:
                if answer.status_code == UNAVAILABLE:
                    await answer.aread()
                else:
                    await at.streamed(answer, NDJSON)
                    place, is_lost = int(answer.headers["last-event-id"]), False
                    async for line in answer.aiter_lines():
                        if line:
                            event = orjson.loads(line)
                            place = event["position"]
                            yield [event]
        if not is_lost:
            note(f"{at.client.base_url} has ended the stream, or is not there. Asking until it is back.")
        is_lost = True
        await asyncio.sleep(AGAIN_SECONDS)
