"""The answer that has no end: a stream of the log."""

import asyncio
from contextlib import aclosing, suppress

import anyio
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.feeds.feeds import Cut, Feeds
from api.feeds.wire import Wire
from api.unavailable import Unavailable
from eventstore.store import Wanted

log = structlog.get_logger()


class Streamed(Response):
    """What comes after a place, as long as the caller reads. `Feeds.admit` has let it in."""

    def __init__(
        self, feeds: Feeds, place: int, wanted: Wanted, wire: Wire, stall_seconds: float, cut: Cut
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Last-Event-ID": str(place)},
            media_type=wire.media_type,
        )
        del self.headers["content-length"]
        self._feeds = feeds
        self._place = place
        """The last one that the reader was told."""
        self._wanted = wanted
        self._wire = wire
        self._stall_seconds = stall_seconds
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI
        """Send what comes, until the caller is gone, or takes nothing, or the service goes down."""

        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        try:
            async with self._feeds.watched(), anyio.create_task_group() as tasks:
                tasks.start_soon(until_gone)
                try:
                    await self._send_all(send)
                except TimeoutError:
                    log.warning("a reader takes nothing", seconds=self._stall_seconds, place=self._place)
                    self._cut()
                    await anyio.sleep(self._stall_seconds)  # the server says when the caller is gone
                tasks.cancel_scope.cancel()
        finally:
            self._feeds.leave(self._cut)

    async def _send_all(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        await self._send(send, self._wire.opening(self._place))
        with suppress(Unavailable):  # whoever asks again is told why
            async with aclosing(self._feeds.follow(self._place, self._wanted)) as stretches:
                async for stretch in stretches:
                    await self._send(send, self._wire.written(stretch, self._place))
                    self._place = stretch.events[-1].position if stretch.events else stretch.place
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, piece: bytes) -> None:
        """Send a piece, once the caller has taken most of what was sent before.

        Raises:
            TimeoutError: the caller takes nothing.
        """
        async with asyncio.timeout(self._stall_seconds):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
