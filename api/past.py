"""What was answered before, told again from the log."""

from collections.abc import Sequence

from api.commands import Recorded
from domain.envelopes import RecordedEvent
from domain.evolve import evolve
from domain.run import Run


class Past:
    """A run's history, folded forward as far as it was asked about: a retried batch asks in order."""

    def __init__(self, history: Sequence[RecordedEvent]) -> None:
        self._history = history
        self._run = Run(run_id=history[0].run_id)
        self._implied: dict[str | None, list[RecordedEvent]] = {}

    def tell(self, versions: set[int]) -> dict[int, Recorded]:
        """What came of the proposals whose events have these versions, by position, with the run as then."""
        told: dict[int, Recorded] = {}
        if min(versions) <= self._run.version:
            self._run, self._implied = Run(run_id=self._run.run_id), {}
        for event in self._history[self._run.version : max(versions)]:
            self._run = evolve(self._run, event)
            if event.implied:
                self._implied.setdefault(event.causation_id, []).append(event)
            if event.version in versions:
                implied = self._implied.get(event.event_id, [])
                told[event.position] = Recorded(event, implied, self._run, replayed=True)
        return told
