"""The process that serves: it opens its database, then its port, says so, and ends on a signal."""

import asyncio
import errno
import signal
import socket

import typer
from fastapi import FastAPI
from uvicorn import Config, Server

from api.app import create_app
from api.cli.output import fail
from api.settings import Settings
from api.webhooks.delivery import Delivery

STREAMS_SECONDS = 1
"""Seconds that open streams have to end by themselves at shutdown."""


class AnnouncedServer(Server):
    """A server that says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, and say so: programs wait for this line."""
        await super().startup(sockets)
        database = self.config.app.state.ledger.engine.url.render_as_string()  # type: ignore[union-attr]  # ours
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            typer.echo(f"Runnotary listens on {url} (database {database})")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; streams would go on until they are cut off, so they are ended first."""
        await self.config.app.state.ledger.feeds.close(STREAMS_SECONDS)  # type: ignore[union-attr]  # ours
        await super().shutdown(sockets)

    def hang_up(self, client: tuple[str, int]) -> None:
        """Cut the connection of a caller; closing it would wait until they take what was sent."""
        for connection in self.server_state.connections:
            if connection.client == client:  # type: ignore[union-attr]  # each that is used has one
                connection.transport.abort()


def configured(settings: Settings) -> Config:
    """How uvicorn is set up."""
    return Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        lifespan="off",  # it is entered below, where what goes wrong can be told in one line
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


async def serving(config: Config, settings: Settings) -> None:
    """Serve until a signal ends it."""
    server = AnnouncedServer(config)
    # Now, so that a signal during start-up is not lost; for good, since uvicorn raises it again at the end.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, server.handle_exit)
    app = config.app
    assert isinstance(app, FastAPI)  # noqa: S101  # see `configured`
    app.state.hang_up = server.hang_up
    async with app.router.lifespan_context(app):
        app.state.ledger.notary.watch()
        app.state.ledger.leases.watch.start()
        with bound(settings.host, settings.port) as listener:
            delivery = Delivery(app.state.ledger.webhooks, app.state.ledger.feeds, settings)
            delivering = asyncio.create_task(delivery.run()) if settings.webhooks else None
            await server.serve(sockets=[listener])
            if delivering is not None:
                delivering.cancel()
                await asyncio.wait([delivering])


def bound(host: str, port: int) -> socket.socket:
    """The port, taken; where it cannot be, that is told in one line."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail(f"Port {port} is taken, perhaps by another Runnotary. `--port 0` takes a free one.")
        fail(f"Nothing can listen on {host} port {port}: {error.strerror}. `--port` names another port.")
