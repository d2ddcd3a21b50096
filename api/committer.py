"""Group commit: everything that waits is decided in the order in which it came, and committed at once.

Whoever holds the lock commits for all: a thread of its own for callers on an event loop, the caller itself
otherwise. Nothing lingers for company, so that one caller alone is not made to wait.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from api.commands import Command, Outcome, Waiting
from api.settings import Settings
from api.turns import Turns
from api.unavailable import OutcomeUnknown, Overloaded, ShuttingDown
from api.writer import Writer
from domain.refusals import Refusal

log = structlog.get_logger()


@dataclass
class Committer:
    """The only writer of this process."""

    writer: Writer
    settings: Settings
    _lock: Turns
    _queue: deque[Waiting] = field(default_factory=deque)
    _work: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _closed: bool = False

    def commit(self, command: Command) -> Outcome:
        """Have a command recorded, in this thread."""
        waiting = self._wait(command, lambda _: None)
        with self._lock:
            while not waiting.is_told:
                self._commit_next()
        return waiting.result()

    async def commit_soon(self, command: Command) -> Outcome:
        """Have a command recorded, without holding up the event loop."""
        loop = asyncio.get_running_loop()
        told = loop.create_future()

        def settle(waiting: Waiting) -> None:
            if not told.done():
                told.set_result(waiting)

        def tell(waiting: Waiting) -> None:
            with suppress(RuntimeError):  # the loop is gone, and the caller with it
                loop.call_soon_threadsafe(settle, waiting)

        self._wait(command, tell)
        self._start()
        self._work.set()
        waiting: Waiting = await told
        return waiting.result()

    async def commit_all_soon(self, commands: Sequence[Command]) -> list[Outcome | Refusal]:
        """Have several commands recorded, each by itself, in their order."""
        return [
            each if isinstance(each, Refusal) else raised(each)
            for each in await asyncio.gather(*map(self.commit_soon, commands), return_exceptions=True)
        ]

    def close(self) -> None:
        """Commit what waits and let go of the database."""
        self._closed = True
        self._work.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            while self._queue:
                self._commit_next()
            self.writer.close()

    def _wait(self, command: Command, tell: Callable[[Waiting], None]) -> Waiting:
        if self._closed:
            raise ShuttingDown
        if len(self._queue) >= self.settings.queue_max:
            raise Overloaded(len(self._queue))
        waiting = Waiting(command, tell)
        self._queue.append(waiting)
        return waiting

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work_on, name="committer", daemon=True)
            self._thread.start()

    def _work_on(self) -> None:
        while not self._closed:
            self._work.wait()
            self._work.clear()
            while self._queue:
                with self._lock:
                    self._commit_next()

    def _commit_next(self) -> None:
        """Commit what waits, up to the most that one commit takes. The caller holds the lock."""
        batch: list[Waiting] = []
        while self._queue and len(batch) < self.settings.commit_max:
            batch.append(self._queue.popleft())
        if not batch:
            return
        try:
            self.writer.write(batch)
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits for an answer
            self._recover(batch, error)
        finally:
            for waiting in batch:
                if waiting.outcome is None and waiting.error is None:
                    waiting.error = OutcomeUnknown()  # the thread was interrupted in the middle
                waiting.is_told = True
                waiting.tell(waiting)

    def _recover(self, batch: Sequence[Waiting], error: Exception) -> None:
        """Nothing of the batch was recorded: try each alone, so that what is poisonous fails alone."""
        if isinstance(error, Refusal) or len(batch) == 1:
            if not isinstance(error, Refusal):
                log.error("commit failed", exc_info=error)
            for waiting in batch:
                waiting.outcome, waiting.error = None, error
            return
        for waiting in batch:
            waiting.outcome = waiting.error = None
            try:
                self.writer.write([waiting])
            except Exception as alone:  # noqa: BLE001  # as above
                self._recover([waiting], alone)


def raised(outcome: Outcome | BaseException) -> Outcome:
    """The outcome, unless it is a defect."""
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
