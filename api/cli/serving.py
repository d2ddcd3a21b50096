"""The command that serves."""

import asyncio
from typing import Annotated

import typer

from api.cli.options import Database
from api.cli.output import fail

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (or RUNNOTARY_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0 for a free one (or RUNNOTARY_PORT).")
    ] = None,
    database: Database = None,
) -> None:
    """Serve the HTTP interface, until Ctrl-C or SIGTERM."""
    from api.cli.database import settings_from, usable
    from api.cli.server import configured, serving

    settings = settings_from(host=host, port=port, database_url=database)
    if settings.host not in LOOPBACK:
        fail(
            f"{settings.host} is not served: nobody is authenticated yet, so this machine alone may call. "
            f"Use one of {', '.join(LOOPBACK)}."
        )
    config = configured(settings)
    with usable(), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serving(config, settings))
