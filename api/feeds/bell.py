"""The bell that wakes whoever waits for the log to go on."""

import asyncio
import threading
from contextlib import suppress


class Bell:
    """Rung from any thread; those who wait are on an event loop."""

    def __init__(self) -> None:
        self.position = 0
        """The log goes at least this far."""
        self._lock = threading.Lock()
        self._rung: asyncio.Future[None] | None = None

    def ring(self, position: int) -> None:
        """The log ends here now. Called after each commit, between two of them: it has to cost nothing."""
        with self._lock:
            if position <= self.position:
                return
            self.position = position
        self.wake()

    def wake(self) -> None:
        """Have everybody who waits look again."""
        with self._lock:
            rung, self._rung = self._rung, None
        if rung is not None:
            with suppress(RuntimeError):  # the loop is gone, and who waited with it
                rung.get_loop().call_soon_threadsafe(settle, rung)

    async def wait(self, beyond: int, seconds: float) -> None:
        """Until the log goes beyond a position, everybody is woken, or so many seconds are over."""
        loop = asyncio.get_running_loop()
        with self._lock:
            # Under the lock, so that no ring comes between the look and the waiting.
            if self.position > beyond:
                return
            if self._rung is None or self._rung.get_loop() is not loop:
                self._rung = loop.create_future()
            rung = self._rung
        await asyncio.wait([rung], timeout=max(seconds, 0))


def settle(rung: asyncio.Future[None]) -> None:
    """Wake those who wait for it."""
    if not rung.done():
        rung.set_result(None)
