"""Following the log: what is there already, then what comes, without a seam between the two.

Whoever follows keeps a place and asks for what comes after it, again and again; the bell only says when it
is worth asking. Commit order is position order, so nothing can come up before a place that was passed.
Nobody's events are queued: who reads slowly asks later.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, Engine

from api.feeds.bell import Bell
from api.feeds.others import Others
from api.feeds.refusals import TooManyStreams
from api.settings import Settings
from api.unavailable import ShuttingDown
from eventstore import store
from eventstore.store import Stretch, Wanted

Reading = Callable[[], AbstractContextManager[Connection]]
Cut = Callable[[], None]
"""Cuts the connection of a reader."""

THREADS = 4
"""Threads that read for all who follow. Who waits holds none."""

EVENTS_AT_ONCE = 200
CHARS_AT_ONCE = 262_144
"""What of the log is in memory for one who follows: so many events, or so much data and the event that
goes beyond it."""


class Feeds:
    """The log as it grows, for as many as are let in. Belongs to one event loop, but for the bell."""

    def __init__(self, engine: Engine, reading: Reading, settings: Settings) -> None:
        self.bell = Bell()
        self._engine = engine
        self._reading = reading
        self._settings = settings
        self.threads = CapacityLimiter(THREADS)
        self._watching = 0
        self._watch: asyncio.Task[None] | None = None
        self._streams: set[Cut] = set()
        self._all_ended = asyncio.Event()
        self.is_closing = False

    # --- who is let in ---

    def admit(self, cut: Cut) -> None:
        """Count a stream, which is let go of by `leave`, and cut off if it does not end with the service.

        Raises:
            TooManyStreams, ShuttingDown: it is not let in.
        """
        if self.is_closing:
            raise ShuttingDown
        if len(self._streams) >= self._settings.streams_max:
            raise TooManyStreams(len(self._streams))
        self._streams.add(cut)
        self._all_ended.clear()

    def leave(self, cut: Cut) -> None:
        """A stream has ended."""
        self._streams.discard(cut)
        if not self._streams:
            self._all_ended.set()

    async def close(self, seconds: float = 0) -> None:
        """End everybody's following. Streams whose readers take nothing are cut off after so many seconds."""
        self.is_closing = True
        self.bell.wake()
        if self._streams:
            waiting = asyncio.ensure_future(self._all_ended.wait())
            await asyncio.wait([waiting], timeout=seconds)
            waiting.cancel()
        for cut in self._streams:
            cut()

    # --- the log ---

    async def log_end(self) -> int:
        """The position at which the log ends now.

        Raises:
            Unavailable: the database cannot be read now.
        """
        return await to_thread.run_sync(self._read_end, limiter=self.threads)

    async def follow(self, after: int, wanted: Wanted = store.ALL) -> AsyncGenerator[Stretch]:
        """The wanted events after a position, for ever; now and then a stretch without any, if none come.

        It ends when the service is going down. Call it within `watched`.

        Raises:
            Unavailable: the database cannot be read now.
        """
        now = asyncio.get_running_loop().time
        place, beat_at = after, now() + self._settings.stream_heartbeat_seconds
        while not self.is_closing:
            read = partial(self._read, place, wanted)
            stretch = await to_thread.run_sync(read, limiter=self.threads)
            place = stretch.place
            if stretch.events or now() >= beat_at:
                yield stretch
                beat_at = now() + self._settings.stream_heartbeat_seconds
            if stretch.is_last and not self.is_closing:
                await self.bell.wait(place, beat_at - now())

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Somebody follows: what other processes append is looked for."""
        self._watching += 1
        if self._watch is None:
            others = Others(self._engine, self.bell, self.log_end, self._settings.poll_seconds)
            self._watch = asyncio.create_task(others.watch())
        try:
            yield
        finally:
            self._watching -= 1
            if not self._watching and (watch := self._watch) is not None:
                self._watch = None
                watch.cancel()
                await asyncio.wait([watch])

    def _read_end(self) -> int:
        with self._reading() as connection:
            return store.tail(connection).position

    def _read(self, after: int, wanted: Wanted) -> Stretch:
        with self._reading() as connection:
            return store.read_stretch(
                connection, after=after, limit=EVENTS_AT_ONCE, chars_max=CHARS_AT_ONCE, wanted=wanted
            )
