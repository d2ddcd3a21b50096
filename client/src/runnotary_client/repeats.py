"""What was refused twice the same way is not asked a third time, until something changes."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from runnotary_client.calls import Call
from runnotary_client.errors import Refused, refusal

LIMIT = 2
"""So often is the same refusal heard."""

QUIET_SECONDS = 900.0
"""So long nothing is asked then; twice as long after each refusal more."""

QUIET_SECONDS_MAX = 4 * 3600.0
REMEMBERED = 1_000


@dataclass
class Heard:
    """A refusal that came, perhaps again and again."""

    run_id: str | None
    problem: Mapping[str, Any]
    times: int = 1
    asked_again: float = 0.0
    """When the call is let through once more, on the monotonic clock."""


class Repeats:
    """The refusals that a client has heard, by the fingerprint of the call; safe to share between threads."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, Heard] = OrderedDict()
        self._versions: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def check(self, call: Call) -> None:
        """Raise at once what would be heard again.

        Raises:
            Refused: as before, without a request.
        """
        with self._lock:
            heard = self._heard.get(call.fingerprint)
            if heard is None or heard.times < LIMIT or time.monotonic() >= heard.asked_again:
                return
            seconds = heard.asked_again - time.monotonic()
            problem, times = heard.problem, heard.times
        raise refusal(
            problem,
            f"Not asked again: refused {times} times in the same way. It is asked again when this client "
            f"sees the run change, or in {seconds:.0f} s.",
        )

    def note(self, call: Call, refused: Refused) -> None:
        """A call was refused."""
        with self._lock:
            heard = self._heard.pop(call.fingerprint, None)
            if heard is None or heard.problem["code"] != refused.code:
                heard = Heard(call.run_id, refused.problem)
            else:
                heard.times += 1
            quiet = min(QUIET_SECONDS * 2 ** max(0, heard.times - LIMIT), QUIET_SECONDS_MAX)
            heard.asked_again = time.monotonic() + quiet
            self._heard[call.fingerprint] = heard
            while len(self._heard) > REMEMBERED:
                self._heard.popitem(last=False)

    def accepted(self, call: Call) -> None:
        """A call was answered: it is forgotten, and where it changed something, all about its run is."""
        with self._lock:
            self._heard.pop(call.fingerprint, None)
        if not call.is_reading and call.run_id is not None:
            self.changed(call.run_id)

    def saw(self, run_id: str, version: int) -> None:
        """A run was seen at this version: another than before means that something changed."""
        with self._lock:
            before = self._versions.pop(run_id, None)
            self._versions[run_id] = version
            while len(self._versions) > REMEMBERED:
                self._versions.popitem(last=False)
        if before not in {None, version}:
            self.changed(run_id)

    def changed(self, run_id: str) -> None:
        """Something happened to a run: what was refused about it may be legal now."""
        with self._lock:
            for fingerprint in [key for key, heard in self._heard.items() if heard.run_id == run_id]:
                del self._heard[fingerprint]
