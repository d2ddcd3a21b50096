"""Telling other processes on PostgreSQL that the log goes on. SQLite has no such thing: there they look.

A notice is no news, only a reason to look: it may be lost, and anybody who may connect can send one.
"""

from collections.abc import AsyncIterator

import psycopg
from sqlalchemy import Connection
from sqlalchemy.engine import URL

CHANNEL = "runnotary_log"


def tell(connection: Connection, position: int) -> None:
    """Tell those who listen that the log ends here, once this transaction is committed.

    PostgreSQL lets transactions with notices commit one after another; those that append do so anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.connection.cursor().execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(position)))


async def heard(url: URL) -> AsyncIterator[str]:
    """What is told from now on; first an empty text, as soon as somebody listens.

    Raises:
        psycopg.Error: the connection cannot be made, or was lost.
    """
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await psycopg.AsyncConnection.connect(
        plain, autocommit=True, application_name="runnotary feeds", connect_timeout=5
    )
    async with connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        yield ""
        async for notice in connection.notifies():
            yield notice.payload
