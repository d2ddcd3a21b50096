"""The watch: releases what is not heard of for as long as its lease says, in a thread of its own.

It compares no times of day. A lease has run out when this process has itself watched for so many seconds, by
a clock that nobody can set, without another heartbeat. So clocks may be set back, or differ from process to
process; and after a start every executor has the whole of its lease to be heard of again. Time in which the
database could not be read, or in which this process was stopped, does not count.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog

from api.leases.outstanding import Outstanding
from api.unavailable import Unavailable

log = structlog.get_logger()

LOOK_COUNTS_MAX = 3
"""Times the usual pause between two looks that count as watched, however long it was: this process may have
been stopped, and heartbeats with it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How far the heartbeats of an attempt had come, and how long this process had watched by then."""

    beats: int
    at: float


class Watch:
    """Sees to it that no attempt stays open for ever whose executor is gone."""

    def __init__(
        self,
        outstanding: Callable[[], Sequence[Outstanding]],
        release: Callable[[Outstanding], None],
        tidy: Callable[[], None],
        seconds: float,
    ) -> None:
        self._outstanding = outstanding
        self._release = release
        self._tidy = tidy
        self._seconds = seconds
        """Between two looks."""
        self.clock: Callable[[], float] = monotonic
        self._looked_at: float | None = None
        self._watched = 0.0
        """Seconds for which this process has watched."""
        self._seen: dict[tuple[str, str, int], Seen] | None = None
        self._thread: threading.Thread | None = None
        self._is_closing = threading.Event()

    def start(self) -> None:
        """Watch from now on. For a process that serves."""
        self._thread = threading.Thread(target=self._watch, name="leases", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watch no longer."""
        self._is_closing.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Look once, and release what has run out.

        Raises:
            Unavailable: the database cannot be used now; this time does not count as watched.
        """
        looked_at, self._looked_at = self._looked_at, None
        found = self._outstanding()
        # Only now: a heartbeat may have come in while it was read.
        self._looked_at = self.clock()
        if looked_at is not None:
            self._watched += min(self._looked_at - looked_at, LOOK_COUNTS_MAX * self._seconds)
        before, self._seen = self._seen, {}
        due = []
        for each in found:
            seen = (before or {}).get(each.attempt_key)
            if seen is None or seen.beats != each.beats:
                seen = Seen(each.beats, self._watched)
            self._seen[each.attempt_key] = seen
            if self._watched - seen.at >= each.lease.seconds:
                due.append(each)
        if before is None or before.keys() - self._seen.keys():
            self._tidy()
        for each in due:
            self._release(each)

    def _watch(self) -> None:
        while not self._is_closing.is_set():
            try:
                self.look()
            except Unavailable as error:
                log.warning("leases not watched", why=error.detail)
            except Exception as error:  # whatever it is, it must not end the thread
                log.warning("leases not watched", why=str(error), exc_info=error)
            self._is_closing.wait(self._seconds)
