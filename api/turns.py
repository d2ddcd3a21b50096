"""Who of this process may write now."""

import threading
from types import TracebackType


class Turns:
    """A lock that goes to whoever waits before it goes to the same thread again.

    A plain one may be had by a busy thread over and over, while another waits for it in vain; and so may
    the lock of an SQLite file, for which there is no queue.
    """

    def __init__(self) -> None:
        self._next = threading.Lock()
        self._held = threading.Lock()

    def __enter__(self) -> None:
        with self._next:  # held by who waits, so that nobody else gets in between
            self._held.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.release()
