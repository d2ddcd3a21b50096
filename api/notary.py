"""The notary: seals the log when it is time, in a thread of its own.

Every `seal_events` events, or `seal_seconds` seconds after the first that no seal covers, and when a process
ends that appended any. It reads and hashes before it takes the writers' lock, and holds that only to look
whether another process was faster, and to write one row.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Engine

from api.settings import Settings
from api.turns import Turns
from api.writer import driver_error, unavailable
from domain.times import moment, stamp
from eventstore import seals, store
from eventstore.database import BUSY_SECONDS, lock_writers, reading
from eventstore.seals import Entry, Seal, Signer, UnusableKey

log = structlog.get_logger()

CLOSE_SECONDS = 2 * BUSY_SECONDS
"""Seconds that the last seals have when a process ends."""

NEVER = 2**63


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Where the seals end, and the next events: at most as many as one seal covers."""

    last: Seal | None
    events: Sequence[Entry]

    @property
    def sealed_to(self) -> int:
        """The last position that a seal covers; 0 when there is none."""
        return self.last.position if self.last else 0

    def seconds_left(self, now: datetime, settings: Settings) -> float | None:
        """Seconds until the events are to be sealed: 0 when it is time, None where there are none."""
        if not self.events:
            return None
        if len(self.events) >= settings.seal_events:
            return 0
        age = (now - moment(self.events[0].recorded_at)).total_seconds()
        # A clock that was set back does not put it off any longer.
        return min(max(settings.seal_seconds - age, 0), settings.seal_seconds)


class Notary:
    """Seals what this process appends, and what it finds unsealed while it is at it."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        now: Callable[[], datetime],
        signer: Signer | None,
        turns: Turns | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._now = now
        self._signer = signer
        self._turns = turns or Turns()
        self._thread: threading.Thread | None = None
        self._work = threading.Event()
        self._end = 0
        """Where the log ended when this process last appended to it."""
        self._wake_at = NEVER
        """The position at which whoever appends wakes the thread."""
        self._is_closing = False
        self._gives_up = False

    def watch(self) -> None:
        """Look for unsealed events from now on, whoever appended them. For a process that serves."""
        self._start(0)

    def appended(self, position: int) -> None:
        """The log ends here now. Called after each commit, between two of them: it has to cost nothing."""
        self._end = position
        if self._thread is None:
            self._wake_at = position + self._settings.seal_events - 1
            self._start(self._settings.seal_seconds)
        if position >= self._wake_at:
            self._work.set()

    def close(self) -> None:
        """Seal what this process appended, if that is soon done. What is left is for the next one."""
        self._is_closing = True
        self._work.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
            if self._thread.is_alive():
                self._gives_up = True
                log.warning("not sealed", why=f"it took more than {CLOSE_SECONDS} s", log_ends_at=self._end)

    def seal_to(self, position: int) -> int:
        """Seal everything up to a position, whether it is time or not; the last position that is sealed then.

        Raises:
            the driver's errors: what was sealed until then stays sealed.
        """
        while True:
            unsealed = self._unsealed()
            if unsealed.sealed_to >= position or not unsealed.events or self._gives_up:
                return unsealed.sealed_to
            self._seal(unsealed)

    def _start(self, wait: float) -> None:
        """Start the thread; where there can be no more threads, the next commit tries again."""
        thread = threading.Thread(target=self._work_on, args=(wait,), name="notary", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            log.warning("not sealed", why=str(error), log_ends_at=self._end)
        else:
            self._thread = thread

    def _work_on(self, wait: float) -> None:
        failures = 0
        while self._goes_on(wait):
            try:
                wait, failures = self._seal_what_is_due(), 0
            except Exception as error:  # noqa: BLE001  # whatever it is, it must not end the thread
                failures += 1
                wait, self._wake_at = min(2.0**failures, self._settings.seal_seconds), NEVER
                self._tell(error)
        if self._end:
            try:
                self.seal_to(self._end)
            except Exception as error:  # noqa: BLE001  # the process ends all the same
                self._tell(error)

    def _goes_on(self, wait: float) -> bool:
        """Wait until there is something to look at; False when there is no more of that."""
        self._work.wait(wait)
        self._work.clear()
        return not self._is_closing

    def _seal_what_is_due(self) -> float:
        """Seal what it is time for; the seconds until it is time to look again."""
        while True:
            seen = self._end
            unsealed = self._unsealed()
            left = unsealed.seconds_left(self._now(), self._settings)
            if left == 0 and not self._is_closing:
                self._seal(unsealed)
                continue
            # Any event wakes a thread that has nothing to seal; else the one that makes them enough does.
            self._wake_at = unsealed.sealed_to + (self._settings.seal_events if unsealed.events else 1)
            if self._end > seen and self._end >= self._wake_at:  # appended before it was known to be the one
                return 0
            return self._settings.seal_seconds if left is None else left

    def _unsealed(self) -> Unsealed:
        with reading(self._engine) as connection:
            last = store.last_seal(connection)
            after = last.position if last else 0
            return Unsealed(last, store.entries(connection, after=after, limit=self._settings.seal_events))

    def _seal(self, unsealed: Unsealed) -> None:
        """Seal these events, unless another process was faster."""
        seal = seals.seal(unsealed.events, unsealed.last, stamp(self._now()), self._signer)
        with self._engine.connect() as connection, self._turns, connection.begin():
            lock_writers(connection)
            if store.last_seal(connection) == unsealed.last:
                store.keep_seal(connection, seal)

    def _tell(self, error: Exception) -> None:
        """Log why there is no seal, in the words of the database."""
        why = str(driver_error(error)).partition("\n")[0]
        log.warning(
            "not sealed", why=why, log_ends_at=self._end, exc_info=None if unavailable(error) else error
        )


def signer_of(settings: Settings) -> Signer | None:
    """Who signs the seals; None where no key is configured.

    Raises:
        UnusableKey: it cannot be used.
    """
    if settings.seal_key is None:
        return None
    from eventstore.signing import SigningKey  # noqa: PLC0415  # it takes its time, and few have a key

    try:
        return SigningKey.from_file(settings.seal_key)
    except UnusableKey as error:
        raise UnusableKey(f"RUNNOTARY_SEAL_KEY: {error}") from error
