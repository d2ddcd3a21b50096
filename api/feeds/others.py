"""What other processes append to the log: found by looking, and on PostgreSQL by listening too."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import structlog
from sqlalchemy import Engine

from api.feeds.bell import Bell
from api.unavailable import Unavailable
from eventstore import notices

log = structlog.get_logger()

LISTEN_AGAIN_SECONDS = 5
"""Seconds between attempts to listen. Looking goes on meanwhile."""


class Others:
    """Rings the bell for what others append. One connection and one query at a time, however many follow."""

    def __init__(
        self, engine: Engine, bell: Bell, log_end: Callable[[], Awaitable[int]], poll_seconds: float
    ) -> None:
        self._engine = engine
        self._bell = bell
        self._log_end = log_end
        self._poll_seconds = poll_seconds
        self._told = asyncio.Event()

    async def watch(self) -> None:
        """Watch for them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look())
            if self._engine.dialect.name == "postgresql":
                tasks.create_task(self._listen())

    async def _look(self) -> None:
        """Look where the log ends: when told to, and every now and then."""
        is_lost = False
        while True:
            self._told.clear()
            try:
                self._bell.ring(await self._log_end())
                is_lost = False
            except Unavailable as error:
                if not is_lost:
                    log.warning("followers wait for the database", why=error.detail)
                is_lost = True
            waiting = asyncio.ensure_future(self._told.wait())
            await asyncio.wait([waiting], timeout=self._poll_seconds)
            waiting.cancel()

    async def _listen(self) -> None:
        while True:
            try:
                async for told in notices.heard(self._engine.url):
                    # What this process has appended itself, the bell knows already.
                    if not (told.isdecimal() and int(told) <= self._bell.position):
                        self._told.set()
            except (psycopg.Error, OSError) as error:
                log.warning("nobody listens to the database", why=str(error).partition("\n")[0])
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)
